"""Who must decide on a use of data: pure functions over the routes and what is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from lockgate.schema import LINKED
from lockgate.workspace.routes.model import OWNER, ROUTE, FastPath, Routes, When, Within

if TYPE_CHECKING:
    from lockgate.workspace.scope.model import Scope


@dataclass(frozen=True, slots=True)
class Use:
    """What an application, or a scope, asks for, as far as it decides who decides. None: not known here."""

    kind: str
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    linkages: frozenset[str] = frozenset()
    # partner -> what is asked of it: its columns, how records are linked, until when
    partners: Mapping[str, frozenset[str]] = field(default_factory=dict)
    dates: str = ""
    places: str = "region"
    notes: str = "tags"
    common_law: str = ""
    people: int = 1
    days: int = 0
    outputs: frozenset[str] | None = None
    commercial: bool | None = None
    dpia: str | None = None
    synthetic: bool = False

    def columns(self) -> frozenset[str]:
        """Every column asked for, as TABLE.COLUMN."""
        return frozenset(f"{table}.{name}" for table, names in self.tables.items() for name in names)


@dataclass(frozen=True, slots=True)
class Route:
    """Who must decide, and whose advice must be there, each with why."""

    decide: Mapping[str, tuple[str, ...]]
    advise: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def use_of_answers(kind: str, answers: Mapping[str, Any], synthetic: bool = False) -> Use:
    """What an application's answers ask for; unanswered questions ask for nothing."""
    tables = {table: tuple(names) for table, names in (answers.get("columns") or {}).items()}
    partners = answers.get("partners") or []
    for item in partners:
        for table, names in item["tables"].items():
            tables[table] = tuple(dict.fromkeys((*tables.get(table, ()), *names)))
    return Use(
        kind=kind,
        tables=tables,
        linkages=frozenset(answers.get("linkages") or ()),
        partners={item["partner"]: _asked_of(item) for item in partners},
        dates=answers.get("dates") or "",
        places=answers.get("places") or "region",
        notes=answers.get("notes") or "tags",
        common_law=answers.get("common_law") or "",
        people=1 + len(answers.get("people") or []),
        days=_days(answers.get("start_date"), answers.get("end_date")),
        outputs=frozenset(answers.get("outputs") or ()),
        commercial=answers.get("commercial") == "yes",
        dpia=answers.get("dpia") or "",
        synthetic=synthetic,
    )


def use_of_scope(scope: Scope, synthetic: bool) -> Use:
    """What a scope gives; what a scope doesn't say (outputs, commercial, assessment) is not known."""
    tables = {table: tuple(names) for table, names in scope.tables.items()}
    return Use(
        kind=scope.kind,
        tables=tables,
        linkages=frozenset(scope.linkages),
        partners={item.partner: _asked_of(item.model_dump(mode="json")) for item in scope.partners},
        dates=scope.dates,
        places=scope.places or "region",
        notes=scope.notes or "tags",
        common_law=scope.legal_basis.common_law,
        people=len({scope.applicant, *(person.username for person in scope.people)}),
        days=(scope.valid_until - scope.valid_from).days,
        synthetic=synthetic,
    )


def _asked_of(item: Mapping[str, Any]) -> frozenset[str]:
    columns = {f"{table}.{name}" for table, names in item["tables"].items() for name in names}
    return frozenset(
        columns | {f"by {method}" for method in item["methods"]} | {f"until {item.get('until')}"}
    )


def _days(first: Any, last: Any) -> int:
    try:
        return (date.fromisoformat(last) - date.fromisoformat(first)).days
    except (TypeError, ValueError):
        return 0


def _touched(routes: Routes, when: When | None, use: Use) -> frozenset[str] | None:
    """What of a use makes a condition hold, as words that can be compared; None where it doesn't hold."""
    if when is None:
        return frozenset()
    found: set[str] = set()
    lists: tuple[tuple[Iterable[str], Iterable[str]], ...] = (
        (when.kinds, {use.kind}),
        (when.dates, {use.dates}),
        (when.places, {use.places}),
        (when.notes, {use.notes}),
        (when.common_law, {use.common_law}),
        (when.outputs, use.outputs or ()),
    )
    for wanted, asked in lists:
        if wanted:
            hit = set(wanted) & set(asked)
            if not hit:
                return None
            found |= hit
    if when.columns:
        hit = {
            column
            for column in use.columns()
            if column in when.columns or f"{column.partition('.')[0]}.*" in when.columns
        }
        if not hit:
            return None
        found |= hit
    for wanted_flag, there in (
        (when.linked, _sources(routes, use)),
        (when.partners, set(use.partners)),
        (when.commercial, {"commercial"} if use.commercial else set()),
    ):
        if wanted_flag:
            if not there:
                return None
            found |= there
    if when.days_over is not None:
        if use.days <= when.days_over:
            return None
        found.add(f"{use.days} days")
    if when.people_over is not None:
        if use.people <= when.people_over:
            return None
        found.add(f"{use.people} people")
    return frozenset(found)


def _sources(routes: Routes, use: Use) -> set[str]:
    """The linked sources with an owner of which a use asks something."""
    tables = (set(use.tables) | use.linkages) & set(LINKED)
    return {name for table in tables if (name := routes.owner_of(table)) is not None}


