"""The queues of the portal, read from what its apps keep: how long each thing waited, and what waits now."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from lockgate.portal.accounts.rules import role_label
from lockgate.portal.airlock.models import Request, Review
from lockgate.portal.applications.models import Amendment, Application, Case, Version
from lockgate.portal.applications.states import DECIDABLE, EDITABLE
from lockgate.portal.turnaround.clocks import APPLICANT, OFFICES, Round, Spell, spells, with_offices
from lockgate.portal.turnaround.control import ControlChart, control_chart
from lockgate.portal.workspaces.models import Job

YEAR = timedelta(days=365)
Made = TypeVar("Made")
MOST = 2000  # ended items of one queue on its chart: the newest


@dataclass(frozen=True, slots=True)
class Ended:
    """Something that left a queue: what, when, and after how many days."""

    name: str
    at: datetime
    days: float


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue over the last year, and now."""

    key: str
    label: str
    ended: tuple[Ended, ...]
    waiting: tuple[float, ...]  # days that each thing in it has waited so far

    @property
    def chart(self) -> ControlChart:
        """What is usual, and what isn't."""
        return control_chart([item.days for item in self.ended])


_SLOW = 0.25  # seconds of computing from which an answer is kept
_KEPT = 2 * 60 * 60  # seconds: longer than the worker's pause between two makings


def kept(name: str, make: Callable[[], Made], *, anew: bool = False) -> tuple[Made, datetime]:
    """What ``make`` gives, and when it was made.

    On a portal with so much in it that making takes a while an earlier answer is given; the worker makes it anew from
    time to time.
    """
    found: tuple[Made, datetime] | None = None if anew else cache.get(f"turnaround:{name}")
    if found is None:
        began = time.process_time()
        found = (make(), timezone.now())
        if time.process_time() - began > _SLOW:
            cache.set(f"turnaround:{name}", found, _KEPT)
    return found


def make_anew() -> None:
    """What is kept, made again: for the worker."""
    kept("queues", queues, anew=True)
    kept("outcomes", outcomes, anew=True)


def queues(now: datetime | None = None) -> list[Queue]:
    """Every queue that had something in it in the last year, in the order of the path."""
    now = now or timezone.now()
    ended: dict[str, list[Ended]] = defaultdict(list)
    waiting: dict[str, list[float]] = defaultdict(list)
    for reference, item in [*_application_spells(now), *_review_spells(now), *_job_spells(now)]:
        if item.end is None:
            waiting[item.queue].append(item.days(now))
        elif item.end >= now - YEAR:
            ended[item.queue].append(Ended(reference, item.end, item.days(now)))
    return [
        Queue(
            key,
            label_of(key),
            tuple(sorted(ended[key], key=lambda each: (each.at, each.name))[-MOST:]),
            tuple(sorted(waiting[key], reverse=True)),
        )
        for key in sorted({*ended, *waiting}, key=_place)
    ]


_LABELS = {
    OFFICES: "Applications and amendments, from first submission to decision, without the applicant's time",
    APPLICANT: "With the applicant: to finish, or to change what was asked",
    "review": "Results: each review",
    "release": "Results: from the request to the release or refusal",
    "job": "Jobs: from handing in to the end of the run",
}
_ORDER = [OFFICES, APPLICANT, "research_centre", "data_protection_office", "caldicott_guardian", "data_owner"]


def label_of(key: str) -> str:
    """What a queue is called."""
    return _LABELS.get(key) or f"{role_label(key)}: each decision"


def _place(key: str) -> tuple[int, str]:
    name = key.partition(":")[0]
    late = {"job": 100, "review": 101, "release": 102}
    return (_ORDER.index(name) if name in _ORDER else late.get(name, 50), key)


def rounds_of(
    versions: Iterable[Version], ended: datetime | None, amendment: int | None = None
) -> list[Round]:
    """The rounds of an application, or of an amendment of it, from the application's versions with their decisions."""
    first = [item for item in versions if item.submitted_at and item.amendment_id == amendment]
    handed_in = sorted(first, key=lambda item: item.number)
    rounds = []
    for position, version in enumerate(handed_in):
        made = sorted(version.decisions.all(), key=lambda decision: decision.at)
        last = position == len(handed_in) - 1
        closing = [item.at for item in made if item.decision in ("return", "refuse")]
        end = closing[0] if closing else ended if last else made[-1].at if made else version.submitted_at
        assert version.submitted_at is not None
        rounds.append(Round(version.submitted_at, tuple((item.role, item.at) for item in made), end))
    return rounds


