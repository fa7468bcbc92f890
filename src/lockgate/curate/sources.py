"""The staged rows a release is made of: their latest versions, whose they are, and what their codes mean.

Makes, for every staged table T, the table ``s_T``: the latest live rows with ``person_id`` and ``standing``
("live", "opted_out", "unlinked" or "not:person_without_birth_year") and, where the table has codes, the OMOP
concept of the first coding that the vocabulary can map.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from lockgate import terminology
from lockgate.capture import latest_view
from lockgate.engine import SqlEngine, quote
from lockgate.identity import index_view, opted_out, pseudonymise_ints
from lockgate.schema import STAGED
from lockgate.site import Site

KEY_PURPOSE = "release/ids"

# Tables whose rows are no one's: they stand for themselves.
IMPERSONAL = frozenset(
    {
        "imaging_read",
        "organisation",
        "location",
        "practitioner",
        "feedback",
        "staffing",
        "roster",
        "objection",
        "postcode",
        "patient_merge",
        "medicine",
    }
)
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


@dataclass(frozen=True)
class Curation:
    """One build: where it reads, the day of its opt-out cut-off, and the key of its ids."""

    engine: SqlEngine
    site: Site
    release_date: date

    @property
    def key(self) -> bytes:
        """The secret under which every id of every release of this site is made."""
        return self.site.key(KEY_PURPOSE)

    @property
    def threshold(self) -> int:
        """The smallest number of people a repeated text must stand for to be carried."""
        return self.site.config.disclosure.threshold


def read_sources(build: Curation) -> None:
    """Make every ``s_<table>`` as told above, and ``coding``, ``fixed``, ``area`` and ``person_standing``."""
    engine = build.engine
    terminology.vocabulary_view(engine, build.site)
    engine.register("fixed", terminology.fixed_concepts())
    engine.view_parquet("area", terminology.areas_path())
    engine.view_parquet("area11", terminology.areas11_path())
    engine.view_parquet("ods", terminology.organisations_path())
    for table in STAGED:
        engine.execute(
            f"CREATE OR REPLACE TABLE now_{table} AS SELECT * FROM {latest_view(engine, build.site, table)}"
        )
    _withhold_codes(build)
    _standing(build)
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
    for table in STAGED:
        engine.execute(f"CREATE OR REPLACE TABLE s_{table} AS {_select(table)}")
        engine.execute(f"DROP TABLE now_{table}")


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


def _withhold_codes(build: Curation) -> None:
    """Empty the codes that are none: somebody's number, an e-mail address, or words of fewer people than the threshold.

    A source may put anything where a code belongs, and codes are carried verbatim in ``*_source_value``. Other short
    words (a unit, a status, a place's name) go where they hold somebody's number. Makes ``withheld_code``.
    """
    engine = build.engine
    used = " UNION ALL ".join(
        [
            f"SELECT '{table}.{code}' AS place, {code} AS code, true AS coded, "
            f"{'count(DISTINCT patient_ref)' if _has_patient(table) else '0'} AS people "
            # ids of concepts are looked up and never carried as they are
            f"FROM now_{table} WHERE {code} IS NOT NULL AND {system} IS DISTINCT FROM 'OMOP' GROUP BY {code}"
            for table, system, code in CODINGS
        ]
        + [
            f"SELECT DISTINCT '{table}.{word}', {quote(word)}, false, 0 "
            f"FROM now_{table} WHERE {quote(word)} IS NOT NULL AND {quote(word)} NOT LIKE 'OMOP:%'"
            for table, word in WORDS
        ]
    )
    engine.execute(f"CREATE OR REPLACE TEMP TABLE used_code AS {used}")
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
                OR (regexp_matches(code, '{_SPACE}') AND sum(people) < {int(build.threshold)})))
            OR code IN (SELECT code FROM part SEMI JOIN number USING (value) WHERE length(value) > 4)"""
    )
    places = engine.rows("SELECT DISTINCT place FROM used_code SEMI JOIN withheld_code USING (code)")
    for (place,) in places:
        table, _, column = place.partition(".")
        engine.execute(
            f"UPDATE now_{table} SET {quote(column)} = NULL "
            f"WHERE {quote(column)} IN (SELECT code FROM withheld_code)"
        )


