"""Decisions by the site's routes: who decides, conditions, amendments, renewals, suspension, the fast path."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts import services as accounts
from lockgate.portal.accounts.models import User
from lockgate.portal.airlock import services as airlock
from lockgate.portal.applications import services
from lockgate.portal.applications.models import Amendment, Application, Condition, Decision
from lockgate.portal.applications.services import NewCondition
from lockgate.portal.explore import services as explore
from lockgate.portal.notices.models import Notice
from lockgate.portal.outbox.models import Message
from lockgate.portal.register.models import Entry, Refusal
from lockgate.portal.workspaces import services as workspaces
from lockgate.portal.workspaces.models import Project
from lockgate.site import Site
from lockgate.workspace import scope as scopes

pytestmark = pytest.mark.django_db


def fresh(application: Application) -> Application:
    return Application.objects.get(pk=application.pk)


def decide(people: dict[str, User], case: Any, *names: str) -> str:
    state = ""
    for name in names:
        state = services.decide(people[name], case, "approve")
    return state


@pytest.fixture
def approved(people: dict[str, User], submitted: Application) -> Application:
    """Ann's application, approved by the two offices."""
    decide(people, submitted, "rita", "dora")
    return fresh(submitted)


def amend(users: dict[str, User], application: Application, **answers: Any) -> Amendment:
    """An amendment with other answers, handed in."""
    amendment = services.open_amendment(users["ann"], application, "amendment", "The question has grown")
    assert services.save_answers(users["ann"], amendment, answers) == {}
    services.submit(users["ann"], amendment)
    return Amendment.objects.get(pk=amendment.pk)


MORE_DATA: dict[str, Any] = {
    "columns": {
        "person": ["person_id", "year_of_birth", "gender_concept_id"],
        "incident": ["incident_id", "person_id", "incident_date"],
        "note": ["note_id", "person_id", "note_text"],
    },
    "linkages": ["incident"],
}


def test_the_route_asks_guardian_and_owner_and_the_scope_names_them(
    hospital: Site, people: dict[str, User], draft: Application
) -> None:
    assert services.save_answers(people["ann"], draft, MORE_DATA) == {}
    services.submit(people["ann"], fresh(draft))
    assert decide(people, draft, "rita", "dora") == "in_review"
    with pytest.raises(Refused, match="role"):
        services.decide(people["tim"], draft, "approve")  # owns tissue, which isn't asked for
    assert decide(people, draft, "cara", "ines") == "approved"
    held = scopes.load(hospital, draft.slug)
    assert set(held.required) == {"caldicott_guardian", "data_owner:incidents"}
    assert {item.role for item in held.decisions} == {
        "research_centre", "data_protection_office", "caldicott_guardian", "data_owner:incidents",
    }  # fmt: skip


