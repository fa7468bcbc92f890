"""A workspace holds what its scope lets through, under ids of its own, and its accounts add up."""

from __future__ import annotations

import json
import stat

import duckdb
import pyarrow.parquet as pq
import pytest

from lockgate.cli import run
from lockgate.errors import Refused, UsageError
from lockgate.workspace import leftout, provision, provisioning, tables
from lockgate.workspace.optouts import count_cohort
from lockgate.workspace.project import Project
from lockgate.workspace.scope import revoke


def query(site, sql, project="p0001"):
    with duckdb.connect() as connection:
        for path in (site.projects / project / "data").glob("*.parquet"):
            connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM '{path}'")
        return connection.execute(sql).fetchall()


def test_only_the_scope_comes_through(site, issued):
    scope = issued()
    result = provision(site, "p0001", "test")
    data = site.projects / "p0001" / "data"
    for table, columns in scope.tables.items():
        assert set(pq.read_schema(data / f"{table}.parquet").names) == set(columns)
    assert {path.stem for path in data.glob("*.parquet")} == {*scope.tables, "concept", "concept_ancestor"}
    assert result.people == {"in_release": 40, "outside_cohort": 0, "opted_out": 0, "out": 40}
    years = query(site, "SELECT DISTINCT year(visit_start_date) FROM visit_occurrence ORDER BY 1")
    assert years == [(2019,), (2020,), (2021,)]


def test_a_cohort_may_be_a_full_definition(site, issued):
    """First diagnoses of diabetes (every fourth of the forty people) of those of 60 or over then."""
    diabetes = {"concept": {"CONCEPT_ID": 201826}, "includeDescendants": True}
    circe = {
        "ConceptSets": [{"id": 0, "name": "Diabetes", "expression": {"items": [diabetes]}}],
        "PrimaryCriteria": {"CriteriaList": [{"ConditionOccurrence": {"CodesetId": 0, "First": True}}]},
        "InclusionRules": [
            {"name": "60 or over", "expression": {"Type": "ALL", "DemographicCriteriaList": [
                {"Age": {"Value": 60, "Op": "gte"}}]}}
        ],
    }  # fmt: skip
    scope = issued(cohort={"name": "Diabetes at 60", "version": 2, "circe": circe})
    assert scope.cohort.describe() == "people of the cohort Diabetes at 60, version 2"
    assert {"person", "observation_period", "condition_occurrence"} <= set(scope.cohort.tables())
    provision(site, "p0001", "test")
    born = query(site, "SELECT year_of_birth FROM person ORDER BY 1")
    assert born == [(1940 + k,) for k in range(4, 41, 4) if 2018 - (1940 + k) >= 60]
    assert count_cohort(site, scope)["in_cohort"] == len(born)


def test_a_definition_that_says_nothing_is_no_cohort(issued):
    with pytest.raises(ValueError, match="needs events to begin with"):
        issued(cohort={"name": "x", "version": 1, "circe": {"PrimaryCriteria": {"CriteriaList": []}}})


def test_every_account_adds_up(site, issued):
    issued(cohort={"all": [{"sex": [8532]}]})
    provision(site, "p0001", "test")
    workspace = json.loads((site.projects / "p0001" / "workspace.json").read_bytes())
    for name, table in workspace["tables"].items():
        account = table["accounting"]
        assert account["in"] == sum(rows for fate, rows in account.items() if fate != "in"), name
        assert account["out"] == table["rows"]
        assert query(site, f"SELECT count(*) FROM {name}") == [(table["rows"],)]
    assert workspace["people"]["out"] == 20
    assert workspace["tables"]["visit_occurrence"]["accounting"]["outside_cohort"] == 20 * 6
    assert workspace["tables"]["visit_occurrence"]["accounting"]["outside_period"] == 20 * 3
    # an incident about nobody is nobody's of the cohort
    assert (
        workspace["tables"]["incident"]["rows"] == query(site, "SELECT count(person_id) FROM incident")[0][0]
    )


