"""Clocks that stop while the applicant has it, and control charts of queues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from lockgate.portal.accounts.models import User
from lockgate.portal.applications import services as applications
from lockgate.portal.applications.models import Amendment, Application, Decision, Version
from lockgate.portal.turnaround import services
from lockgate.portal.turnaround.clocks import Round, Spell, spells, with_offices
from lockgate.portal.turnaround.control import control_chart, in_words

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _on(day: float) -> datetime:
    return START + timedelta(days=day)


def test_the_clock_stops_while_the_applicant_has_it() -> None:
    rounds = [
        Round(_on(2), (("research_centre", _on(5)), ("data_protection_office", _on(7))), _on(7)),
        Round(_on(17), (("research_centre", _on(18)),), None),
    ]
    found = spells(START, rounds, ["data_protection_office"], editable=False)
    assert found == [
        Spell("applicant", START, _on(2)),
        Spell("research_centre", _on(2), _on(5)),
        Spell("data_protection_office", _on(2), _on(7)),
        Spell("applicant", _on(7), _on(17)),
        Spell("research_centre", _on(17), _on(18)),
        Spell("data_protection_office", _on(17), None),
    ]
    assert with_offices(rounds, _on(20)) == pytest.approx(5 + 3)
    assert found[-1].days(_on(20)) == pytest.approx(3)


def test_a_draft_is_with_the_applicant() -> None:
    assert spells(START, [], [], editable=True) == [Spell("applicant", START, None)]
    returned = [Round(_on(1), (("research_centre", _on(2)),), _on(2))]
    assert spells(START, returned, [], editable=True)[-1] == Spell("applicant", _on(2), None)


def test_limits_are_those_of_the_book() -> None:
    """Mean 10, moving ranges all 2: limits 10 -/+ 2.66 * 2."""
    chart = control_chart([9, 11] * 8)
    assert (chart.mean, chart.lower, chart.upper) == (10, pytest.approx(4.68), pytest.approx(15.32))
    assert set(chart.signals) == {""}
    assert "Nothing unusual" in in_words(chart)


def test_what_is_unusual_is_pointed_at() -> None:
    one = control_chart([9, 11] * 8 + [40] + [9, 11] * 8)
    assert [position for position, signal in enumerate(one.signals) if signal == "above"] == [16]
    assert "1 beyond" in in_words(one)
    shifted = control_chart([11, 9] * 8 + [14, 13, 14, 13, 14, 13, 14])
    assert shifted.signals[-7:] == ("run above",) * 7
    assert "longer than the average" in in_words(shifted)
    assert control_chart([11, 9] * 8 + [14, 13, 14, 13, 14, 13]).signals[-6:] == ("",) * 6, "six are no run"


def test_few_values_have_no_limits() -> None:
    chart = control_chart([1.0, 100.0])
    assert chart.upper is None
    assert set(chart.signals) == {""}
    assert "too few" in in_words(chart)
    assert in_words(control_chart([])) == "Nothing has ended here yet."
    assert control_chart([0, 5] * 8).lower == 0, "no time is negative"


@pytest.fixture
def returned(people: dict[str, User], answers: dict[str, Any]) -> Application:
    """An application that was 3 days with the offices, 10 with its applicant, and is with the offices since 4 days."""
    application = applications.create(people["ann"], "research")
    assert not applications.save_answers(people["ann"], application, answers)
    application.refresh_from_db()
    applications.submit(people["ann"], application)
    applications.decide(people["rita"], application, "return", "Say more.")
    application.refresh_from_db()
    applications.submit(people["ann"], application)
    now = timezone.now()
    Application.objects.filter(pk=application.pk).update(created_at=now - timedelta(days=20))
    for number, days in ((1, 17), (2, 4)):
        Version.objects.filter(application=application, number=number).update(
            submitted_at=now - timedelta(days=days)
        )
    Decision.objects.filter(version__application=application).update(at=now - timedelta(days=14))
    return Application.objects.get(pk=application.pk)


def test_an_application_has_its_clock(returned: Application, client: Client, people: dict[str, User]) -> None:
    clock = services.clock(returned)
    assert clock is not None
    assert clock["offices"] == pytest.approx(7, abs=0.01)
    assert clock["applicant"] == pytest.approx(10, abs=0.01)
    assert clock["running"]
    client.force_login(people["ann"])
    page = client.get(f"/applications/{returned.reference}/").content.decode()
    assert "7.0 days with those who decide so far, 10.0 with the applicant" in page


@pytest.mark.django_db
def test_queues_hold_what_waits_and_what_ended(returned: Application) -> None:
    found = {queue.key: queue for queue in services.queues()}
    assert found["research_centre"].waiting == (pytest.approx(4, abs=0.01),)
    assert [item.days for item in found["research_centre"].ended] == [pytest.approx(3, abs=0.01)]
    assert found["data_protection_office"].ended == ()
    assert [round(item.days) for item in found["applicant"].ended] == [3, 10]
    assert found["whole"].waiting == (pytest.approx(7, abs=0.01),)


def test_pages_for_those_who_may(returned: Application, client: Client, people: dict[str, User]) -> None:
    for name in ("rita", "dora", "audrey", "olga", "enid"):
        client.force_login(people[name])
        assert client.get("/turnaround/").status_code == 200
        page = client.get("/turnaround/research_centre/").content.decode()
        assert returned.reference in page
        chart = client.get("/turnaround/research_centre/chart.svg")
        assert chart["Content-Type"] == "image/svg+xml"
        assert b"<title id=" in chart.content
    client.force_login(people["rita"])
    assert client.get("/turnaround/nobodys/").status_code == 404
    for name in ("ann", "nora", "paula"):
        client.force_login(people[name])
        assert client.get("/turnaround/").status_code == 403
        assert client.get("/turnaround/research_centre/").status_code == 403
        assert client.get("/turnaround/research_centre/chart.svg").status_code == 403


def test_the_public_reads_how_applications_fare(
    returned: Application, client: Client, people: dict[str, User]
) -> None:
    applications.decide(people["rita"], returned, "refuse", "Not in the public interest.")
    page = client.get("/turnaround/public/").content.decode()
    assert "How applications fare" in page
    assert returned.reference not in page
    [year] = services.outcomes()
    assert (year["submitted"], year["refused"], year["returned"], year["approved"]) == (1, 1, 1, 0)
    assert year["days"] == pytest.approx(7, abs=0.01)


@pytest.fixture
def approved(people: dict[str, User], answers: dict[str, Any]) -> Application:
    """An approved application of ann's."""
    application = applications.create(people["ann"], "research")
    assert not applications.save_answers(people["ann"], application, answers)
    applications.submit(people["ann"], Application.objects.get(pk=application.pk))
    for name in ("rita", "dora"):
        applications.decide(people[name], Application.objects.get(pk=application.pk), "approve")
    return Application.objects.get(pk=application.pk)