def test_without_one_of_its_route_no_scope_is_issued(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    value = json.loads((hospital.projects / approved.slug / "scopes" / "v1.json").read_text())["scope"]
    value |= {"scope_id": "other-v1", "project": "other", "required": ["caldicott_guardian"]}
    with pytest.raises(Refused) as caught:
        scopes.issue(hospital, scopes.Scope.model_validate(value), "test")
    assert any("caldicott guardian has not approved" in reason for reason in caught.value.reasons)


def test_who_declared_an_interest_has_no_say(people: dict[str, User], submitted: Application) -> None:
    with pytest.raises(UsageError):
        services.declare_interest(people["rita"], submitted, " ")
    with pytest.raises(Refused):
        services.declare_interest(people["ben"], submitted, "I like it")  # decides nothing
    services.declare_interest(people["rita"], submitted, "My sister leads it")
    with pytest.raises(Refused, match="declared an interest"):
        services.decide(people["rita"], submitted, "approve")
    services.declare_interest(people["paula"], submitted, "I work there")
    with pytest.raises(Refused, match="declared an interest"):
        services.advise(people["paula"], submitted, "support", "Good")
    with pytest.raises(Refused, match="declared an interest"):
        services.comment(people["rita"], submitted, "data", "Fine")
    with pytest.raises(Refused, match="declared it already"):
        services.declare_interest(people["rita"], submitted, "Again")
    assert services.decide(people["both"], submitted, "approve", role="research_centre") == "in_review"
    with pytest.raises(Refused, match="decided on it already"):
        services.declare_interest(people["both"], submitted, "Late")


def test_comments_stand_by_section_and_go_back_with_a_return(
    people: dict[str, User], submitted: Application, sign_in: Any
) -> None:
    said = services.comment(people["rita"], submitted, "data", "Why <exact> dates?", asks=True)
    assert (said.role, said.asks) == ("research_centre", True)
    assert not services.comment(people["ann"], submitted, "data", "To count days", asks=True).asks
    with pytest.raises(Refused):
        services.comment(people["olga"], submitted, "data", "x")
    with pytest.raises(Refused):
        services.comment(people["ines"], submitted, "data", "x")  # owns nothing that is asked for
    with pytest.raises(UsageError):
        services.comment(people["rita"], submitted, "nonsense", "x")
    services.decide(people["dora"], submitted, "return", "See the comments")
    page = sign_in("ann").get(f"/applications/{submitted.reference}/section/data/").content.decode()
    assert "Why &lt;exact&gt; dates?" in page
    tasks = sign_in("ann").get(f"/applications/{submitted.reference}/").content.decode()
    assert "A change is asked for" in tasks
    services.save_answers(people["ann"], fresh(submitted), {"dates": "year"})
    services.submit(people["ann"], fresh(submitted))
    page = sign_in("rita").get(f"/applications/{submitted.reference}/decide/").content.decode()
    assert "What changed since it was returned" in page and "The year</ins>" in page
    assert "Why &lt;exact&gt; dates?" in page and "on version 1" in page


def test_conditions_first_hold_the_scope_back_until_they_are_met(
    hospital: Site, people: dict[str, User], submitted: Application
) -> None:
    first = [NewCondition("Show the sponsor's letter"), NewCondition("Publish the protocol", public=False)]
    with pytest.raises(Refused, match="conditions go with an approval"):
        services.decide(people["rita"], submitted, "refuse", "No", conditions=first)
    with pytest.raises(UsageError, match="day of a condition"):
        services.decide(
            people["rita"], submitted, "approve", conditions=[NewCondition("x", date(2020, 1, 1))]
        )
    services.decide(people["rita"], submitted, "approve", conditions=first)
    assert services.decide(people["dora"], submitted, "approve") == "conditional"
    with pytest.raises(Refused):
        scopes.load(hospital, submitted.slug)
    letter, protocol = Condition.objects.order_by("pk")
    with pytest.raises(Refused, match="only the applicant"):
        services.show_evidence(people["ben"], letter, "Here")
    services.show_evidence(people["ann"], letter, "Letter of 3 May")
    for name in ("ann", "dora", "ines"):
        with pytest.raises(Refused):
            services.meet(people[name], letter)
    assert services.meet(people["rita"], letter) == "conditional"
    with pytest.raises(Refused, match="met already"):
        services.meet(people["rita"], letter)
    assert services.meet(people["both"], protocol) == "approved"  # of the same role
    assert scopes.load(hospital, submitted.slug)
    (told,) = Entry.objects.get().data["conditions"]
    assert told["text"] == "Show the sponsor's letter" and told["met_on"]


def test_conditions_that_are_never_met_end_in_a_refusal(
    people: dict[str, User], submitted: Application
) -> None:
    services.decide(people["rita"], submitted, "approve", conditions=[NewCondition("Ethics")])
    services.decide(people["dora"], submitted, "approve")
    with pytest.raises(Refused):
        services.give_up(people["ann"], submitted, "No")
    services.give_up(people["dora"], submitted, "The committee said no")
    assert fresh(submitted).state == "refused"
    assert Refusal.objects.get().reason == "Its conditions were not met."


def test_a_condition_past_its_day_suspends_until_it_is_met(
    hospital: Site, people: dict[str, User], submitted: Application
) -> None:
    today = timezone.localdate()
    services.decide(people["rita"], submitted, "approve", conditions=[NewCondition("Report", today)])
    assert services.decide(people["dora"], submitted, "approve") == "approved"
    assert services.suspend_overdue(today) == 0
    later = today + timedelta(days=1)
    assert [item.what for item in services.due_warnings(today)] == ["condition"]
    assert services.suspend_overdue(later) == 1
    assert services.suspend_overdue(later) == 0
    application = fresh(submitted)
    assert application.state == "suspended"
    Condition.objects.update(by_day=today - timedelta(days=1))
    with pytest.raises(Refused, match="not met"):
        services.resume(people["dora"], application)
    services.meet(people["rita"], Condition.objects.get())
    services.resume(people["dora"], application)
    assert fresh(submitted).state == "approved"


def test_suspended_at_every_entrance_and_resumed_as_it_stood(
    hospital: Site, people: dict[str, User], approved: Application, data_plane: None
) -> None:
    project = Project.objects.get()
    workspaces.provision_now(project.slug)
    job = workspaces.start_job(people["ann"], Project.objects.get(), "a.py", b"print(1)", now=True)
    before = scopes.load(hospital, approved.slug)
    over = scopes.until_over(hospital, before, every=0)
    assert not over()
    with pytest.raises(Refused, match="say why"):
        services.suspend(people["rita"], approved, "")
    with pytest.raises(Refused):
        services.suspend(people["ann"], approved, "Mine")
    services.suspend(people["cara"], approved, "A complaint is looked into")
    assert over()
    with pytest.raises(Refused) as caught:
        scopes.load(hospital, approved.slug)
    assert "suspended: A complaint" in caught.value.reasons[0]
    project.refresh_from_db()
    assert (project.state, Entry.objects.get().state) == ("suspended", "suspended")
    with pytest.raises(Refused):
        workspaces.start_job(people["ann"], project, "a.py", b"print(1)")
    with pytest.raises(Refused):
        airlock.request_release(people["ann"], type(job).objects.get(pk=job.pk), title="A", purpose="B")
    with pytest.raises(Refused, match="suspended"):
        explore.create(people["ann"], "Cohort", project=project.slug)
    with pytest.raises(Refused):
        services.open_amendment(people["ann"], fresh(approved), "amendment", "x")
    services.resume(people["dora"], fresh(approved))
    held = scopes.load(hospital, approved.slug)
    assert held.version == 2 and held.tables == before.tables and held.release == before.release
    assert {item.by for item in held.decisions} == {"rita", "dora"}
    assert over()  # a scope that was signed anew is another one: what ran under the first stays ended
    project.refresh_from_db()
    entry = Entry.objects.get()
    assert (project.state, entry.state, "ended_on" in entry.data) == ("provisioning", "active", False)
    with pytest.raises(Refused):
        scopes.verify_file(hospital, hospital.projects / approved.slug / "scopes" / "v1.json")


def test_revoked_while_suspended_and_for_good(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    services.suspend(people["rita"], approved, "A complaint")
    services.revoke(people["rita"], fresh(approved), "It was right")
    with pytest.raises(Refused):
        services.resume(people["dora"], fresh(approved))
    assert Entry.objects.get().state == "revoked"


def test_only_the_changed_part_decides_and_the_old_scope_holds_until_then(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    amendment = amend(
        people, approved, people=[{"username": "ben", "role": "x"}, {"username": "cole", "role": "y"}]
    )
    assert amendment.facts().needed == ("research_centre",)
    assert [one.username for one in scopes.load(hospital, approved.slug).people] == ["ann", "ben"]
    assert fresh(approved).state == "approved" and "cole" not in fresh(approved).member_names()
    with pytest.raises(Refused):
        services.decide(people["dora"], amendment, "approve")
    assert services.decide(people["rita"], amendment, "approve") == "approved"
    held = scopes.load(hospital, approved.slug)
    assert [one.username for one in held.people] == ["ann", "ben", "cole"]
    assert {item.role for item in held.decisions} == {"research_centre", "data_protection_office"}
    with pytest.raises(Refused, match="superseded"):
        try:
            scopes.verify_file(hospital, hospital.projects / approved.slug / "scopes" / "v1.json")
        except Refused as error:
            raise Refused("; ".join(error.reasons)) from error
    project = Project.objects.get()
    assert "cole" in project.members and project.member_rows.count() == 3
    (told,) = Entry.objects.get().data["amendments"]
    assert told["changed"] == ["Who will work with the data?"]


def test_a_decider_who_joins_the_team_no_longer_counts(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    amendment = amend(people, approved, people=[{"username": "dora", "role": "Statistician"}])
    assert set(amendment.facts().needed) == {"research_centre", "data_protection_office"}
    with pytest.raises(Refused, match="member of the project"):
        services.decide(people["dora"], amendment, "approve")
    services.decide(people["rita"], amendment, "approve")
    assert services.decide(people["both"], amendment, "approve") == "approved"
    assert {item.by for item in scopes.load(hospital, approved.slug).decisions} == {"rita", "both"}


def test_whose_decision_is_carried_does_not_decide_in_another_role(
    people: dict[str, User], submitted: Application
) -> None:
    services.decide(people["rita"], submitted, "approve")
    services.decide(people["both"], submitted, "approve")  # for the data protection office
    amendment = amend(people, fresh(submitted), title="Another title")
    assert amendment.facts().needed == ("research_centre",)
    with pytest.raises(Refused, match="earlier decision in another role"):
        services.decide(people["both"], amendment, "approve")


def test_more_data_asks_their_owners_and_a_return_goes_on(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    amendment = amend(people, approved, **MORE_DATA)
    told = Notice.objects.filter(user=people["ines"])
    assert [item.path for item in told] == [f"/applications/{approved.reference}/"]
    assert not Notice.objects.filter(user=people["tim"]).exists()
    assert set(amendment.facts().needed) == {
        "research_centre", "data_protection_office", "caldicott_guardian", "data_owner:incidents",
    }  # fmt: skip
    decide(people, amendment, "rita", "dora")
    assert services.decide(people["ines"], amendment, "return", "Which incidents?") == "returned"
    amendment = Amendment.objects.get()
    services.save_answers(people["ann"], amendment, {"purpose": "Falls alone."})
    services.submit(people["ann"], amendment)
    assert decide(people, Amendment.objects.get(), "rita", "dora", "cara", "ines") == "approved"
    held = scopes.load(hospital, approved.slug)
    assert "incident" in held.tables and set(held.required) == {"caldicott_guardian", "data_owner:incidents"}


def test_a_refused_amendment_changes_nothing_and_another_may_follow(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    amendment = amend(people, approved, title="Grander")
    with pytest.raises(Refused, match="open already"):
        services.open_amendment(people["ann"], fresh(approved), "renewal", "x")
    services.decide(people["rita"], amendment, "refuse", "Secret reasons", public_note="It goes too far.")
    assert scopes.load(hospital, approved.slug).version == 1
    assert fresh(approved).title == "Age at first diagnosis in deprived areas"
    row = Refusal.objects.get()
    assert (row.what, row.reason) == ("amendment", "It goes too far.")
    assert "Secret" not in json.dumps(row.as_dict())
    second = services.open_amendment(people["ann"], fresh(approved), "amendment", "Less")
    with pytest.raises(Refused):
        services.submit(people["ann"], second)  # nothing is changed yet
    services.withdraw(people["ann"], second)
    assert fresh(approved).amendment is None


def test_a_renewal_extends_the_end_and_changes_nothing_else(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    renewal = services.open_amendment(people["ann"], approved, "renewal", "The paper is late")
    with pytest.raises(Refused, match="last day alone"):
        services.save_answers(people["ann"], renewal, {"title": "x"})
    assert approved.valid_until is not None
    early = (approved.valid_until - timedelta(days=1)).isoformat()
    services.save_answers(people["ann"], renewal, {"end_date": early})
    assert "after the one" in services.problems(Amendment.objects.get())["end_date"]
    later = timezone.localdate() + timedelta(days=730)
    services.save_answers(people["ann"], Amendment.objects.get(), {"end_date": later.isoformat()})
    services.submit(people["ann"], Amendment.objects.get())
    assert decide(people, Amendment.objects.get(), "rita", "dora") == "approved"
    assert fresh(approved).valid_until == scopes.load(hospital, approved.slug).valid_until == later
    assert Entry.objects.get().data["amendments"][0]["what"] == "renewal"
    assert Project.objects.get().valid_until == later


def test_an_amendment_outlasts_a_suspension_and_ends_with_a_revocation(
    hospital: Site, people: dict[str, User], approved: Application
) -> None:
    amendment = amend(people, approved, title="Another title")
    services.suspend(people["rita"], fresh(approved), "A question")
    services.resume(people["rita"], fresh(approved))
    assert services.decide(people["rita"], amendment, "approve") == "approved"
    assert scopes.load(hospital, approved.slug).title == "Another title"
    amend(people, fresh(approved), title="A third")
    services.revoke(people["dora"], fresh(approved), "Over")
    assert [item.state for item in Amendment.objects.order_by("pk")] == ["approved", "withdrawn"]


def test_expiry_is_warned_of_by_step(people: dict[str, User], approved: Application) -> None:
    last = approved.valid_until
    assert last is not None
    assert services.due_warnings(last - timedelta(days=91)) == []
    keys = set()
    for days, step in ((90, 90), (45, 90), (30, 30), (7, 7), (2, 7), (1, 1), (0, 1)):
        (item,) = services.due_warnings(last - timedelta(days=days))
        assert (item.what, item.step, item.days_left, item.to) == ("ends", step, days, ("ann", "ben"))
        keys.add(item.key)
    assert len(keys) == 4
    assert services.due_warnings(last + timedelta(days=1)) == []


COUNTS: dict[str, Any] = {
    "columns": {
        "person": ["person_id", "year_of_birth"],
        "condition_occurrence": ["condition_occurrence_id", "person_id", "condition_concept_id"],
    },
    "linkages": [],
    "service": "Cardiology",
    "article_9": "9(2)(h)",
}


@pytest.fixture
def counting(people: dict[str, User], answers: dict[str, Any]) -> Application:
    """A service evaluation that asks for counts alone."""
    end = (timezone.localdate() + timedelta(days=200)).isoformat()
    given = {key: value for key, value in answers.items() if key not in ("ethics_reference", "sponsor")}
    application = services.create(people["ann"], "service_evaluation")
    assert services.save_answers(people["ann"], application, {**given, **COUNTS, "end_date": end}) == {}
    return fresh(application)


def test_an_agreed_use_is_approved_at_once_by_rule_with_the_reason(
    hospital: Site, people: dict[str, User], counting: Application
) -> None:
    assert services.submit(people["ann"], counting) == "approved"
    (decision,) = Decision.objects.all()
    assert (decision.role, decision.by) == ("rule:aggregate_counts", None)
    assert "aggregate_counts" in decision.note
    held = scopes.load(hospital, counting.slug)
    assert held.fast_path is not None and held.fast_path.rule == "aggregate_counts"
    entry = Entry.objects.get()
    assert entry.data["fast_path"] == decision.note
    assert Message.objects.filter(event="application.approved", detail__rule="aggregate_counts").exists()


def test_one_column_beyond_the_template_goes_to_people(
    people: dict[str, User], counting: Application
) -> None:
    columns = {**COUNTS["columns"], "person": ["person_id", "year_of_birth", "month_of_birth"]}
    services.save_answers(people["ann"], counting, {"columns": columns})
    assert services.submit(people["ann"], fresh(counting)) == "submitted"
    assert not Decision.objects.exists()


def test_the_data_plane_knows_the_rule_itself(
    hospital: Site, people: dict[str, User], counting: Application
) -> None:
    services.submit(people["ann"], counting)
    value = json.loads((hospital.projects / counting.slug / "scopes" / "v1.json").read_text())["scope"]
    value |= {"scope_id": "other-v1", "project": "other"}
    value["tables"] = {**value["tables"], "note": ["note_id", "person_id", "note_text"]}
    with pytest.raises(Refused) as caught:
        scopes.issue(hospital, scopes.Scope.model_validate(value), "test")
    assert any(
        "beyond the fast path aggregate_counts: column note.note_text" in one for one in caught.value.reasons
    )
    value["fast_path"]["rule"] = "everything"
    value["decisions"][0]["role"] = "rule:everything"
    with pytest.raises(Refused) as caught:
        scopes.issue(hospital, scopes.Scope.model_validate(value), "test")
    assert any("no fast path" in one for one in caught.value.reasons)


def test_a_site_that_agreed_to_nothing_has_no_fast_path(
    hospital: Site, people: dict[str, User], counting: Application, settings: Any
) -> None:
    path = hospital.path / "site.toml"
    path.write_text(path.read_text() + "\n[portal]\nfast_path = []\n")
    settings.LOCKGATE_SITE += "/."
    assert services.submit(people["ann"], counting) == "submitted"


def test_an_amendment_beyond_the_template_asks_everybody(
    hospital: Site, people: dict[str, User], counting: Application
) -> None:
    services.submit(people["ann"], counting)
    services.suspend(people["rita"], fresh(counting), "A look")
    services.resume(people["rita"], fresh(counting))
    assert scopes.load(hospital, counting.slug).fast_path is not None
    amendment = amend(people, fresh(counting), dates="exact")
    assert set(amendment.facts().needed) == {"research_centre", "data_protection_office"}
    assert decide(people, amendment, "rita", "dora") == "approved"
    held = scopes.load(hospital, counting.slug)
    assert held.fast_path is None and held.dates == "exact"


def test_synthetic_data_come_at_once_and_only_from_a_release_that_says_so(
    hospital: Site, people: dict[str, User], draft: Application
) -> None:
    services.save_answers(people["ann"], draft, {"records": "synthetic", "end_date": (
        timezone.localdate() + timedelta(days=300)).isoformat(), **MORE_DATA})  # fmt: skip
    assert "records" in services.problems(fresh(draft))
    real = (hospital.releases / "2026.1" / "manifest.json").read_text()
    made = hospital.releases / "2026.2"
    made.mkdir()
    (made / "manifest.json").write_text(json.dumps({**json.loads(real), "synthetic": True}))
    assert services.submit(people["ann"], fresh(draft)) == "approved"
    assert scopes.load(hospital, draft.slug).release == "2026.2"


def test_a_collaborator_works_on_a_project_and_applies_for_none(
    people: dict[str, User], approved: Application, data_plane: None
) -> None:
    with pytest.raises(Refused):
        services.create(people["cole"], "audit")
    decide(people, amend(people, approved, people=[{"username": "cole", "role": "x"}]), "rita")
    project = Project.objects.get()
    workspaces.provision_now(project.slug)
    project.refresh_from_db()
    assert (
        workspaces.start_job(people["cole"], project, "a.py", b"print(1)", now=True).author == people["cole"]
    )


def test_a_role_of_an_owner_names_a_source_of_the_routes(people: dict[str, User]) -> None:
    accounts.set_roles(people["nora"], ["data_owner:tissue", "data_owner:imaging"], actor="adam")
    nora = User.objects.get(username="nora").person
    assert (nora.roles, nora.owns) == ({"data_owner"}, {"tissue", "imaging"})
    with pytest.raises(UsageError, match="no role"):
        accounts.set_roles(people["nora"], ["data_owner:nothing"], actor="adam")
