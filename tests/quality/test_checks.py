"""The fused checks against the Dashboard's templates, one query each, over tables full of faults."""

from __future__ import annotations

import importlib.util
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.engine import Engine
from lockgate.quality import answer
from lockgate.quality.arrays import in_arrays
from lockgate.quality.pages import Pages
from lockgate.quality.repeated import repeated_rows
from lockgate.quality.run import run_checks
from lockgate.quality.thresholds import Thresholds, load

_spec = importlib.util.spec_from_file_location("dqd_plain", Path(__file__).with_name("plain.py"))
assert _spec and _spec.loader
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)

TODAY = date(2026, 6, 1)
TYPES = {"integer": pa.int64(), "bigint": pa.int64(), "float": pa.float64(), "date": pa.date32()}
TABLES = (
    "person", "observation_period", "visit_occurrence", "visit_detail", "condition_occurrence", "drug_exposure",
    "measurement", "observation", "death", "drug_era", "condition_era", "specimen", "location", "note_nlp",
)  # fmt: skip
CONCEPTS = [0, 8507, 8532, 26662, 4041261, 3006315, 3004410, 8554, 8784, 777, 778]


def _faulty(folder: Path, seed: int, types: dict[str, dict[str, str]]) -> None:
    """Tables with every kind of fault: NULLs, keys twice or of no row, days before birth and after death, odd units."""
    draw = random.Random(seed)

    def value(name: str, kind: str) -> Any:
        if draw.random() < 0.15:
            return None
        if name.endswith("_concept_id") or name == "concept_id":
            return draw.choice([*CONCEPTS, 999])
        if kind in ("date", "datetime"):
            day = date(draw.choice([1940, 1980, 2000, 2001, 2030]), draw.choice([1, 6]), draw.choice([1, 2]))
            return day if kind == "date" else datetime(day.year, day.month, day.day, draw.choice([0, 23]))
        if name == "year_of_birth":
            return draw.choice([1840, 1980, 2001, 2030])
        if name in ("month_of_birth", "day_of_birth"):
            return draw.choice([1, 6, 12])
        if kind in ("integer", "bigint"):
            return draw.randrange(-2, 40)
        return draw.choice([-1.0, 0.5, 400.0]) if kind == "float" else draw.choice(["", "a", "b"])

    for table in TABLES:
        columns = {}
        for name, told in types[table.upper()].items():
            kind = told.lower().split("(")[0]
            if draw.random() < 0.05:
                continue  # a column that the file hasn't got
            empty, same = draw.random() < 0.1, draw.random() < 0.1
            one = value(name, kind)
            cells = [None if empty else one if same else value(name, kind) for _ in range(80)]
            if name == f"{table}_id" and draw.random() < 0.5:
                cells = list(range(80))
            target = TYPES.get(kind, pa.timestamp("us") if kind == "datetime" else pa.string())
            columns[name] = pa.array(cells, target)
        pq.write_table(pa.table(columns), folder / f"{table}.parquet", row_group_size=draw.choice([10, 100]))
    known = [
        (
            concept,
            draw.choice(["Gender", "Condition", "Visit", None]),
            draw.choice(["S", None]),
            draw.choice([None, "D"]),
        )
        for concept in [*CONCEPTS, 777]
    ]
    pq.write_table(
        pa.table(
            {
                "concept_id": [row[0] for row in known],
                "domain_id": [row[1] for row in known],
                "concept_class_id": [draw.choice(["Ingredient", "Other"]) for _ in known],
                "standard_concept": pa.array([row[2] for row in known], pa.string()),
                "invalid_reason": pa.array([row[3] for row in known], pa.string()),
            }
        ),
        folder / "concept.parquet",
    )
    above = [(4041261, 777), (4090861, 778), (4025213, 778), (4095793, 777)]
    pq.write_table(
        pa.table(
            {"ancestor_concept_id": [a for a, _ in above], "descendant_concept_id": [b for _, b in above]}
        ),
        folder / "concept_ancestor.parquet",
    )


def _as_specified(engine: Engine, folder: Path, thresholds: Thresholds) -> None:
    """Tables that the plain queries read: the specification's columns, the folder's rows."""
    kinds = {
        "integer": "BIGINT",
        "bigint": "BIGINT",
        "float": "DOUBLE",
        "date": "DATE",
        "datetime": "TIMESTAMP",
    }
    for table, fields in thresholds.types.items():
        name = table.lower()
        columns = ", ".join(
            f'"{field}" {kinds.get(kind.lower().split("(")[0], "VARCHAR")}' for field, kind in fields.items()
        )
        engine.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
        if (folder / f"{name}.parquet").is_file():
            engine.execute(f"INSERT INTO {name} BY NAME SELECT * FROM '{folder / f'{name}.parquet'}'")


