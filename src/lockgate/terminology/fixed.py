"""Concepts that no source sends as a code: kinds of visit, sex, ethnicity, provenance, operators.

``fixed.csv`` maps (kind, source value) to an OMOP concept. Ethnicity: the letters of the NHS ethnic category
(ONS 2001) go to the race concept OMOP has for them. The four mixed categories, "any other" and "not stated" have
none: concept 0, with the letter kept in ``race_source_value``.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import pyarrow as pa
from pyarrow import csv


@cache
def fixed_concepts() -> pa.Table:
    """Rows of (kind, source_value, concept_id, domain_id, vocabulary_id, concept_code, label)."""
    path = resources.files(__package__).joinpath("fixed.csv")
    with path.open("rb") as stream:
        return csv.read_csv(
            stream,
            convert_options=csv.ConvertOptions(
                column_types={
                    "concept_id": pa.int64(),
                    "source_value": pa.string(),
                    "concept_code": pa.string(),
                },
                strings_can_be_null=False,
            ),
        )


@cache
def fixed_concept(kind: str, source_value: str) -> int:
    """The concept of one value, such as ``("visit", "inpatient")``; KeyError where there is none."""
    for row in fixed_concepts().to_pylist():
        if row["kind"] == kind and row["source_value"] == source_value:
            return int(row["concept_id"])
    raise KeyError(f"no fixed concept for {kind} {source_value!r}")
