"""The only writer of notebooks."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from lockgate.errors import Refused
from lockgate.portal.accounts.models import User
from lockgate.portal.notebooks import rules
from lockgate.portal.notebooks.models import Notebook, Pass
from lockgate.portal.outbox.writing import Record, writing
from lockgate.portal.workspaces.models import Project

TICKET_HOLDS = timedelta(minutes=1)


def hashed(secret: str) -> str:
    """What is kept of a ticket or cookie."""
    return hashlib.sha256(secret.encode()).hexdigest()


def unfinished(user: User, project: Project) -> Notebook | None:
    """The person's notebook of the project that is open or being started."""
    return Notebook.objects.filter(project=project, person=user, state__in=rules.UNFINISHED).first()


def ask(user: User, project: Project) -> Notebook:
    """Ask for a notebook; the one that is there already, if one is."""
    rules.check_open(user.person, project.facts(), timezone.localdate())
    if (standing := unfinished(user, project)) is not None:
        return standing
    try:
        with writing("notebook.asked", actor=user.username, project=project.slug) as record:
            notebook = Notebook.objects.create(project=project, person=user)
            record.detail["notebook"] = str(notebook.key)
    except IntegrityError:  # asked twice at once
        return Notebook.objects.get(project=project, person=user, state__in=rules.UNFINISHED)
    return notebook


def ask_to_stop(actor: str, notebook: Notebook) -> None:
    """Mark a notebook to be stopped; the gateway does it within seconds. One that never started ends at once."""
    with writing(
        "notebook.stop_asked", actor=actor, notebook=str(notebook.key), project=notebook.project.slug
    ):
        locked = Notebook.objects.select_for_update().get(pk=notebook.pk)
        if locked.state == "asked":
            locked.state, locked.why = "stopped", f"stopped by {actor} before it began"
            locked.stopped_at = timezone.now()
        elif not locked.finished:
            locked.stop_asked_by = actor
        locked.save(update_fields=["state", "why", "stopped_at", "stop_asked_by"])


def stop_as(user: User, notebook: Notebook) -> None:
    """The same from a page, if this person may."""
    rules.check_stop(user.person, notebook.person.username)
    ask_to_stop(user.username, notebook)


def end_of_project(sender: object, *, project: Project, record: Record, **_: object) -> None:
    """A project that ends asks for its notebooks to be stopped, in the same transaction."""
    for notebook in Notebook.objects.filter(project=project, state__in=rules.UNFINISHED):
        Notebook.objects.filter(pk=notebook.pk).update(stop_asked_by="the end of the project")
        record.also("notebook.stop_asked", notebook=str(notebook.key), project=project.slug)


# Entering


def ticket(user: User, notebook: Notebook, session_key: str) -> str:
    """A ticket into a running notebook for the portal's session of that key: it serves once, within a minute."""
    rules.check_open(user.person, notebook.project.facts(), timezone.localdate())
    if notebook.person_id != user.pk or notebook.state != "running":
        raise Refused("the notebook is not open", reasons=[f"state {notebook.state}"])
    secret = secrets.token_urlsafe(32)
    with writing(
        "notebook.shown", actor=user.username, notebook=str(notebook.key), project=notebook.project.slug
    ):
        Pass.objects.filter(
            notebook=notebook, cookie_sha256="", made_at__lt=timezone.now() - TICKET_HOLDS
        ).delete()
        Pass.objects.create(notebook=notebook, session_key=session_key, ticket_sha256=hashed(secret))
    return secret


def enter(secret: str, slug: str) -> str:
    """Change a ticket for a cookie's value; empty when the ticket is used, too old or of another project."""
    cookie = secrets.token_urlsafe(32)
    with transaction.atomic():
        found = (
            Pass.objects.select_for_update()
            .select_related("notebook__person")
            .filter(
                ticket_sha256=hashed(secret),
                cookie_sha256="",
                notebook__project__slug=slug,
                notebook__state="running",
                made_at__gte=timezone.now() - TICKET_HOLDS,
            )
            .first()
        )
        if found is None:
            return ""
        actor, key = found.notebook.person.username, str(found.notebook.key)
        with writing("notebook.opened", actor=actor, notebook=key, project=slug):
            found.cookie_sha256 = hashed(cookie)
            found.save(update_fields=["cookie_sha256"])
    return cookie


# What the gateway tells


def waiting() -> list[Notebook]:
    """Every notebook that is asked for, being started or open, oldest first."""
    rows = Notebook.objects.filter(state__in=rules.UNFINISHED).select_related("project", "person")
    return list(rows.order_by("asked_at"))


def note(notebook: Notebook, state: str, why: str = "", **detail: Any) -> None:
    """Keep that a notebook is being started, open, stopped or refused, with the reason."""
    now = timezone.now()
    told = {"notebook": str(notebook.key), "project": notebook.project.slug, **detail}
    if why:
        told["why"] = why
    event = "notebook.started" if state == "running" else f"notebook.{state}"
    with writing(event, actor=notebook.person.username, **told):
        row = Notebook.objects.select_for_update().get(pk=notebook.pk)
        row.state, row.why = state, why[:500]
        if state == "running":
            row.started_at = now
        if state not in rules.UNFINISHED:
            row.stopped_at = now
            row.shown_bytes = int(detail.get("shown_bytes", row.shown_bytes))
            Pass.objects.filter(notebook=row).delete()
        row.save()


def recover() -> int:
    """Settle what a gateway that was killed left behind; how many. A sandbox ends with the process that started it."""
    lost = list(
        Notebook.objects.filter(state__in=["starting", "running"]).select_related("project", "person")
    )
    for notebook in lost:
        note(notebook, "stopped", "the notebook service ended while it was open")
    return len(lost)
