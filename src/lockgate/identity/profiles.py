"""What a patient row says of who it is, made comparable: one profile per distinct set of values.

A million copies of one row are one profile, so no pair of records is ever looked at twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lockgate.engine import Engine, literal
from lockgate.schema.nhs_number import SQL_MACROS

# The columns of a staged patient row that the cascade reads.
READ = (
    "source",
    "record_id",
    "nhs_number",
    "local_number",
    "family_name",
    "given_name",
    "former_names",
    "sex",
    "birth_date",
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One distinct set of identifying values; ``number`` indexes it, ``records`` says how many rows hold it."""

    number: int
    nhs_number: str | None
    birth_date: date | None
    sex: str | None
    family: frozenset[str]
    given: str | None
    local_number: str | None
    records: int


# A name without case, accents, titles or punctuation: "O'Neill-Byrne" and "ONEILL BYRNE" agree.
_NAME = "nullif(regexp_replace(lower(strip_accents({column})), '[^a-z]', '', 'g'), '')"


def read_profiles(engine: Engine, patients: str, *, own_sources: Sequence[str] | None) -> list[Profile]:
    """Make the tables ``identity_record`` (source, record_id, profile) and the profiles of a patient view.

    ``patients`` names a view with the columns READ, one row per (source, record_id). NHS numbers with a wrong check
    digit are treated as absent. Local numbers count only for ``own_sources`` (None: for every source); to another
    organisation the same number is another person. Rows that say too little to be told from others keep a profile
    each, and so do records that a source has parted (table ``identity_merge``).
    """
    for macro in SQL_MACROS:
        engine.execute(macro)
    own = "true" if own_sources is None else f"source IN ({', '.join(map(literal, own_sources)) or 'NULL'})"
    given, family = _NAME.format(column="given_name"), _NAME.format(column="family_name")
    former = f"list_filter(list_transform(former_names, lambda n: {_NAME.format(column='n')}), lambda n: n IS NOT NULL)"
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_value AS
        SELECT source, record_id,
               CASE WHEN nhs_number_valid(nhs_number) THEN nhs_number_clean(nhs_number) END AS nhs,
               birth_date AS born,
               CASE WHEN sex IN ('M', 'F') THEN sex END AS sex,
               list_sort(list_distinct(list_filter(list_append(coalesce({former}, []), {family}),
                                                   lambda n: n IS NOT NULL))) AS family,
               {given} AS given,
               CASE WHEN {own} THEN nullif(upper(regexp_replace(local_number, '[\\s-]', '', 'g')), '') END AS local
        FROM {patients}""")
    engine.execute(
        "CREATE TEMP TABLE IF NOT EXISTS identity_merge"
        " (source VARCHAR, low VARCHAR, high VARCHAR, kind VARCHAR, event_at TIMESTAMP)"
    )
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE identity_parted AS"
        " SELECT source, low AS record_id FROM identity_merge WHERE kind = 'unmerge'"
        " UNION SELECT source, high FROM identity_merge WHERE kind = 'unmerge'"
    )
    # Same values mean same person only where there is a number and something that agrees with it.
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_record AS
        WITH keyed AS (
            SELECT *,
                   CASE WHEN (source, record_id) NOT IN (FROM identity_parted)
                         AND ((nhs IS NOT NULL AND (born IS NOT NULL OR sex IS NOT NULL OR given IS NOT NULL
                                                   OR len(family) > 0 OR local IS NOT NULL))
                          OR (local IS NOT NULL AND (born IS NOT NULL OR given IS NOT NULL OR len(family) > 0)))
                        THEN NULL ELSE source || chr(31) || record_id END AS alone
            FROM identity_value)
        SELECT source, record_id, nhs, born, sex, family, given, local,
               dense_rank() OVER (ORDER BY nhs, born, sex, family, given, local, alone) - 1 AS profile
        FROM keyed""")
    return _profiles(engine)


def unknown_profiles(first: int, count: int) -> list[Profile]:
    """Profiles of records of which nothing is known but that they were merged, numbered from ``first``."""
    return [
        Profile(first + place, None, None, None, frozenset(), None, None, records=0) for place in range(count)
    ]


def _profiles(engine: Engine) -> list[Profile]:
    rows = engine.rows("""
        SELECT profile, any_value(nhs), any_value(born), any_value(sex), any_value(family), any_value(given),
               any_value(local), count(*)
        FROM identity_record GROUP BY profile ORDER BY profile""")
    return [
        Profile(number, nhs, born, sex, frozenset(family or ()), given, local, records)
        for number, nhs, born, sex, family, given, local, records in rows
    ]
