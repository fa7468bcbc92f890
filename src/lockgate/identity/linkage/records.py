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
from typing import Any

import pyarrow as pa

from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError
from lockgate.identity.linkage.dates import PLACEHOLDER_SHARE, DateForm, order_of, parts_sql
from lockgate.identity.linkage.fields import Field
from lockgate.schema import nhs_number

COPIES = 2  # records kept of a profile a side
# a day on which more than this share of all are said to be born stands for an unknown one
STAND_IN_SHARE = 0.005


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
    engine.execute("CREATE OR REPLACE TABLE link_roots (name VARCHAR, root VARCHAR)")
    engine.register("link_roots_read", pa.table({"name": list(roots), "root": list(roots.values())}))
    engine.execute("INSERT INTO link_roots SELECT name, root FROM link_roots_read")
    engine.unregister("link_roots_read")
    engine.execute(
        "CREATE OR REPLACE MACRO link_root(x) AS "
        "coalesce((SELECT any_value(known.root) FROM link_roots AS known WHERE known.name = x), x)"
    )


def standardise(
    engine: Engine, fields: list[Field], sides: list[str], declared: Mapping[str, str]
) -> dict[str, DateForm]:
    """Make ``link_row``, ``link_record`` and ``link_id_SIDE`` (n, id) of the raw tables, which go; returns the form of
    the dates by side."""
    forms: dict[str, DateForm] = {}
    parts = []
    for side in sides:
        parts.append(_standard(engine, side, fields, declared, forms))
    first = engine.one("SELECT count(*) FROM link_raw_left")
    names = _names(fields)
    # a row's number among all rows; of rows alike in every standard value, the first one's is their profile
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_standard AS
        SELECT n + CASE side WHEN 'L' THEN 0 ELSE {first} END AS rec, *, hash({", ".join(names)}) AS alike
        FROM ({" UNION ALL ".join(parts)})""")
    for side in sides:
        engine.execute(f"""
            CREATE OR REPLACE TABLE link_id_{side} AS SELECT n, id FROM link_raw_{side}; DROP TABLE link_raw_{side}""")
        for place in range(len(fields)):
            engine.execute(f"DROP TABLE IF EXISTS link_value_{side}_{place}")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_copy AS
        SELECT rec, min(rec) OVER (PARTITION BY {", ".join(names)}) AS profile,
               row_number() OVER (PARTITION BY {", ".join(names)}, side ORDER BY n) AS copy
        FROM link_standard
        WHERE alike IN (SELECT alike FROM link_standard GROUP BY alike HAVING count(*) > 1)""")
    engine.execute("""
        CREATE OR REPLACE TABLE link_row AS
        SELECT s.side, s.n, coalesce(c.profile, s.rec) AS profile, coalesce(c.copy, 1) AS copy
        FROM link_standard AS s LEFT JOIN link_copy AS c USING (rec)""")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_record AS
        SELECT s.* EXCLUDE (alike), coalesce(c.copy, 1) AS copy, coalesce(c.profile, s.rec) AS profile
        FROM link_standard AS s LEFT JOIN link_copy AS c USING (rec) WHERE c.copy IS NULL OR c.copy <= {COPIES};
        DROP TABLE link_standard; DROP TABLE link_copy""")
    return forms


def _standard(
    engine: Engine, side: str, fields: list[Field], declared: Mapping[str, str], forms: dict[str, DateForm]
) -> str:
    """The SQL of a side's standard columns. Each different value of a column is standardised once."""
    columns = _columns(fields)
    joins: list[str] = []
    source: dict[str, str] = {}
    for place, field in enumerate(fields):
        own = {name: sql for name, (of, sql) in columns.items() if of is field}
        if not own:
            continue
        value = f"link_value_{side}_{place}"
        derived = _derived(set(own))
        picked = "".join(f", {sql} AS {name}" for name, sql in own.items())
        counted = (
            f"SELECT {quote(field.name)} AS x, count(*) AS k FROM link_raw_{side} "
            f"WHERE {quote(field.name)} IS NOT NULL GROUP BY 1"
        )
        if field.kind == "birth":
            counted, forms[side] = _read_dates(engine, side, counted, field, declared.get(side, ""))
        formed = "*" if field.kind == "birth" else f"x, {_FORMS.get(field.kind, 'x')} AS v"
        engine.execute(f"""
            CREATE OR REPLACE TABLE {value} AS
            WITH formed AS MATERIALIZED (SELECT {formed} FROM ({counted})),
            standard AS MATERIALIZED (SELECT x{picked} FROM formed)
            SELECT standard.*{"".join(f", {sql} AS {name}" for name, sql in derived.items())}
            FROM standard {_root_of(derived)}""")
        joins.append(f"LEFT JOIN {value} ON {value}.x = raw.{quote(field.name)}")
        source |= dict.fromkeys((*own, *derived), value)
    if "whole" in source:  # the words of a whole name that the given and the family name leave out
        value, source["middle"] = source.pop("whole"), ""
        picked = ", ".join(
            f"{table}.{name}" if name != "middle" else
            f"link_others({value}.whole, {source['given']}.given, {source['family']}.family) AS middle"
            for name, table in source.items()
        )  # fmt: skip
    else:
        picked = ", ".join(f"{value}.{name}" for name, value in source.items())
    return (
        f"SELECT '{side[0].upper()}' AS side, raw.n, {picked} FROM link_raw_{side} AS raw {' '.join(joins)}"
    )