@pytest.mark.parametrize(("seed", "version"), [(1, "5.4"), (2, "5.3")])
def test_fused_checks_count_what_the_templates_count(tmp_path: Path, seed: int, version: str) -> None:
    thresholds = load(version)
    types = {table: dict(fields) for table, fields in thresholds.types.items()}
    _faulty(tmp_path, seed, types)
    with Engine(threads=1) as engine:
        found = run_checks(engine, tmp_path, thresholds, today=TODAY)
    wrong, chosen = [], {str(concept) for concept in [*CONCEPTS, 4090861, 4025213, 4095793]}
    with Engine(threads=1) as engine:
        for name in ("concept", "concept_ancestor"):
            engine.execute(f"CREATE TABLE {name} AS FROM '{tmp_path / f'{name}.parquet'}'")
        vocabulary = [name for name in thresholds.types if name in ("CONCEPT", "CONCEPT_ANCESTOR")]
        tables = Thresholds(version, (), {t: f for t, f in types.items() if t not in vocabulary}, "")
        _as_specified(engine, tmp_path, tables)
        for name in ("domain", "vocabulary", "concept_class", "relationship"):
            engine.execute(f"CREATE TABLE IF NOT EXISTS {name} ({name}_id VARCHAR)")
        for result in found:
            if result.check.table in ("COHORT", "COHORT_DEFINITION"):
                assert result.violated is None
                continue
            if result.check.table.lower() not in TABLES and result.check.name != "measurePersonCompleteness":
                assert result.violated == 0
                continue
            if result.check.level == "CONCEPT" and not chosen & set(
                result.check.concept_id.replace(" ", "").split(",")
            ):
                assert result.violated == result.rows == 0
                continue
            violated, rows = (int(engine.one(sql)) for sql in plain.count(result.check, TODAY.isoformat()))
            if (result.violated, result.rows) != (violated, rows):
                wrong.append((result.check.id, (result.violated, result.rows), (violated, rows)))
    assert wrong == []
    counted = [result for result in found if result.violated]
    assert len({result.check.name for result in counted}) >= 20  # the faults are found, not only absent


@pytest.mark.parametrize("seed", [3, 4])
def test_joins_in_arrays_are_those_of_the_engine(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = load("5.4")
    types = {table: dict(fields) for table, fields in thresholds.types.items()}
    _faulty(tmp_path, seed, types)
    draw = random.Random(seed)
    for name, key in (("person", "person_id"), ("visit_occurrence", "visit_occurrence_id")):
        path = tmp_path / f"{name}.parquet"
        table = pq.read_table(path)
        keys = pa.array([*range(79), None], pa.int64())  # not twice, as in most tables
        place = table.schema.names.index(key) if key in table.schema.names else table.num_columns
        table = table.drop_columns([key]) if place < table.num_columns else table
        pq.write_table(table.add_column(place, key, keys), path, row_group_size=30)
    for name in ("condition_occurrence", "drug_era"):  # days that the file has as times
        path = tmp_path / f"{name}.parquet"
        table = pq.read_table(path)
        for place, field in enumerate(table.schema):
            if field.type == pa.date32():
                days = table[place].to_pylist()
                times = [day and datetime(day.year, day.month, day.day, draw.choice([0, 23])) for day in days]
                table = table.set_column(place, field.name, pa.array(times, pa.timestamp("us")))
        pq.write_table(table, path, row_group_size=30)
    answered: list[dict[Any, int]] = []

    def spied(*told: Any) -> dict[Any, int]:
        answered.append(in_arrays(*told))
        return answered[-1]

    monkeypatch.setattr(answer, "in_arrays", spied)
    with Engine(threads=2) as engine:
        found = run_checks(engine, tmp_path, thresholds, today=TODAY)
    assert sum(len(each) for each in answered) > 50
    monkeypatch.setattr(answer, "in_arrays", lambda *told: {})
    with Engine(threads=2) as engine:
        assert run_checks(engine, tmp_path, thresholds, today=TODAY) == found


def test_keys_that_lie_apart_have_no_pages() -> None:
    keys = np.array([5, 7, 4096 * 9 + 1], np.int64)
    pages = Pages(keys)
    places = pages.of(keys)
    assert len(set(places.tolist())) == 3 and places.max() < pages.size
    others = pages.of(np.array([6, 4096 * 5, -1, 2**62], np.int64))
    assert not set(others.tolist()) & set(places.tolist())
    with pytest.raises(ValueError, match="too far apart"):
        Pages(np.arange(1000, dtype=np.int64) * 10**12)


def test_what_isnt_there_is_missing_when_asked(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"person_id": [1, 1, None], "year_of_birth": [1950, 2030, 1850]}),
        tmp_path / "PERSON.parquet",
    )
    with Engine(threads=1) as engine:
        found = {
            r.check.id: r for r in run_checks(engine, tmp_path, load("5.4"), absent="missing", today=TODAY)
        }
    said = {name: (found[name].status, found[name].reason) for name in (
        "table_cdmtable_person", "table_cdmtable_death", "field_cdmfield_death_person_id",
        "field_cdmfield_person_gender_concept_id", "field_isrequired_person_gender_concept_id",
        "field_isprimarykey_person_person_id", "table_measurepersoncompleteness_death",
        "field_plausiblevaluehigh_person_year_of_birth", "table_measureconditioneracompleteness_condition_era",
    )}  # fmt: skip
    assert said == {
        "table_cdmtable_person": ("passed", ""),
        "table_cdmtable_death": ("failed", "Table DEATH does not exist."),
        "field_cdmfield_death_person_id": ("not applicable", "Table DEATH does not exist."),
        "field_cdmfield_person_gender_concept_id": (
            "failed",
            "Field PERSON.gender_concept_id does not exist.",
        ),
        "field_isrequired_person_gender_concept_id": (
            "not applicable",
            "Field PERSON.gender_concept_id does not exist.",
        ),
        "field_isprimarykey_person_person_id": ("failed", ""),
        "table_measurepersoncompleteness_death": ("not applicable", "Table DEATH does not exist."),
        "field_plausiblevaluehigh_person_year_of_birth": ("failed", ""),
        "table_measureconditioneracompleteness_condition_era": (
            "not applicable",
            "Table CONDITION_OCCURRENCE is empty.",
        ),
    }
    assert found["field_isprimarykey_person_person_id"].violated == 2
    assert found["field_isprimarykey_person_person_id"].share == 2 / 3


