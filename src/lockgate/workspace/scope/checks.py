"""Every reason why a scope may not be issued or obeyed. Pure functions: each returns its reasons, none raises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from lockgate.schema import LINKED, PARTNER, PROJECT, RELEASE, VOCABULARY_TABLES, Column
from lockgate.site import SiteConfig
from lockgate.workspace.scope.model import APPROVERS, Scope

PERSON = "key:person"
# About places, staff and the release itself, not about any one patient.
IMPERSONAL = frozenset(
    {"location", "care_site", "provider", "cdm_source", "feedback", "staffing", "roster", *VOCABULARY_TABLES}
)


def person_column(table: str) -> str | None:
    """The column of a project's table that says whose a row is."""
    return next((column.name for column in PROJECT[table] if column.role == PERSON), None)


def columns_of(table: str) -> dict[str, Column]:
    """The columns of a release table by name."""
    return {column.name: column for column in RELEASE[table]}


def table_problems(tables: Mapping[str, Sequence[str]], linkages: Iterable[str]) -> list[str]:
    """What can't be given of the tables and columns asked for."""
    problems = []
    linkages = set(linkages)
    for linkage in sorted(linkages - set(LINKED)):
        problems.append(f"there is no linked table {linkage!r}")
    for table, names in tables.items():
        if table not in RELEASE:
            problems.append(f"a release has no table {table!r}")
            continue
        known = columns_of(table)
        problems += [f"{table} has no column {name!r}" for name in names if name not in known]
        problems += [
            f"{table}.{name} is withheld from every project"
            for name in names
            if name in known and not known[name].askable
        ]
        problems += [f"{table}.{name} is named twice" for name in sorted(set(names)) if names.count(name) > 1]
        if not names:
            problems.append(f"no column of {table} is named")
        if table in LINKED and table not in linkages:
            problems.append(f"{table} is a linked table, and the linkage is not permitted")
        person = person_column(table)
        if person is None and table not in IMPERSONAL:
            problems.append(f"{table} has no person key, so its rows can't be kept to the project's people")
        elif person is not None and person not in names:
            problems.append(
                f"{table} is asked for without {person}, so that results could not be counted in people"
            )
    return problems


def approval_problems(scope: Scope) -> list[str]:
    """What is missing of two approvals by two people who have no part in the project."""
    problems = []
    involved = {scope.applicant, *(person.username for person in scope.people)}
    approved = [item for item in scope.decisions if item.decision == "approve"]
    for item in scope.decisions:
        if item.decision != "approve":
            problems.append(f"the {_words(item.role)} decided: {item.decision}")
    for role in needed_roles(scope):
        if not any(item.role == role for item in approved):
            problems.append(f"the {_words(role)} has not approved it")
    owners = {f"data_owner:{linkage.partner}": linkage.owner for linkage in scope.partners}
    for item in approved:
        if item.role not in (*needed_roles(scope), *APPROVERS):
            problems.append(f"the {_words(item.role)} has no say in it")
        elif item.role in owners and item.by != owners[item.role]:
            problems.append(f"the {_words(item.role)}'s decision was made by somebody else")
    for item in approved:
        if item.by == scope.applicant:
            problems.append(f"the {_words(item.role)}'s decision was made by the applicant")
        elif item.by in involved:
            problems.append(
                f"the {_words(item.role)}'s decision was made by someone who takes part in the project"
            )
    by = {item.by for item in approved}
    if len(by) < len({item.role for item in approved}):
        problems.append("both decisions were made by the same person")
    if scope.fast_path is not None and (scope.required or scope.partners):
        problems.append("what is approved by rule can have no other deciders and no partners")
    return problems


def needed_roles(scope: Scope) -> list[str]:
    """Who must approve: the two deciding roles, the owner of each partner's data, and whoever the routes asked for; of
    a scope on a fast path its rule alone."""
    if scope.fast_path is not None:
        return [f"rule:{scope.fast_path.rule}"]
    partners = [f"data_owner:{linkage.partner}" for linkage in scope.partners]
    return list(dict.fromkeys([*APPROVERS, *partners, *scope.required]))


