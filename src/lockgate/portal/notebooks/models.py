"""Notebooks as the control plane knows them, and the passes by which a browser enters one."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from lockgate.portal.notebooks.rules import STATES, UNFINISHED
from lockgate.portal.workspaces.models import Project


class Notebook(models.Model):
    """One JupyterLab, of one person on one project, from asking to its end."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="notebooks")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notebooks")
    state = models.CharField(max_length=10, choices=list(STATES.items()), default="asked")
    stop_asked_by = models.CharField(max_length=150, blank=True)
    why = models.CharField(max_length=500, blank=True, help_text="why it ended")
    asked_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    shown_bytes = models.BigIntegerField(default=0, help_text="bytes that went to the browser")

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "person"],
                condition=models.Q(state__in=sorted(UNFINISHED)),
                name="one_open_notebook_each",
            )
        ]

    def __str__(self) -> str:
        return f"{self.project.slug} of {self.person.username} ({self.state})"

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in UNFINISHED

    @property
    def ran_for(self) -> timedelta:
        """How long it ran, or has run by now."""
        if self.started_at is None:
            return timedelta(0)
        return (self.stopped_at or timezone.now()) - self.started_at


class Pass(models.Model):
    """One browser's way into a notebook: a ticket that serves once, then the cookie it was changed for.

    Only hashes are kept. It holds as long as the portal's session it was made in.
    """

    notebook = models.ForeignKey(Notebook, on_delete=models.CASCADE, related_name="passes")
    session_key = models.CharField(max_length=40)
    ticket_sha256 = models.CharField(max_length=64, unique=True)
    cookie_sha256 = models.CharField(max_length=64, blank=True, db_index=True)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"pass to {self.notebook_id}"