def test_values_of_another_type_are_errors_not_passes(tmp_path: Path) -> None:
    pq.write_table(
        pa.table(
            {
                "person_id": [1, 2],
                "gender_concept_id": ["8507", "male"],
                "year_of_birth": [1950.0, 1950.5],
                "birth_datetime": ["1950-01-01", "soon"],
                "location_id": [[1], [2]],
            }
        ),
        tmp_path / "person.parquet",
    )
    pq.write_table(
        pa.table({"death_date": [date(2000, 1, 1)] * 2, "person_id": [1, 2]}), tmp_path / "death.parquet"
    )
    with Engine(threads=1) as engine:
        found = {r.check.id: r for r in run_checks(engine, tmp_path, load("5.4"), today=TODAY)}
    datatype = found["field_cdmdatatype_person_gender_concept_id"]
    assert (datatype.violated, datatype.rows, datatype.status) == (1, 2, "failed")
    assert found["field_cdmdatatype_person_year_of_birth"].violated == 1
    low = found["field_plausiblevaluelow_person_birth_datetime"]
    assert low.status == "error"
    assert low.reason == "person.birth_datetime has 1 values that are not of the type specified"
    assert found["field_isforeignkey_person_location_id"].status == "error"
    assert found["field_measurevaluecompleteness_person_location_id"].status == "passed"


def test_a_key_is_counted_in_arrays_as_in_groups(tmp_path: Path) -> None:
    draw = random.Random(7)
    cases = [
        [1, 2, 3],
        [3, 1, 2, 3, 3],
        [],
        [None, None],
        [-(2**63), 2**63 - 1, 2**63 - 1],
        [draw.randrange(50) for _ in range(300)],
        [draw.randrange(10**12) * 10**6 for _ in range(300)] * 2,
        [copy * 10**8 + draw.randrange(60) for copy in range(20) for _ in range(40)],
    ]
    for values in cases:
        path = tmp_path / "t.parquet"
        pq.write_table(pa.table({"id": pa.array(values, pa.int64())}), path, row_group_size=25)
        known = [value for value in values if value is not None]
        assert repeated_rows([path], "id") == sum(known.count(value) > 1 for value in known)


def test_a_day_is_compared_with_the_day_after_today(tmp_path: Path) -> None:
    days = [TODAY + timedelta(days=n) for n in (0, 1, 2)]
    late = [datetime(day.year, day.month, day.day, 23, 59) for day in days]
    pq.write_table(
        pa.table({"person_id": [1, 2, 3], "death_date": days, "death_datetime": late}),
        tmp_path / "death.parquet",
    )
    with Engine(threads=1) as engine:
        found = {r.check.id: r for r in run_checks(engine, tmp_path, load("5.4"), today=TODAY)}
    for field in ("death_date", "death_datetime"):
        assert found[f"field_plausiblevaluehigh_death_{field}"].violated == 1
