"""Explore's pages and API: searching, building by forms alone, counts through the ledger, sharing, attaching."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client

from lockgate.disclosure.ledger import Ledger
from lockgate.portal.applications.models import Application
from lockgate.portal.explore.models import Cohort
from lockgate.schema import OMOP
from lockgate.site import Site
from lockgate.site.files import make_dir
from lockgate.terminology.demo.tables import demo_tables

pytestmark = pytest.mark.django_db
DIABETES, TYPE_2, PRESSURE = 201820, 201826, 316866
TYPES = {"BIGINT": pa.int64(), "DATE": pa.date32(), "VARCHAR": pa.string(), "INTEGER": pa.int64()}


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    columns = {column.name: TYPES.get(column.type) for column in OMOP[name] if column.type in TYPES}
    return pa.table({key: pa.array([row.get(key) for row in rows], kind) for key, kind in columns.items()})


@pytest.fixture
def released(hospital: Site) -> Site:
    """A release of 300 invented people: 120 with diabetes, 116 of them with high blood pressure too."""
    omop = make_dir(hospital.releases / "2026.1" / "omop")
    people = range(1, 301)
    tables = {
        "person": [
            {"person_id": n, "gender_concept_id": 8532 if n % 2 else 8507, "year_of_birth": 1930 + n % 80}
            for n in people
        ],
        "observation_period": [
            {
                "observation_period_id": n,
                "person_id": n,
                "observation_period_start_date": date(2010, 1, 1),
                "observation_period_end_date": date(2025, 12, 31),
            }
            for n in people
        ],
        "condition_occurrence": [
            {
                "condition_occurrence_id": 1000 * place + n,
                "person_id": n,
                "condition_concept_id": concept,
                "condition_start_date": date(2020, place + 1, 1),
            }
            for place, (concept, who) in enumerate([(TYPE_2, range(1, 121)), (PRESSURE, range(5, 151))])
            for n in who
        ],
    }
    for name, rows in tables.items():
        pq.write_table(_table(name, rows), omop / f"{name}.parquet")
    for name, table in demo_tables().items():
        pq.write_table(table, omop / f"{name}.parquet")
    listed = {name: {"file": f"omop/{name}.parquet"} for name in [*tables, *demo_tables()]}
    manifest = hospital.releases / "2026.1" / "manifest.json"
    manifest.write_text(json.dumps({"tables": {**json.loads(manifest.read_text())["tables"], **listed}}))
    return hospital


class Builder:
    """Somebody at the forms, without JavaScript."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.address = ""

    def new(self, **form: Any) -> Builder:
        answer = self.client.post("/explore/new/", form)
        assert answer.status_code == 302, answer.content.decode()
        self.address = answer["Location"]
        return self

    def post(self, path: str = "edit/", status: int = 302, **form: Any) -> str:
        answer = self.client.post(self.address + path, form)
        assert answer.status_code == status, answer.content.decode()
        return answer["Location"] if status == 302 else answer.content.decode()

    def page(self) -> str:
        return self.client.get(self.address).content.decode()

    def concepts(self, name: str, *concepts: int) -> str:
        path = self.post(action="add_set", set_name=name)
        assert self.client.post(path, {"concept": concepts, "descendants": "yes"}).status_code == 302
        return path.rstrip("/").rsplit("/", 1)[1]

    @property
    def cohort(self) -> Cohort:
        return Cohort.objects.get(key=self.address.split("/")[2])


@pytest.fixture
def diabetes(released: Site, sign_in: Any) -> Builder:
    """Ann's cohort of people with diabetes."""
    builder = Builder(sign_in("ann")).new(title="Diabetes")
    chosen = builder.concepts("Diabetes", DIABETES)
    builder.post("part/entry-new/", kind="ConditionOccurrence", set=chosen, first="yes")
    return builder