@pytest.mark.django_db
def test_amendments_are_counted_too(people: dict[str, User], approved: Application) -> None:
    before = {queue.key: len(queue.ended) for queue in services.queues()}
    amendment = applications.open_amendment(people["ann"], approved, "amendment", "The question has grown")
    assert applications.save_answers(people["ann"], amendment, {"title": "Another title"}) == {}
    applications.submit(people["ann"], amendment)
    Version.objects.filter(amendment=amendment).update(submitted_at=timezone.now() - timedelta(days=3))
    waits = {queue.key: queue.waiting for queue in services.queues()}
    assert waits["research_centre"] == waits["whole"] == pytest.approx((3,), abs=0.01)
    applications.decide(people["rita"], Amendment.objects.get(pk=amendment.pk), "approve")
    found = {queue.key: queue for queue in services.queues()}
    assert found["whole"].waiting == ()
    for key in ("whole", "research_centre"):
        assert len(found[key].ended) == before[key] + 1
        last = found[key].ended[-1]
        assert (last.name, last.days) == (f"{approved.reference} (amendment)", pytest.approx(3, abs=0.01))


@pytest.mark.django_db
def test_task_lists_say_how_many_wait_and_lead_on(
    people: dict[str, User], answers: dict[str, Any], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for days in (1, 5, 3):
        application = applications.create(people["ann"], "research")
        applications.save_answers(people["ann"], application, answers)
        applications.submit(people["ann"], Application.objects.get(pk=application.pk))
        Application.objects.filter(pk=application.pk).update(
            submitted_at=timezone.now() - timedelta(days=days)
        )
        made.append(application.reference)
    for module in ("applications.waiting", "views"):
        monkeypatch.setattr(f"lockgate.portal.{module}.MOST_READ", 2)
    client.force_login(people["rita"])
    first = client.get("/tasks/").content.decode()
    assert "the 2 that have waited longest, of 3" in first
    assert first.index(made[1]) < first.index(made[2])
    assert made[0] not in first and "?page=2" in first
    second = client.get("/tasks/?page=2").content.decode()
    assert made[0] in second and made[1] not in second and "3 to 3, of 3" in second
    (group,) = [one for one in client.get("/api/me/tasks?page=2").json() if one["kind"] == "decide"]
    assert group["of"] == 3 and len(group["items"]) == 1
