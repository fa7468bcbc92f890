"""The questions a recipe asks of each table: which cells, of how many of them one person may tell, at what share.

A question's SQL gives one row for each unit ``u`` (a person, or a row that is nobody's) and cell. What ``measure`` does
with it is the same for all: each unit's cells are weighed so that no unit adds more than ``most`` allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lockgate.engine import quote
from lockgate.twin.bins import DAYS, GAPS, NONE, REPEATS, age_sql, bin_sql, coarse_sql
from lockgate.twin.recipe import Value
from lockgate.twin.shape import GRIDS, PLACE_NAMES, WAYS, Parts

# What a question is worth beside an attribute of a table (1).
WORTH = {
    "main": 24.0,
    "pairs": 24.0,
    "strata": 6.0,
    "repeats": 4.0,
    "number": 8.0,
    "fine": 8.0,
    "people": 8.0,
    "group:value": 4.0,
    "group:range": 3.0,
    "group:race": 4.0,
    "group:imd2025": 4.0,
    "days:visit_end_date": 8.0,
    "year": 2.0,
    "month": 2.0,
    "gap": 2.0,
}

# Into how many cells a kind falls, roughly: whether it is worth asking kind by kind.
SPREAD = {"month": 10, "number": 4, "gap": 5, "repeats": 3, "days": 3, "place": 4, "group": 1.5}


@dataclass(frozen=True, slots=True)
class Question:
    """One histogram to be: its name in the recipe, the columns of its cells, and the query of (u, cell...)."""

    table: str
    name: str
    columns: tuple[str, ...]
    sql: str
    most: int

    @property
    def worth(self) -> float:
        """Its weight in the sharing of the budget; small registers of rows cost nobody and need little."""
        return WORTH.get(self.name) or WORTH.get(self.name.split(":")[0], 1.0)

    @property
    def spread(self) -> float:
        """Into how many cells it parts each kind, roughly."""
        return SPREAD.get(self.name.split(":")[0], 1.0)


Ask = Callable[..., Question]


def view(table: str) -> str:
    """The view of a table's rows that count, with ``u`` and what is known of the places it points to."""
    return quote(f"twin_{table}")


def view_sql(parts: Parts, place_columns: dict[str, tuple[str, ...]]) -> str:
    """The view's query over ``counted_<table>``."""
    named = [f"t.{quote(name)}" for name in (parts.person, parts.id) if name]
    unit = f"coalesce({', '.join(named)})"
    select, joins = [f"t.*, {unit} AS u"], []
    for key, table in parts.keys.items():
        if table in ("care_site", "location") and place_columns.get(table):
            alias = quote(f"p_{key}")
            select += [f"{alias}.{quote(name)} AS {quote(f'{key}.{name}')}" for name in place_columns[table]]
            joins.append(
                f"LEFT JOIN {quote(f'counted_{table}')} {alias} ON {alias}.{quote(f'{table}_id')} = t.{quote(key)}"
            )
    return f"SELECT {', '.join(select)} FROM {quote(f'counted_{parts.table}')} t {' '.join(joins)}"


def _distinct(table: str, columns: dict[str, str], where: str = "true") -> str:
    shown = ", ".join(f"{sql} AS {quote(name)}" for name, sql in columns.items())
    return f"SELECT DISTINCT u, {shown} FROM {view(table)} WHERE {where}"


def _one_each(table: str, kind: dict[str, str], values: dict[str, str], where: str, by: str) -> str:
    """One row of each unit and kind, chosen by the hash of its id."""
    picked = ", ".join(
        f"arg_min({sql}, (hash({by}), {sql})) AS {quote(name)}" for name, sql in values.items()
    )
    shown = "".join(f"{sql} AS {quote(name)}, " for name, sql in kind.items())
    names = "".join(f", {quote(name)}" for name in kind)
    return f"SELECT u, {shown}{picked} FROM {view(table)} WHERE {where} GROUP BY u{names}"


