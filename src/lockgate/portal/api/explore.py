"""Explore by API: the vocabulary, one's cohorts, their counts through the ledger."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse
from ninja import Query, Schema

from lockgate.errors import UsageError
from lockgate.portal import cohort_plane
from lockgate.portal.api.access import In, Operations, Paging, once, or_404, page_of
from lockgate.portal.applications.catalogue import offered
from lockgate.portal.explore import building, rules, services
from lockgate.portal.explore.models import Cohort
from lockgate.portal.explore.more_views import DIMENSIONS, MOST_MONTHS
from lockgate.portal.explore.views import get_cohort, visible
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain
from lockgate.portal.sites import current_site

router = Operations(tags=["explore"])


class ConceptOut(Schema):
    """A concept, and how many concepts stand below it."""

    concept_id: int
    name: str
    domain: str
    vocabulary: str
    concept_class: str
    code: str
    standard: bool
    descendants: int


class CohortIn(In):
    """A definition: Circe JSON or YAML as text. Without one an empty cohort is begun."""

    title: str
    definition: str = ""
    project: str = ""


class CohortChange(In):
    """What is to be changed: the title, the definition (Circe JSON or YAML as text), or both."""

    title: str | None = None
    definition: str | None = None


class CohortOut(Schema):
    """A cohort that one may read."""

    key: uuid.UUID
    title: str
    owner: str
    project: str
    version: int | None
    updated_at: datetime


class Cohorts(Schema):
    """A page of cohorts, and how many there are in all."""

    items: list[CohortOut]
    count: int


class CohortFull(CohortOut):
    """A cohort with its definition as Circe, its versions, and with whom it is shared."""

    expression: dict[str, Any]
    versions: list[int]
    shared_with: list[str]


class StepOut(Schema):
    """A stage of a cohort and what may be told of it. ``people`` is rounded; none where nothing is told."""

    step: str
    status: str
    people: int | None
    text: str
    reason: str
    question: int
    release: str


class MoreIn(In):
    """One of the three: by what, beside which other cohort, or over how many months."""

    groups: str = ""
    beside: uuid.UUID | None = None
    months: int = 0


class Note(In):
    """What changed."""

    note: str = ""


class Reference(In):
    """One of my applications that can still be changed."""

    application: str


class Attached(Schema):
    """The application that has the cohort now."""

    application: str


def _out(cohort: Cohort) -> dict[str, Any]:
    latest = cohort.latest
    return {
        "key": cohort.key,
        "title": cohort.title,
        "owner": cohort.owner.username,
        "project": cohort.project.slug if cohort.project else "",
        "version": latest.number if latest else None,
        "updated_at": cohort.updated_at,
    }


def full_of(request: SignedIn, key: uuid.UUID | str) -> dict[str, Any]:
    """A cohort as it is answered; 404 where it isn't there for this person."""
    cohort = get_cohort(request, uuid.UUID(str(key)))
    return {
        **_out(cohort),
        "expression": cohort.expression,
        "versions": [one.number for one in cohort.versions.all()],
        "shared_with": [one.username for one in cohort.shares.all()],
    }


@router.on("GET", "/concepts", list[ConceptOut], scope="read", needs="explore.search")
def concepts(request: SignedIn, q: str, domain: str = "", vocabulary: str = "") -> Any:
    """Concepts by words, code or id.

    The site's concepts that ``q`` means, best first, at most 50.
    """
    return cohort_plane.search_concepts(current_site(), q, domain=domain, vocabulary=vocabulary)


@router.on("GET", "/tables", dict[str, list[str]], scope="read", needs="explore.search")
def tables(request: SignedIn) -> Any:
    """The tables and columns that may be asked for."""
    return {name: [column.name for column in columns] for name, columns in offered().items()}


@router.on("GET", "/cohorts", Cohorts, scope="read", needs="explore.count")
def cohorts(request: SignedIn, paging: Query[Paging]) -> Any:
    """Cohorts that I may read: my own, those shared with and those of my projects."""
    return page_of(visible(request), paging, _out)


@router.on("POST", "/cohorts", CohortFull, scope="explore", needs="explore.count", status=201)
def new_cohort(request: SignedIn, told: CohortIn) -> Any:
    """Bring a definition in, or begin an empty cohort."""

    def make() -> str:
        if not told.definition.strip():
            return str(services.create(request.user, told.title, project=told.project).key)
        made, _ = services.import_text(
            request.user, told.title, told.definition.encode(), project=told.project
        )
        return str(made.key)

    return full_of(request, once(request, make))


@router.on("GET", "/cohorts/{uuid:key}", CohortFull, scope="read", needs="explore.count")
def cohort(request: SignedIn, key: uuid.UUID) -> Any:
    """One cohort with its definition."""
    return full_of(request, key)


@router.on("PATCH", "/cohorts/{uuid:key}", CohortFull, scope="explore", needs="explore.count")
def change_cohort(request: SignedIn, key: uuid.UUID, told: CohortChange) -> Any:
    """Change my cohort's title or definition."""
    row = get_cohort(request, key)
    rules.check_edit(request.user.person, row.facts())
    if told.definition is not None:
        if len(told.definition) > rules.MAX_BYTES:
            raise UsageError("the definition is larger than 1 MB", where="definition")
        expression, _, _ = cohort_plane.read_cohort(current_site(), told.definition.encode())
        building.definition_of(expression)
        services.change(request.user, row, expression, "definition")
    if told.title is not None:
        services.rename(request.user, row, told.title)
    return full_of(request, key)