def _has_patient(table: str) -> bool:
    return any(column.name == "patient_ref" for column in STAGED[table])


def _standing(build: Curation) -> None:
    """``person_standing``: every person of the index, their pseudonym, and whether they may be carried."""
    engine = build.engine
    index = index_view(engine, build.site)
    people = engine.arrow(
        f"""
        SELECT i.person_key, max(p.birth_date) IS NOT NULL AS birth_known
        FROM {index} AS i JOIN now_patient AS p ON p.source = i.source AND p.record_id = i.record_id
        GROUP BY i.person_key ORDER BY i.person_key"""
    )
    out = opted_out(engine.local, build.site, at=build.release_date, purpose="research")
    keys = people.column("person_key").combine_chunks()
    standing = [
        "opted_out" if key in out else "live" if known else "not:person_without_birth_year"
        for key, known in zip(keys.to_pylist(), people.column("birth_known").to_pylist(), strict=True)
    ]
    table = people.select(["person_key"]).append_column(
        "person_id", pa.array(pseudonymise_ints(keys, build.key, "person"), pa.int64())
    )
    engine.register("person_standing_arrow", table.append_column("standing", pa.array(standing, pa.string())))
    engine.execute("CREATE OR REPLACE TABLE person_standing AS SELECT * FROM person_standing_arrow")
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE whose AS
        SELECT i.source, i.record_id, s.person_key, s.person_id, s.standing
        FROM {index} AS i JOIN person_standing AS s ON s.person_key = i.person_key"""
    )


def _select(table: str) -> str:
    """The SELECT of one ``s_<table>``."""
    columns = ["t.*"]
    joins = ""
    if table in IMPERSONAL:
        columns += ["CAST(NULL AS BIGINT) AS person_id", "'live' AS standing"]
    else:
        ref = "record_id" if table == "patient" else "patient_ref"
        joins += f" LEFT JOIN whose AS w ON w.source = t.source AND w.record_id = t.{ref}"
        # an incident need not name anybody; anything else that names nobody we know is unlinked
        nobody = "WHEN t.patient_ref IS NULL THEN 'live' " if table == "incident" else ""
        columns += [
            "w.person_id",
            f"CASE {nobody}WHEN w.person_id IS NULL THEN 'unlinked' ELSE w.standing END AS standing",
        ]
        if table == "patient":
            columns.append("w.person_key")
    names = {column.name for column in STAGED[table]}
    system, code = ("cause_system", "cause_code") if table == "death" else ("code_system", "code")
    if table == "document":
        system, code = "type_system", "type_code"
    if {system, code} <= names:
        joins += f" LEFT JOIN coding AS c ON c.vocabulary_id = t.{system} AND c.code = t.{code}"
        first = "coalesce(c.concept_id, 0) <> 0"
        if "alt_code" in names:
            joins += " LEFT JOIN coding AS a ON a.vocabulary_id = t.alt_code_system AND a.code = t.alt_code"
            second = f"NOT ({first}) AND coalesce(a.concept_id, 0) <> 0"
            columns += [
                f"CASE WHEN {second} THEN a.{name} ELSE c.{name} END AS {name}" for name in ("domain_id",)
            ] + [
                f"coalesce(CASE WHEN {second} THEN a.{name} ELSE c.{name} END, 0) AS {name}"
                for name in ("concept_id", "source_concept_id")
            ]
            columns.append(
                f"CASE WHEN t.{system} = 'OMOP' OR {second} THEN t.alt_code "
                "ELSE coalesce(t.code, t.alt_code) END AS source_code"
            )
        else:
            columns += [
                "c.domain_id",
                "coalesce(c.concept_id, 0) AS concept_id",
                "coalesce(c.source_concept_id, 0) AS source_concept_id",
                f"CASE WHEN t.{system} IS DISTINCT FROM 'OMOP' THEN t.{code} END AS source_code",
            ]
    return f"SELECT {', '.join(columns)} FROM now_{table} AS t{joins}"