def test_search_finds_concepts_and_columns(released: Site, sign_in: Any) -> None:
    client = sign_in("rita")
    page = client.get("/explore/search/?q=diabetes+type").content.decode()
    assert "Diabetes, type 2" in page and "High blood pressure" not in page
    assert "Diabetes (any)" in client.get("/explore/search/?q=201820").content.decode()
    assert "3 below it" in client.get("/explore/search/?q=73211009").content.decode()
    assert "Diabetes (any)" not in client.get("/explore/search/?q=diabetes&domain=Drug").content.decode()
    assert "year_of_birth" in client.get("/explore/search/?q=birth").content.decode()
    assert client.get("/explore/search/?q=+").status_code == 400
    assert "No concept" in client.get("/explore/search/?q=%27%25_zzz").content.decode()


def test_a_cohort_is_built_counted_and_its_losses_shown(
    diabetes: Builder, released: Site, no_write_outside: Any, django_capture_on_commit_callbacks: Any
) -> None:
    assert "Count the people" in diabetes.page()
    with no_write_outside(), django_capture_on_commit_callbacks(execute=True):
        diabetes.post("count/")
        assert "120 people" in diabetes.page()
        diabetes.post(action="add_demographics", who_age_from="40", who_age_to="", sex=["8532"])
        diabetes.post(action="add_rule", rule_name="High blood pressure too", how="ALL")
        pressure = diabetes.concepts("High blood pressure", PRESSURE)
        diabetes.post(
            "part/rule-1-event-new/", kind="ConditionOccurrence", set=pressure, occurrence="2", count="1",
            days_from="", days_to="",
        )  # fmt: skip
        diabetes.post("count/")
    page = diabetes.page()
    assert "Who is left after each rule" in page and "Aged 40 or over, female" in page
    steps = [entry.status for entry in Ledger(released).entries()]
    assert steps[:2] == ["shown", "shown"] and len(steps) == 4
    events = {entry.event for entry in released.audit.entries()}
    assert {"explore.created", "explore.changed", "ledger.asked"} <= events


def test_a_rule_that_loses_a_few_is_answered_as_before_and_says_why(diabetes: Builder) -> None:
    pressure = diabetes.concepts("High blood pressure", PRESSURE)
    diabetes.post("count/")
    diabetes.post(action="add_rule", rule_name="High blood pressure too", how="ALL")
    form = {"kind": "ConditionOccurrence", "set": pressure, "count": "1", "days_from": "", "days_to": ""}
    diabetes.post("part/rule-0-event-new/", **form, occurrence="2")
    diabetes.post("count/")
    page = diabetes.page()
    assert "120 people" in page and "the difference of the two would be a small group" in page
    assert "115" not in page
    diabetes.post(action="remove_part", place="rule-0-event-0")
    diabetes.post("part/rule-0-event-new/", **{**form, "count": "0"}, occurrence="0")
    diabetes.post("count/")
    page = diabetes.page()
    assert "People: fewer than 10, or near it" in page, "the four of the complement"