def questions(
    parts: Parts, year: int, place_columns: dict[str, tuple[str, ...]], *, by_kind: bool = True, band: int = 5
) -> Iterator[Question]:
    """What is asked of one table.

    ``band``: years of birth in one cell. Without ``by_kind``: of all kinds together, but for what has to be by kind.
    """
    table, way = parts.table, WAYS[parts.table]
    kinds = {parts.main[0]: quote(parts.main[0])} if parts.main else {}
    kind = kinds if by_kind else {}
    by = quote(parts.id or parts.person or parts.main[0]) if way.kind != "places" else ""

    def ask(name: str, sql: str, columns: tuple[str, ...], most: int = way.most) -> Question:
        return Question(table, name, columns, sql, most)

    if way.kind == "places":
        if table == "provider":
            names = tuple(name for name in PLACE_NAMES[table] if name in place_columns.get(table, ()))
            shown = ", ".join(["provider_id AS u", *map(quote, names)])
            yield ask("main", f"SELECT {shown} FROM {quote('counted_provider')}", names, 1)
        return
    if way.kind in ("people", "one"):
        yield ask("people", f"SELECT DISTINCT u, true AS there FROM {view(table)}", ("there",), 1)
    if table == "person":
        sex = next((names for names in parts.groups.values() if "gender_concept_id" in names), ())
        columns = {name: quote(name) for name in sex}
        columns |= {"year_of_birth": f"year_of_birth // {band} * {band}"}
        yield ask("main", _distinct(table, columns), tuple(columns))
    elif parts.main:
        yield ask("main", _distinct(table, {name: quote(name) for name in parts.main}), parts.main)
    if parts.main and way.kind in ("events", "one"):
        (main,) = kinds
        yield ask(
            "strata",
            f"SELECT DISTINCT t.u, t.{quote(main)}, p.gender_concept_id, {age_sql('p.year_of_birth', year)} AS age "
            f"FROM {view(table)} t JOIN {view('person')} p ON p.u = t.u",
            (main, "gender_concept_id", "age"),
        )
    if way.kind == "events":
        count = f"SELECT u, {quote(main)}, count(*) AS n FROM {view(table)} GROUP BY ALL"
        shown = "".join(f"{quote(name)}, " for name in kind)
        yield ask(
            "repeats",
            f"SELECT DISTINCT u, {shown}{bin_sql('n', REPEATS)} AS repeats FROM ({count})",
            (*kind, "repeats"),
        )
    if way.kind == "children":
        yield from _of_parents(parts, ask)
    if table in GRIDS or way.kind == "rows":
        named = f"{quote(parts.person)} IS NOT NULL" if parts.person else "false"
        yield ask("rows", _distinct(table, {"named": named}), ("named",), 1)
    yield from _times(parts, kind, kinds, by, ask)
    yield from _links(parts, kind, ask)
    for name, columns_of in parts.groups.items():
        if table == "person" and "gender_concept_id" in columns_of:
            continue
        cells = kind | {column: quote(column) for column in columns_of}
        yield ask(f"group:{name}", _distinct(table, cells), tuple(cells))
    for number in parts.numbers:
        coarse = f"coalesce({coarse_sql(quote(number))}, {NONE})"
        sql = _one_each(table, kind, {"bin": coarse}, "true", by)
        yield ask(f"number:{number}", sql, (*kind, "bin"))


def _of_parents(parts: Parts, ask: Ask) -> Iterator[Question]:
    """How many children a row of the parent has, none included."""
    parent = WAYS[parts.table].parent
    key = quote(f"{parent}_id")
    counted = (
        f"SELECT p.u, count(c.{key}) AS n FROM {view(parent)} p LEFT JOIN {view(parts.table)} c "
        f"ON c.{key} = p.{key} GROUP BY p.u, p.{key}"
    )
    sql = f"SELECT DISTINCT u, {bin_sql('n', (0, *REPEATS))} AS repeats FROM ({counted})"
    yield ask("repeats", sql, ("repeats",))


