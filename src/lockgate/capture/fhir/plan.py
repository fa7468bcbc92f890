"""Which elements of a resource each column of a mapping depends on, read from the mapping's own SQL.

A hospital sends the same codes, categories, wards and people over and over. A column such as ``code_system`` needs
only ``r.code``: it is worked out once for each distinct text of that element in a portion, not once a resource.
What a SELECT needs is found by following its columns through its subqueries and macros; a SELECT that can't be
followed (unnest, joins, groups) is run over whole resources, as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import sqlglot
from sqlglot import exp

from lockgate.capture.fhir.shape import Shape, macros, shapes
from lockgate.capture.macros import statements

ROW = frozenset({"source", "record_id", "version_at", "item_hash", "batch_id"})
EVERYTHING = frozenset({"*"})
KEEP = "__keep"
_DIALECT = "duckdb"
_NOT_PLAIN = (exp.Join, exp.Group, exp.Distinct, exp.Order, exp.Limit, exp.Window, exp.AggFunc, exp.Having)
_UNNESTS = ("unnest", "generate_subscripts", "explode", "posexplode")

Needs = frozenset[str]


@dataclass(frozen=True, slots=True)
class Check:
    """A condition over the resource ``r``, or a list of its units: its SQL, what it needs, the path of units."""

    sql: str
    needs: Needs
    path: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """One SELECT of a mapping (one side of its UNION ALL) over the table ``item``.

    ``columns`` gives, for each column in order, what it needs: elements of the resource, names of ROW, or "*";
    ``needs`` are the elements that an arm that is not plain reads anywhere. A plain arm gives one row for each item
    that passes its conditions: these are taken out of ``select`` and are the column KEEP; ``passed`` are the names of
    ROW it hands on as they are. The arm that carries a plan's checks has them as columns too.
    """

    select: exp.Select
    columns: dict[str, Needs]
    plain: bool
    needs: Needs = EVERYTHING
    passed: frozenset[str] = frozenset()
    _queries: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False)

    def query(self, names: Iterable[str]) -> str:
        """SQL of these columns alone and item_hash: what the others need is not in it, so it is quickly planned."""
        key = tuple(names)
        if key not in self._queries:
            wanted = {*key, "item_hash"}
            select = _pruned(self.select, wanted) if self.plain else self.select
            self._queries[key] = select.sql(_DIALECT)
        return self._queries[key]


class _Scope:
    """What a name means at one level of a SELECT: here, the table ``item``."""

    def needs(self, parts: list[str]) -> Needs:
        if parts[0] == "r":
            return frozenset({parts[1]}) if len(parts) > 1 else EVERYTHING
        return frozenset({parts[0]}) if parts[0] in ROW else EVERYTHING

    def is_resource(self, parts: list[str]) -> bool:
        return parts == ["r"]


class _Level(_Scope):
    """A subquery: its own columns, and through its star those of the level below."""

    def __init__(self, below: _Scope, star: bool) -> None:
        self.below, self.star = below, star
        self.columns: dict[str, Needs] = {}

    def needs(self, parts: list[str]) -> Needs:
        if parts[0] in self.columns:
            return self.columns[parts[0]]
        return self.below.needs(parts) if self.star else EVERYTHING

    def is_resource(self, parts: list[str]) -> bool:
        return self.star and parts[0] not in self.columns and self.below.is_resource(parts)


class _Parameter(_Scope):
    """A macro's body: the parameter that stands for the resource; the other parameters are counted by the caller."""

    def __init__(self, name: str, others: frozenset[str]) -> None:
        self.name, self.others = name, others

    def needs(self, parts: list[str]) -> Needs:
        if parts[0] == self.name:
            return frozenset({parts[1]}) if len(parts) > 1 else EVERYTHING
        return frozenset() if parts[0] in self.others else EVERYTHING

    def is_resource(self, parts: list[str]) -> bool:
        return parts == [self.name]


@cache
def _macros() -> dict[str, tuple[list[str], exp.Expr]]:
    """The words of this folder: name -> parameters, body."""
    found = {}
    for text in macros():
        if text.lstrip().startswith("CREATE MACRO as_"):
            continue  # opens one value; needs what it is given
        for statement in statements(text):
            created = sqlglot.parse_one(statement, dialect=_DIALECT)
            head = created.this
            found[head.this.name.lower()] = ([one.name for one in head.expressions], created.expression)
    return found


@cache
def _macro_needs(name: str, place: int) -> Needs:
    """The elements that a macro reads of a whole resource passed at ``place``."""
    parameters, body = _macros()[name]
    if place >= len(parameters):
        return EVERYTHING
    others = frozenset(parameters) - {parameters[place]}
    return _needs(body, _Parameter(parameters[place], others), frozenset())


