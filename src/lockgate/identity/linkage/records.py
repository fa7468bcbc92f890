"""Two tables (or one) as standardised records: read, checked, and equal records folded into one.

Makes the tables ``link_row`` (n, side, id, profile: one row an input row) and ``link_record`` (rec, side, profile and
the standard columns). A profile is a combination of standard values; however many rows have it, it has at most two
records a side, so that a million copies of one row are two records to compare and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from lockgate.engine import Engine, literal, quote
from lockgate.errors import Refused, UsageError
from lockgate.identity.linkage.dates import PLACEHOLDER_SHARE, DateForm, order_of, parts_sql
from lockgate.identity.linkage.fields import Field, check_columns
from lockgate.schema import nhs_number

COPIES = 2  # records kept of a profile a side
_SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Usable:
    """A field that is compared: how often it is filled, and how many bits its agreement tells (-log2 of the chance
    that two records agree in it)."""

    field: Field
    filled: float
    distinct: int
    bits: float

    def as_dict(self) -> dict[str, object]:
        """For the report."""
        return {
            "field": self.field.name,
            "kind": self.field.kind,
            "filled": round(self.filled, 4),
            "distinct": self.distinct,
            "bits": round(self.bits, 2),
        }


def prepare(engine: Engine) -> None:
    """The macros that standardise."""
    engine.execute(nhs_number.SQL_MACRO)
    here = files(__package__)
    engine.execute(here.joinpath("macros.sql").read_text(encoding="utf-8"))
    # a familiar form stands for the first name it is listed under
    roots: dict[str, str] = {}
    for line in here.joinpath("diminutives.csv").read_text(encoding="utf-8").split():
        root, *others = line.split(",")
        for name in (root, *others):
            roots.setdefault(name, root)
    entries = ", ".join(f"'{name}': '{root}'" for name, root in roots.items())
    engine.execute(f"CREATE OR REPLACE MACRO link_root(x) AS coalesce(MAP {{{entries}}}[x], x)")


def read(engine: Engine, path: Path, side: str, id_column: str, fields: list[Field], where: str) -> int:
    """Make the table ``link_raw_SIDE`` of a CSV or Parquet file: n, id and a text column for each field; its rows.

    UsageError when the file can't be read, or the id column is missing, has NULLs or doubles."""
    if not path.exists():
        raise UsageError("no such file", where=str(path), remedy="give a CSV or Parquet file")
    csv = path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".txt"))
    reader = f"read_csv({literal(path)}, all_varchar = true, header = true)" if csv else literal(path)
    if not csv:
        reader = f"read_parquet({reader})"
    try:
        names = {name.strip(): name for name in engine.columns(f"SELECT * FROM {reader}")}
        if id_column not in names:
            raise UsageError(
                f"has no column {id_column}",
                where=str(path),
                remedy=f"--id is one of {', '.join(sorted(names)[:30])}",
            )
        check_columns(fields, side, names, str(path))
        picked = ", ".join(
            f"CAST({quote(names[getattr(field, side)])} AS VARCHAR) AS {quote(field.name)}"
            for field in fields
        )
        ident = quote(names[id_column])
        shown = f"trim({ident})" if csv else ident
        engine.execute(
            f"CREATE OR REPLACE TABLE link_raw_{side} AS "
            f"SELECT row_number() OVER () AS n, {shown} AS id, {picked} FROM {reader}"
        )
    except duckdb.Error as error:
        raise UsageError(
            f"can't be read as {'CSV' if csv else 'Parquet'}",
            where=str(path),
            remedy="give a Parquet file, or a CSV file with a header",
        ) from error
    rows, without, distinct = engine.rows(
        f"SELECT count(*), count(*) - count(id), count(DISTINCT id) FROM link_raw_{side}"
    )[0]
    if not rows:
        raise UsageError("has no rows", where=str(path), remedy="there is nothing to link")
    if without or distinct < rows - without:
        raise UsageError(
            f"column {id_column} is no identifier: {without:,} of {rows:,} rows have none, "
            f"{rows - without - distinct:,} repeat another's",
            where=str(path),
            remedy=f"{where} needs a column with another value in every row",
        )
    whole = engine.one(
        f"SELECT bool_and(CAST(id AS VARCHAR) = CAST(TRY_CAST(id AS BIGINT) AS VARCHAR)) FROM link_raw_{side}"
    )
    if csv and whole:
        engine.execute(f"ALTER TABLE link_raw_{side} ALTER id TYPE BIGINT")
    return int(rows)


