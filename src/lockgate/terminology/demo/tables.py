"""The demonstration vocabulary as OMOP tables (Arrow), built from the CSV files of this folder."""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import pyarrow as pa

from lockgate.schema import OMOP
from lockgate.terminology.fixed import fixed_concepts

VERSION = "Lockgate demonstration vocabulary 1"
_START, _END = date(1970, 1, 1), date(2099, 12, 31)
_CLASSES = {
    "UCUM": "Unit",
    "LOINC": "Clinical Observation",
    "Visit": "Visit",
    "Gender": "Gender",
    "Race": "Race",
    "RxNorm": "Ingredient",  # those of the set all are
    "CVX": "CVX",
}
_TYPES = {"BIGINT": pa.int64(), "VARCHAR": pa.string(), "DATE": pa.date32()}


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files(__package__).joinpath(name)
    with path.open("r", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([(column.name, _TYPES[column.type]) for column in OMOP[name]])
    return pa.Table.from_pylist(rows, schema=schema)


@cache
def demo_tables() -> dict[str, pa.Table]:
    """concept, vocabulary, domain, concept_relationship and concept_ancestor of the demonstration set."""
    concepts = _concepts()
    vocabularies = sorted({row["vocabulary_id"] for row in concepts.values()})
    domains = sorted({row["domain_id"] for row in concepts.values()})
    return {
        "concept": _table("concept", [concepts[key] for key in sorted(concepts)]),
        "vocabulary": _table(
            "vocabulary",
            [
                {
                    "vocabulary_id": name,
                    "vocabulary_name": name,
                    "vocabulary_version": VERSION,
                    "vocabulary_concept_id": 0,
                }
                for name in vocabularies
            ],
        ),
        "domain": _table(
            "domain", [{"domain_id": name, "domain_name": name, "domain_concept_id": 0} for name in domains]
        ),
        "concept_relationship": _table("concept_relationship", _relationships(concepts)),
        "concept_ancestor": _table("concept_ancestor", _ancestors(concepts)),
    }


def _concepts() -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in [*fixed_concepts().to_pylist(), *_rows("concepts.csv"), *_rows("groups.csv")]:
        concept_id = int(row["concept_id"])
        standard = row.get("standard_concept", "S") or None
        found[concept_id] = {
            "concept_id": concept_id,
            "concept_name": row.get("concept_name") or row.get("label"),
            "domain_id": row["domain_id"],
            "vocabulary_id": row["vocabulary_id"],
            "concept_class_id": _CLASSES.get(row["vocabulary_id"], row["domain_id"]),
            "standard_concept": standard if concept_id else None,
            "concept_code": row["concept_code"],
            "valid_start_date": _START,
            "valid_end_date": _END,
            "invalid_reason": None,
        }
    return found


def _relationships(concepts: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    by_code = {(row["vocabulary_id"], row["concept_code"]): row["concept_id"] for row in concepts.values()}
    pairs = [
        (
            by_code[row["vocabulary_id"], row["concept_code"]],
            by_code[row["maps_to_vocabulary"], row["maps_to_code"]],
        )
        for row in _rows("codes.csv")
        if row["maps_to_code"]
    ]
    pairs += [(row["concept_id"],) * 2 for row in concepts.values() if row["standard_concept"] == "S"]
    both = [(one, two, "Maps to") for one, two in pairs] + [(two, one, "Mapped from") for one, two in pairs]
    return [
        {
            "concept_id_1": one,
            "concept_id_2": two,
            "relationship_id": name,
            "valid_start_date": _START,
            "valid_end_date": _END,
        }
        for one, two, name in sorted(both)
    ]


def _ancestors(concepts: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    rows = {(cid, cid): (0, 0) for cid, row in concepts.items() if row["standard_concept"] == "S"}
    for row in _rows("ancestors.csv"):
        rows[int(row["ancestor_concept_id"]), int(row["descendant_concept_id"])] = (
            int(row["min_levels_of_separation"]),
            int(row["max_levels_of_separation"]),
        )
    by_code = {row["concept_code"]: cid for cid, row in concepts.items() if row["vocabulary_id"] == "SNOMED"}
    for group in _rows("groups.csv"):
        for code in group["members"].split():
            rows[int(group["concept_id"]), by_code[code]] = (1, 1)
    return [
        {
            "ancestor_concept_id": ancestor,
            "descendant_concept_id": descendant,
            "min_levels_of_separation": low,
            "max_levels_of_separation": high,
        }
        for (ancestor, descendant), (low, high) in sorted(rows.items())
    ]
