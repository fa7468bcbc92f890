"""Incidents: told by anybody, handled by some, closed by somebody else, published by one office."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import ROLES, Person
from lockgate.portal.incidents import rules, services
from lockgate.portal.incidents.models import Incident
from lockgate.portal.outbox.models import Message

TODAY = date(2026, 11, 22)


def _person(name: str, *roles: str) -> Person:
    return Person(name, roles=frozenset(roles))


@pytest.mark.parametrize(
    ("likelihood", "impact", "expected"),
    [
        (1, 3, (3, "low")),
        (2, 2, (4, "moderate")),
        (2, 4, (8, "high")),
        (3, 5, (15, "extreme")),
        (5, 5, (25, "extreme")),
    ],
)
def test_risk_is_the_matrix_of_the_nhs(likelihood: int, impact: int, expected: tuple[int, str]) -> None:
    assert rules.risk_of(likelihood, impact) == expected


def test_scores_off_the_scale_are_refused() -> None:
    for likelihood, impact in ((0, 3), (3, 6)):
        with pytest.raises(UsageError):
            rules.risk_of(likelihood, impact)


def _facts(**changes: Any) -> rules.IncidentFacts:
    whole = {
        "reporter": "ann", "owner": "enid", "state": "acting", "resolution": "Mended.", "due": TODAY, "scored": True,
    }  # fmt: skip
    return rules.IncidentFacts(**{**whole, **changes})


def test_a_step_needs_what_comes_before() -> None:
    rita = _person("rita", "research_centre")
    rules.check_step(rita, _facts(), "closed", TODAY)
    for changes, said in (
        ({"resolution": " "}, "what was done"),
        ({"owner": ""}, "owns it"),
        ({"scored": False}, "likelihood"),
        ({"reporter": "rita"}, "somebody else closes"),
        ({"owner": "rita"}, "somebody else closes"),
    ):
        with pytest.raises(Refused, match=said):
            rules.check_step(rita, _facts(**changes), "closed", TODAY)
    with pytest.raises(Refused, match="the day by which"):
        rules.check_step(rita, _facts(state="reported", due=None), "acting", TODAY)
    with pytest.raises(Refused, match="doesn't follow"):
        rules.check_step(rita, _facts(state="closed"), "acting", TODAY)
    with pytest.raises(Refused, match="doesn't follow"):
        rules.check_step(rita, _facts(), "forgotten", TODAY)
    with pytest.raises(Refused, match="role"):
        rules.check_step(_person("ann", "applicant"), _facts(), "closed", TODAY)
    assert rules.is_overdue(_facts(due=TODAY - timedelta(days=1)), TODAY)
    assert not rules.is_overdue(_facts(due=TODAY), TODAY)
    assert not rules.is_overdue(_facts(state="closed", due=TODAY - timedelta(days=1)), TODAY)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_tell(role: str) -> None:
    rules.check_report(_person("x", role))


@pytest.fixture
def told(people: dict[str, User]) -> Incident:
    return services.report(
        people["ann"], kind="near_miss", title="A file for the wrong project", description="Seen before it was sent.",
        happened_on=timezone.localdate(),
    )  # fmt: skip


def test_from_telling_to_the_public(people: dict[str, User], told: Incident) -> None:
    rita, dora = people["rita"], people["dora"]
    whole: dict[str, Any] = {"owner": "enid", "likelihood": 2, "impact": 4, "due": timezone.localdate()}
    services.change(rita, told, **whole, state="acting", note="Looked at together.")
    services.change(
        rita, told, **whole, resolution="The list is checked by name.", changes="SOP 4.", state="closed"
    )
    told.refresh_from_db()
    assert (told.state, told.risk, told.reference) == (
        "closed",
        (8, "high"),
        f"INC-{timezone.localdate().year}-0001",
    )
    assert [step.state for step in told.steps.all()] == ["reported", "acting", "closed"]
    assert services.figures()["closed"] == 1 and services.figures()["open"] == 0
    public = Client()
    assert "Nothing has been told" in public.get("/incidents/published/").content.decode()
    with pytest.raises(Refused):
        services.publish(rita, told, "A file went astray.")
    services.publish(dora, told, "A file nearly went astray. Nobody's data was seen.")
    page = public.get("/incidents/published/").content.decode()
    assert "nearly went astray" in page and "wrong project" not in page and "Ann" not in page
    services.publish(dora, told, "")
    assert "astray" not in public.get("/incidents/published/").content.decode()
    entries = Message.objects.filter(event__startswith="incident.").order_by("id")
    events = ["incident.reported", *["incident.changed"] * 2, *["incident.published"] * 2]
    assert [entry.event for entry in entries] == events
    assert "astray" not in str([entry.detail for entry in entries])


def test_who_sees_which(people: dict[str, User], told: Incident, sign_in: Any) -> None:
    assert sign_in("ann").get(f"/incidents/{told.reference}/").status_code == 200
    assert sign_in("ben").get(f"/incidents/{told.reference}/").status_code == 403
    assert told.title not in sign_in("ben").get("/incidents/").content.decode()
    for name in ("rita", "audrey"):
        assert told.title in sign_in(name).get("/incidents/").content.decode()
    assert sign_in("audrey").post(f"/incidents/{told.reference}/", {"state": "closed"}).status_code == 400
    told.refresh_from_db()
    assert told.state == "reported"
    assert sign_in("rita").get("/incidents/INC-2026-9999/").status_code == 404
    assert sign_in("nora").get("/incidents/").status_code == 403
    services.change(people["rita"], told, owner="ben")
    assert sign_in("ben").get(f"/incidents/{told.reference}/").status_code == 200


def test_pages_take_a_person_through_it(people: dict[str, User], sign_in: Any) -> None:
    today = timezone.localdate()
    day = {"happened_on[day]": today.day, "happened_on[month]": today.month, "happened_on[year]": today.year}
    client = sign_in("enid")
    form = {"kind": "incident", "title": "Late feed", "description": "A day late.", **day}
    for change, said in (
        ({"description": ""}, "without names or numbers"),
        ({"happened_on[day]": "40"}, "Enter a day"),
        ({"happened_on[year]": today.year + 1}, "today or earlier"),
        ({"project": "lg-1"}, "no such project"),
        ({"kind": "gossip"}, "Choose what it is"),
    ):
        bad = client.post("/incidents/new/", {**form, **change})
        assert bad.status_code == 400 and said in bad.content.decode()
    sent = client.post("/incidents/new/", form)
    address = sent.headers["Location"]
    assert "Late feed" in client.get(address).content.decode()
    assert "Go on" not in client.get(address).content.decode()
    rita = sign_in("rita")
    early = rita.post(address, {"state": "closed", "owner": "enid"})
    assert early.status_code == 400 and "First enter likelihood and impact" in early.content.decode()
    fields = {"owner": "enid", "likelihood": "1", "impact": "2", "resolution": "Asked for it."}
    assert rita.post(address, {**fields, "state": "closed"}).status_code == 302
    assert "Closed" in rita.get(address).content.decode()
    half = rita.post(address, {**fields, "impact": ""})
    assert half.status_code == 400 and "both likelihood and impact" in half.content.decode()


def test_a_patients_number_is_not_kept(people: dict[str, User], told: Incident) -> None:
    for text in ("About 943 476 5919", "NHS number 9434765919 was in the file"):
        with pytest.raises(UsageError, match="NHS number"):
            services.report(
                people["ann"],
                kind="incident",
                title="Number",
                description=text,
                happened_on=timezone.localdate(),
            )
    assert Incident.objects.count() == 1
    with pytest.raises(UsageError, match="NHS number"):
        services.change(people["rita"], told, note="9434765919")
