"""A small release and a scope of it, written by hand: eight people, known rows, nothing from a real person."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from lockgate.capture.batches import EVENT as CAPTURED
from lockgate.curate.manifest import write_manifest
from lockgate.engine import Engine, literal, quote
from lockgate.errors import Refused
from lockgate.identity import build_index, pseudonymise_ints
from lockgate.schema import RELEASE, STAGED_LAYOUT, staged_columns
from lockgate.site import Site
from lockgate.site.files import make_dir, sha256_file
from lockgate.workspace.scope import Scope, issue

PEOPLE = 40
KEY_PURPOSE = "release/ids"


@pytest.fixture(name="release_ids")
def release_ids_fixture() -> Callable[[Site, list[int]], list[int]]:
    """The release's person_id of identity's person keys."""
    return release_ids


def release_ids(site: Site, keys: list[int]) -> list[int]:
    """The release's person_id of identity's person keys."""
    import numpy as np

    return pseudonymise_ints(np.array(keys), site.key(KEY_PURPOSE), "person").tolist()


def _write(engine: Engine, folder: Path, table: str, sql: str, files: dict[str, Any]) -> None:
    linked = ("incident", "staffing", "person_deprivation", "feedback", "tissue_sample")
    kind = "linked" if table in linked else "omop"
    columns = RELEASE[table]
    engine.execute(f"CREATE OR REPLACE TEMP VIEW given AS {sql}")
    given = {name for (name, *_) in engine.rows("DESCRIBE given")}
    unknown = given - {column.name for column in columns}
    assert not unknown, unknown
    select = ", ".join(
        f'CAST({column.name if column.name in given else "NULL"} AS {column.type}) AS "{column.name}"'
        for column in columns
    )
    path = make_dir(folder / kind) / f"{table}.parquet"
    rows = engine.write_parquet(f"SELECT {select} FROM given", path)
    files[table] = {
        "file": f"{kind}/{table}.parquet",
        "rows": rows,
        "sha256": sha256_file(path),
        "columns": [column.name for column in columns],
    }


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a release, made once."""
    site = Site.init(tmp_path_factory.mktemp("template") / "site", name="Test Hospital", ods_code="RXX")
    _build_release(site)
    return site.path


@pytest.fixture
def site(template: Path, tmp_path: Path) -> Site:
    """A copy of that site of the test's own."""
    shutil.copytree(template, tmp_path / "site")
    return Site.open(tmp_path / "site")


@pytest.fixture
def release(site: Site) -> str:
    """The number of its release."""
    return "2026.1"


