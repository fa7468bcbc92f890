"""Explore by API, with the session of the pages: the vocabulary, one's cohorts, their counts through the ledger."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from ninja.errors import HttpError

from lockgate.errors import LockgateError, Refused
from lockgate.portal import cohort_plane
from lockgate.portal.accounts.models import User
from lockgate.portal.explore import rules, services
from lockgate.portal.explore.models import Cohort
from lockgate.portal.sites import current_site

router = Router(tags=["explore"])


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


class CohortIn(Schema):
    """A definition: Circe JSON or YAML as text."""

    title: str
    definition: str
    project: str = ""


class CohortOut(Schema):
    """A cohort that one may read."""

    key: uuid.UUID
    title: str
    owner: str
    project: str
    version: int | None
    updated_at: datetime


class CohortFull(CohortOut):
    """A cohort with its definition as Circe."""

    expression: dict[str, Any]


class StepOut(Schema):
    """A stage of a cohort and what may be told of it. ``people`` is rounded; none where nothing is told."""

    step: str
    status: str
    people: int | None
    text: str
    reason: str
    question: int
    release: str


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _refusing(error: LockgateError) -> HttpError:
    status = 403 if isinstance(error, Refused) else 400
    return HttpError(status, str(error))


def _out(cohort: Cohort) -> dict[str, Any]:
    latest = cohort.latest
    return {
        "key": cohort.key,
        "title": cohort.title,
        "owner": cohort.owner.username,
        "project": cohort.project.slug if cohort.project else "",
        "version": latest.number if latest else None,
        "updated_at": cohort.updated_at,
        "expression": cohort.expression,
    }


def _get(request: HttpRequest, key: uuid.UUID) -> Cohort:
    cohort = Cohort.objects.select_related("owner", "project").filter(key=key).first()
    if cohort is None or not rules.can_read(_user(request).person, cohort.facts()):
        raise HttpError(404, "Not found")
    return cohort


@router.get("/concepts", response=list[ConceptOut], summary="Concepts by words, code or id")
def concepts(request: HttpRequest, q: str, domain: str = "", vocabulary: str = "") -> Any:
    """The site's concepts that ``q`` means, best first, at most 50."""
    try:
        rules.check_search(_user(request).person)
        return cohort_plane.search_concepts(current_site(), q, domain=domain, vocabulary=vocabulary)
    except LockgateError as error:
        raise _refusing(error) from error


@router.get("/cohorts", response=list[CohortOut], summary="Cohorts that I may read")
def cohorts(request: HttpRequest) -> Any:
    """One's own, those shared, and those of one's projects; the newest 200."""
    user = _user(request)
    if not rules.can_build(user.person):
        return []
    mine = Q(owner=user) | Q(shares__username=user.username) | Q(project__member_rows__username=user.username)
    rows = Cohort.objects.select_related("owner", "project").filter(mine).distinct()[:200]
    return [_out(row) for row in rows]


@router.post("/cohorts", response=CohortFull, summary="Bring a definition in")
def add(request: HttpRequest, told: CohortIn) -> Any:
    """A new cohort from Circe JSON or YAML."""
    try:
        made, _ = services.import_text(
            _user(request), told.title, told.definition.encode(), project=told.project
        )
    except LockgateError as error:
        raise _refusing(error) from error
    return _out(made)


@router.get("/cohorts/{key}", response=CohortFull, summary="One cohort")
def cohort(request: HttpRequest, key: uuid.UUID) -> Any:
    """The cohort with its definition. 404 when it isn't there or isn't for you."""
    return _out(_get(request, key))


@router.post("/cohorts/{key}/count", response=list[StepOut], summary="How many people, stage by stage")
def count(request: HttpRequest, key: uuid.UUID) -> Any:
    """Each stage is a question of the ledger: rounded, withheld, answered as an earlier one, or refused with why."""
    try:
        return services.count(_user(request), _get(request, key))
    except LockgateError as error:
        raise _refusing(error) from error


@router.get("/cohorts/{key}/export/{form}", summary="The definition as circe, yaml, sql or text")
def export(request: HttpRequest, key: uuid.UUID, form: str) -> HttpResponse:
    """The definition as a file."""
    try:
        text, kind = services.exported(_get(request, key), form)
    except LockgateError as error:
        raise _refusing(error) from error
    return HttpResponse(text, content_type=f"{kind}; charset=utf-8")