def clock(application: Application, now: datetime | None = None) -> dict[str, Any] | None:
    """The clock of one application: days with those who decide and with the applicant, and each stage.

    None for one that was never handed in.
    """
    now = now or timezone.now()
    versions = list(application.versions.prefetch_related("decisions"))
    rounds = rounds_of(versions, _over(application))
    if not rounds:
        return None
    facts = application.facts()
    open_roles = facts.open_roles() if application.state in DECIDABLE else ()
    found = spells(application.created_at, rounds, open_roles, editable=application.state in EDITABLE)
    return {
        "offices": with_offices(rounds, now),
        "applicant": sum(item.days(now) for item in found[1:] if item.queue == APPLICANT),
        "running": application.state in DECIDABLE,
        "stages": [
            {
                "label": "Applicant" if item.queue == APPLICANT else role_label(item.queue),
                "spell": item,
                "days": item.days(now),
            }
            for item in found[1:]
        ],
    }


def _over(case: Case) -> datetime | None:
    """When the last round was over; a withdrawn one with its withdrawal."""
    if case.state in DECIDABLE:
        return None
    return case.decided_at or case.updated_at


def _application_spells(now: datetime) -> Iterable[tuple[str, Spell]]:
    recent = Q(updated_at__gte=now - YEAR) | Q(state__in=DECIDABLE | EDITABLE)
    for application in Application.objects.filter(recent).with_facts().iterator(chunk_size=500):
        yield from _spells_of(application, application.reference, None, now)
    for amendment in Amendment.objects.filter(recent).with_facts().iterator(chunk_size=500):
        yield from _spells_of(amendment, f"{amendment.reference} ({amendment.what})", amendment.pk, now)


def _spells_of(case: Case, name: str, amendment: int | None, now: datetime) -> Iterable[tuple[str, Spell]]:
    rounds = rounds_of(case.application.versions.all(), _over(case), amendment)
    roles = case.facts().open_roles() if case.state in DECIDABLE else ()
    found = spells(case.created_at, rounds, roles, editable=case.state in EDITABLE)
    yield from ((name, item) for item in found if rounds or item.end is not None)
    if rounds and case.state not in EDITABLE:
        end = rounds[-1].ended
        length = timedelta(days=with_offices(rounds, now))
        yield (name, Spell(OFFICES, (end or now) - length, end))


def _review_spells(now: datetime) -> Iterable[tuple[str, Spell]]:
    made = Review.objects.filter(at__gte=now - YEAR).select_related("candidate__request")
    for review in made:
        yield review.candidate.request.reference, Spell("review", review.candidate.created_at, review.at)
    asked = Request.objects.filter(decided_at__gte=now - YEAR) | Request.objects.filter(decided_at=None)
    for request in asked:
        if request.state != "withdrawn":
            yield request.reference, Spell("release", request.created_at, request.decided_at)


def _job_spells(now: datetime) -> Iterable[tuple[str, Spell]]:
    rows = Job.objects.filter(created_at__gte=now - YEAR).values_list("key", "created_at", "finished_at")
    for key, created, finished in rows:
        yield str(key)[:8], Spell("job", created, finished)


def outcomes() -> list[dict[str, Any]]:
    """How applications fare, by the year of their first submission: for the public, so without references.

    {year, submitted, approved, refused, withdrawn, waiting, returned_once, days}: days is the median time with those
    who decide, of the decided ones.
    """
    years: dict[int, list[Application]] = defaultdict(list)
    for application in Application.objects.exclude(submitted_at=None).prefetch_related("versions__decisions"):
        first = min(item.submitted_at for item in application.versions.all() if item.submitted_at)
        years[timezone.localtime(first).year].append(application)
    now = timezone.now()
    told: list[dict[str, Any]] = []
    for year, rows in sorted(years.items(), reverse=True):
        lengths = [
            with_offices(rounds_of(item.versions.all(), _over(item)), now)
            for item in rows
            if item.decided_at and item.state not in EDITABLE | DECIDABLE
        ]
        told.append(
            {
                "year": year,
                "submitted": len(rows),
                "approved": sum(bool(item.scope_id) for item in rows),
                "refused": sum(item.state == "refused" for item in rows),
                "withdrawn": sum(item.state == "withdrawn" for item in rows),
                "waiting": sum(item.state in DECIDABLE | EDITABLE for item in rows),
                "returned": sum(len(item.versions.all()) > 1 for item in rows),
                "days": control_chart(lengths).middle,
            }
        )
    return told