def _roles(routes: Routes, roles: Iterable[str], use: Use) -> list[str]:
    """Roles with ``data_owner`` spelt out: one for each linked source, one for each partner."""
    found: list[str] = []
    for role in roles:
        if role == OWNER:
            found += [f"{OWNER}:{name}" for name in routes.sources if name in _sources(routes, use)]
        else:
            found.append(role)
    return found


def route(routes: Routes, use: Use) -> Route:
    """Who must decide on a use. The owner of each partner's data always does."""
    decide: dict[str, list[str]] = {}
    for step in routes.decide:
        if _touched(routes, step.when, use) is not None:
            for role in _roles(routes, step.roles, use):
                decide.setdefault(role, []).append(step.because)
    for partner in use.partners:
        decide.setdefault(f"{OWNER}:{partner}", []).append("The owner of a partner's data decides on it.")
    advise: dict[str, list[str]] = {}
    for advising in routes.advise:
        if _touched(routes, advising.when, use) is not None:
            for role in advising.roles:
                advise.setdefault(role, []).append(advising.because)
    return Route(
        {role: tuple(why) for role, why in decide.items()}, {role: tuple(why) for role, why in advise.items()}
    )


def amended(routes: Routes, before: Use, after: Use, changed: Iterable[str]) -> Route:
    """Who must decide on an amendment: those whom the changed answers concern, and whoever a condition newly asks for.

    ``changed`` are the keys of the questions whose answers differ. A condition counts as new where what makes it hold
    has changed: another linked source, another column of notes, a finer place.
    """
    changed = set(changed)
    full = route(routes, after)
    needed: dict[str, list[str]] = {}
    named = {question for rule in routes.amendments for question in rule.questions}
    rules: list[tuple[set[str], tuple[str, ...]]] = [
        (set(rule.questions) & changed, rule.roles) for rule in routes.amendments
    ]
    rules.append((changed - named, (ROUTE,)))
    for hit, roles in rules:
        if hit:
            spelt = list(full.decide) if ROUTE in roles else _roles(routes, roles, after)
            for role in spelt:
                needed.setdefault(role, []).append("Changed: " + ", ".join(sorted(hit)) + ".")
    for step in routes.decide:
        new = _touched(routes, step.when, after)
        if step.when is None or new is None or new == _touched(routes, step.when, before):
            continue
        for role in _roles(routes, step.roles, after):
            if not role.startswith(f"{OWNER}:") or _of_owner(routes, role, after) != _of_owner(
                routes, role, before
            ):
                needed.setdefault(role, []).append(step.because)
    for role in full.decide:
        if role.startswith(f"{OWNER}:") and _of_owner(routes, role, after) != _of_owner(routes, role, before):
            needed.setdefault(role, []).append("What is asked of this source has changed.")
    advise: dict[str, tuple[str, ...]] = {
        role: why
        for advising in routes.advise
        for role, why in ((role, (advising.because,)) for role in advising.roles)
        if (new := _touched(routes, advising.when, after)) is not None
        and new != _touched(routes, advising.when, before)
    }
    order = {role: place for place, role in enumerate(full.decide)}
    ranked = sorted(needed, key=lambda role: order.get(role, len(order)))
    return Route({role: tuple(dict.fromkeys(needed[role])) for role in ranked}, advise)


def _of_owner(routes: Routes, role: str, use: Use) -> frozenset[str]:
    """What a use asks of one owner: the columns of a source's tables and its linkages, or a partner's tables."""
    name = role.partition(":")[2]
    tables = routes.sources[name].tables if name in routes.sources else ()
    asked = {column for column in use.columns() if column.partition(".")[0] in tables}
    asked |= {f"linked {table}" for table in use.linkages if table in tables}
    return frozenset(asked | use.partners.get(name, frozenset()))


def outside(within: Within, use: Use) -> list[str]:
    """Where a use goes beyond what is agreed beforehand; nothing where it fits. What isn't known is not judged."""
    problems = []
    for label, allowed, asked in (
        ("kind of use", within.kinds, use.kind),
        ("dates", within.dates, use.dates),
        ("places", within.places, use.places),
        ("notes", within.notes, use.notes),
        ("common law", within.common_law, use.common_law),
        ("impact assessment", within.dpia, use.dpia),
    ):
        if asked is not None and allowed and asked not in allowed:
            problems.append(f"{label}: {asked or 'not said'}")
    if use.outputs is not None:
        problems += [f"results: {name}" for name in sorted(use.outputs - set(within.outputs))]
    if within.columns != "any":
        allowed_columns = {f"{table}.{name}" for table, names in within.columns.items() for name in names}
        problems += [f"column {name}" for name in sorted(use.columns() - allowed_columns)]
    if within.linkages != "any":
        problems += [f"linked {name}" for name in sorted(use.linkages - set(within.linkages))]
    problems += [f"records of {name}" for name in use.partners]
    if use.commercial and not within.commercial:
        problems.append("commercial involvement")
    if within.synthetic and not use.synthetic:
        problems.append("records of real people")
    if use.people > within.people_at_most:
        problems.append(f"{use.people} people, more than {within.people_at_most}")
    if use.days > within.days_at_most:
        problems.append(f"{use.days} days, more than {within.days_at_most}")
    return problems


def fitting(paths: Iterable[FastPath], use: Use) -> FastPath | None:
    """The first fast path that a use fits in every line, or None."""
    return next((path for path in paths if not outside(path.within, use)), None)