def standardise(
    engine: Engine, fields: list[Field], sides: list[str], declared: Mapping[str, str]
) -> dict[str, DateForm]:
    """Make ``link_row`` and ``link_record`` of the raw tables; returns the form of the dates by side."""
    forms: dict[str, DateForm] = {}
    parts = []
    for side in sides:
        birth = next((field for field in fields if field.kind == "birth"), None)
        if birth:
            forms[side] = _read_dates(engine, side, birth, declared.get(side, ""))
        columns = _columns(fields, birth is not None)
        parts.append(
            f"SELECT n, '{side[0].upper()}' AS side, CAST(id AS VARCHAR) AS id, "
            f"{', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM link_dated_{side}"
            if birth
            else f"SELECT n, '{side[0].upper()}' AS side, CAST(id AS VARCHAR) AS id, "
            f"{', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM link_raw_{side}"
        )
    names = ", ".join(_columns(fields, any(field.kind == "birth" for field in fields)))
    engine.execute(f"CREATE OR REPLACE TABLE link_standard AS {' UNION ALL '.join(parts)}")
    derived = _derived({name.strip() for name in names.split(",")})
    # one profile a combination of values, numbered by its first row so that the same files give the same numbers
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_profile AS
        SELECT row_number() OVER (ORDER BY first_side, first_n) AS profile, * FROM (
            SELECT min(side) AS first_side, arg_min(n, (side, n)) AS first_n, {names} FROM link_standard
            GROUP BY {names})""")
    matched = " AND ".join(
        f"s.{name.strip()} IS NOT DISTINCT FROM p.{name.strip()}" for name in names.split(",")
    )
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_row AS
        SELECT s.side, s.n, s.id, p.profile,
               row_number() OVER (PARTITION BY p.profile, s.side ORDER BY s.n) AS copy
        FROM link_standard AS s JOIN link_profile AS p ON {matched}""")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_record AS
        SELECT row_number() OVER (ORDER BY r.side, r.n) AS rec, r.side, r.n, r.copy, r.profile, {names}
               {"".join(f", {sql} AS {name}" for name, sql in derived.items())}
        FROM link_row AS r JOIN link_profile AS p USING (profile) WHERE r.copy <= {COPIES}""")
    engine.execute("DROP TABLE link_standard; DROP TABLE link_profile")
    return forms


def _read_dates(engine: Engine, side: str, birth: Field, declared: str) -> DateForm:
    table = f"link_raw_{side}"
    order, shown = order_of(engine, table, birth.name, declared, f"{side} table")
    # a day that no month has (the 31st of February) is a slip: its digits are still worth comparing
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_dated_{side} AS
        SELECT *, CASE WHEN parsed.y BETWEEN 1000 AND 2100 THEN parsed END AS born
        FROM (SELECT *, {parts_sql(birth.name, order)} AS parsed FROM {table})""")
    filled, unread, whole, first = engine.rows(f"""
        SELECT count(link_filled({quote(birth.name)})),
               count(link_filled({quote(birth.name)})) FILTER (born IS NULL),
               count(*) FILTER (born.d IS NOT NULL), count(*) FILTER (born.d = 1 AND born.m = 1)
        FROM link_dated_{side}""")[0]
    year_only = whole >= 100 and first / whole > PLACEHOLDER_SHARE
    if year_only:
        engine.execute(f"""
            UPDATE link_dated_{side} SET born = {{'y': born.y, 'm': NULL, 'd': NULL}}
            WHERE born.d = 1 AND born.m = 1""")
    return DateForm(order, shown, unread, filled, year_only)


