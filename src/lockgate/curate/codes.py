"""The codes of a build: which are in use, which are withheld, and what the others mean.

A source may put anything where a code belongs, and codes are carried verbatim in ``*_source_value``. So the codes that
are none are emptied before anything is made of them: somebody's number, an e-mail address, or words of fewer people
than the threshold. Other short words (a unit, a status, a place's name) go where they hold somebody's number.
"""

from __future__ import annotations

from collections.abc import Iterable

from lockgate import terminology
from lockgate.curate.sources import BY_RECORD, Curation
from lockgate.engine import SqlEngine, quote
from lockgate.schema import STAGED

# Every pair of columns that names a code, by table: (system, code).
CODINGS: tuple[tuple[str, str, str], ...] = tuple(
    (table, system.name, code.name)
    for table, columns in STAGED.items()
    for system in columns
    for code in columns
    # code_system/code, alt_code_system/alt_code, value_code_system/value_code; type_system/type_code, site_system/...
    if system.name in (f"{code.name}_system", f"{code.name.removesuffix('_code')}_system")
)

# White space as every engine's regular expressions spell it.
_SPACE = r"[ \t\n\x0B\f\r]"

_NOT_WORDS = frozenset(
    {"text", "value_text", "comment", "description", "title", "sig", "accession", "author_name", "time_flag"}
)
# Short words that may be carried as they were sent: units, statuses, kinds, names of places.
WORDS = tuple(
    (table, column.name)
    for table, columns in STAGED.items()
    if table not in ("patient", "objection", "postcode", "patient_merge")
    for column in columns
    if column.type == "VARCHAR"
    and column.name not in _NOT_WORDS
    and not column.name.endswith(("_ref", "_system", "display", "accession", "family_name", "given_name"))
    and (table, column.name) not in {(t, code) for t, _, code in CODINGS}
)


def make_use(engine: SqlEngine, name: str, tables: Iterable[str]) -> None:
    """Make ``name``: every code and word of the ``now_<table>`` of some tables, with the patients who have it."""
    wanted = frozenset(tables)
    # ids of concepts are looked up and never carried as they are
    places = [
        (table, code, "true", f"{system} IS DISTINCT FROM 'OMOP'")
        for table, system, code in CODINGS
        if table in wanted
    ]
    places += [
        (table, word, "false", f"{quote(word)} NOT LIKE 'OMOP:%'") for table, word in WORDS if table in wanted
    ]
    used = " UNION ALL ".join(
        f"SELECT DISTINCT source, {_patient(table)} AS patient_ref, '{table}.{column}' AS place, "
        f"{quote(column)} AS code, {coded} AS coded FROM now_{table} WHERE {quote(column)} IS NOT NULL AND {counts}"
        for table, column, coded, counts in places
    )
    engine.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT w.person_id, u.patient_ref, u.place, u.code, u.coded "
        f"FROM ({used}) AS u LEFT JOIN whose AS w ON w.source = u.source AND w.record_id = u.patient_ref"
    )


def _patient(table: str) -> str:
    known = any(column.name == "patient_ref" for column in STAGED[table])
    return "patient_ref" if known else "CAST(NULL AS VARCHAR)"


def find_withheld(build: Curation, use: Iterable[str]) -> None:
    """Make ``withheld_code``: the codes that are none, of all those in the tables (or views) of ``make_use``."""
    engine = build.engine
    used = " UNION ALL ".join(f"SELECT place, code, coded, patient_ref FROM {table}" for table in use)
    engine.execute(
        f"CREATE OR REPLACE TABLE used_code AS SELECT DISTINCT place, code, coded FROM ({used}) AS u"
    )
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE words_of AS
        SELECT code, sum(people) AS people FROM (
            SELECT place, code, count(DISTINCT patient_ref) AS people FROM ({used}) AS u
            WHERE coded AND code IN (SELECT code FROM used_code WHERE coded AND regexp_matches(code, '{_SPACE}'))
            GROUP BY place, code
        ) AS p GROUP BY code"""
    )
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE withheld_code AS
        WITH number AS (
            SELECT nhs_number AS value FROM now_patient WHERE nhs_number IS NOT NULL
            UNION SELECT local_number FROM now_patient WHERE local_number IS NOT NULL
        ),
        part AS (
            SELECT code, unnest([code, regexp_replace(code, '[^0-9]', '', 'g')]
                || regexp_extract_all(code, '[0-9A-Za-z]+')) AS value
            FROM (SELECT DISTINCT code FROM used_code)
        )
        SELECT code FROM used_code
        GROUP BY code
        HAVING code LIKE '%@%'
            OR (bool_or(coded) AND (code LIKE '%"%' OR length(code) > 50 OR code IN (FROM number)
                OR code IN (SELECT code FROM words_of WHERE people < {int(build.threshold)})))
            OR code IN (SELECT code FROM part SEMI JOIN number USING (value) WHERE length(value) > 4)"""
    )


def withhold(engine: SqlEngine) -> None:
    """Empty the withheld codes of every ``now_<table>``."""
    places = engine.rows(
        "SELECT DISTINCT place FROM used_code SEMI JOIN withheld_code USING (code) ORDER BY place"
    )
    for (place,) in places:
        table, _, column = place.partition(".")
        engine.execute(
            f"UPDATE now_{table} SET {quote(column)} = NULL "
            f"WHERE {quote(column)} IN (SELECT code FROM withheld_code)"
        )


def codes_in_use(build: Curation) -> None:
    """Make ``coding``, what the codes and units of the ``now_<table>`` mean, and the rules of units."""
    engine = build.engine
    codes = " UNION ".join(
        f"SELECT {system} AS vocabulary_id, {code} AS code FROM now_{table} "
        f"WHERE {system} IS NOT NULL AND {code} IS NOT NULL"
        for table, system, code in CODINGS
    )
    units = " UNION ".join(
        f"SELECT 'UCUM', {unit} FROM now_{table} WHERE {unit} IS NOT NULL"
        for table, unit in (("result", "unit_code"), ("result", "unit"), ("specimen", "unit"))
    )
    engine.register("unit_conversion", terminology.unit_rules(build.site))
    engine.register("unit_written", terminology.written_units(build.site))
    units += " UNION SELECT 'UCUM', to_unit FROM unit_conversion UNION SELECT 'UCUM', ucum FROM unit_written"
    units += " UNION SELECT 'LOINC', code FROM unit_conversion"
    terminology.coding_table(engine, f"{codes} UNION {units}")
    _unit_rule(engine)


def _unit_rule(engine: SqlEngine) -> None:
    """``unit_rule``: the conversions by what is measured, a standard concept or else the code itself."""
    engine.execute(
        """
        CREATE OR REPLACE TABLE unit_rule AS
        SELECT measured, from_unit, max(to_unit) AS to_unit, max(factor) AS factor, max(shift) AS shift
        FROM (
            SELECT CAST(c.concept_id AS VARCHAR) AS measured, u.from_unit, u.to_unit, u.factor, u.shift
            FROM unit_conversion AS u JOIN coding AS c ON c.vocabulary_id = 'LOINC' AND c.code = u.code
            WHERE c.concept_id <> 0
            UNION ALL
            SELECT 'LOINC:' || code, from_unit, to_unit, factor, shift FROM unit_conversion
        ) AS every_rule
        GROUP BY measured, from_unit
        -- two codes of one concept that want different units say nothing of it
        HAVING count(DISTINCT to_unit) = 1"""
    )


PERSONAL_USE, WHOLE_USE = "code_use", "whole_use"
WHOLE = tuple(table for table in STAGED if table not in BY_RECORD)