def _needs(node: exp.Expr, scope: _Scope, bound: frozenset[str]) -> Needs:
    """What an expression needs; ``bound`` are the variables of lambdas around it."""
    if isinstance(node, exp.Column):
        parts = [part.name for part in node.parts]
        return frozenset() if parts[0] in bound else scope.needs(parts)
    if isinstance(node, exp.Query):
        return EVERYTHING
    if isinstance(node, exp.Lambda):
        return _needs(node.this, scope, bound | {one.name for one in node.expressions})
    if isinstance(node, exp.Anonymous) and str(node.this).lower() in _macros():
        name = str(node.this).lower()
        found: Needs = frozenset()
        for place, argument in enumerate(node.expressions):
            whole = isinstance(argument, exp.Column) and scope.is_resource([p.name for p in argument.parts])
            found |= _macro_needs(name, place) if whole else _needs(argument, scope, bound)
        return found
    return frozenset().union(*(_needs(child, scope, bound) for child in node.iter_expressions()))


def _arms(query: exp.Expr) -> Iterator[exp.Select]:
    if isinstance(query, exp.Union):
        yield from _arms(query.left)
        yield from _arms(query.right)
    elif isinstance(query, exp.Select):
        yield query
    else:
        raise ValueError(f"a mapping must be SELECTs, perhaps with UNION ALL: {type(query).__name__}")


def _is_plain(select: exp.Select) -> bool:
    if select.find(*_NOT_PLAIN) is not None or select.find(exp.Unnest, exp.Explode) is not None:
        return False
    return not any(str(call.this).lower() in _UNNESTS for call in select.find_all(exp.Anonymous))


def _source(select: exp.Select) -> exp.Select | None:
    """The SELECT this one reads from; None where it reads ``item``. Raises ValueError for anything else."""
    origin = select.args["from_"].this
    if isinstance(origin, exp.Subquery) and isinstance(origin.this, exp.Select):
        return origin.this
    if isinstance(origin, exp.Table) and origin.name == "item":
        return None
    raise ValueError("reads neither item nor a subquery")


def _analyse(select: exp.Select) -> _Scope:
    """The scope of a SELECT's columns. Its conditions become columns, handed up to the top."""
    below_select = _source(select)
    below = _analyse(below_select) if below_select is not None else _Scope()
    star = any(isinstance(one, exp.Star) for one in select.expressions)
    level = _Level(below, star)
    for one in select.expressions:
        if not isinstance(one, exp.Star):
            level.columns[one.alias_or_name] = _needs(one.unalias(), below, frozenset())
    inherited = isinstance(below, _Level) and KEEP in _all_columns(below)
    where = select.args.get("where")
    if where is not None:
        select.set("where", None)
        needs = _needs(where.this, below, frozenset())
        condition: exp.Expr = exp.func("coalesce", where.this.copy(), exp.false())
        if inherited:
            needs |= below.needs([KEEP])
            condition = exp.and_(exp.column(KEEP), condition)
        if star and inherited:
            raise ValueError("conditions at two levels under a star")
        select.append("expressions", exp.alias_(condition, KEEP))
        level.columns[KEEP] = needs
    elif inherited and not star:
        select.append("expressions", exp.column(KEEP))
        level.columns[KEEP] = below.needs([KEEP])
    return level


def _all_columns(level: _Scope) -> set[str]:
    if not isinstance(level, _Level):
        return set()
    return set(level.columns) | (_all_columns(level.below) if level.star else set())


def _carry(select: exp.Select, checks: Mapping[str, Check]) -> None:
    """Have a SELECT hand up conditions over ``item`` from where it reads it, besides its columns."""
    below = _source(select)
    if below is None:
        carried = [
            exp.alias_(sqlglot.parse_one(check.sql, dialect=_DIALECT), name) for name, check in checks.items()
        ]
    else:
        _carry(below, checks)
        carried = [exp.column(name) for name in checks]
    if below is None or not any(isinstance(one, exp.Star) for one in select.expressions):
        for one in carried:
            select.append("expressions", one)


def _arm(select: exp.Select, names: list[str], checks: Mapping[str, Check]) -> Arm:
    """The arm of a SELECT; a plain one hands up ``checks`` too."""
    whole = dict.fromkeys(names, EVERYTHING)
    if _is_plain(select):
        written = select.copy()
        try:
            _carry(written, checks)
            level = _analyse(written)
        except ValueError:
            return Arm(_renamed(select, names), whole, plain=False, needs=_mentioned(select))
        assert isinstance(level, _Level)
        for place, name in enumerate(names):
            written.expressions[place].replace(exp.alias_(written.expressions[place].unalias().copy(), name))
        passed = frozenset(
            name
            for place, name in enumerate(names)
            if _is_passed(written.expressions[place], name, level.below)
        )
        if "item_hash" not in passed or any("item_hash" in level.columns[name] for name in {*names} - passed):
            return Arm(_renamed(select, names), whole, plain=False, needs=_mentioned(select))
        needs = list(level.columns.values())
        more = {name: level.columns[name] for name in (KEEP, *checks) if name in level.columns}
        return Arm(
            written,
            {**dict(zip(names, needs, strict=False)), **more},
            plain=True,
            passed=passed,
        )
    return Arm(_renamed(select, names), whole, plain=False, needs=_mentioned(select))