@router.on("DELETE", "/cohorts/{uuid:key}", Attached, scope="explore", needs="explore.count")
def remove_cohort(request: SignedIn, key: uuid.UUID) -> Any:
    """Delete my cohort and its versions. What applications hold of it stays."""
    services.remove(request.user, get_cohort(request, key))
    return {"application": ""}


@router.on("GET", "/cohorts/{uuid:key}/counted", list[StepOut], scope="read", needs="explore.count")
def counted(request: SignedIn, key: uuid.UUID) -> Any:
    """What was told of it already; nothing is asked."""
    return services.counted(request.user, get_cohort(request, key)) or []


@router.on("POST", "/cohorts/{uuid:key}/count", list[StepOut], scope="explore", needs="explore.count")
def count(request: SignedIn, key: uuid.UUID) -> Any:
    """How many people, stage by stage.

    Each stage is a question of the ledger: rounded, withheld, answered as an earlier one, or refused with why.
    """
    return services.count(request.user, get_cohort(request, key))


@router.on("POST", "/cohorts/{uuid:key}/more", list[dict[str, Any]], scope="explore", needs="explore.count")
def ask_more(request: SignedIn, key: uuid.UUID, told: MoreIn) -> Any:
    """Who they are, whom another cohort shares, or when their events happen; each number a question of the ledger."""
    row, chosen = get_cohort(request, key), (bool(told.groups), told.beside is not None, bool(told.months))
    if sum(chosen) != 1:
        raise UsageError("ask for one of groups, beside and months", where="groups")
    if told.groups and told.groups not in DIMENSIONS:
        raise UsageError("choose by what", where="groups", remedy=f"of: {', '.join(DIMENSIONS)}")
    if told.months and not 1 <= told.months <= MOST_MONTHS:
        raise UsageError(f"from 1 to {MOST_MONTHS} months", where="months")
    beside = or_404(visible(request).filter(key=told.beside).first()) if told.beside else None
    return plain(services.ask_more(request.user, row, groups=told.groups, beside=beside, months=told.months))


@router.on("GET", "/cohorts/{uuid:key}/export/{form}", None, scope="read", needs="explore.count")
def export(request: SignedIn, key: uuid.UUID, form: Literal["circe", "yaml", "sql", "text"]) -> Any:
    """The definition as circe, yaml, sql or text."""
    text, kind = services.exported(get_cohort(request, key), form)
    return HttpResponse(text, content_type=f"{kind}; charset=utf-8")


@router.on(
    "POST", "/cohorts/{uuid:key}/versions", CohortFull, scope="explore", needs="explore.count", status=201
)
def save_version(request: SignedIn, key: uuid.UUID, told: Note) -> Any:
    """Keep my cohort as it is now under the next number."""
    row = get_cohort(request, key)
    once(request, lambda: str(services.save_version(request.user, row, told.note).number))
    return full_of(request, key)


@router.on(
    "GET", "/cohorts/{uuid:key}/versions/{int:number}", dict[str, Any], scope="read", needs="explore.count"
)
def version(request: SignedIn, key: uuid.UUID, number: int) -> Any:
    """A version of a cohort: its definition as Circe."""
    return or_404(get_cohort(request, key).versions.filter(number=number).first()).expression


@router.on(
    "POST",
    "/cohorts/{uuid:key}/versions/{int:number}/restore",
    CohortFull,
    scope="explore",
    needs="explore.count",
)
def restore(request: SignedIn, key: uuid.UUID, number: int) -> Any:
    """Go on from an earlier version of my cohort."""
    row = get_cohort(request, key)
    or_404(row.versions.filter(number=number).first())
    services.restore(request.user, row, number)
    return full_of(request, key)


@router.on("PUT", "/cohorts/{uuid:key}/shares/{username}", CohortFull, scope="explore", needs="explore.count")
def share(request: SignedIn, key: uuid.UUID, username: str) -> Any:
    """Let somebody read my cohort."""
    services.share(request.user, get_cohort(request, key), username)
    return full_of(request, key)


@router.on(
    "DELETE", "/cohorts/{uuid:key}/shares/{username}", CohortFull, scope="explore", needs="explore.count"
)
def unshare(request: SignedIn, key: uuid.UUID, username: str) -> Any:
    """Take it back from somebody."""
    services.unshare(request.user, get_cohort(request, key), username)
    return full_of(request, key)


@router.on("POST", "/cohorts/{uuid:key}/copy", CohortFull, scope="explore", needs="explore.count", status=201)
def copy(request: SignedIn, key: uuid.UUID) -> Any:
    """Take a copy of my own."""
    row = get_cohort(request, key)
    return full_of(request, once(request, lambda: str(services.copy(request.user, row).key)))


@router.on("POST", "/cohorts/{uuid:key}/attach", Attached, scope="apply", needs="explore.count")
def attach(request: SignedIn, key: uuid.UUID, told: Reference) -> Any:
    """Make the version saved last the cohort of my application."""
    return {
        "application": services.attach(request.user, get_cohort(request, key), told.application).reference
    }
