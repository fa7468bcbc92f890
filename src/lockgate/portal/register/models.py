"""Entries of the register and the results under them. All of it is public."""

from __future__ import annotations

from pathlib import Path

from django.db import models

from lockgate.portal.airlock.models import Request
from lockgate.portal.applications.models import Application
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Project

STATES = {"active": "Active", "suspended": "Suspended", "expired": "Ended", "revoked": "Stopped"}


class Entry(models.Model):
    """One approved use. ``data`` holds what is shown; it is made from the approved answers and the scope."""

    reference = models.CharField(max_length=20, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="entry")
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=30)
    state = models.CharField(max_length=20, choices=list(STATES.items()), default="active")
    search = models.TextField(blank=True)
    data = models.JSONField()
    published_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-published_at"]
        verbose_name_plural = "entries"
        indexes = [models.Index(fields=["state", "-published_at"])]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"


class Refusal(models.Model):
    """A use, or a change of one, that was asked for and refused: in summary, with no person and no answer."""

    reference = models.CharField(max_length=20)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="refusals")
    what = models.CharField(max_length=10, default="use", help_text="use, amendment or renewal")
    title = models.CharField(max_length=300)
    kind = models.CharField(max_length=30)
    organisation = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=40, help_text="whose decision it was")
    reason = models.TextField(blank=True, help_text="as written for the public")
    refused_on = models.DateField()

    class Meta:
        ordering = ["-refused_on", "-pk"]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def as_dict(self) -> dict[str, str]:
        """What the public reads, as JSON values."""
        return {
            "reference": self.reference,
            "what": self.what,
            "title": self.title,
            "kind": self.kind,
            "lead_organisation": self.organisation,
            "refused_on": self.refused_on.isoformat(),
            "refused_by": self.role,
            "reason": self.reason,
        }


class Result(models.Model):
    """A result that was released."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="results")
    request = models.OneToOneField(Request, on_delete=models.PROTECT, related_name="result")
    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    summary = models.TextField(blank=True)
    files = models.JSONField(default=list)
    released_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-released_at"]

    def __str__(self) -> str:
        return f"{self.slug} {self.title}"

    @property
    def folder(self) -> Path:
        """The public copy of the files."""
        return current_site().register / "results" / self.entry.slug / self.slug
