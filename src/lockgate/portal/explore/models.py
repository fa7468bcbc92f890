"""Cohorts as people build them. Whom a cohort counts, and what was told of it, stays in the data plane's ledger."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from lockgate.disclosure.ledger import Asker
from lockgate.portal.explore.rules import CohortFacts
from lockgate.portal.workspaces.models import Project


class Cohort(models.Model):
    """A cohort on its way: a Circe expression, whose it is, and for which project it is asked (or for none yet)."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cohorts")
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, blank=True, related_name="cohorts"
    )
    title = models.CharField(max_length=200)
    expression = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def latest(self) -> Version | None:
        """The version saved last."""
        return self.versions.order_by("-number").first()

    def facts(self) -> CohortFacts:
        """What the rules need to know."""
        return CohortFacts(
            owner=self.owner.username,
            shared=frozenset(self.shares.values_list("username", flat=True)),
            members=self.project.members if self.project else frozenset(),
        )

    def asker(self, username: str) -> Asker:
        """Who asks when this person counts the cohort: whoever may read it could put answers together."""
        facts = self.facts()
        return Asker(
            username=username,
            project=self.project.slug if self.project else "",
            together=facts.shared | facts.members | {facts.owner},
        )


class Version(models.Model):
    """A cohort as it was saved. It doesn't change."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    expression = models.JSONField()
    note = models.TextField(blank=True)
    saved_by = models.CharField(max_length=150)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["cohort", "number"], name="one_version_of_a_number")]

    def __str__(self) -> str:
        return f"{self.title} (version {self.number})"


class Share(models.Model):
    """Somebody who may read a cohort, count it and take a copy."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="shares")
    username = models.CharField(max_length=150, db_index=True)

    class Meta:
        ordering = ["username"]
        constraints = [models.UniqueConstraint(fields=["cohort", "username"], name="one_share_of_a_person")]

    def __str__(self) -> str:
        return f"{self.username} reads {self.cohort.title}"
