"""A small staged hospital, written straight into the staged zone: the input of every test of this room."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine
from lockgate.schema import STAGED_LAYOUT, staged_columns
from lockgate.site import Site

DAY = date(2026, 11, 1)
TYPES = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "BOOLEAN": pa.bool_(),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
}
Rows = list[dict[str, Any]]


def _stage(site: Site, batch: str = "b1", *, source: str = "epr", **tables: Rows) -> None:
    """Write rows as one visible batch. Columns that a row leaves out are NULL; record_id is ``id``."""
    folder = site.staged / batch
    folder.mkdir()
    for table, rows in tables.items():
        full = []
        for row in rows:
            given = dict(row)
            record = {
                "source": source,
                "record_id": given.pop("id"),
                "version_at": datetime(2026, 10, 1),
                "deleted": False,
                "batch_id": batch,
            } | given
            # one raw item brings a record and its parts ("e1", "e1#1")
            item = f"{table}/{record['record_id'].partition('#')[0]}/{record['version_at']}"
            owner = item.replace("encounter_move/", "encounter/")
            record["item_hash"] = hashlib.sha256(owner.encode()).hexdigest()[:32]
            full.append(record)
        columns = staged_columns(table)
        assert not {key for row in full for key in row} - {column.name for column in columns}, table
        schema = pa.schema([(column.name, TYPES[column.type]) for column in columns])
        pq.write_table(pa.Table.from_pylist(full, schema=schema), folder / f"{table}.parquet")
    (site.landing / batch).mkdir()
    facts = {"source": source, "format": "fhir", "layout": STAGED_LAYOUT}
    (site.landing / batch / "batch.json").write_text(json.dumps(facts))


def _rows_of(release: Release, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of a released table, as a sorted list of rows."""
    with Engine() as engine:
        engine.view_parquet("t", release.table_path(table))
        found = engine.rows(f"SELECT {', '.join(columns)} FROM t")
    return sorted(found, key=repr)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with one release. Three people: Ada (much recorded), Ben (opted out), Cai (died); two wards."""
    site = Site.init(tmp_path_factory.mktemp("built") / "site", name="Test Hospital", ods_code="RXX")
    _stage(
        site,
        patient=[
            {
                "id": "ada",
                "nhs_number": "9434765919",
                "nhs_number_status": "01",
                "local_number": "H100001",
                "family_name": "Quillfeather",
                "given_name": "Adaline",
                "sex": "F",
                "birth_date": date(1950, 6, 17),
                "ethnicity_system": "NHS",
                "ethnicity_code": "J",
                "address_line": "7 Marmalade Crescent",
                "city": "Netherwick",
                "postcode": "NW9 4QX",
                "lsoa21_code": "E01000001",
                "phone": ["07700900461"],
                "email": "adaline@quillfeather.example",
            },
            {
                "id": "ben",
                "nhs_number": "9434765870",
                "local_number": "H100002",
                "family_name": "Thistlewood",
                "given_name": "Benedict",
                "sex": "M",
                "birth_date": date(1980, 2, 3),
                "postcode": "NW9 4QX",
            },
            {
                "id": "cai",
                "nhs_number": "9434765935",
                "local_number": "H100003",
                "family_name": "Brackenbury",
                "given_name": "Caius",
                "sex": "M",
                "birth_date": date(1920, 1, 1),
                "ethnicity_system": "NHS",
                "ethnicity_code": "Z",
                "deceased": True,
                "death_at": datetime(2026, 3, 5, 4, 30),
            },
        ],
        objection=[
            {
                "id": "o1",
                "nhs_number": "9434765870",
                "kind": "national_data_opt_out",
                "from_date": date(2020, 1, 1),
            }
        ],
        location=[
            {"id": "w1", "name": "Acute Medical Unit", "kind": "ward", "code": "AMU"},
            {"id": "w2", "name": "Intensive Care", "kind": "critical_care", "code": "ICU"},
        ],
        practitioner=[
            {
                "id": "dr",
                "family_name": "Pemberley",
                "given_name": "Jo",
                "professional_number": "C7654321",
                "sex": "F",
            }
        ],
        encounter=[
            {
                "id": "e1",
                "patient_ref": "ada",
                "encounter_class": "inpatient",
                "status": "finished",
                "start_at": datetime(2026, 1, 2, 8, 15),
                "end_at": datetime(2026, 1, 6, 12),
                "practitioner_ref": "dr",
                "location_ref": "w1",
            },
            {
                "id": "e2",
                "patient_ref": "ada",
                "encounter_class": "outpatient",
                "status": "planned",
                "start_at": datetime(2026, 12, 2, 8, 15),
            },
            {
                "id": "e3",
                "patient_ref": "ben",
                "encounter_class": "emergency",
                "status": "finished",
                "start_at": datetime(2026, 1, 3, 9),
            },
        ],
        encounter_move=[
            {
                "id": "e1#1",
                "patient_ref": "ada",
                "encounter_ref": "e1",
                "kind": "emergency",
                "start_at": datetime(2026, 1, 2, 8, 15),
                "end_at": datetime(2026, 1, 2, 11),
            },
            {
                "id": "e1#2",
                "patient_ref": "ada",
                "encounter_ref": "e1",
                "location_ref": "w2",
                "kind": "critical_care",
                "start_at": datetime(2026, 1, 2, 11),
                "end_at": datetime(2026, 1, 6, 12),
            },
        ],
        condition=[
            {
                "id": "c1",
                "patient_ref": "ada",
                "encounter_ref": "e1",
                "code_system": "ICD10",
                "code": "I219",
                "category": "encounter-diagnosis",
                "start_at": datetime(2026, 1, 2),
            },
            {
                "id": "c2",
                "patient_ref": "ada",
                "code_system": "SNOMED",
                "code": "44054006",
                "category": "problem-list-item",
                "clinical_status": "active",
                "recorded_at": datetime(2015, 5, 5),
            },
            {
                "id": "c3",
                "patient_ref": "ada",
                "code_system": "urn:local",
                "code": "XYZ",
                "alt_code_system": "SNOMED",
                "alt_code": "73211009",
                "start_at": datetime(2016, 1, 1),
            },
            {
                "id": "c4",
                "patient_ref": "ada",
                "code_system": "urn:local",
                "code": "ABC",
                "start_at": datetime(2016, 1, 1),
            },
            {"id": "c5", "patient_ref": "ada", "code_system": "SNOMED", "code": "44054006"},
            {
                "id": "c6",
                "patient_ref": "ada",
                "code_system": "SNOMED",
                "code": "13645005",
                "verification_status": "refuted",
                "start_at": datetime(2016, 1, 1),
            },
            {
                "id": "c7",
                "patient_ref": "ben",
                "code_system": "SNOMED",
                "code": "13645005",
                "start_at": datetime(2016, 1, 1),
            },
            {
                "id": "c8",
                "patient_ref": "nobody",
                "code_system": "SNOMED",
                "code": "13645005",
                "start_at": datetime(2016, 1, 1),
            },
        ],
        result=[
            {
                "id": "bp",
                "patient_ref": "ada",
                "encounter_ref": "e1",
                "category": "vital-signs",
                "status": "final",
                "code_system": "LOINC",
                "code": "85354-9",
                "effective_at": datetime(2026, 1, 2, 9),
            },
            *(
                {
                    "id": f"bp#{n}",
                    "parent_ref": "bp",
                    "patient_ref": "ada",
                    "encounter_ref": "e1",
                    "category": "vital-signs",
                    "status": "final",
                    "code_system": "LOINC",
                    "code": code,
                    "effective_at": datetime(2026, 1, 2, 9),
                    "value_number": value,
                    "unit": "mmHg",
                    "unit_code": "mm[Hg]",
                }
                for n, code, value in ((1, "8480-6", 151.0), (2, "8462-4", 88.0))
            ),
            {
                "id": "crp",
                "patient_ref": "ada",
                "category": "laboratory",
                "status": "final",
                "code_system": "LOINC",
                "code": "1988-5",
                "effective_at": datetime(2026, 1, 3),
                "value_number": 5.0,
                "value_operator": "<",
                "unit_code": "mg/L",
            },
            {
                "id": "odd",
                "patient_ref": "ada",
                "category": "social-history",
                "status": "final",
                "code_system": "urn:local",
                "code": "SMK",
                "effective_at": datetime(2026, 1, 3),
                "value_text": "told Mrs Quillfeather to stop",
            },
        ],
        medication=[
            {
                "id": "m1",
                "patient_ref": "ada",
                "encounter_ref": "e1",
                "kind": "prescribed",
                "status": "completed",
                "code_system": "urn:local",
                "code": "ASP75",
                "alt_code_system": "dm+d",
                "alt_code": "7947003",
                "start_at": datetime(2026, 1, 2, 10),
                "days_supply": 28,
                "lot_number": "LOT-77",
                "sig": "one a day, ring Adaline",
            },
            {
                "id": "m2",
                "patient_ref": "ada",
                "kind": "administered",
                "status": "not-done",
                "code_system": "urn:local",
                "code": "ASP75",
                "start_at": datetime(2026, 1, 2, 10),
            },
        ],
        allergy=[
            {
                "id": "a1",
                "patient_ref": "ada",
                "code_system": "RxNorm",
                "code": "1191",
                "category": "medication",
                "recorded_at": datetime(2001, 1, 1),
            }
        ],
        staffing=[
            {
                "id": "s1",
                "ward_code": "AMU",
                "shift_date": date(2026, 1, 2),
                "shift": "early",
                "actual_rn_hours": 30.0,
            },
            {"id": "s2", "ward_code": "LOST", "shift_date": date(2026, 1, 2), "shift": "early"},
        ],
    )
    build_release(site, actor="test", at=DAY)
    return site


@pytest.fixture
def hospital(built: Site, tmp_path: Path) -> Site:
    """A copy of the built site, to do with as one likes."""
    return Site.open(shutil.copytree(built.path, tmp_path / "hospital"))


@pytest.fixture
def release(hospital: Site) -> Release:
    """Its release."""
    return open_release(hospital)


@pytest.fixture(scope="session")
def stage() -> Callable[..., None]:
    """The function that writes staged rows."""
    return _stage


@pytest.fixture
def rows_of() -> Callable[..., list[tuple[Any, ...]]]:
    """The function that reads columns of a released table."""
    return _rows_of