def test_links_hold_within_a_project_and_not_between_two(site, issued, release_ids):
    issued()
    issued(project="p0002", scope_id="p0002-v1")
    for project in ("p0001", "p0002"):
        provision(site, project, "test")
        lost = query(
            site, "SELECT count(*) FROM visit_occurrence ANTI JOIN person USING (person_id)", project
        )
        lost += query(
            site,
            "SELECT count(*) FROM condition_occurrence ANTI JOIN visit_occurrence USING (visit_occurrence_id)",
            project,
        )
        lost += query(site, "SELECT count(*) FROM person ANTI JOIN location USING (location_id)", project)
        assert lost == [(0,), (0,), (0,)]
    keys = (
        "SELECT person_id FROM person UNION SELECT visit_occurrence_id FROM visit_occurrence "
        "UNION SELECT location_id FROM location"
    )
    one, two = (set(query(site, keys, project)) for project in ("p0001", "p0002"))
    released = {(person,) for person in release_ids(site, list(range(1, 41)))}
    assert one
    assert not one & two
    assert not (one | two) & released
    # nor by the order of rows
    order = "SELECT year_of_birth FROM person"
    assert query(site, order, "p0001") != query(site, order, "p0002")


def test_places_nobody_of_the_project_lives_in_stay_out(site, issued):
    issued(cohort={"all": [{"birth_year": {"from": 1945, "to": 1945}}]})
    result = provision(site, "p0001", "test")
    assert result.people["out"] == 1
    assert query(site, "SELECT count(*) FROM location") == [(2,)]  # theirs, and the ward's
    assert result.tables["location"]["accounting"]["not_referenced"] == 7


@pytest.mark.parametrize(("policy", "expected"), [("exact", (10, 3)), ("month", (1, 3)), ("year", (1, 1))])
def test_dates_by_policy(site, issued, policy, expected):
    issued(dates=policy)
    provision(site, "p0001", "test")
    days = query(site, "SELECT DISTINCT day(visit_start_date), month(visit_start_date) FROM visit_occurrence")
    assert days == [expected]
    times = query(site, "SELECT DISTINCT hour(visit_start_datetime) FROM visit_occurrence")
    assert times == [(9 if policy == "exact" else 0,)]


def test_shifted_dates_keep_intervals(site, issued):
    issued(dates="shift")
    provision(site, "p0001", "test")
    gaps = query(
        site,
        "SELECT DISTINCT condition_start_date - visit_start_date FROM condition_occurrence JOIN visit_occurrence "
        "USING (visit_occurrence_id)",
    )
    assert gaps == [(1,)]
    assert len(query(site, "SELECT DISTINCT dayofyear(visit_start_date) FROM visit_occurrence")) > 20
    unmoved = query(site, "SELECT min(shift_date) FROM staffing")
    assert str(unmoved[0][0]) == "2020-01-01"
    # an incident about nobody has no shift to hide in: its month only
    assert [
        str(day) for (day,) in query(site, "SELECT incident_date FROM incident WHERE person_id IS NULL")
    ] == ["2020-05-01"]


def test_who_opts_out_is_gone_the_next_time(site, issued, monkeypatch):
    issued()
    assert provision(site, "p0001", "test").people["out"] == 40
    monkeypatch.setattr(leftout, "opted_out", lambda *_, **__: {3, 4, 999})
    provisioning.refresh_opt_outs(site, "p0001", "test")
    assert query(site, "SELECT count(*) FROM person") == [(38,)]
    assert query(site, "SELECT count(*), count(DISTINCT person_id) FROM condition_occurrence") == [
        (38 * 3, 38)
    ]
    workspace = json.loads((site.projects / "p0001" / "workspace.json").read_bytes())
    assert workspace["people"] == {"in_release": 40, "outside_cohort": 0, "opted_out": 2, "out": 38}
    assert workspace["tables"]["visit_occurrence"]["accounting"]["opted_out"] == 12


def test_again_changes_nothing_and_mends_what_was_changed(site, issued):
    issued()
    first = provision(site, "p0001", "test")
    data = site.projects / "p0001" / "data"
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    again = provision(site, "p0001", "test")
    assert again.unchanged
    assert again.tables == first.tables
    (data / "person.parquet").chmod(0o600)
    (data / "person.parquet").write_bytes(b"other")
    assert not provision(site, "p0001", "test").unchanged
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_killed_at_any_step_the_next_one_mends_it(site, issued, monkeypatch):
    """Each write and each rename of a re-provisioning is cut off in turn; the next job start puts it right."""
    issued()
    provision(site, "p0001", "test")
    project = site.projects / "p0001"
    for step in range(0, 60, 4):
        calls = 0

        def cut(original, step=step):
            def stopped(*arguments, **options):
                nonlocal calls
                calls += 1
                if calls > step:
                    raise KeyboardInterrupt
                return original(*arguments, **options)

            return stopped

        people = set(range(1, 2 + step))
        monkeypatch.setattr(leftout, "opted_out", lambda *_, people=people, **__: people)
        with monkeypatch.context() as patch:
            for module, names in (
                (provisioning, ("write_atomic", "write_dictionary", "sha256_file")),
                (tables, ("sha256_file", "rekey_table")),
            ):
                for name in names:
                    patch.setattr(module, name, cut(getattr(module, name)))
            patch.setattr(Project, "replace_data", cut(Project.replace_data))
            try:
                provision(site, "p0001", "test")
                finished = True
            except KeyboardInterrupt:
                finished = False
        (project / "opt-outs.json").unlink(missing_ok=True)
        provisioning.refresh_opt_outs(site, "p0001", "test")
        assert query(site, "SELECT count(*) FROM person") == [(40 - len(people),)]
        assert not list(project.glob(".data.*"))
        if finished:
            break
    assert finished
    assert step > 15  # a provisioning that writes only the tables these people are in has fewer to cut