def _root_of(derived: Mapping[str, str]) -> str:
    """The join that a derived root needs (``link_root``, a value at a time, takes ten times as long)."""
    wanted = [sql for sql in derived.values() if "known.root" in sql]
    if not wanted:
        return ""
    name = wanted[0].removeprefix("coalesce(known.root, ").removesuffix(")")
    return f"LEFT JOIN link_roots AS known ON known.name = {name}"


def _read_dates(engine: Engine, side: str, counted: str, birth: Field, declared: str) -> tuple[str, DateForm]:
    """The SQL of a table (x, k, born) of the dates of a side, and their form."""
    table = f"link_dates_{side}"
    engine.execute(f"CREATE OR REPLACE TABLE {table}_all AS {counted}")
    order, shown = order_of(engine, f"{table}_all", birth.name, declared, f"{side} table")
    # a day that no month has (the 31st of February) is a slip: its digits are still worth comparing
    engine.execute(f"""
        CREATE OR REPLACE TABLE {table} AS
        SELECT x, k, CASE WHEN parsed.y BETWEEN 1000 AND 2100 THEN parsed END AS born
        FROM (SELECT *, {parts_sql("x", order)} AS parsed FROM {table}_all); DROP TABLE {table}_all""")
    filled, unread, whole, first = (
        int(n or 0)
        for n in engine.rows(f"""
            SELECT sum(k) FILTER (link_filled(x) IS NOT NULL),
                   sum(k) FILTER (link_filled(x) IS NOT NULL AND born IS NULL),
                   sum(k) FILTER (born.d IS NOT NULL), sum(k) FILTER (born.d = 1 AND born.m = 1) FROM {table}""")[
            0
        ]
    )
    if 2 * unread > filled:
        raise UsageError(
            f"column {birth.name}: {unread:,} of {filled:,} dates can't be read",
            where=f"{side} table",
            remedy="write them as 1956-12-31, 31/12/1956, 31 Dec 1956 or 1956 (a year of two digits names no century), "
            "or leave the column out of --map",
        )
    year_only = whole >= 100 and first / whole > PLACEHOLDER_SHARE
    if year_only:
        engine.execute(f"""
            UPDATE {table} SET born = {{'y': born.y, 'm': NULL, 'd': NULL}} WHERE born.d = 1 AND born.m = 1""")
    # one day that far too many are said to be born on was filled in where none was known
    often = max(50, whole * STAND_IN_SHARE)
    stands_in = int(
        engine.one(f"""
        SELECT coalesce(sum(k), 0) FROM (SELECT sum(k) AS k FROM {table} WHERE born.d IS NOT NULL GROUP BY born)
        WHERE k > {often} AND (SELECT count(DISTINCT born) FROM {table}) > {1 / STAND_IN_SHARE}""")
        or 0
    )
    if stands_in:
        engine.execute(f"""
            UPDATE {table} SET born = NULL WHERE born.d IS NOT NULL AND born IN (
                SELECT born FROM {table} WHERE born.d IS NOT NULL GROUP BY born HAVING sum(k) > {often})""")
    return f"SELECT x, k, born FROM {table}", DateForm(order, shown, unread, filled, year_only, stands_in)


