"""Services: what is written, what follows, and that no write is without its audit entry."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal import demo_accounts
from lockgate.portal.accounts import services as accounts
from lockgate.portal.accounts.models import User
from lockgate.portal.airlock import services as airlock
from lockgate.portal.applications import services
from lockgate.portal.applications.models import Application
from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.relay import relay
from lockgate.portal.register.fields import DUR_FIELDS, dur_row
from lockgate.portal.register.models import Entry
from lockgate.portal.workspaces import services as workspaces
from lockgate.portal.workspaces.models import Project
from lockgate.site import Site
from lockgate.workspace import scope as scopes

pytestmark = pytest.mark.django_db


def approve(people: dict[str, User], application: Application) -> None:
    services.decide(people["rita"], application, "approve")
    services.decide(people["dora"], application, "approve")
    application.refresh_from_db()


def test_two_approvals_make_a_signed_scope_a_project_and_an_entry(
    hospital: Site, people: dict[str, User], submitted: Application
) -> None:
    assert services.decide(people["rita"], submitted, "approve", "Fine") == "in_review"
    assert not Project.objects.exists()
    assert services.decide(people["dora"], submitted, "approve") == "approved"
    scope = scopes.load(hospital, submitted.slug)
    assert scope.tables["person_deprivation"] == ("person_id", "imd2025_decile")
    assert [person.username for person in scope.people] == ["ann", "ben"]
    assert {item.role: item.by for item in scope.decisions} == {
        "research_centre": "rita",
        "data_protection_office": "dora",
    }
    project = Project.objects.get()
    assert project.members == {"ann", "ben"}
    entry = Entry.objects.get()
    assert (entry.state, entry.slug) == ("active", submitted.slug)
    assert json.loads((hospital.register / "entries" / f"{entry.slug}.json").read_text()) == entry.data
    assert "Ann" not in json.dumps(entry.data)


def test_an_assessment_that_is_needed_comes_before_the_approval(
    people: dict[str, User], draft: Application
) -> None:
    assert services.save_answers(people["ann"], draft, {**draft.answers, "dpia": "needed"}) == {}
    services.submit(people["ann"], draft)
    with pytest.raises(Refused, match="impact assessment"):
        services.decide(people["rita"], draft, "approve")
    assert services.decide(people["rita"], draft, "return", "Make it first") == "returned"


def test_access_that_is_over_before_it_begins_is_not_approved(
    people: dict[str, User], submitted: Application
) -> None:
    version = submitted.version
    version.answers["start_date"], version.answers["end_date"] = "2025-01-01", "2025-12-31"
    version.save()
    services.decide(people["rita"], submitted, "approve")
    with pytest.raises(Refused, match="over before it could begin"):
        services.decide(people["dora"], submitted, "approve")
    submitted.refresh_from_db()
    assert submitted.state == "in_review"
    assert not Project.objects.exists()


def test_one_person_with_both_roles_decides_only_once(
    people: dict[str, User], submitted: Application
) -> None:
    services.decide(people["both"], submitted, "approve")
    with pytest.raises(Refused, match="decided already"):
        services.decide(people["both"], submitted, "approve")


def test_a_refusal_of_the_data_plane_undoes_the_decision(
    people: dict[str, User], submitted: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.decide(people["rita"], submitted, "approve")
    before = Message.objects.count()

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise Refused("no", reasons=["the site says no"])

    monkeypatch.setattr("lockgate.portal.plane.issue_scope", refuse)
    with pytest.raises(Refused):
        services.decide(people["dora"], submitted, "approve")
    submitted.refresh_from_db()
    assert submitted.state == "in_review"
    assert not Project.objects.exists()
    assert not Entry.objects.exists()
    assert Message.objects.count() == before


def test_a_returned_application_goes_on_in_a_new_version(
    people: dict[str, User], submitted: Application
) -> None:
    with pytest.raises(Refused, match="say why"):
        services.decide(people["rita"], submitted, "return")
    assert services.decide(people["rita"], submitted, "return", "Which clinics?") == "returned"
    submitted.refresh_from_db()
    assert submitted.version.number == 2
    assert services.save_answers(people["ann"], submitted, {"title": "Another title"}) == {}
    assert submitted.versions.get(number=1).answers["title"] == "Age at first diagnosis in deprived areas"
    submitted.refresh_from_db()
    services.submit(people["ann"], submitted)
    submitted.refresh_from_db()
    approve(people, submitted)
    assert submitted.state == "approved"


def test_revocation_stops_the_scope_the_project_and_says_so(
    hospital: Site, people: dict[str, User], submitted: Application
) -> None:
    approve(people, submitted)
    with pytest.raises(Refused, match="say why"):
        services.revoke(people["rita"], submitted, " ")
    services.revoke(people["rita"], submitted, "The sponsor withdrew")
    with pytest.raises(Refused):
        scopes.load(hospital, submitted.slug)
    assert Project.objects.get().state == "revoked"
    assert Entry.objects.get().state == "revoked"
    with pytest.raises(Refused):
        workspaces.start_job(people["ann"], Project.objects.get(), "a.py", b"print(1)")


def test_expiry_is_marked_and_shown(people: dict[str, User], submitted: Application) -> None:
    approve(people, submitted)
    last = submitted.valid_until
    assert last is not None
    assert services.expire_due(last) == 0
    assert services.expire_due(last + timedelta(days=1)) == 1
    assert services.expire_due(last + timedelta(days=1)) == 0
    assert Project.objects.get().state == "expired"
    assert Entry.objects.get().state == "expired"


def test_no_release_nothing_to_approve(
    hospital: Site, people: dict[str, User], submitted: Application
) -> None:
    services.decide(people["rita"], submitted, "approve")
    (hospital.releases / "2026.1" / "manifest.json").unlink()
    with pytest.raises(Refused, match="no release"):
        services.decide(people["dora"], submitted, "approve")


def test_a_file_is_the_same_as_the_page(people: dict[str, User], draft: Application) -> None:
    exported = services.export_file(draft)
    made = services.import_file(people["ann"], json.dumps(exported))
    assert made.answers == draft.answers
    assert made.reference != draft.reference
    assert services.problems(made) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "schema"),
        ('{"schema": "lockgate.application/1", "kind": "fun", "answers": {}}', "kind"),
        ('{"schema": "lockgate.application/1", "kind": "audit", "answers": {"nonsense": 1}}', "nonsense"),
        (
            '{"schema": "lockgate.application/1", "kind": "audit", "answers": {"start_date": "2026-02-31"}}',
            "start_date",
        ),
        (
            '{"schema": "lockgate.application/1", "kind": "audit",'
            ' "answers": {"columns": {"person": ["person_source_value"]}}}',
            "person_source_value",
        ),
        ('{"schema": "lockgate.application/1", "kind": "audit", "answers": {"cohort": {"x": 1}}}', "cohort"),
    ],
)
def test_a_broken_file_is_refused_whole(people: dict[str, User], content: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        services.import_file(people["ann"], content, where="x.json")
    assert not Application.objects.exists()


def test_the_kind_decides_what_is_asked(people: dict[str, User]) -> None:
    asked = {
        kind: set(services.problems(services.create(people["ann"], kind)))
        for kind in ("research", "service_evaluation", "audit", "clinical_analytics")
    }
    assert "ethics_reference" in asked["research"] - asked["audit"]
    assert "audit_standard" in asked["audit"] - asked["research"]
    assert "sponsor" not in asked["service_evaluation"]
    assert len({frozenset(keys) for keys in asked.values()}) == 4


def test_unknown_people_and_columns_without_their_linkage_are_said(
    people: dict[str, User], draft: Application
) -> None:
    found = services.save_answers(people["ann"], draft, {"people": [{"username": "ghost", "role": "x"}]})
    assert "ghost" in found["people"]
    services.save_answers(people["ann"], draft, {"people": [], "linkages": []})
    draft.refresh_from_db()
    assert "person_deprivation" in services.problems(draft)["linkages"]
    with pytest.raises(Refused):
        services.submit(people["ann"], draft)


def test_every_write_has_its_entry_and_is_made_in_the_services(
    hospital: Site,
    people: dict[str, User],
    answers: dict[str, Any],
    no_write_outside: Any,
    data_plane: Any,
) -> None:
    with no_write_outside() as written:
        application = services.create(people["ann"], "research")
        services.save_answers(people["ann"], application, answers)
        application.refresh_from_db()
        services.submit(people["ann"], application)
        application.refresh_from_db()
        approve(people, application)
        project = Project.objects.get()
        workspaces.provision_now(project.slug)
        project.refresh_from_db()
        job = workspaces.start_job(people["ann"], project, "a.py", b"print(1)", now=True)
        request = airlock.request_release(people["ann"], job, title="Ages", purpose="A paper")
        assert request.state == "failing"
        with pytest.raises(Refused):
            airlock.review(people["olga"], request, "approve")
        airlock.repair(people["ann"], request)
        assert airlock.review(people["olga"], request, "approve") == "in_review"
        assert airlock.review(people["otto"], request, "approve") == "released"
        services.revoke(people["dora"], application, "Over")
        accounts.set_roles(people["nora"], ["auditor"], actor="adam")
        accounts.record_training(people["nora"], "Information governance", timezone.localdate(), actor="adam")
    assert len(set(written)) > 10
    events = list(Message.objects.order_by("id").values_list("event", flat=True))
    expected = {
        *("application.created", "application.answered", "application.submitted", "application.decided"),
        *(
            "application.approved",
            "application.revoked",
            "project.opened",
            "project.provisioned",
            "project.revoked",
        ),
        *(
            "job.queued",
            "job.picked_up",
            "job.recorded",
            "airlock.requested",
            "airlock.checked",
            "airlock.repaired",
        ),
        *("airlock.reviewed", "airlock.released", "register.entered", "register.result", "register.ended"),
        *("account.roles", "account.training"),
    }
    assert expected <= set(events)
    entry = Entry.objects.get()
    assert entry.results.count() == 1
    assert entry.data["result_links"]


def test_the_relay_writes_each_entry_once_and_in_order(hospital: Site, people: dict[str, User]) -> None:
    before = sum(1 for _ in hospital.audit.entries())
    waiting = Message.objects.filter(seq=None).count()
    assert waiting == len(people)
    assert relay() == waiting
    assert relay() == 0
    entries = list(hospital.audit.entries())[before:]
    assert [entry.detail["outbox"] for entry in entries] == [
        str(key) for key in Message.objects.order_by("id").values_list("key", flat=True)
    ]
    assert hospital.audit.verify() == []


def test_a_relay_that_stopped_before_marking_does_not_write_twice(
    hospital: Site, people: dict[str, User]
) -> None:
    first = Message.objects.filter(seq=None).order_by("id")[0]
    hospital.audit.append(first.event, actor=first.actor, outbox=str(first.key), **first.detail)
    relay()
    keys = [entry.detail.get("outbox") for entry in hospital.audit.entries() if "outbox" in entry.detail]
    assert len(keys) == len(set(keys)) == len(people)


def test_a_change_behind_the_check_is_not_released(
    hospital: Site, people: dict[str, User], submitted: Application, data_plane: Any
) -> None:
    approve(people, submitted)
    project = Project.objects.get()
    workspaces.provision_now(project.slug)
    project.refresh_from_db()
    job = workspaces.start_job(people["ann"], project, "a.py", b"print(1)", now=True)
    request = airlock.request_release(people["ann"], job, title="Ages", purpose="A paper")
    airlock.repair(people["ann"], request)
    airlock.review(people["olga"], request, "approve")
    file = request.candidate.folder / "ages.csv"
    file.chmod(0o600)
    file.write_text("decile,n\n1,3\n")
    with pytest.raises(Exception, match="changed after the check"):
        airlock.review(people["otto"], request, "approve")
    request.refresh_from_db()
    assert request.state == "in_review"
    assert request.candidate.reviews.count() == 1


def test_the_register_row_has_the_fields_of_the_standard(
    people: dict[str, User], submitted: Application, shared_data: Any
) -> None:
    import csv

    approve(people, submitted)
    with (shared_data / "governance" / "dur_fields.csv").open() as stream:
        standard = [row["field"] for row in csv.DictReader(stream)]
    assert [name for _, name, _ in DUR_FIELDS] == standard
    row = dur_row(Entry.objects.get().data)
    assert list(row) == standard
    assert row["Project title"] == "Age at first diagnosis in deprived areas"
    assert row["Legal basis for provision of data under Article 6"] == "Article 6(1)(e): public task"


def test_known_passwords_are_for_demonstrations_only(tmp_path: Any, settings: Any) -> None:
    site = Site.init(tmp_path / "real", name="Real Hospital")
    settings.LOCKGATE_SITE = str(site.path)
    with pytest.raises(Refused, match="demonstration"):
        accounts.make_demo_accounts()
    assert demo_accounts.__doc__


def test_demo_accounts_hold_every_role(hospital: Site) -> None:
    made = accounts.make_demo_accounts()
    assert accounts.make_demo_accounts() == made
    from lockgate.portal.accounts.rules import ROLES

    held = {role for user in User.objects.all() for role in user.person.roles}
    assert held == set(ROLES)
    for item in made:
        assert User.objects.get(username=item["username"]).check_password(item["password"])


def test_nobody_changes_their_own_roles(people: dict[str, User]) -> None:
    with pytest.raises(Refused):
        accounts.set_roles(people["adam"], ["auditor"], actor="adam")