def _build_release(site: Site) -> None:
    """Release 2026.1 of the site: forty people, a visit and a condition a year each, staffing about nobody."""
    folder = make_dir(site.releases / "2026.1")
    ids = release_ids(site, list(range(1, PEOPLE + 1)))
    files: dict[str, Any] = {}
    with Engine() as engine:
        listing = ", ".join(f"({key}, {pid})" for key, pid in zip(range(1, PEOPLE + 1), ids, strict=True))
        engine.execute(f"CREATE TABLE people AS SELECT * FROM (VALUES {listing}) t(k, person_id)")
        engine.execute("CREATE TABLE years AS SELECT y FROM range(2018, 2024) t(y)")
        # samples under the ids that a build gives them
        digests = engine.arrow(
            "SELECT k, md5_number_lower('' || 'bank' || chr(31) || ('s' || k)) AS digest FROM people "
            "WHERE k <= 6 ORDER BY k"
        )
        samples = pseudonymise_ints(
            digests.column("digest").to_numpy().view("int64"), site.key(KEY_PURPOSE), "specimen"
        )
        engine.register("sample", pa.table({"k": digests.column("k"), "specimen_id": samples}))
        tables = {
            "specimen": "SELECT specimen_id, person_id, 0 AS specimen_concept_id, 0 AS specimen_type_concept_id, "
            "make_date(2020, 6, 1) AS specimen_date FROM sample JOIN people USING (k)",
            "tissue_sample": "SELECT specimen_id, person_id, 'research' AS consent, make_date(2020, 6, 1) AS "
            "received_date FROM sample JOIN people USING (k)",
            "person": "SELECT person_id, CASE WHEN k % 2 = 0 THEN 8507 ELSE 8532 END AS gender_concept_id, "
            "1940 + k AS year_of_birth, 0 AS race_concept_id, 0 AS ethnicity_concept_id, "
            "1000 + k % 5 AS location_id, 'A' AS ethnicity_source_value FROM people",
            "observation_period": "SELECT k AS observation_period_id, person_id, make_date(2018, 1, 1) AS "
            "observation_period_start_date, make_date(2023, 12, 31) AS observation_period_end_date, 0 AS "
            "period_type_concept_id FROM people",
            "location": "SELECT 1000 + i AS location_id, 'Area' AS city FROM range(9) t(i)",
            "care_site": "SELECT 700 AS care_site_id, 'Ward' AS care_site_name, 1008 AS location_id",
            "visit_occurrence": "SELECT k * 100 + y AS visit_occurrence_id, person_id, 9201 AS visit_concept_id, "
            "make_date(y, 3, 10) AS visit_start_date, make_timestamp(y, 3, 10, 9, 30, 0) AS visit_start_datetime, "
            "make_date(y, 3, 12) AS visit_end_date, 32817 AS visit_type_concept_id, 700 AS care_site_id "
            "FROM people, years",
            "condition_occurrence": "SELECT k * 1000 + y AS condition_occurrence_id, person_id, "
            "CASE WHEN k % 4 = 0 THEN 201826 ELSE 316866 END AS condition_concept_id, "
            "make_date(y, 3, 11) AS condition_start_date, 32817 AS condition_type_concept_id, "
            "k * 100 + y AS visit_occurrence_id, 'E11' AS condition_source_value, "
            "CASE WHEN k % 4 = 0 THEN 45 ELSE 0 END AS condition_source_concept_id FROM people, years",
            "note": "SELECT k AS note_id, person_id, make_date(2020, 1, k) AS note_date, 0 AS encoding_concept_id, "
            "0 AS language_concept_id, 0 AS note_class_concept_id, 0 AS note_type_concept_id, "
            "'Seen by [NAME].' AS note_text FROM people WHERE k <= 20",
            "concept": "SELECT * FROM (VALUES (201826, 'Type 2 diabetes', 'SNOMED', '44054006'), "
            "(316866, 'Hypertension', 'SNOMED', '38341003'), (45, 'Diabetes, type 2', 'ICD10', 'E11')) "
            "t(concept_id, concept_name, vocabulary_id, concept_code)",
            "concept_ancestor": "SELECT 1 AS ancestor_concept_id, 201826 AS descendant_concept_id, "
            "1 AS min_levels_of_separation, 1 AS max_levels_of_separation",
            "staffing": "SELECT i AS staffing_id, 700 AS care_site_id, "
            "make_date(2020, 1, 1) + i::INTEGER AS shift_date, 'day' AS shift, 80.0 AS planned_rn_hours "
            "FROM range(10) t(i)",
            "incident": "SELECT i AS incident_id, CASE WHEN i = 3 THEN NULL ELSE person_id END AS person_id, "
            "700 AS care_site_id, make_date(2020, 5, 1) + i::INTEGER AS incident_date, 'low' AS harm "
            "FROM range(1, 9) t(i) JOIN people ON k = i",
            "person_deprivation": "SELECT person_id, 1 + k % 10 AS imd2025_decile FROM people",
        }
        for table, sql in tables.items():
            _write(engine, folder, table, sql, files)
        build_index(engine, site)
    write_manifest(site, folder, {"release": "2026.1", "tables": files})


@pytest.fixture
def scope_value(site: Site) -> Callable[..., dict[str, Any]]:
    """The JSON of a scope that holds, with changes."""

    def make(**changes: Any) -> dict[str, Any]:
        today = date.today()
        value: dict[str, Any] = {
            "schema": "lockgate.scope/1",
            "scope_id": "p0001-v1",
            "project": "p0001",
            "version": 1,
            "site": site.config.site.name,
            "title": "Diabetes by deprivation",
            "kind": "research",
            "purpose": "To see who is diagnosed when.",
            "applicant": "ada",
            "people": [{"username": "ada", "name": "Ada", "organisation": "Test", "role": "Lead"}],
            "legal_basis": {"article_6": "6(1)(e)", "article_9": "9(2)(j)", "common_law": "de-identified"},
            "release": "2026.1",
            "tables": {
                "person": ["person_id", "gender_concept_id", "year_of_birth", "location_id"],
                "location": ["location_id", "city"],
                "visit_occurrence": [
                    "visit_occurrence_id",
                    "person_id",
                    "visit_start_date",
                    "visit_start_datetime",
                    "care_site_id",
                ],
                "condition_occurrence": [
                    "condition_occurrence_id",
                    "person_id",
                    "condition_concept_id",
                    "condition_start_date",
                    "visit_occurrence_id",
                ],
                "person_deprivation": ["person_id", "imd2025_decile"],
                "incident": ["incident_id", "person_id", "care_site_id", "incident_date"],
                "staffing": ["staffing_id", "care_site_id", "shift_date", "shift"],
            },
            "cohort": None,
            "period": {"from": "2019-01-01", "until": "2021-12-31"},
            "linkages": ["person_deprivation", "incident", "staffing"],
            "opt_out_rule": "national-data-opt-out-applied",
            "dates": "exact",
            "output_rules": {"threshold": 10, "rounding": 5},
            "valid_from": today.isoformat(),
            "valid_until": (today + timedelta(days=30)).isoformat(),
            "decisions": [
                {
                    "role": "research_centre",
                    "by": "ruth",
                    "decision": "approve",
                    "at": "2026-11-01T10:00:00Z",
                    "note": "",
                },
                {
                    "role": "data_protection_office",
                    "by": "dev",
                    "decision": "approve",
                    "at": "2026-11-01T11:00:00Z",
                    "note": "",
                },
            ],
        }
        return value | changes

    return make