def test_answers_of_the_htmx_part_are_parts(diabetes: Builder) -> None:
    answer = diabetes.client.post(diabetes.address + "count/", headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert text.lstrip().startswith("<section") and "120 people" in text and 'aria-live="polite"' in text


@pytest.mark.parametrize(
    ("path", "form", "message"),
    [
        ("edit/", {"action": "add_set", "set_name": " "}, "Give the concept set a name"),
        ("edit/", {"action": "add_set", "set_name": "diabetes"}, "of that name already"),
        ("edit/", {"action": "remove_set", "place": "0"}, "is used"),
        ("edit/", {"action": "add_rule", "rule_name": "", "how": "ALL"}, "Give the rule a name"),
        ("edit/", {"action": "add_rule", "rule_name": "x", "how": "AT_LEAST"}, "Say how many"),
        ("edit/", {"action": "add_demographics"}, "Give an age or choose a sex"),
        ("edit/", {"action": "add_demographics", "who_age_from": "9", "who_age_to": "3"}, "ends before it begins"),
        ("edit/", {"action": "set_entry", "prior_days": "-1", "limit": "First"}, "whole number from 0"),
        ("edit/", {"action": "set_exit", "exit": "days"}, "Say how many days"),
        ("edit/", {"action": "set_exit", "exit": "drug"}, "Choose the concept set of the drug"),
        ("edit/", {"action": "remove_rule", "place": "7"}, "not there any more"),
        ("edit/", {"action": "what"}, "no such change"),
        ("part/entry-new/", {"kind": "Weather"}, "Choose what kind"),
        ("part/entry-new/", {"kind": "DrugExposure"}, "Choose a concept set"),
        ("part/entry-new/", {"kind": "Measurement", "any_code": "yes", "value_from": "7"}, "unit"),
        ("part/entry-new/", {"kind": "Measurement", "any_code": "yes", "value_from": "x"}, "must be a number"),
        ("part/entry-new/", {"kind": "Measurement", "any_code": "yes", "unit": "99999999"}, "no concept of that id"),
        ("part/entry-new/", {"kind": "ConditionOccurrence", "set": "0", "value_from": "7"}, "Only measurements"),
        ("sets/0/", {"descendants": "yes"}, "Choose at least one concept"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field(
    diabetes: Builder, path: str, form: dict[str, str], message: str
) -> None:
    before = diabetes.cohort.expression
    page = diabetes.post(path, status=400, **form)
    assert message in page and "There is a problem" in page
    assert diabetes.cohort.expression == before


def test_contradictory_windows_and_empty_sets_are_refused(diabetes: Builder) -> None:
    diabetes.post(action="add_rule", rule_name="r", how="ANY")
    empty = diabetes.post(action="add_set", set_name="Empty").rstrip("/").rsplit("/", 1)[1]
    form = {"kind": "ConditionOccurrence", "occurrence": "2", "count": "1"}
    assert "has no concepts yet" in diabetes.post("part/rule-0-event-new/", status=400, **form, set=empty)
    window = {"days_from": "5", "from_side": "after", "days_to": "9", "to_side": "before"}
    assert "ends before it begins" in diabetes.post(
        "part/rule-0-event-new/", status=400, **form, set="0", **window
    )
    assert "write 1 or more" in diabetes.post(
        "part/rule-0-event-new/", status=400, **{**form, "count": "0"}, set="0"
    )
    assert diabetes.client.get(diabetes.address + "part/rule-9-event-new/").status_code == 404


def test_values_have_their_unit(diabetes: Builder) -> None:
    diabetes.post(
        "part/entry-new/", kind="Measurement", any_code="yes", value_from="7.5", value_to="", unit="9529"
    )
    told = diabetes.cohort.expression["PrimaryCriteria"]["CriteriaList"][1]["Measurement"]
    assert told["ValueAsNumber"] == {"Value": 7.5, "Op": "gte"} and told["Unit"][0]["CONCEPT_ID"] == 9529
    assert "9529" in diabetes.page()


def test_exits_are_set(diabetes: Builder) -> None:
    diabetes.post(action="set_exit", exit="days", exit_days="30", exit_from="end", era_pad="7")
    assert "30 days after the end of the event" in diabetes.page()
    diabetes.post(action="set_exit", exit="drug", exit_set="0", gap_days="14")
    diabetes.post(action="set_exit", exit="observation")
    assert "EndStrategy" not in diabetes.cohort.expression
    diabetes.post(action="set_entry", prior_days="365", post_days="0", limit="All")
    assert "Observed for 365 days before" in diabetes.page()


def test_versions_are_saved_and_taken_up_again(diabetes: Builder) -> None:
    diabetes.post(action="save", note="first")
    assert "Nothing changed since version 1" in diabetes.post(status=400, action="save", note="again")
    diabetes.post(action="add_demographics", who_age_from="40")
    diabetes.post(action="save")
    assert diabetes.cohort.latest.number == 2
    diabetes.post(action="restore", place="1")
    assert diabetes.cohort.expression["InclusionRules"] == []
    diabetes.post(action="rename", title="Another name")
    assert "Another name" in diabetes.page()


def test_exports_are_read_again(diabetes: Builder) -> None:
    circe = diabetes.client.get(diabetes.address + "export/circe/")
    assert circe["Content-Disposition"] == 'attachment; filename="diabetes.json"'
    yaml = diabetes.client.get(diabetes.address + "export/yaml/").content.decode()
    assert "201820" in yaml
    assert "SELECT" in diabetes.client.get(diabetes.address + "export/sql/").content.decode()
    assert "Diabetes" in diabetes.client.get(diabetes.address + "export/text/").content.decode()
    assert "plain English" in diabetes.client.get(diabetes.address + "explain/").content.decode()
    assert diabetes.client.get(diabetes.address + "export/xml/").status_code == 404
    diabetes.post("count/")
    for text in (circe.content.decode(), yaml):
        again = Builder(diabetes.client).new(title="", definition=text)
        assert "120 people" in again.page(), "the same definition has the same answer, and isn't asked again"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "not JSON"),
        ('{"PrimaryCriteria": {"CriteriaList": [{"Weather": {}}]}}', "CriteriaList[0]"),
        ("entry: [sunshine]", "entry"),
        ('{"PrimaryCriteria": {"CriteriaList": []}}', "needs events to begin with"),
        ("[1, 2]", "definition"),
    ],
)
def test_a_definition_that_is_not_understood_is_refused_with_its_place(
    released: Site, sign_in: Any, text: str, place: str
) -> None:
    answer = sign_in("ann").post("/explore/new/", {"title": "x", "definition": text})
    assert answer.status_code == 400 and place in answer.content.decode()
    assert not Cohort.objects.exists()


def test_sharing_lets_others_read_count_and_copy_and_not_change(diabetes: Builder, sign_in: Any) -> None:
    assert "no account" in diabetes.post("share/", status=400, username="olga")
    diabetes.post("count/")
    key = diabetes.cohort.key
    client = sign_in("ben")
    assert client.get(diabetes.address).status_code == 404
    assert client.post(diabetes.address + "count/").status_code == 404
    sign_in("ann")
    diabetes.post("share/", username="ben")
    client = sign_in("ben")
    page = client.get(diabetes.address).content.decode()
    assert "120 people" in page and "Add an event" not in page
    assert client.post(diabetes.address + "edit/", {"action": "save"}).status_code == 403
    assert client.get(diabetes.address + "share/").status_code == 403
    copied = client.post(diabetes.address + "copy/")
    assert copied.status_code == 302 and str(key) not in copied["Location"]
    sign_in("ann")
    diabetes.post("share/", remove="ben")
    assert sign_in("ben").get(diabetes.address).status_code == 404
    sign_in("ann")
    diabetes.post("remove/")
    assert not Cohort.objects.filter(key=key).exists()


@pytest.mark.parametrize("username", ["olga", "lena", "adam", "nora", "audrey"])
def test_nobody_else_builds(diabetes: Builder, sign_in: Any, username: str) -> None:
    client = sign_in(username)
    for path in (diabetes.address, "/explore/new/"):
        assert client.get(path).status_code == 403
    assert client.post(diabetes.address + "count/").status_code == 403
    searches = username in {"olga", "audrey"}
    assert client.get("/explore/").status_code == (200 if searches else 403)
    assert client.get("/explore/search/?q=x").status_code == (200 if searches else 403)


def test_an_attached_cohort_is_read_by_those_who_decide(
    diabetes: Builder, draft: Application, sign_in: Any, django_capture_on_commit_callbacks: Any
) -> None:
    assert "Save a version first" in diabetes.post("attach/", status=400, application=draft.reference)
    diabetes.post(action="save")
    assert "Choose one of your" in diabetes.post("attach/", status=400, application="LG-1999-0001")
    diabetes.post("attach/", application=draft.reference)
    draft.refresh_from_db()
    assert draft.answers["cohort"]["name"] == "Diabetes"
    answer = diabetes.client.get(f"/applications/{draft.reference}/check/").content.decode()
    assert "About 120 people in release 2026.1" in answer
    from lockgate.portal.applications import services

    services.submit(draft.applicant, draft)
    page = sign_in("rita").get(f"/applications/{draft.reference}/decide/").content.decode()
    assert "People of the cohort Diabetes, version 1" in page
    assert "About 120 people in release 2026.1" in page and "Who enters" in page
    forged = {**draft.answers["cohort"], "question": 1}
    from lockgate.portal import cohort_plane

    assert cohort_plane.defined_cohort(plane_site(diabetes), forged)["answer"] is None, (
        "another question's answer"
    )


def test_atlas_json_can_be_pasted_into_an_application(diabetes: Builder, draft: Application) -> None:
    from lockgate.portal.applications import services

    exported = {"name": "From ATLAS", "expression": diabetes.cohort.expression}
    assert services.save_answers(draft.applicant, draft, {"cohort": json.dumps(exported)}) == {}
    draft.refresh_from_db()
    assert draft.answers["cohort"]["name"] == "From ATLAS"
    page = diabetes.client.get(f"/applications/{draft.reference}/check/").content.decode()
    assert "The number of people was not asked" in page and "Who enters" in page
    wrong = {"expression": {"PrimaryCriteria": {"CriteriaList": [{"Weather": {}}]}}}
    problems = services.save_answers(draft.applicant, draft, {"cohort": json.dumps(wrong)})
    assert "CriteriaList[0]" in problems["cohort"]


def plane_site(builder: Builder) -> Site:
    from lockgate.portal.sites import current_site

    return current_site()


def test_counting_that_takes_too_long_is_stopped(diabetes: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def for_ever(engine: Any, *_: Any) -> None:
        engine.execute("SELECT count(*) FROM range(1000000000000) WHERE range % 7 = 3")

    monkeypatch.setattr("lockgate.portal.cohort_plane.COUNT_SECONDS", 0.1)
    for way in ("generate", "members"):
        monkeypatch.setattr(f"lockgate.cohorts.asking.{way}", for_ever)
    page = diabetes.post("count/", status=400)
    assert "Counting took longer than 0.1 seconds" in page


def test_the_api_does_the_same(diabetes: Builder, sign_in: Any, client: Client, released: Site) -> None:
    sign_in("ann")
    found = client.get("/api/explore/concepts?q=diabetes&vocabulary=SNOMED").json()
    assert {one["concept_id"] for one in found} >= {DIABETES, TYPE_2}
    listed = client.get("/api/explore/cohorts").json()
    key = listed["items"][0]["key"]
    full = client.get(f"/api/explore/cohorts/{key}").json()
    steps = client.post(f"/api/explore/cohorts/{key}/count").json()
    assert [(step["step"], step["people"], step["status"]) for step in steps] == [
        ("Entry events", 120, "shown")
    ]
    made = client.post(
        "/api/explore/cohorts",
        json.dumps({"title": "Again", "definition": json.dumps(full["expression"])}),
        content_type="application/json",
    )
    assert made.status_code == 201
    again = client.post(f"/api/explore/cohorts/{made.json()['key']}/count").json()
    assert again == steps
    assert client.get(f"/api/explore/cohorts/{key}/export/yaml").status_code == 200
    assert client.get(f"/api/explore/cohorts/{key}/export/xml").status_code == 422
    wrong = client.post(
        "/api/explore/cohorts", json.dumps({"title": "x", "definition": "{"}), content_type="application/json"
    )
    assert wrong.status_code == 400 and "JSON" in wrong.json()["detail"]
    assert sign_in("ben").get(f"/api/explore/cohorts/{key}").status_code == 404
    assert sign_in("adam").get("/api/explore/concepts?q=x").status_code == 403
    client.logout()
    assert client.get("/api/explore/cohorts").status_code == 401


def test_nested_parts_are_built_by_forms(diabetes: Builder) -> None:
    pressure = diabetes.concepts("High blood pressure", PRESSURE)
    diabetes.post(action="add_rule", rule_name="Pressure", how="ANY")
    assert diabetes.post("part/rule-0/", action="add_group").endswith("/part/rule-0-group-0/")
    diabetes.post("part/rule-0-group-0/", how="AT_LEAST", how_many="1")
    where = diabetes.post(
        "part/rule-0-group-0-event-new/", kind="ConditionOccurrence", set=pressure, count="1", days_from="", days_to="",
        more="yes",
    )  # fmt: skip
    assert where.endswith("/part/rule-0-group-0-event-0/")
    page = diabetes.client.get(where).content.decode()
    assert "Rule 1" in page and "Group 1" in page and "Nothing more is asked" in page
    diabetes.post(
        "part/rule-0-group-0-event-0/test/?attribute=OccurrenceStartDate",
        op="bt", value="2020-01-01", extent="2020-12-31",
    )  # fmt: skip
    diabetes.post("part/rule-0-group-0-event-0/test/?attribute=Gender", sex=["8532", "8507"])
    assert diabetes.post("part/rule-0-group-0-event-0/", action="add_group").endswith("-near/")
    diabetes.post("part/rule-0-group-0-event-0-near-event-new/", kind="Death", count="0", occurrence="0")
    page = diabetes.page()
    assert "start date is from 2020-01-01 to 2020-12-31" in page and "No deaths" in page
    diabetes.post("part/rule-0-group-0-event-0/", action="remove_test", place="Gender")
    told = diabetes.cohort.expression["InclusionRules"][0]["expression"]["Groups"][0]["CriteriaList"][0]
    assert list(told["Criteria"]["ConditionOccurrence"]) == [
        "CodesetId",
        "OccurrenceStartDate",
        "CorrelatedCriteria",
    ]
    diabetes.post(action="add_additional")
    person = diabetes.post("part/additional-person-new/")
    diabetes.post("part/additional-person-0/test/?attribute=Age", op="gte", value="18")
    assert "age is at least 18" in diabetes.client.get(person).content.decode()
    diabetes.post("part/censor-new/", kind="Death")
    diabetes.post("count/")
    page = diabetes.page()
    assert "Additional criteria" in page and "People leave earlier" in page and "People: " not in page
    assert diabetes.post("part/rule-0-group-0-event-0/", action="remove").endswith("/part/rule-0-group-0/")
    assert diabetes.client.get(diabetes.address + "part/rule-0-group-0-event-0/").status_code == 404
    assert (
        diabetes.client.get(diabetes.address + "part/rule-0-group-0/test/?attribute=Age").status_code == 404
    )
    wrong = diabetes.post(
        "part/additional-person-0/test/?attribute=Age", status=400, op="bt", value="9", extent="3"
    )
    assert "ends before it begins" in wrong


def test_yaml_with_codes_is_kept_as_concepts(diabetes: Builder, released: Site) -> None:
    text = """
name: By code
concept_sets:
  diabetes: {ICD10: [E11+]}
entry:
  - condition: diabetes
"""
    again = Builder(diabetes.client).new(title="", definition=text)
    page = again.page()
    assert "1 codes were read as the" in page
    told = again.cohort.expression
    assert told["PrimaryCriteria"]["CriteriaList"][0]["ConditionOccurrence"]["LockgateEither"] is True
    assert {line["concept"]["VOCABULARY_ID"] for line in told["ConceptSets"][0]["expression"]["items"]} == {
        "ICD10"
    }
    again.post("count/")
    assert "Nobody" not in again.page()
    refused = again.client.get(again.address + "export/circe/")
    assert refused.status_code == 302 and "ATLAS" in again.page()
    yaml = again.client.get(again.address + "export/yaml/").content.decode()
    assert Builder(diabetes.client).new(title="", definition=yaml).cohort.expression == told
    answer = diabetes.client.post("/explore/new/", {"definition": text.replace("E11", "E99.9")})
    assert answer.status_code == 400 and "the vocabulary has no ICD10 E99.9" in answer.content.decode()


def test_code_lists_are_pasted_into_a_concept_set(diabetes: Builder) -> None:
    path = diabetes.post(action="add_set", set_name="Codes")
    client = diabetes.client
    assert (
        client.post(path, {"action": "codes", "codes": "E11\nI10", "vocabulary": "ICD10"}).status_code == 302
    )
    page = client.get(path).content.decode()
    assert "2 codes: the" in page and "ICD10 E11" in page
    for form, said in (
        ({"codes": "E11\nhello", "vocabulary": "ICD10"}, "line 3: That is no code of ICD10"),
        ({"codes": "E99.9", "vocabulary": "ICD10"}, "The vocabulary has no ICD10 E99.9"),
        ({"codes": ""}, "Give codes"),
        ({"list": "nothing"}, "library has no"),
    ):
        answer = client.post(path, {"action": "codes", **form})
        assert answer.status_code == 400 and said.lower() in answer.content.decode().lower(), said


def test_the_library_is_searched_read_compared_and_grown(
    diabetes: Builder, released: Site, sign_in: Any
) -> None:
    assert "The library is empty" in diabetes.client.get("/explore/library/").content.decode()
    form = {"name": "diabetes", "title": "Diabetes", "owner": "Ann's team", "source": "a paper"}
    assert "Save a version first" in diabetes.post("library/", status=400, **form)
    diabetes.post(action="save")
    assert "small letters" in diabetes.post("library/", status=400, **{**form, "name": "Not A Name"})
    assert diabetes.post("library/", **form).endswith("/explore/library/diabetes/1/")
    diabetes.post(action="add_demographics", who_age_from="40")
    assert "Aged 40 or over" in diabetes.client.get(diabetes.address + "changes/0/").content.decode()
    diabetes.post(action="save")
    diabetes.post("library/", **form)
    page = diabetes.client.get("/explore/library/?q=diab").content.decode()
    assert "1 found" in page and "version 2" in page and "Draft" in page
    page = diabetes.client.get("/explore/library/diabetes/").content.decode()
    for said in (
        "Ann&#39;s team",
        "a paper",
        "Version 1",
        "Rule 1: Aged 40 or over",
        "Build a cohort from it",
    ):
        assert said in page, said
    assert "Change the status" not in page
    changed = diabetes.client.get("/explore/library/diabetes/changes/?before=1&after=2").content.decode()
    assert "Put in:" in changed and "age is at least 40" in changed
    assert diabetes.client.get("/explore/library/diabetes/changes/?before=1&after=9").status_code == 404
    made = diabetes.client.post("/explore/library/diabetes/1/build/")["Location"]
    assert "begins with diabetes, version 1" in diabetes.client.get(made).content.decode()
    assert (
        diabetes.client.post("/explore/library/diabetes/2/status/", {"status": "reviewed"}).status_code == 403
    )
    rita = sign_in("rita")
    assert rita.post("/explore/library/diabetes/2/status/", {"status": "reviewed"}).status_code == 302
    assert "Reviewed" in rita.get("/explore/library/diabetes/").content.decode()
    assert rita.get("/explore/library/nothing/").status_code == 404
    events = {entry.event for entry in released.audit.entries()}
    assert {"library.added", "library.status"} <= events


def test_more_is_asked_through_the_ledger(diabetes: Builder, released: Site, sign_in: Any) -> None:
    diabetes.post("count/")
    page = diabetes.post("more/", status=200, what="groups", groups="sex")
    assert page.count(">60</td>") == 2 and "Everybody" in page
    page = diabetes.post("more/", status=200, what="groups", groups="age")
    assert "fewer than 10, or near it" in page or "not told" in page
    page = diabetes.post("more/", status=200, what="months", months="1")
    assert "0</td>" in page
    pressure = Builder(diabetes.client).new(title="Pressure")
    chosen = pressure.concepts("P", PRESSURE)
    pressure.post("part/entry-new/", kind="ConditionOccurrence", set=chosen)
    page = diabetes.post("more/", status=200, what="beside", beside=str(pressure.cohort.key))
    assert "In both" in page and "as an earlier question" in page, "116 of 120 are shared: the two look alike"
    said = re.sub(r"<[^>]*>", " ", page)  # addresses have random keys
    assert "116" not in said and "115" not in said
    asked = len(Ledger(released).entries())
    assert asked > 15
    diabetes.post("more/", status=200, what="groups", groups="sex")
    assert len(Ledger(released).entries()) == asked, "the same question is the same entry"
    for form in ({"what": "groups"}, {"what": "beside", "beside": "x"}, {"what": "months", "months": "99"}):
        diabetes.post("more/", status=400, **form)
    assert "doesn&#39;t tell people&#39;s deprivation" in diabetes.post(
        "more/", status=400, what="groups", groups="deprivation"
    )
    assert sign_in("ben").get(diabetes.address + "more/").status_code == 404