def test_data_can_be_read_by_none_but_its_project(site, issued):
    issued()
    provision(site, "p0001", "test")
    project = site.projects / "p0001"
    assert stat.S_IMODE(site.projects.stat().st_mode) == 0o700
    assert stat.S_IMODE(project.stat().st_mode) == 0o700
    for path in (project / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert not list(project.glob(".data.*"))


def test_refused_without_a_scope_that_holds(site, issued, release):
    with pytest.raises(Refused):
        provision(site, "p0009", "test")
    issued()
    revoke(site, "p0001-v1", "dev", "stop")
    with pytest.raises(Refused):
        provision(site, "p0001", "test")
    assert not (site.projects / "p0001" / "data").exists()


@pytest.mark.parametrize("file", ["omop/person.parquet", "manifest.json"])
def test_refused_from_a_changed_release(site, issued, file):
    issued()
    path = site.releases / "2026.1" / file
    path.write_bytes(path.read_bytes().replace(b"2026.1", b"2026.1 ") + b" ")
    with pytest.raises(Refused) as refusal:
        provision(site, "p0001", "test")
    assert "built" in refusal.value.reasons[0] or "signed" in refusal.value.reasons[0]
    assert not (site.projects / "p0001" / "data").exists()


def test_refused_when_nobody_can_say_who_opted_out(site, issued):
    issued()
    (site.staged / "index" / "person_index.parquet").unlink()
    with pytest.raises(Refused, match="opted out"):
        provision(site, "p0001", "test")


def test_the_dictionary_describes_every_column(site, issued):
    scope = issued(dates="month")
    provision(site, "p0001", "test")
    data = site.projects / "p0001" / "data"
    described = json.loads((data / "dictionary.json").read_text())["tables"]
    for table, columns in scope.tables.items():
        assert {item["name"] for item in described[table]["columns"]} == set(columns)
        assert all(item["meaning"] for item in described[table]["columns"])
    assert "first day of its month" in (data / "dictionary.md").read_text()


def test_a_retired_release_makes_no_workspace_and_is_not_retired_unasked(site, issued, release, capsys):
    issued()
    place = ["--site", str(site.path), "release", "retire", release, "--reason", "a source was wrong"]
    assert run(place) == 1
    assert "project p0001 has a scope of it in force" in capsys.readouterr().err
    assert run([*place, "--force"]) == 0
    with pytest.raises(Refused, match="was retired") as refusal:
        provision(site, "p0001", "test")
    assert refusal.value.reasons == ["a source was wrong"]


def test_what_changed_is_told(site, issued, scope_value, monkeypatch):
    from lockgate.workspace.changes import changes

    issued()
    provision(site, "p0001", "test")
    with pytest.raises(UsageError, match="made once"):
        changes(site, "p0001")
    monkeypatch.setattr(leftout, "opted_out", lambda *_, **__: {7})
    tables = scope_value()["tables"]
    tables["person"] = ["person_id", "year_of_birth", "race_concept_id"]
    del tables["staffing"]
    tables["observation_period"] = ["observation_period_id", "person_id", "observation_period_start_date"]
    issued(scope_id="p0001-v2", version=2, tables=tables, linkages=["person_deprivation", "incident"])
    provision(site, "p0001", "test")
    told = changes(site, "p0001")
    assert (told.scope, told.release, told.people) == (
        ("p0001-v1", "p0001-v2"),
        ("2026.1", "2026.1"),
        (40, 39),
    )
    assert told.tables["person"] == {
        "state": "changed",
        "rows_before": 40,
        "rows": 39,
        "columns_added": ["race_concept_id"],
        "columns_gone": ["gender_concept_id", "location_id"],
    }
    states = {name: table["state"] for name, table in told.tables.items()}
    assert (states["staffing"], states["observation_period"], states["concept"]) == ("gone", "added", "same")
