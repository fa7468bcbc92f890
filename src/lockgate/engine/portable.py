"""SQL written in DuckDB's dialect, as statements that Spark runs.

SQLGlot rewrites the text. What would run on Spark and mean something else is refused here rather than translated:
``portable.yaml`` is what curation may say, and the tests hold both engines to its answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import sqlglot
import yaml
from sqlglot import exp

# Functions that give other numbers on the two engines, or that only one has.
REFUSED = frozenset({"HASH", "RANDOM", "RAND", "UUID", "GEN_RANDOM_UUID", "ARG_MIN_NULL", "ARG_MAX_NULL"})


_LEN = re.compile(r"\blen\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement for Spark: what it makes or changes (``target``), and the query that gives the rows.

    An update has ``assigned`` (column -> new value) and ``where`` instead; "empty" has ``columns`` (name -> type).
    """

    kind: Literal["query", "table", "empty", "view", "insert", "update", "drop"]
    target: str = ""
    sql: str = ""
    assigned: dict[str, str] = field(default_factory=dict)
    where: str = ""
    columns: dict[str, str] = field(default_factory=dict)


@cache
def portable_sql() -> dict[str, list[dict[str, Any]]]:
    """The table of what means the same ("values", "rows"), what doesn't ("differ"), and what is refused ("refused")."""
    text = resources.files(__package__).joinpath("portable.yaml").read_text(encoding="utf-8")
    told: dict[str, list[dict[str, Any]]] = yaml.safe_load(text)
    return told


class NotPortableError(ValueError):
    """The statement has no meaning that both engines share."""


def spark_type(duckdb_type: str) -> str:
    """A DuckDB type in Spark's words: "VARCHAR[]" -> "ARRAY<STRING>", "TIMESTAMP" -> "TIMESTAMP_NTZ"."""
    return exp.DataType.build(duckdb_type, dialect="duckdb").sql(dialect="spark")


@lru_cache(maxsize=1024)
def statements(sql: str) -> tuple[Statement, ...]:
    """The statements of an SQL text; NotPortableError names what has no common meaning."""
    if _LEN.search(sql):
        raise NotPortableError("len() is length() of a text and array_length() of a list")
    return tuple(_statement(tree) for tree in sqlglot.parse(sql, read="duckdb") if tree is not None)


def _statement(tree: exp.Expr) -> Statement:
    tree = tree.transform(_portable)
    if isinstance(tree, exp.Query):
        return Statement("query", sql=_spark(tree))
    if isinstance(tree, exp.Create) and tree.kind in ("TABLE", "VIEW"):
        if isinstance(tree.this, exp.Schema):
            columns = {
                column.name: spark_type(column.args["kind"].sql(dialect="duckdb"))
                for column in tree.this.expressions
            }
            return Statement("empty", tree.this.this.name, columns=columns)
        kind: Literal["table", "view"] = "table" if tree.kind == "TABLE" else "view"
        return Statement(kind, tree.this.name, _spark(tree.expression))
    if isinstance(tree, exp.Insert) and isinstance(tree.this, exp.Table):
        return Statement("insert", tree.this.name, _spark(tree.expression))
    if isinstance(tree, exp.Update) and isinstance(tree.this, exp.Table):
        assigned = {item.this.name: _spark(item.expression) for item in tree.expressions}
        where = tree.args.get("where")
        return Statement(
            "update", tree.this.name, assigned=assigned, where=_spark(where.this) if where else "TRUE"
        )
    if isinstance(tree, exp.Drop) and (dropped := tree.find(exp.Table)):
        return Statement("drop", dropped.name)
    raise NotPortableError(f"{tree.key} statements are not run on Spark")


def _spark(tree: exp.Expr) -> str:
    return tree.sql(dialect="spark")


def _portable(node: exp.Expr) -> exp.Expr:
    name = node.name.upper() if isinstance(node, exp.Anonymous) else node.key.upper()
    if name in REFUSED:
        raise NotPortableError(f"{name.lower()}() differs from engine to engine")
    if name in ("MD5_NUMBER_LOWER", "MD5NUMBERLOWER64"):
        (text,) = node.expressions if isinstance(node, exp.Anonymous) else (node.this,)
        return _digest(text)
    if isinstance(node, exp.SetOperation) and node.args.get("by_name"):
        raise NotPortableError("UNION goes by place, not BY NAME")
    if isinstance(node, exp.RegexpReplace) and "g" not in node.text("modifiers"):
        raise NotPortableError("regexp_replace needs the option 'g': Spark replaces every match")
    if isinstance(node, (exp.RegexpReplace, exp.RegexpLike, exp.RegexpExtract, exp.RegexpExtractAll)):
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise NotPortableError("a regular expression has to be written out")
        if "[:" in pattern.name or pattern.name.endswith("$"):
            raise NotPortableError(
                "of a regular expression, [:classes:] and $ mean other things to Java: write \\z"
            )
    return node


def _digest(text: exp.Expr) -> exp.Expr:
    """The last eight bytes of the MD5 as a little-endian number, as DuckDB has it; signed, for Spark has no other."""
    digits = exp.func("MD5", text)
    pairs = [
        exp.func("SUBSTRING", digits.copy(), exp.Literal.number(start), exp.Literal.number(2))
        for start in range(31, 16, -2)
    ]
    number = exp.Anonymous(
        this="CONV",
        expressions=[
            exp.func("CONCAT", *pairs),
            exp.Literal.number(16),
            exp.Neg(this=exp.Literal.number(10)),
        ],
    )
    return exp.cast(number, "BIGINT")
