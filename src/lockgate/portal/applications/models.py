"""Applications, the versions of their answers, and the decisions on them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from lockgate.portal.applications.bank import KINDS
from lockgate.portal.applications.rules import ADVICE, DECISIONS, STATES, Decided, Facts
from lockgate.portal.plane import partner_owners
from lockgate.portal.sites import current_site


class Waiting(models.QuerySet["Application"]):
    """Applications with all that the rules ask of them, in a few queries for all."""

    def with_facts(self) -> Waiting:
        """Fetch applicants, versions, decisions and advice at once."""
        return self.select_related("applicant").prefetch_related(
            "versions__decisions__by", "versions__advice__by"
        )


class Application(models.Model):
    """One application for one use of data, from its first answer to its end."""

    reference = models.CharField(max_length=20, unique=True)
    kind = models.CharField(max_length=30, choices=list(KINDS.items()))
    title = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=20, choices=list(STATES.items()), default="draft")
    applicant = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="applications"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    scope_id = models.CharField(max_length=80, blank=True)

    objects = Waiting.as_manager()

    class Meta:
        ordering = ["-updated_at"]
        indexes = [models.Index(fields=["state", "-updated_at"])]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def slug(self) -> str:
        """The project's name in folders and scopes."""
        return self.reference.lower()

    @property
    def version(self) -> Version:
        """The answers as they are now."""
        latest = max(self.versions.all(), key=lambda version: version.number, default=None)
        if latest is None:
            raise Version.DoesNotExist(f"{self.reference} has no answers")
        return latest

    @property
    def answers(self) -> dict[str, Any]:
        """The current answers by question key."""
        answers: dict[str, Any] = self.version.answers
        return answers

    def member_names(self) -> frozenset[str]:
        """The usernames of the project's members beside the applicant."""
        return frozenset(item["username"] for item in self.answers.get("people") or [])

    def standing(self) -> list[Decision]:
        """The decisions on the current version."""
        return list(self.version.decisions.select_related("by").order_by("at"))

    def facts(self, *, complete: bool = False) -> Facts:
        """What the rules need to know."""
        version = self.version
        decisions = version.decisions.all()
        if "decisions" not in getattr(version, "_prefetched_objects_cache", {}):
            decisions = decisions.select_related("by")
        return Facts(
            state=self.state,
            applicant=self.applicant.username,
            members=frozenset(item["username"] for item in version.answers.get("people") or []),
            decisions=tuple(Decided(item.role, item.by.username, item.decision) for item in decisions),
            complete=complete,
            valid_until=self.valid_until,
            owners=self.owners(),
            assessment_missing=version.answers.get("dpia") == "needed",
            waits_for_panel=self.kind in current_site().config.portal.panel and not version.advice.all(),
        )

    def owners(self) -> dict[str, str]:
        """The owner of each partner's data that is asked for; nobody for a partner who is not registered any more."""
        asked = [item["partner"] for item in self.answers.get("partners") or []]
        known = partner_owners(current_site()) if asked else {}
        return {name: known.get(name, "") for name in asked}


class Version(models.Model):
    """A set of answers. It is frozen by submission; a returned application goes on in a copy."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(default=1)
    bank = models.CharField(max_length=20)
    answers = models.JSONField(default=dict)
    submitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="one_version_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.application.reference} version {self.number}"


class Decision(models.Model):
    """What one role decided on one version."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="decisions")
    role = models.CharField(max_length=40)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=list(DECISIONS.items()))
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "role"], name="one_decision_per_role"),
            models.UniqueConstraint(fields=["version", "by"], name="one_decision_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.role} {self.decision}"


class Advice(models.Model):
    """What a member of the public panel says of one version."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="advice")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    stance = models.CharField(max_length=10, choices=list(ADVICE.items()))
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["version", "by"], name="one_advice_per_person")]

    def __str__(self) -> str:
        return f"{self.version}: {self.stance}"