def partner_problems(scope: Scope) -> list[str]:
    """What can't be linked of what a scope asks of partners."""
    problems = []
    names = [linkage.partner for linkage in scope.partners]
    problems += [f"{name} is named twice" for name in sorted(set(names)) if names.count(name) > 1]
    for linkage in scope.partners:
        if linkage.until > scope.valid_until:
            problems.append(f"linkage with {linkage.partner} would outlast the scope")
        for table, columns in linkage.tables.items():
            if table not in PARTNER:
                problems.append(f"a partner has no table {table!r}")
                continue
            known = {column.name for column in PARTNER[table]}
            problems += [f"{table} has no column {name!r}" for name in columns if name not in known]
            needed = {column.name for column in PARTNER[table] if column.required}
            problems += [
                f"{table} of {linkage.partner} is asked for without {name}"
                for name in sorted(needed - set(columns))
            ]
    return problems


def site_problems(scope: Scope, config: SiteConfig) -> list[str]:
    """Where the scope does not fit the site: another site's, or rules weaker than the site's own."""
    problems = []
    if scope.site != config.site.name:
        problems.append(f"it was made for another site ({scope.site!r})")
    if scope.output_rules.threshold < config.disclosure.threshold:
        problems.append(
            f"its threshold ({scope.output_rules.threshold}) is lower than the site's ({config.disclosure.threshold})"
        )
    if scope.output_rules.rounding < config.disclosure.rounding:
        problems.append(
            f"its rounding ({scope.output_rules.rounding}) is finer than the site's ({config.disclosure.rounding})"
        )
    return problems


def date_problems(scope: Scope, at: date) -> list[str]:
    """Whether the scope is in date on a day."""
    if at < scope.valid_from:
        return [f"it is not valid before {scope.valid_from.isoformat()}"]
    if at > scope.valid_until:
        return [f"it expired on {scope.valid_until.isoformat()}"]
    return []


FINE_PLACES = {"outward_code": ("outward", "lsoa"), "lsoa21_code": ("lsoa",)}


def place_problems(scope: Scope) -> list[str]:
    """Columns that say more of where somebody lives than the scope's policy of places."""
    return [
        f"{table}.{name} is finer than the scope's places ({scope.places or 'region'})"
        for table, names in scope.tables.items()
        for name in names
        if name in FINE_PLACES and (scope.places or "region") not in FINE_PLACES[name]
    ]


NOTE_FORMS = ("tags", "dates", "surrogates")  # each holds more of what was written than the one before


def note_problems(scope: Scope, config: SiteConfig | None = None) -> list[str]:
    """Whether notes are asked for in a form that these tables, or this site's releases, have not."""
    problems: list[str] = []
    if scope.notes is None or scope.notes == "tags":
        return problems
    if "note_text" not in scope.tables.get("note", ()):
        problems.append(f"notes are asked for with {scope.notes}, but not note.note_text")
    if config is not None and NOTE_FORMS.index(scope.notes) > NOTE_FORMS.index(config.deidentify.notes):
        problems.append(
            f"notes are asked for with {scope.notes}, and this site's releases keep {config.deidentify.notes} "
            "([deidentify] notes in site.toml)"
        )
    return problems


def content_problems(scope: Scope, config: SiteConfig) -> list[str]:
    """Everything that is wrong with a scope whatever the day: approvals, site, tables."""
    return [
        *approval_problems(scope),
        *site_problems(scope, config),
        *table_problems(scope.tables, scope.linkages),
        *place_problems(scope),
        *note_problems(scope, config),
        *partner_problems(scope),
    ]


def _words(role: str) -> str:
    name, _, partner = role.partition(":")
    return name.replace("_", " ") + (f" of {partner}" if partner else "")