def _columns(fields: list[Field], dated: bool) -> dict[str, str]:
    """The standard columns and the SQL that makes each of the raw ones."""
    columns: dict[str, str] = {}
    for field in fields:
        x = quote(field.name)
        match field.kind:
            case "given":
                columns["given"] = f"link_token(link_name({x}), 1)"
                columns.setdefault(
                    "middle", f"nullif(substr(link_name({x}), strpos(link_name({x}) || ' ', ' ') + 1), '')"
                )
            case "family":
                columns["family"] = f"link_name({x})"
            case "full_name":
                columns.setdefault(
                    "given", f"CASE WHEN link_name({x}) LIKE '% %' THEN link_token(link_name({x}), 1) END"
                )
                columns.setdefault("family", f"link_token(link_name({x}), -1)")
            case "middle":
                columns["middle"] = f"link_name({x})"
            case "birth" if dated:
                columns["birth_y"] = "born.y"
                columns["birth_m"] = "born.m"
                columns["birth_d"] = "born.d"
            case "sex":
                columns["sex"] = f"link_sex({x})"
            case "postcode":
                columns["postcode"] = f"link_code({x})"
            case "city":
                columns["city"] = f"link_words({x})"
            case "nhs":
                columns["nhs"] = f"link_nhs({x})"
            case "number":
                columns[field.column] = f"link_number({x})"
            case "phone":
                columns[field.column] = f"link_phone({x})"
            case "email":
                columns[field.column] = f"link_email({x})"
            case _:
                columns[field.column] = f"link_words({x})"
    return columns


def _derived(columns: set[str]) -> dict[str, str]:
    """Columns made of standard ones, for blocking and comparing."""
    derived: dict[str, str] = {}
    for name in ("given", "family"):
        if name in columns:
            derived[f"{name}_sound"] = f"link_sound({name})"
    if "given" in columns:
        derived["given_root"] = "link_root(given)"
    if "birth_y" in columns:
        derived["birth"] = (
            "CASE WHEN birth_d IS NOT NULL THEN lpad(CAST(birth_y AS VARCHAR), 4, '0') || "
            "lpad(CAST(birth_m AS VARCHAR), 2, '0') || lpad(CAST(birth_d AS VARCHAR), 2, '0') END"
        )
    if "postcode" in columns:
        derived["outward"] = "link_outward(postcode)"
    return derived


def usable(engine: Engine, fields: list[Field]) -> tuple[list[Usable], dict[str, str]]:
    """The fields that tell records apart, and why the others don't; Refused when what is left singles out nobody."""
    present = set(engine.columns("SELECT * FROM link_record"))
    kept: list[Usable] = []
    left_out: dict[str, str] = {}
    rows = int(engine.one("SELECT count(*) FROM link_row") or 0)
    both = engine.one("SELECT count(DISTINCT side) FROM link_record") == 2
    for field in fields:
        column = {"birth": "birth_y", "full_name": "family"}.get(field.kind, field.column)
        expression = "(birth_y, birth_m, birth_d)" if field.kind == "birth" else column
        if column not in present:
            continue
        counts = engine.rows(f"""
            SELECT side, CAST(sum(k) AS BIGINT), count(*), CAST(sum(k * k) AS DOUBLE) FROM (
                SELECT side, {expression} AS v, count(*) AS k FROM link_record WHERE {column} IS NOT NULL GROUP BY ALL)
            GROUP BY side""")
        filled = sum(int(row[1]) for row in counts)
        distinct = int(
            engine.one(f"SELECT count(DISTINCT {expression}) FROM link_record WHERE {column} IS NOT NULL")
            or 0
        )
        records = int(engine.one("SELECT count(*) FROM link_record") or 0)
        if both and len(counts) < 2:
            left_out[field.name] = "empty in one of the two tables" if counts else "empty"
        elif not filled:
            left_out[field.name] = "empty, or nothing in it could be read"
        elif distinct == 1:
            left_out[field.name] = "one value in every row"
        else:
            chance = sum(float(row[3]) for row in counts) / max(1, sum(int(row[1]) ** 2 for row in counts))
            kept.append(Usable(field, filled / records, distinct, -math.log2(max(chance, 1e-12))))
    told = sum(one.bits * min(1.0, 2 * one.filled) for one in kept)
    needed = math.log2(max(2, rows))
    if told < needed:
        reasons = [f"{name}: {why}" for name, why in left_out.items()]
        reasons += [f"{one.field.name}: agreement tells {one.bits:.1f} bits" for one in kept]
        raise Refused(
            f"no usable column: {needed:.1f} bits are needed to single out one of {rows:,} records, "
            f"the columns tell {told:.1f}",
            reasons=reasons,
            remedy="map more columns, or columns that are filled",
        )
    return kept, left_out


def shape(engine: Engine) -> dict[str, Any]:
    """How many rows, records and copies there are."""
    rows, profiles, largest = engine.rows("""
        SELECT CAST(sum(k) AS BIGINT), count(*), max(k) FROM (
            SELECT side, profile, count(*) AS k FROM link_row GROUP BY ALL)""")[0]
    return {"rows": rows, "distinct_records": profiles, "largest_group_of_equal_rows": largest}
