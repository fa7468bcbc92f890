"""An opt-out is effective at the next read: of workspaces, cohort counts and stored numbers, and by purpose."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, timedelta

import duckdb
import pytest

from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import Refused
from lockgate.identity import build_index
from lockgate.portal import plane
from lockgate.site.files import make_dir
from lockgate.workspace import optouts, provision
from lockgate.workspace.project import Project
from lockgate.workspace.scope import Scope

TODAY = date.today()


@pytest.fixture
def site(site, stage_patients):
    """The site of the other tests, with the forty people of its release in the index."""
    stage_patients(site, 40)
    with Engine(threads=1) as engine:
        build_index(engine, site)
    return site


@pytest.fixture
def object_to(site, tmp_path):
    """Capture objections by the command; its exit code."""

    def go(*rows, header=("nhs_number", "kind", "from_date", "until_date")):
        file = tmp_path / f"opt_outs.{len(list(tmp_path.iterdir()))}.csv"
        with file.open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
        return run(
            ["--site", str(site.path), "capture", "table", str(file), "--contract", "opt_outs", "--json"]
        )

    return go


def ids(site, project, table="person", column="person_id"):
    path = site.projects / project / "data" / f"{table}.parquet"
    return {value for (value,) in duckdb.sql(f"SELECT DISTINCT {column} FROM '{path}'").fetchall()}


def test_gone_from_the_next_query_and_from_every_number(site, issued, object_to, staging, capsys):
    scope = issued()
    provision(site, "p0001", "test")
    before = {
        table: ids(site, "p0001", table) for table in ("person", "visit_occurrence", "condition_occurrence")
    }
    assert optouts.count_cohort(site, scope)["out"] == 40
    assert object_to([staging.nhs(7), "national_data_opt_out", "2020-01-01", ""]) == 0
    (told,) = json.loads(capsys.readouterr().out)["workspaces"]
    assert (told["state"], told["left"], told["back"]) == ("made again", 1, 0)
    for table, people in before.items():
        assert len(people - ids(site, "p0001", table)) == 1, table
    assert optouts.count_cohort(site, scope) == {"in_release": 40, "in_cohort": 40, "opted_out": 1, "out": 39}
    shown = plane.workspace_now(site, "p0001", {"tables": {"person": {"rows": 40}}})
    assert (shown["tables"]["person"]["rows"], shown["people"]["out"]) == (39, 39)
    assert run(["--site", str(site.path), "scope", "count", "p0001", "--json"]) == 0
    counted = json.loads(capsys.readouterr().out)
    assert (counted["out"], counted["opted_out"]) == (40, "<10")  # rounded, and withheld


def test_only_the_files_with_the_person_are_written_and_equal_a_full_provisioning(
    site, issued, object_to, staging
):
    tables = {
        "note": ["note_id", "person_id", "note_text"],
        "person": ["person_id"],
        "staffing": ["staffing_id"],
    }
    issued(tables=tables)
    provision(site, "p0001", "test")
    place = Project.of(site, "p0001")
    inodes = {path.name: path.stat().st_ino for path in place.data.glob("*.parquet")}
    assert (
        object_to([staging.nhs(30), "local_objection", "", ""]) == 0
    )  # nobody's note: they are of the first twenty
    assert set(place.workspace()["rewritten"]) == {"person"}
    same = {name for name, inode in inodes.items() if (place.data / name).stat().st_ino == inode}
    assert same == set(inodes) - {"person.parquet"}
    made = {path.name: path.read_bytes() for path in place.data.iterdir()}
    for path in (place.path / "left-out").iterdir():
        path.unlink()
    place.workspace_file.unlink()
    assert set(provision(site, "p0001", "test").rewritten) >= set(tables)
    assert {path.name: path.read_bytes() for path in place.data.iterdir()} == made


@pytest.mark.parametrize(
    ("kind", "purposes", "left_out"),
    [
        ("national_data_opt_out", "", {"research", "service_evaluation", "clinical_analytics"}),
        ("local_objection", "", {"research", "service_evaluation", "clinical_analytics", "audit"}),
        ("research_consent_withdrawn", "", {"research"}),
        ("research_consent_given", "", set()),
        ("local_objection", "planning", {"service_evaluation", "clinical_analytics"}),
        ("national_data_opt_out", "audit research", {"audit", "research"}),
        (
            "national_data_opt_out",
            "marketing",
            {"research", "service_evaluation", "clinical_analytics", "audit"},
        ),
        ("somethingelse", "", {"research", "service_evaluation", "clinical_analytics", "audit"}),
    ],
)
def test_each_purpose_obeys_what_covers_it(site, scope_value, object_to, staging, kind, purposes, left_out):
    header = ("nhs_number", "kind", "purposes", "from_date")
    assert object_to([staging.nhs(3), kind, purposes, "2020-01-01"], header=header) == 0
    gone = set()
    for purpose in ("research", "service_evaluation", "clinical_analytics", "audit"):
        counted = optouts.count_cohort(site, Scope.model_validate(scope_value(kind=purpose)))
        gone |= {purpose} if counted["out"] == 39 else set()
    assert gone == left_out


def test_a_day_to_come_and_a_day_gone_by(site, issued, object_to, staging):
    scope = issued()
    day = TODAY.isoformat()
    assert object_to([staging.nhs(1), "local_objection", (TODAY + timedelta(days=1)).isoformat(), ""]) == 0
    assert optouts.count_cohort(site, scope)["out"] == 40
    assert object_to([staging.nhs(1), "local_objection", day, ""]) == 0
    assert optouts.count_cohort(site, scope)["out"] == 39
    provision(site, "p0001", "test")
    assert (
        object_to([staging.nhs(1), "local_objection", "2020-01-01", day]) == 0
    )  # withdrawn: from today it holds no more
    assert len(ids(site, "p0001")) == 40


def test_deleted_records_and_former_keys_still_name_their_person(site, issued, object_to, staging):
    scope = issued()
    assert (
        object_to([staging.nhs(5), "local_objection", "", ""], [staging.nhs(6), "local_objection", "", ""])
        == 0
    )
    assert optouts.count_cohort(site, scope)["out"] == 38
    # 5 is deleted at the source; 6 turns out to be one person with 8, whose key is in the release as well
    staging.stage(
        site,
        "patient",
        [
            staging.patient(5, deleted=True),
            staging.patient(8, nhs_number=staging.nhs(6), birth_date=date(1946, 1, 1)),
        ],
        2,
    )
    with Engine(threads=1) as engine:
        build_index(engine, site)
    assert optouts.count_cohort(site, scope)["out"] == 37


def test_consent_to_samples_holds_back_the_samples_alone(site, issued, object_to, staging):
    tables = {"tissue_sample": ["specimen_id", "person_id"], "specimen": ["specimen_id", "person_id"],
              "person": ["person_id"]}  # fmt: skip
    issued(tables=tables, linkages=["tissue_sample"])
    assert provision(site, "p0001", "test").tables["tissue_sample"]["rows"] == 6
    assert object_to([staging.nhs(2), "tissue_consent_withdrawn", "2020-01-01", ""]) == 0
    assert [len(ids(site, "p0001", table)) for table in tables] == [5, 5, 40]
    # a sample whose own consent was withdrawn since the release, and what was made of it
    bank = {"source": "bank", "patient_ref": "x", "collected_at": datetime(2020, 6, 1)}
    staging.stage(site, "specimen", [bank | {"record_id": "s3", "consent": "withdrawn"},
                             bank | {"record_id": "s4", "consent": "research", "parent_ref": "s3"}], 3)  # fmt: skip
    (told,) = optouts.apply(site, "test")
    assert set(told["rewritten"]) == {"tissue_sample", "specimen"}
    assert [len(ids(site, "p0001", table)) for table in tables] == [3, 3, 40]


def test_a_project_that_rests_on_consent_sees_those_who_gave_it(site, issued, object_to, staging):
    basis = {"article_6": "6(1)(e)", "article_9": "9(2)(a)", "common_law": "consent"}
    rows = [[staging.nhs(person), "research_consent_given", "2020-01-01", ""] for person in range(1, 13)]
    assert object_to(*rows, [staging.nhs(3), "research_consent_withdrawn", "2021-01-01", ""]) == 0
    assert optouts.count_cohort(site, issued(legal_basis=basis))["out"] == 11


def test_what_was_derived_before_is_listed(site, issued, object_to, staging, capsys):
    issued(cohort={"all": [{"sex": [8532]}]})
    provision(site, "p0001", "test")
    place = Project.of(site, "p0001")
    job = make_dir(make_dir(place.jobs) / "j1")
    (job / "job.json").write_text(json.dumps({
        "job_id": "j1", "workspace": place.workspace()["fingerprint"], "started_at": "2026-11-01", "state": "succeeded",
        "outputs": [{"name": "table.csv"}]}))  # fmt: skip
    result = make_dir(make_dir(place.released) / "R-1")
    (result / "release-record.json").write_text("{}")
    assert optouts.derived(site) == []
    assert (
        object_to([staging.nhs(4), "local_objection", "", ""]) == 0
    )  # a man: in the release, not in the cohort
    assert [item["what"] for item in optouts.derived(site)] == ["release"]
    assert object_to([staging.nhs(5), "local_objection", "", ""]) == 0
    capsys.readouterr()
    assert run(["--site", str(site.path), "optout", "derived", "--json"]) == 0
    found = {item["what"]: item for item in json.loads(capsys.readouterr().out)["derived"]}
    assert set(found) == {"release", "workspace", "job", "result"}
    assert found["release"]["people"]["audit"] == 2
    assert (found["workspace"]["people"], found["workspace"]["in_place"]) == (1, False)
    assert (found["job"]["people"], found["job"]["outputs"]) == (1, ["table.csv"])
    assert run(["--site", str(site.path), "optout", "show"]) == 0
    assert "2 for audit" in capsys.readouterr().out


def test_a_scope_that_does_not_hold_is_told_apart(site, issued, object_to, staging, capsys):
    from lockgate.workspace.scope import revoke

    issued()
    provision(site, "p0001", "test")
    revoke(site, "p0001-v1", "dev", "over")
    assert run(["--site", str(site.path), "optout", "apply", "--json"]) == 1
    (told,) = json.loads(capsys.readouterr().out)["workspaces"]
    assert told["state"] == "not readable"
    assert "revoked" in told["reasons"][0]


def test_unknown_purposes_are_refused(site, scope_value):
    scope = Scope.model_validate(scope_value()).model_copy(update={"kind": "marketing"})
    with pytest.raises(Refused, match="opted out"):
        optouts.count_cohort(site, scope)