# by kind, the form of a value x that its columns are made of: worked out once
_FORMS = dict.fromkeys(("given", "family", "middle", "kin"), "link_name(x)") | {
    "full_name": "link_whole_name(x)"
}


def _names(fields: list[Field]) -> list[str]:
    """The standard columns that make a profile."""
    return list(dict.fromkeys("middle" if name == "whole" else name for name in _columns(fields)))


def _columns(fields: list[Field]) -> dict[str, tuple[Field, str]]:
    """The standard columns: of which field each is made, and the SQL that makes it of a value v (``_FORMS`` of what is
    written). ``whole``, the words of a whole name beside a given and a family name, is made into ``middle``."""
    columns: dict[str, tuple[Field, str]] = {}
    x = "v"
    kinds = {field.kind for field in fields}
    for field in fields:
        match field.kind:
            case "given":
                columns["given"] = (field, f"link_token({x}, 1)")
                columns.setdefault("middle", (field, f"nullif(substr({x}, strpos({x} || ' ', ' ') + 1), '')"))
            case "family":
                columns["family"] = (field, x)
            case "full_name":
                if {"given", "family"} <= kinds:
                    if "middle" not in kinds:
                        columns["whole"] = (field, x)
                    continue
                columns.setdefault("given", (field, f"CASE WHEN {x} LIKE '% %' THEN link_token({x}, 1) END"))
                columns.setdefault("family", (field, f"link_token({x}, -1)"))
                columns.setdefault("middle", (field, f"link_between({x})"))
            case "middle":
                columns["middle"] = (field, x)
            case "birth":
                columns["birth_y"] = (field, "born.y")
                columns["birth_m"] = (field, "born.m")
                columns["birth_d"] = (field, "born.d")
            case "sex":
                columns["sex"] = (field, f"link_sex({x})")
            case "postcode":
                columns["postcode"] = (field, f"link_code({x})")
            case "city":
                columns["city"] = (field, f"link_words({x})")
            case "nhs":
                columns["nhs"] = (field, f"link_nhs({x})")
            case "number":
                columns[field.column] = (field, f"link_number({x})")
            case "kin":
                columns[field.column] = (field, x)
            case "phone":
                columns[field.column] = (field, f"link_phone({x})")
            case "email":
                columns[field.column] = (field, f"link_email({x})")
            case _:
                columns[field.column] = (field, f"link_words({x})")
    return columns


def _derived(columns: set[str]) -> dict[str, str]:
    """Columns made of standard ones, for blocking and comparing."""
    derived: dict[str, str] = {}
    for name in ("given", "family"):
        if name in columns:
            derived[f"{name}_sound"] = f"link_sound({name})"
    if "given" in columns:
        derived["given_root"] = "coalesce(known.root, given)"
    for name in sorted(columns):
        if name.startswith("f_") and name.removeprefix("f_") in ("father_name", "mother_name", "spouse_name"):
            derived[f"root_{name}"] = f"coalesce(known.root, link_token({name}, 1))"
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
    kinds = {field.kind for field in fields}
    for field in fields:
        if field.kind == "full_name" and {"given", "family"} <= kinds:
            if "middle" in kinds:
                left_out[field.name] = "given, middle and family names say it"
            # else its other words are compared as middle names
            continue
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
