"""Who is told of which audit entry, and in which words. One function for each event, found by its name.

A text names references and states; titles, notes and answers stay behind the sign-in, where rights decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse

from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import PERMISSIONS
from lockgate.portal.airlock import rules as airlock_rules
from lockgate.portal.airlock.models import Import, Request
from lockgate.portal.applications import rules as application_rules
from lockgate.portal.applications import states as application_states
from lockgate.portal.applications.models import Application, Case, Condition
from lockgate.portal.incidents.models import Incident
from lockgate.portal.workspaces.models import Job, Project

Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to tell several people."""

    to: tuple[User, ...]
    text: str
    path: str = ""


TELLERS: dict[str, Callable[[Detail], Iterable[Telling]]] = {}


def _tells(*events: str) -> Callable[[Callable[[Detail], Iterator[Telling]]], Any]:
    def register(teller: Callable[[Detail], Iterator[Telling]]) -> Any:
        for event in events:
            TELLERS[event] = teller
        return teller

    return register


def permitted(action: str) -> tuple[User, ...]:
    """Everybody with an account in use who has a role that permits an action; owners of linked sources too."""
    held = Q(memberships__role__in=PERMISSIONS[action])
    if "data_owner" in PERMISSIONS[action]:
        held |= Q(memberships__role__startswith="data_owner:")
    people = User.objects.filter(held, is_active=True).distinct()
    return tuple(people.select_related("organisation").prefetch_related("memberships", "trainings"))


def _named(names: Iterable[str]) -> tuple[User, ...]:
    return tuple(User.objects.filter(username__in=set(names), is_active=True))


def _application(detail: Detail) -> Application:
    return Application.objects.select_related("applicant").get(reference=detail["application"])


def _case(application: Application) -> Case:
    """What of an application waits: an amendment that was handed in, else the application itself."""
    amendment = application.amendment
    return (
        amendment
        if amendment is not None and amendment.state in application_states.DECIDABLE
        else application
    )


def _at(application: Application) -> str:
    return reverse("applications:detail", args=[application.reference])


def _team(application: Application) -> tuple[User, ...]:
    return _named({application.applicant.username, *application.member_names()})


@_tells("application.submitted")
def _submitted(detail: Detail) -> Iterator[Telling]:
    application = _application(detail)
    case = _case(application)
    facts = case.facts()
    deciders = tuple(
        user for user in permitted("application.decide") if application_rules.can_decide(user.person, facts)
    )
    yield Telling(
        deciders,
        f"{application.reference} waits for your decision",
        _at(application),  # from which the decision is a step away, and which can be read when it is made
    )
    panel = tuple(
        user
        for user in permitted("application.advise")
        if facts.waits_for_panel and application_rules.can_advise(user.person, facts)
    )
    yield Telling(
        panel,
        f"{application.reference} waits for the public panel's advice",
        _at(application),
    )


_SAID = {
    "application.returned": "{} was returned to you for changes",
    "application.approved": "{} is approved",
    "application.refused": "{} is refused",
    "application.revoked": "{} is revoked: nothing can be run or released any more",
    "application.expired": "{} has ended: its last day is over",
    "application.conditional": "{} is approved on conditions that must be met first",
    "application.suspended": "{} is suspended: nothing can be run or released until it is resumed",
    "application.resumed": "{} is resumed",
    "application.condition_met": "A condition of {} is met",
}


def _team_told(event: str) -> Callable[[Detail], Iterator[Telling]]:
    def teller(detail: Detail) -> Iterator[Telling]:
        application = _application(detail)
        yield Telling(_team(application), _SAID[event].format(application.reference), _at(application))

    return teller


for _event in _SAID:
    TELLERS[_event] = _team_told(_event)


@_tells("application.commented")
def _commented(detail: Detail) -> Iterator[Telling]:
    application = _application(detail)
    yield Telling(
        _named([application.applicant.username]),
        f"Somebody commented on {application.reference}",
        _at(application),
    )


@_tells("application.evidence")
def _evidence(detail: Detail) -> Iterator[Telling]:
    application = _application(detail)
    role = Condition.objects.get(pk=detail["condition"]).role
    yield Telling(
        tuple(
            user for user in permitted("application.decide") if application.facts().holds(user.person, role)
        ),
        f"{application.reference}: the applicant says how a condition is met",
        _at(application),
    )


@_tells("application.expiring")
def _expiring(detail: Detail) -> Iterator[Telling]:
    application = _application(detail)
    days = int(detail["days"])
    when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
    yield Telling(
        _team(application),
        f"{application.reference} ends {when}: ask for a renewal, or finish",
        _at(application),
    )


