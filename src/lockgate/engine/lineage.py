"""Which tables and columns a text of SQL reads, by SQLGlot: what an audit entry says of a query."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

Touched = dict[str, list[str]]


def touched(sql: str, tables: Mapping[str, Collection[str]]) -> Touched | None:
    """The tables of ``tables`` (name -> its columns) that a script reads, each with the columns; None where it can't
    be told, so that everything has to be taken as read.

    Tables that the script makes itself are followed to what they are made of: what is read of them was read before.
    """
    known = {
        name.lower(): {column.lower(): "VARCHAR" for column in columns} for name, columns in tables.items()
    }
    base = dict(known)
    found: dict[str, set[str]] = {}
    try:
        for statement in sqlglot.parse(sql, dialect="duckdb"):
            if statement is not None:
                _note(statement, known, base, found)
    except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError):
        return None
    return {name: sorted(columns) for name, columns in sorted(found.items())}


def _note(
    statement: exp.Expr,
    known: dict[str, dict[str, str]],
    base: Mapping[str, Mapping[str, str]],
    found: dict[str, set[str]],
) -> None:
    made = statement.this if isinstance(statement, exp.Create | exp.Insert) else None
    query = statement.expression if made is not None else statement
    if not isinstance(query, exp.Query):
        _by_name(statement, base, found)
        return
    query = qualify(
        query.transform(_of_file, base), schema=dict(known), dialect="duckdb", expand_stars=True,
        validate_qualify_columns=False, identify=False,
    )  # fmt: skip
    for scope in traverse_scope(query):
        for name, source in scope.sources.items():
            if isinstance(source, exp.Table) and source.name.lower() in base:
                table = source.name.lower()
                columns = {column.name.lower() for column in scope.columns if column.table == name}
                found.setdefault(table, set()).update(columns & set(base[table]))
        _unplaced(scope, base, found)
    if made is not None and isinstance(query, exp.Query):
        target = made.find(exp.Table)
        if target is not None and target.name.lower() not in base:
            known[target.name.lower()] = {name.lower(): "VARCHAR" for name in query.named_selects if name}


def _unplaced(scope: object, base: Mapping[str, Mapping[str, str]], found: dict[str, set[str]]) -> None:
    """A column that could be of several tables is taken as read in each."""
    sources = [
        one.name.lower()
        for one in scope.sources.values()  # type: ignore[attr-defined]
        if isinstance(one, exp.Table) and one.name.lower() in base
    ]
    for column in scope.columns:  # type: ignore[attr-defined]
        if not column.table:
            for table in sources:
                if column.name.lower() in base[table]:
                    found.setdefault(table, set()).add(column.name.lower())


def _by_name(statement: exp.Expr, base: Mapping[str, Mapping[str, str]], found: dict[str, set[str]]) -> None:
    """Of a statement that is no query (COPY, UPDATE): every column of a table it names that it names too."""
    named = {column.name.lower() for column in statement.find_all(exp.Column)}
    starred = statement.find(exp.Star) is not None
    for table in statement.find_all(exp.Table):
        if (name := table.name.lower()) in base:
            found.setdefault(name, set()).update(set(base[name]) if starred else named & set(base[name]))


def _of_file(node: exp.Expr, base: Mapping[str, Mapping[str, str]]) -> exp.Expr:
    """A table that is read from its file (``read_parquet('/data/person.parquet')``) as the table; ValueError else."""
    if not isinstance(node, exp.Table):
        return node
    inner = node.this
    if isinstance(inner, exp.Identifier) and not inner.name.lower().endswith((".parquet", ".csv")):
        return node
    path = inner.name if isinstance(inner, exp.Identifier) else ""
    if isinstance(inner, exp.Func):
        literal = inner.find(exp.Literal)
        path = literal.name if literal is not None and literal.is_string else ""
        if isinstance(inner, exp.GenerateSeries) or not path:
            return node
    stem = PurePath(path).stem.lower()
    if stem not in base:
        raise ValueError("a file that is none of the tables")
    alias = node.args.get("alias")
    return exp.Table(this=exp.to_identifier(stem), alias=alias)