@pytest.fixture
def issued(site: Site, release: str, scope_value: Callable[..., dict[str, Any]]) -> Callable[..., Scope]:
    """Issue a scope with changes and return it."""

    def make(**changes: Any) -> Scope:
        scope = Scope.model_validate(scope_value(**changes))
        issue(site, scope, "test")
        return scope

    return make


def nhs(person: int) -> str:
    """An NHS number with a right check digit, of those never given to anybody."""
    for last in range(10):
        number = f"999{person * 7:06d}{last}"
        if sum(int(d) * w for d, w in zip(number, range(10, 1, -1), strict=False)) % 11 == (11 - last) % 11:
            return number
    return nhs(person + 1000)


def stage(site: Site, table: str, rows: list[dict[str, Any]], number: int) -> None:
    """A batch as capture leaves it."""
    batch = f"20260101T00000000{number}Z-0000000{number}"
    (make_dir(site.landing / batch) / "batch.json").write_text(
        json.dumps({"source": "epr", "format": "fhir", "layout": STAGED_LAYOUT})
    )
    site.audit.append(CAPTURED, actor="test", batch=batch)
    folder = make_dir(site.staged / batch)
    with Engine(threads=1) as engine:
        shape = ", ".join(f"{quote(c.name)} {c.type}" for c in staged_columns(table))
        engine.execute(f"CREATE TABLE t ({shape})")
        for place, row in enumerate(rows):
            common = {"source": "epr", "version_at": datetime(2026, 1, number), "deleted": False,
                      "item_hash": f"{number:016d}{place:016d}", "batch_id": batch}  # fmt: skip
            values = common | row
            engine.execute(
                f"INSERT INTO t ({', '.join(map(quote, values))}) VALUES ({', '.join('?' * len(values))})",
                list(values.values()),
            )
        engine.execute(f"COPY t TO {literal(folder / f'{table}.parquet')} (FORMAT parquet)")


def patient(person: int, **more: Any) -> dict[str, Any]:
    return {
        "record_id": f"p{person:02d}",
        "nhs_number": nhs(person),
        "local_number": f"H{person}",
        "birth_date": date(1940 + person, 1, 1),
    } | more


@pytest.fixture
def staging() -> SimpleNamespace:
    """``nhs(person)``, ``patient(person, **more)`` and ``stage(site, table, rows, number)``."""
    return SimpleNamespace(nhs=nhs, patient=patient, stage=stage)


@pytest.fixture
def stage_patients() -> Callable[[Site, int], None]:
    """Stage the first so many people of the release as patients: keys 1 and up in an index that is built then."""
    return lambda site, people: stage(site, "patient", [patient(n) for n in range(1, people + 1)], 1)


@pytest.fixture(scope="session")
def known_isolation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The self-test's pass, once for all tests of this session."""
    from lockgate.workspace.sandbox import gate

    site = Site.init(tmp_path_factory.mktemp("isolation") / "site", name="Isolation")
    try:
        gate.require_isolation(site)
    except Refused as refusal:
        pytest.skip(f"no isolation here: {refusal.reasons}")
    return json.loads((site.projects / ".isolation.json").read_bytes())


@pytest.fixture
def project(site: Site, issued: Callable[..., Scope], known_isolation: dict[str, object]) -> Any:
    """A provisioned project, p0001, whose isolation is known to hold."""
    from lockgate.workspace import provision
    from lockgate.workspace.project import Project

    issued()
    provision(site, "p0001", "test")
    (site.projects / ".isolation.json").write_text(json.dumps(known_isolation))
    return Project.of(site, "p0001")