@_tells("application.condition_due")
def _condition_due(detail: Detail) -> Iterator[Telling]:
    application = _application(detail)
    days = int(detail["days"])
    yield Telling(
        _team(application),
        f"A condition of {application.reference} must be met {_within(days)}",
        _at(application),
    )


def _within(days: int) -> str:
    return "today" if days == 0 else "by tomorrow" if days == 1 else f"within {days} days"


@_tells("account.training_ending")
def _training(detail: Detail) -> Iterator[Telling]:
    yield Telling(
        _named([detail["username"]]),
        f"Your training ({detail['course']}) runs out in {detail['days']} days: renew it",
    )


@_tells("account.roles")
def _roles(detail: Detail) -> Iterator[Telling]:
    yield Telling(_named([detail["username"]]), "Your roles on the portal have changed", reverse("tasks"))


@_tells("project.provisioned")
def _provisioned(detail: Detail) -> Iterator[Telling]:
    project = Project.objects.get(slug=detail["project"])
    path = reverse("workspaces:project", args=[project.slug])
    if detail.get("state") == "ready":
        yield Telling(_named(project.members), f"The data of {project.slug} are ready", path)
    if detail.get("state") == "failed":
        yield Telling(
            permitted("workspace.provision"), f"The data of {project.slug} could not be prepared", path
        )


@_tells("job.recorded", "job.lost")
def _job(detail: Detail) -> Iterator[Telling]:
    job = Job.objects.select_related("author", "project").get(key=detail["job"])
    how = "has succeeded" if job.state == "succeeded" else f"has ended: {job.get_state_display().lower()}"
    yield Telling(
        (job.author,),
        f"Your job in {job.project.slug} {how}",
        reverse("workspaces:job", args=[job.project.slug, str(job.key)]),
    )


def _request(detail: Detail) -> Request:
    return Request.objects.select_related("author", "job__project").get(reference=detail["request"])


@_tells("airlock.checked")
def _checked(detail: Detail) -> Iterator[Telling]:
    request = _request(detail)
    path = reverse("airlock:detail", args=[request.reference])
    if not detail.get("passes"):
        yield Telling((request.author,), f"{request.reference} is held back by the checks", path)
        return
    facts = request.facts()
    reviewers = tuple(
        user for user in permitted("airlock.review") if airlock_rules.can_review(user.person, facts)
    )
    yield Telling(reviewers, f"{request.reference} waits for your review", path)


@_tells("airlock.released")
def _released(detail: Detail) -> Iterator[Telling]:
    request = _request(detail)
    yield Telling(
        _named({request.author.username, *request.job.project.members}),
        f"The results of {request.reference} are released",
        reverse("airlock:detail", args=[request.reference]),
    )


@_tells("airlock.refused")
def _refused(detail: Detail) -> Iterator[Telling]:
    request = _request(detail)
    yield Telling(
        (request.author,),
        f"The results of {request.reference} were not released",
        reverse("airlock:detail", args=[request.reference]),
    )


@_tells("airlock.returned")
def _returned(detail: Detail) -> Iterator[Telling]:
    request = _request(detail)
    path = reverse("airlock:detail", args=[request.reference])
    yield Telling((request.author,), f"{request.reference} was returned to you for changes", path)


@_tells("airlock.recalled")
def _recalled(detail: Detail) -> Iterator[Telling]:
    request = _request(detail)
    yield Telling(
        tuple(
            {*_named({request.author.username, *request.job.project.members}), *permitted("airlock.recall")}
        ),
        f"The results of {request.reference} were recalled: delete the copies that you hold",
        reverse("airlock:detail", args=[request.reference]),
    )


@_tells("airlock.commented")
def _comment_on_results(detail: Detail) -> Iterator[Telling]:
    request = _request(detail)
    path = reverse("airlock:detail", args=[request.reference])
    yield Telling((request.author,), f"Somebody wrote a comment under {request.reference}", path)


@_tells("import.requested", "import.made")
def _import(detail: Detail) -> Iterator[Telling]:
    asked = Import.objects.select_related("author", "project").get(reference=detail["request"])
    path = reverse("imports:detail", args=[asked.reference])
    if asked.state == "in_review":
        yield Telling(
            permitted("airlock.review"), f"{asked.reference} asks to come in and waits for your review", path
        )
    elif asked.state == "imported":
        yield Telling(_named(asked.project.members), f"{asked.reference} is in the project", path)


@_tells("incident.reported")
def _incident(detail: Detail) -> Iterator[Telling]:
    incident = Incident.objects.get(reference=detail["incident"])
    yield Telling(
        permitted("incident.handle"),
        f"{incident.reference} was told: an incident waits for an owner",
        reverse("incidents:detail", args=[incident.reference]),
    )
