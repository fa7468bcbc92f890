"""What a patient row says of who it is, made comparable: one profile per distinct set of values.

A million copies of one row are one profile, so no pair of records is ever looked at twice. Values get the standard
forms of ``identity.linkage``, and the table of profiles has the columns that its steps and its model read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.engine import Engine, literal
from lockgate.identity.linkage import records

# The columns of a staged patient row that identity reads; those that a table lacks are empty.
READ = {
    "source": "VARCHAR",
    "record_id": "VARCHAR",
    "nhs_number": "VARCHAR",
    "local_number": "VARCHAR",
    "family_name": "VARCHAR",
    "given_name": "VARCHAR",
    "middle_names": "VARCHAR",
    "former_names": "VARCHAR[]",
    "sex": "VARCHAR",
    "birth_date": "DATE",
    "postcode": "VARCHAR",
    "phone": "VARCHAR[]",
    "email": "VARCHAR",
}
# The values that make a profile. ``local_number`` is the trust's own; ``families``: the family name and former ones.
VALUES = (
    "nhs", "birth", "sex", "family", "families", "given", "middle", "local_number", "postcode", "f_phone", "f_email",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """One distinct set of identifying values; ``number`` indexes it, ``records`` says how many rows hold it, and
    ``sources`` those of them that have one record for each person. Birth dates are YYYYMMDD."""

    number: int
    nhs_number: str | None = None
    birth_date: str | None = None
    records: int = 0
    sources: frozenset[str] = frozenset()
    own_step: str = ""


def read_profiles(
    engine: Engine, patients: str, *, own_sources: Sequence[str] | None, one_each: Sequence[str] = ()
) -> list[Profile]:
    """Make ``identity_record`` (source, record_id, profile), ``link_record`` (the profiles) and read the profiles.

    ``patients`` names a view with the columns READ, one row per (source, record_id). NHS numbers with a wrong check
    digit are treated as absent. Local numbers count only for ``own_sources`` (None: for every source); to another
    organisation the same number is another person. ``one_each`` are the sources with one record for each person.
    Rows that say too little to be told from others keep a profile each, and so do records that a source or a person
    has parted (tables ``identity_merge`` and ``identity_decision``).
    """
    records.prepare(engine)
    own = "true" if own_sources is None else f"r.source IN ({', '.join(map(literal, own_sources)) or 'NULL'})"
    engine.execute(f"CREATE OR REPLACE TEMP TABLE identity_raw AS SELECT {', '.join(READ)} FROM {patients}")
    # each distinct name is put in its standard form once
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_name AS
        SELECT raw, link_name(raw) AS name FROM (
            SELECT given_name AS raw FROM identity_raw UNION SELECT family_name FROM identity_raw
            UNION SELECT middle_names FROM identity_raw
            UNION SELECT unnest(former_names) FROM identity_raw)
        WHERE raw IS NOT NULL""")
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_value AS
        WITH former AS (
            SELECT source, record_id, list(name) AS names
            FROM (SELECT source, record_id, unnest(former_names) AS raw FROM identity_raw)
            JOIN identity_name USING (raw)
            WHERE name IS NOT NULL GROUP BY ALL)
        SELECT r.source, r.record_id, link_nhs(nhs_number) AS nhs, strftime(birth_date, '%Y%m%d') AS birth,
               CASE WHEN sex IN ('M', 'F') THEN sex END AS sex, f.name AS family,
               list_sort(list_distinct(coalesce(o.names, []) || CASE WHEN f.name IS NULL THEN [] ELSE [f.name] END))
                   AS families,
               split_part(g.name, ' ', 1) AS given,
               coalesce(m.name, nullif(substr(g.name, strpos(g.name || ' ', ' ') + 1), '')) AS middle,
               CASE WHEN {own} THEN link_code(local_number) END AS local_number,
               link_code(postcode) AS postcode, link_phone(phone[1]) AS f_phone, link_email(email) AS f_email
        FROM identity_raw AS r LEFT JOIN identity_name AS g ON g.raw = given_name
        LEFT JOIN identity_name AS f ON f.raw = family_name LEFT JOIN identity_name AS m ON m.raw = middle_names
        LEFT JOIN former AS o ON o.source = r.source AND o.record_id = r.record_id""")
    engine.execute(
        "CREATE TEMP TABLE IF NOT EXISTS identity_merge"
        " (source VARCHAR, low VARCHAR, high VARCHAR, kind VARCHAR, event_at TIMESTAMP)"
    )
    engine.execute(
        "CREATE TEMP TABLE IF NOT EXISTS identity_decision (left_source VARCHAR, left_id VARCHAR,"
        " right_source VARCHAR, right_id VARCHAR, verdict VARCHAR)"
    )
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_parted AS
        SELECT source, low AS record_id FROM identity_merge WHERE kind = 'unmerge'
        UNION SELECT source, high FROM identity_merge WHERE kind = 'unmerge'
        UNION SELECT left_source, left_id FROM identity_decision WHERE verdict = 'different'
        UNION SELECT right_source, right_id FROM identity_decision WHERE verdict = 'different'""")
    # Same values mean same person only where there is a number and something that agrees with it, or all of name,
    # birth date and postcode.
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE identity_record AS
        WITH keyed AS (
            SELECT *,
                   CASE WHEN (source, record_id) IN (FROM identity_parted) THEN ''
                        WHEN nhs IS NOT NULL AND birth IS NOT NULL THEN 'nhs_number+birth_date'
                        WHEN nhs IS NOT NULL AND (sex IS NOT NULL OR given IS NOT NULL OR len(families) > 0
                             OR local_number IS NOT NULL) THEN 'nhs_number'
                        WHEN local_number IS NOT NULL AND (birth IS NOT NULL OR given IS NOT NULL OR len(families) > 0)
                        THEN 'local_number'
                        WHEN given IS NOT NULL AND family IS NOT NULL AND birth IS NOT NULL AND postcode IS NOT NULL
                        THEN 'name+birth_date+postcode' ELSE '' END AS own_step
            FROM identity_value)
        SELECT source, record_id, {", ".join(VALUES)}, own_step,
               dense_rank() OVER (ORDER BY {", ".join(VALUES)},
                   CASE WHEN own_step = '' THEN source || chr(31) || record_id END) - 1 AS profile
        FROM keyed""")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_record AS
        SELECT *, CAST(left(birth, 4) AS BIGINT) AS birth_y, CAST(substr(birth, 5, 2) AS BIGINT) AS birth_m,
               CAST(right(birth, 2) AS BIGINT) AS birth_d, link_sound(given) AS given_sound,
               link_sound(family) AS family_sound, link_root(given) AS given_root, link_outward(postcode) AS outward
        FROM (SELECT profile AS rec, 'L' AS side, profile AS n, 1 AS copy, profile,
                     {", ".join(f"any_value({name}) AS {name}" for name in VALUES)},
                     count(*) AS records, any_value(own_step) AS own_step, list_sort(list(DISTINCT source)) AS sources
              FROM identity_record GROUP BY profile)""")
    return _profiles(engine, frozenset(one_each))


def unknown_profiles(first: int, count: int) -> list[Profile]:
    """Profiles of records of which nothing is known but that they were merged, numbered from ``first``."""
    return [Profile(first + place) for place in range(count)]


def _profiles(engine: Engine, one_each: frozenset[str]) -> list[Profile]:
    table = engine.arrow("SELECT rec, nhs, birth, records, sources, own_step FROM link_record ORDER BY rec")
    nobody: frozenset[str] = frozenset()
    columns = [column.to_pylist() for column in table.columns]
    return [
        Profile(number, nhs, born, count, one_each.intersection(sources) if one_each else nobody, own)
        for number, nhs, born, count, sources, own in zip(*columns, strict=True)
    ]
