"""A folder of OMOP tables as Parquet, opened on an engine; what is missing from it is said."""

from __future__ import annotations

from pathlib import Path

from lockgate.cohorts.domains import domains
from lockgate.cohorts.events import columns_read
from lockgate.engine import SqlEngine, quote
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
    "concept": {"concept_id": "BIGINT", "invalid_reason": "VARCHAR"},
    "concept_ancestor": {"ancestor_concept_id": "BIGINT", "descendant_concept_id": "BIGINT"},
    "concept_relationship": {
        "concept_id_1": "BIGINT",
        "concept_id_2": "BIGINT",
        "relationship_id": "VARCHAR",
        "invalid_reason": "VARCHAR",
    },
}
_NEEDED = ("person", "observation_period", "concept")


def open_omop(engine: SqlEngine, folder: Path) -> list[str]:
    """Views over ``folder/TABLE.parquet`` (or ``TABLE/*.parquet``) with the columns that cohorts read.

    Returns what isn't there and is read as empty: tables, and columns. Raises UsageError when the folder, ``person``,
    ``observation_period`` or ``concept`` is missing.
    """
    if not folder.is_dir():
        raise UsageError(
            "there is no such folder", where=str(folder), remedy="name a folder of OMOP Parquet files"
        )
    absent = []
    wanted = {**_OTHERS, **{name: columns_read(domain) for name, domain in domains().items()}}
    wanted["observation_period"] |= {"observation_period_end_date": "DATE"}
    for table, columns in wanted.items():
        paths = [folder / f"{table}.parquet"]
        if not paths[0].is_file():
            paths = sorted((folder / table).glob("*.parquet"))
        if not paths:
            if table in _NEEDED:
                raise UsageError(
                    f"there is no {table}.parquet",
                    where=str(folder),
                    remedy="cohorts can't be told without that table",
                )
            absent.append(table)
            engine.execute(
                f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT "
                + ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
                + " WHERE FALSE"
            )
            continue
        engine.view_parquet(f"omop_{table}", paths)
        there = {name.lower(): name for name in engine.columns(f"SELECT * FROM omop_{table}")}
        absent += [f"{table}.{name}" for name in columns if name not in there]
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT "
            + ", ".join(
                f"CAST({quote(there[name]) if name in there else 'NULL'} AS {kind}) AS {name}"
                for name, kind in columns.items()
            )
            + f" FROM omop_{table}"
        )
    return absent
