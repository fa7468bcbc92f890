"""Eras are those of OHDSI's script, by hand on a few rows and against eras that others made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lockgate.curate import MADE_FROM, Release, eras_of
from lockgate.schema import OMOP

OTHERS = Path(__file__).parents[3] / "shared" / "data" / "omop"
ASTHMA, CODEINE, PARACETAMOL, BOTH, BRAND = 317009, 1201620, 1125315, 40231925, 19020053


def day(number: int) -> date:
    return date(2026, 1, 1) + timedelta(days=number)


def condition(id_: int, start: int, end: int | None, concept: int = ASTHMA) -> dict[str, Any]:
    return {
        "condition_occurrence_id": id_, "person_id": 1, "condition_concept_id": concept,
        "condition_start_date": day(start), "condition_end_date": None if end is None else day(end),
    }  # fmt: skip


def drug(id_: int, start: int, end: int, concept: int = PARACETAMOL) -> dict[str, Any]:
    return {
        "drug_exposure_id": id_, "person_id": 1, "drug_concept_id": concept,
        "drug_exposure_start_date": day(start), "drug_exposure_end_date": day(end),
    }  # fmt: skip


def concept(id_: int, kind: str) -> dict[str, Any]:
    return {"concept_id": id_, "concept_class_id": kind, "standard_concept": "S"}


def made(folder: Path, *rows: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The eras of these conditions and drugs, in order of their start, without their ids but for ``id``."""
    ancestors = [
        (CODEINE, CODEINE),
        (PARACETAMOL, PARACETAMOL),
        (CODEINE, BOTH),
        (PARACETAMOL, BOTH),
        (BRAND, BRAND),
    ]
    tables: Mapping[str, list[dict[str, Any]]] = {
        "condition_occurrence": [row for row in rows if "condition_occurrence_id" in row],
        "drug_exposure": [row for row in rows if "drug_exposure_id" in row],
        "concept": [concept(CODEINE, "Ingredient"), concept(PARACETAMOL, "Ingredient"), concept(BOTH, "Clinical Drug"),
                    concept(BRAND, "Branded Drug")],
        "concept_ancestor": [
            {"ancestor_concept_id": above, "descendant_concept_id": below} for above, below in ancestors
        ],
    }  # fmt: skip
    kinds = {"BIGINT": pa.int64(), "DATE": pa.date32(), "VARCHAR": pa.string()}
    for name, told in tables.items():
        columns = {c.name: kinds[c.type] for c in OMOP[name] if c.type in kinds}
        table = pa.table({c: pa.array([row.get(c) for row in told], kind) for c, kind in columns.items()})
        pq.write_table(table, folder / f"{name}.parquet")
    eras = eras_of({name: folder / f"{name}.parquet" for name in MADE_FROM})
    return {name: table.to_pylist() for name, table in eras.items()}


def test_records_thirty_days_apart_are_one_era(tmp_path: Path) -> None:
    eras = made(
        tmp_path,
        condition(1, 0, 10), condition(2, 40, None),  # thirty days after the first: the same era
        condition(3, 72, 73),  # thirty-one after the second, which lasts a day: another
        condition(4, 2, 3),  # within the first
        condition(5, 5, 6, concept=0),  # not mapped
    )["condition_era"]  # fmt: skip
    told = [
        (e["condition_era_start_date"], e["condition_era_end_date"], e["condition_occurrence_count"])
        for e in sorted(eras, key=lambda e: e["condition_era_start_date"])
    ]
    assert told == [(day(0), day(41), 3), (day(72), day(73), 1)]
    assert {e["condition_concept_id"] for e in eras} == {ASTHMA}


def test_an_era_of_a_drug_is_of_its_ingredients(tmp_path: Path) -> None:
    eras = made(
        tmp_path,
        drug(1, 0, 10), drug(2, 5, 12), drug(3, 20, 30),  # eight days of nobody's supply
        drug(4, 61, 70, BOTH),  # thirty-one days later: new eras, of both ingredients
        drug(5, 0, 9, BRAND),  # the vocabulary knows no ingredient of it
    )["drug_era"]  # fmt: skip
    told = {
        (
            e["drug_concept_id"],
            e["drug_era_start_date"],
            e["drug_era_end_date"],
            e["drug_exposure_count"],
            e["gap_days"],
        )
        for e in eras
    }
    assert told == {
        (PARACETAMOL, day(0), day(30), 3, 8),
        (PARACETAMOL, day(61), day(70), 1, 0),
        (CODEINE, day(61), day(70), 1, 0),
    }
    assert len({e["drug_era_id"] for e in eras}) == 3


@pytest.mark.parametrize(
    ("name", "tables"),
    [("gibleed_omop53", ("condition_era", "drug_era")), ("phenolib_planted_omop54", ("condition_era",))],
)
def test_the_eras_that_others_made(name: str, tables: tuple[str, ...]) -> None:
    """OHDSI's own, which have eras of concept 0 too. Its gap_days on GiBleed are days since 1970, so not compared."""
    folder = OTHERS / name
    if not folder.is_dir():
        pytest.skip("shared/data/omop is not here")
    eras = eras_of({each: folder / f"{each}.parquet" for each in MADE_FROM})
    for table, rows in ((each, eras[each]) for each in tables):
        theirs = pq.read_table(folder / f"{table}.parquet")
        kind = table.removesuffix("_era")
        theirs = theirs.filter(pc.not_equal(theirs[f"{kind}_concept_id"], 0))
        counted = {"condition": "condition_occurrence_count", "drug": "drug_exposure_count"}[kind]
        columns = ["person_id", f"{kind}_concept_id", f"{table}_start_date", f"{table}_end_date", counted]
        ours, expected = _rows(rows, columns), _rows(theirs, columns)
        if table == "drug_era" and name == "gibleed_omop53":
            # of several exposures that begin on one day its SQL took the first that ends, though another lasts longer
            odd = {row[:3] for row in expected - ours}
            assert len(odd) == 8
            assert all(row[3] > _end(expected, row[:3]) for row in ours - expected)
            ours, expected = ({row for row in rows if row[:3] not in odd} for rows in (ours, expected))
        assert ours == expected, table


def _rows(table: pa.Table, columns: list[str]) -> set[tuple[Any, ...]]:
    return set(zip(*(table[column].to_pylist() for column in columns), strict=True))


def _end(rows: set[tuple[Any, ...]], key: tuple[Any, ...]) -> date:
    return next(row[3] for row in rows if row[:3] == key)


def test_a_release_has_eras_of_what_it_holds(release: Release) -> None:
    conditions = pq.read_table(release.table_path("condition_occurrence"))["condition_concept_id"].to_pylist()
    eras = pq.read_table(release.table_path("condition_era"))
    assert sum(eras["condition_occurrence_count"].to_pylist()) == sum(1 for each in conditions if each)
    assert set(eras["condition_concept_id"].to_pylist()) == set(conditions) - {0}
    drugs = pq.read_table(release.table_path("drug_exposure"))["drug_concept_id"].to_pylist()
    eras = pq.read_table(release.table_path("drug_era"))
    assert any(drugs) and sum(eras["drug_exposure_count"].to_pylist()) == sum(1 for each in drugs if each)
