"""A folder of OMOP tables, opened with the columns that cohorts read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from lockgate.cohorts.domains import domains
from lockgate.cohorts.events import columns_read
from lockgate.engine import SqlEngine
from lockgate.engine.omop import OmopFolder
from lockgate.engine.omop import open_omop as open_folder
from lockgate.errors import UsageError

_OTHERS = {
    "person": {
        "person_id": "BIGINT",
        "gender_concept_id": "BIGINT",
        "year_of_birth": "BIGINT",
        "race_concept_id": "BIGINT",
        "ethnicity_concept_id": "BIGINT",
    },
    "provider": {"provider_id": "BIGINT", "specialty_concept_id": "BIGINT"},
    "care_site": {"care_site_id": "BIGINT", "place_of_service_concept_id": "BIGINT"},
    "concept": {
        "concept_id": "BIGINT",
        "vocabulary_id": "VARCHAR",
        "concept_code": "VARCHAR",
        "invalid_reason": "VARCHAR",
    },
    "concept_ancestor": {"ancestor_concept_id": "BIGINT", "descendant_concept_id": "BIGINT"},
    "concept_relationship": {
        "concept_id_1": "BIGINT",
        "concept_id_2": "BIGINT",
        "relationship_id": "VARCHAR",
        "invalid_reason": "VARCHAR",
    },
}
_NEEDED = ("person", "observation_period", "concept")


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Around what reads a folder's tables: a value that isn't of its column's type is refused, and not shown."""
    try:
        yield
    except duckdb.ConversionException as error:
        named = re.search(r"from source column (\w+)", str(error))
        kind = re.search(r"to (INT64|DATE|DOUBLE)|(date) field", str(error))
        what = {"INT64": "a whole number", "DOUBLE": "a number"}.get(
            kind[1] or "" if kind else "", "a day (2026-03-31)"
        )
        raise UsageError(
            f"a value of {named[1] if named else 'a column'} is not {what}",
            where=str(folder),
            remedy="write the column in the type that OMOP gives it",
        ) from None


def open_omop(engine: SqlEngine, folder: Path | OmopFolder) -> list[str]:
    """Views over the tables of ``folder`` with the columns that cohorts read.

    Returns what isn't there and is read as empty: tables, and columns. Raises UsageError when the folder, ``person``,
    ``observation_period`` or ``concept`` is missing.
    """
    wanted = {**_OTHERS}
    for domain in domains().values():
        wanted |= columns_read(domain)
    wanted["observation_period"] |= {"observation_period_end_date": "DATE"}
    return open_folder(
        engine, folder, wanted, needed=_NEEDED, remedy="cohorts can't be told without that table"
    )
