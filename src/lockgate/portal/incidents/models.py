"""Incidents and what was done about each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from lockgate.portal.incidents import rules
from lockgate.portal.workspaces.models import Project


class Incident(models.Model):
    """Something that went wrong, nearly did, departed from a procedure, or was found by an audit."""

    reference = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=20, choices=list(rules.KINDS.items()))
    title = models.CharField(max_length=200)
    description = models.TextField()
    happened_on = models.DateField()
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="incidents"
    )
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="incidents_told"
    )
    reported_at = models.DateTimeField(auto_now_add=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="incidents_owned",
    )
    likelihood = models.PositiveSmallIntegerField(null=True, blank=True)
    impact = models.PositiveSmallIntegerField(null=True, blank=True)
    due = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=list(rules.STATES.items()), default="reported")
    resolution = models.TextField(blank=True)
    changes = models.TextField(blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    published_summary = models.TextField(blank=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-reported_at"]
        indexes = [models.Index(fields=["state", "-reported_at"])]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    def facts(self) -> rules.IncidentFacts:
        """What the rules need to know."""
        return rules.IncidentFacts(
            reporter=self.reporter.username,
            owner=self.owner.username if self.owner else "",
            state=self.state,
            resolution=self.resolution,
            due=self.due,
            scored=self.likelihood is not None and self.impact is not None,
        )

    @property
    def risk(self) -> tuple[int, str] | None:
        """The score and its name; None until it was scored."""
        if self.likelihood is None or self.impact is None:
            return None
        return rules.risk_of(self.likelihood, self.impact)

    @property
    def overdue(self) -> bool:
        """Whether it should have been put right by now."""
        return rules.is_overdue(self.facts(), timezone.localdate())


class Step(models.Model):
    """One change of an incident, as it was made. It doesn't change."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="steps")
    by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=20, choices=list(rules.STATES.items()))
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.incident.reference}: {self.state}"