def _times(
    parts: Parts, kind: dict[str, str], kinds: dict[str, str], by: str, ask: Ask
) -> Iterator[Question]:
    table, first = parts.table, parts.first
    if first is None:
        return
    day = quote(first)
    yield ask("year", _distinct(table, {"year": f"year({day})"}, f"{day} IS NOT NULL"), ("year",))
    if table != "observation_period":
        yield ask(
            "month",
            _distinct(table, kind | {"month": f"month({day})"}, f"{day} IS NOT NULL"),
            (*kind, "month"),
        )
    for other in parts.dates[1:]:
        if table == "observation_period":
            yield ask("end", _distinct(table, {"year": f"year({quote(other)})"}), ("year",))
            continue
        days = bin_sql(f"greatest({quote(other)} - {day}, 0)", DAYS)
        yield ask(
            f"days:{other}",
            _one_each(table, kind, {"days": f"coalesce({days}, -1)"}, "true", by),
            (*kind, "days"),
        )
    for of, time in parts.times.items():
        if of == first:
            midnight = f"CAST({quote(time)} AS TIME) = TIME '00:00:00'"
            hour = f"CASE WHEN {quote(time)} IS NULL THEN -2 WHEN {midnight} THEN -1 ELSE hour({quote(time)}) END"
            yield ask("hour", _distinct(table, {"hour": hour}), ("hour",))
    if WAYS[table].kind == "events":
        apart = f"{day} - lag({day}) OVER (PARTITION BY u, {', '.join(kinds.values())} ORDER BY {day}, {by})"
        rows = f"SELECT u, {', '.join(kinds.values())}, {by} AS id, {apart} AS apart FROM {view(table)}"
        picked = f"arg_min({bin_sql('apart', GAPS)}, (hash(id), apart)) AS gap"
        shown = "".join(f"{quote(name)}, " for name in kind)
        sql = f"SELECT u, {shown}{picked} FROM ({rows}) WHERE apart IS NOT NULL GROUP BY ALL"
        yield ask("gap", sql, (*kind, "gap"))


def _links(parts: Parts, kind: dict[str, str], ask: Ask) -> Iterator[Question]:
    table = parts.table
    for key, domain in parts.keys.items():
        if WAYS[table].kind == "children" and domain == WAYS[table].parent:
            continue
        cells = kind | {"linked": f"{quote(key)} IS NOT NULL"}
        yield ask(f"link:{key}", _distinct(table, cells), tuple(cells))


def place_questions(
    parts: Parts, place_columns: dict[str, tuple[str, ...]], *, by_kind: bool = True
) -> Iterator[Question]:
    """Where the rows of a table are: by the names of places, never their ids."""
    kind = parts.main[:1] if by_kind else ()
    for key, domain in parts.keys.items():
        names = place_columns.get(domain, ()) if domain in ("care_site", "location") else ()
        if not names:
            continue
        cells = {name: quote(name) for name in kind}
        cells |= {f"{key}.{name}": quote(f"{key}.{name}") for name in names}
        most = WAYS[parts.table].most
        sql = _distinct(parts.table, cells, f"{quote(key)} IS NOT NULL")
        yield Question(parts.table, f"place:{key}", tuple(cells), sql, most)


def pairs_question(features: list[tuple[str, Value]], most: int) -> Question:
    """Which kinds the same people have: every two of some (table, value), the first not after the second.

    The cells are places in ``features``; needs ``feature_<table>`` (u, i) for each table of them.
    """
    tables = sorted({table for table, _ in features})
    rows = " UNION ALL ".join(f"SELECT u, i FROM {quote(f'feature_{table}')}" for table in tables)
    sql = f"WITH f AS ({rows}) SELECT a.u, a.i AS first, b.i AS second FROM f a JOIN f b ON a.u = b.u AND a.i <= b.i"
    return Question("person", "pairs", ("first", "second"), sql, most)