def _pruned(select: exp.Select, names: set[str]) -> exp.Select:
    """Of a SELECT, and of those it reads from, only these columns and what they are made of."""
    kept = [one for one in select.expressions if isinstance(one, exp.Star) or one.alias_or_name in names]
    below = _source(select)
    origin = select.args["from_"].copy() if below is None else None
    if below is not None:
        used = {column.parts[0].name for one in kept for column in one.find_all(exp.Column)}
        star = any(isinstance(one, exp.Star) for one in kept)
        origin = exp.From(this=exp.Subquery(this=_pruned(below, used | names if star else used)))
    return exp.Select(expressions=[one.copy() for one in kept], from_=origin)


def _mentioned(select: exp.Select) -> Needs:
    """The elements that a SELECT of any kind reads: wherever it names the resource, also by a macro."""
    found: set[str] = set()
    for column in select.find_all(exp.Column):
        parts = [part.name for part in column.parts]
        if parts[0] == "r" and len(parts) > 1:
            found.add(parts[1])
        elif "r" in parts:
            call = column.parent
            if (
                parts != ["r"]
                or not isinstance(call, exp.Anonymous)
                or str(call.this).lower() not in _macros()
            ):
                return EVERYTHING
            for place, argument in enumerate(call.expressions):
                if argument is column:
                    found |= _macro_needs(str(call.this).lower(), place)
    return EVERYTHING if "*" in found else frozenset(found)


def _is_passed(column: exp.Expr, name: str, below: _Scope) -> bool:
    """Whether a column is one of ROW, untouched."""
    inner = column.unalias()
    return (
        name in ROW
        and isinstance(inner, exp.Column)
        and [part.name for part in inner.parts] == [name]
        and name not in _all_columns(below)
    )


def _renamed(select: exp.Select, names: list[str]) -> exp.Select:
    written = select.copy()
    for place, name in enumerate(names):
        one = written.expressions[place]
        one.replace(exp.alias_(one.unalias().copy(), name))
    return written


def _prefilter(select: exp.Select) -> tuple[str, Needs] | None:
    """The condition of the innermost SELECT: items that fail it give no row."""
    inner = select
    try:
        while (below := _source(inner)) is not None:
            inner = below
    except ValueError:
        return None
    where = inner.args.get("where")
    if where is None or inner.args.get("joins"):
        return None
    return where.this.sql(_DIALECT), _needs(where.this, _Scope(), frozenset())


def expression_needs(sql: str) -> Needs:
    """What a condition over the resource ``r`` needs."""
    return _needs(sqlglot.parse_one(sql, dialect=_DIALECT), _Scope(), frozenset())


@dataclass(frozen=True, slots=True)
class Plan:
    """How one resource type is staged: the arms of each staged table, and the conditions worked out beside them.

    ``checks`` are the rules ("rule0"), units ("unit0"), remarks ("remark0") and what arms that are not plain ask of a
    resource first ("passes_<table>0"). ``carrier`` names the plain arm (table, number) that works them out with its
    own columns, so that an element is read once for both; None: there is no plain arm.
    """

    shape: Shape
    tables: dict[str, tuple[Arm, ...]]
    checks: dict[str, Check]
    carrier: tuple[str, int] | None


def _checks(shape: Shape) -> dict[str, Check]:
    found = {
        f"rule{n}": Check(f"({rule.when})", expression_needs(rule.when)) for n, rule in enumerate(shape.rules)
    }
    units = [(f"[ucum({path})]", path) for path in shape.units]
    units += [
        (f"list_transform({lists}, lambda c: ucum({quantity}))", lists)
        for lists, quantity in shape.unit_lists.items()
    ]
    found |= {f"unit{n}": Check(sql, expression_needs(path), path) for n, (sql, path) in enumerate(units)}
    found |= {f"remark{n}": Check(sql, expression_needs(sql)) for n, sql in enumerate(shape.remarks.values())}
    return found


@cache
def plan(kind: str) -> Plan:
    """The plan of a resource type that is staged."""
    shape = shapes()[kind]
    selects, checks = {}, _checks(shape)
    for table, text in shape.selects.items():
        selects[table] = list(_arms(sqlglot.parse_one(text, dialect=_DIALECT)))
        for number, select in enumerate(selects[table]):
            if not _is_plain(select) and (first := _prefilter(select)) is not None:
                checks[f"passes_{table}{number}"] = Check(f"({first[0]})", first[1])
    tables: dict[str, tuple[Arm, ...]] = {}
    carrier = None
    for table, arms in selects.items():
        names = [one.alias_or_name for one in arms[0].expressions]
        made = []
        for number, select in enumerate(arms):
            arm = _arm(select, names, {} if carrier else checks)
            if carrier is None and arm.plain and set(checks) <= set(arm.columns):
                carrier = table, number
            made.append(arm)
        tables[table] = tuple(made)
    return Plan(shape, tables, checks, carrier)
