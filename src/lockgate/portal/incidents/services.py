"""The only writer of incidents."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet
from django.utils import timezone

from lockgate.errors import UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.incidents import rules
from lockgate.portal.incidents.models import Incident, Step
from lockgate.portal.outbox.counting import next_reference
from lockgate.portal.outbox.writing import writing
from lockgate.portal.workspaces.models import Project
from lockgate.site.audit import refuse_identifying

_LONGEST = 20_000


def visible(user: User) -> QuerySet[Incident]:
    """The incidents that somebody may read."""
    rules.check_report(user.person)
    rows = Incident.objects.select_related("reporter", "owner", "project")
    return rows if rules.can_read_all(user.person) else rows.filter(Q(reporter=user) | Q(owner=user))


def get(user: User, reference: str) -> Incident:
    """One incident; Refused unless the person may read it, UsageError where there is none."""
    rules.check_report(user.person)
    incident = (
        Incident.objects.select_related("reporter", "owner", "project").filter(reference=reference).first()
    )
    if incident is None:
        raise UsageError(f"there is no incident {reference!r}", remedy="the page of incidents lists them")
    rules.check_read(user.person, incident.facts())
    return incident


def report(
    user: User, *, kind: str, title: str, description: str, happened_on: date | None, project: str = ""
) -> Incident:
    """Tell of something. UsageError names the field that is missing or makes no sense."""
    rules.check_report(user.person)
    if kind not in rules.KINDS:
        raise UsageError("choose what it is", where="kind")
    if not title.strip():
        raise UsageError("enter a title", where="title")
    if not description.strip():
        raise UsageError("enter what happened, without names or numbers of patients", where="description")
    if happened_on is None or happened_on > timezone.localdate():
        raise UsageError("enter the day it happened: today or earlier", where="happened_on")
    _fits(title, 200, "title")
    _fits(description, _LONGEST, "description")
    about = Project.objects.filter(slug=project).first() if project else None
    if project and (about is None or not _concerns(user, about)):
        raise UsageError(
            "there is no such project of yours", where="project", remedy="leave it empty, and describe it"
        )
    with writing("incident.reported", actor=user.username, kind=kind) as record:
        reference = next_reference(Incident.objects.all(), f"INC-{timezone.localdate().year}-")
        incident = Incident.objects.create(
            reference=reference, kind=kind, title=title.strip(), description=description.strip(),
            happened_on=happened_on, project=about, reporter=user,
        )  # fmt: skip
        Step.objects.create(incident=incident, by=user.username, state="reported")
        record.detail["incident"] = incident.reference
    return incident


def change(
    user: User,
    incident: Incident,
    *,
    owner: str = "",
    likelihood: int | None = None,
    impact: int | None = None,
    due: date | None = None,
    resolution: str = "",
    changes: str = "",
    state: str = "",
    note: str = "",
) -> None:
    """Write down what was found and done, and go on to the next state where ``state`` names another.

    Refused where the step needs something that is missing, or somebody else has to take it.
    """
    rules.check_handle(user.person)
    row = User.objects.filter(username=owner, is_active=True).first() if owner else None
    if owner and row is None:
        raise UsageError("there is no such account", where="owner")
    if (likelihood is None) != (impact is None):
        raise UsageError("choose both likelihood and impact", where="likelihood")
    if likelihood is not None and impact is not None:
        rules.risk_of(likelihood, impact)
    for name, text in (("resolution", resolution), ("changes", changes), ("note", note)):
        _fits(text, _LONGEST, name)
    with writing("incident.changed", actor=user.username, incident=incident.reference) as record:
        incident = Incident.objects.select_for_update().get(pk=incident.pk)
        incident.owner, incident.due = row, due
        incident.likelihood, incident.impact = likelihood, impact
        incident.resolution, incident.changes = resolution.strip(), changes.strip()
        if state and state != incident.state:
            rules.check_step(user.person, incident.facts(), state, timezone.localdate())
            incident.state = state
            incident.closed_at = timezone.now() if state == "closed" else None
        incident.save()
        Step.objects.create(incident=incident, by=user.username, state=incident.state, note=note.strip())
        record.detail["state"] = incident.state


def publish(user: User, incident: Incident, summary: str) -> None:
    """Tell the public in these words, or (empty) take it back."""
    rules.check_publish(user.person)
    _fits(summary, 5_000, "published_summary")
    with writing("incident.published", actor=user.username, incident=incident.reference) as record:
        incident.published_summary = summary.strip()
        incident.published_at = timezone.now() if summary.strip() else None
        incident.save(update_fields=["published_summary", "published_at"])
        record.detail["published"] = bool(summary.strip())


def figures() -> dict[str, Any]:
    """For the management: how many are open and overdue, how long closing took, and by kind, in the last year."""
    today, since = timezone.localdate(), timezone.now() - timedelta(days=365)
    took = ExpressionWrapper(F("closed_at") - F("reported_at"), output_field=DurationField())
    year = Incident.objects.filter(reported_at__gte=since)
    mean = year.filter(state="closed").aggregate(mean=Avg(took))["mean"]
    return {
        "open": Incident.objects.exclude(state="closed").count(),
        "overdue": Incident.objects.exclude(state="closed").filter(due__lt=today).count(),
        "reported": year.count(),
        "closed": year.filter(state="closed").count(),
        "mean_days": round(mean.total_seconds() / 86_400, 1) if mean is not None else None,
        "kinds": [
            (rules.KINDS[row["kind"]], row["n"])
            for row in year.values("kind").annotate(n=Count("id")).order_by("-n", "kind")
        ],
    }


def published() -> QuerySet[Incident]:
    """What the public reads."""
    return Incident.objects.filter(published_at__isnull=False).order_by("-published_at")


def _concerns(user: User, project: Project) -> bool:
    return rules.can_read_all(user.person) or user.username in project.members


def _fits(text: str, longest: int, where: str) -> None:
    try:
        refuse_identifying(where, "", {"text": text})
    except UsageError as error:
        raise UsageError("leave the patient's NHS number out", where=where) from error
    if len(text) > longest:
        raise UsageError(f"shorten it to {longest:,} characters", where=where)
