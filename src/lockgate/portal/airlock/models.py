"""Requests for release, the candidates that were checked, and the reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models

from lockgate.portal.airlock.rules import DECISIONS, STATES, Facts, Reviewed
from lockgate.portal.workspaces.models import Job
from lockgate.portal.workspaces.rules import OPEN


class Asked(models.QuerySet["Request"]):
    """Requests with all that the rules ask of them, in a few queries for all."""

    def with_facts(self) -> Asked:
        """Fetch authors, projects, candidates and reviews at once."""
        return self.select_related("author", "job__project").prefetch_related("candidates__reviews__by")


class Request(models.Model):
    """A job's outputs that ask to leave."""

    reference = models.SlugField(max_length=80, unique=True)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="requests")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="release_requests"
    )
    title = models.CharField(max_length=200)
    purpose = models.TextField(help_text="what the files show and where they will go")
    state = models.CharField(max_length=20, choices=list(STATES.items()))
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = Asked.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def candidate(self) -> Candidate:
        """The files as they stand now."""
        latest = max(self.candidates.all(), key=lambda candidate: candidate.number, default=None)
        if latest is None:
            raise Candidate.DoesNotExist(f"{self.reference} has no candidate")
        return latest

    @property
    def folder(self) -> Path:
        """Where the candidates are kept."""
        return self.job.project.folder / "airlock" / self.reference

    def facts(self) -> Facts:
        """What the rules need to know."""
        candidate = self.candidate
        reviews = candidate.reviews.all()
        if "reviews" not in getattr(candidate, "_prefetched_objects_cache", {}):
            reviews = reviews.select_related("by")
        return Facts(
            state=self.state,
            author=self.author.username,
            members=self.job.project.members,
            passes=candidate.passes,
            reviews=tuple(Reviewed(review.by.username, review.decision) for review in reviews),
            repairable=candidate.repairable,
            project_open=self.job.project.state in OPEN,
        )


class Candidate(models.Model):
    """One state of the files, with the verdict of the automatic checks on it."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="candidates")
    number = models.PositiveIntegerField()
    repaired = models.BooleanField(default=False)
    passes = models.BooleanField()
    repairable = models.BooleanField(default=False)
    files = models.JSONField(default=list, help_text="name, kind, title, bytes, sha256 of each")
    verdicts = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="one_candidate_per_number")]

    def __str__(self) -> str:
        return f"{self.request.reference} candidate {self.number}"

    @property
    def checked_folder(self) -> Path:
        """The job's outputs with their evidence, as they were checked."""
        return self.request.folder / f"{self.number}-checked"

    @property
    def folder(self) -> Path:
        """Exactly the files that would leave; nothing writes there after the check."""
        return self.request.folder / str(self.number)

    def verdict(self, name: str) -> dict[str, Any] | None:
        """The verdict on one file."""
        return next((item for item in self.verdicts if item["file"] == name), None)


class Review(models.Model):
    """What one output checker decided on one candidate."""

    candidate = models.ForeignKey(Candidate, on_delete=models.CASCADE, related_name="reviews")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=list(DECISIONS.items()))
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["candidate", "by"], name="one_review_per_person")]

    def __str__(self) -> str:
        return f"{self.candidate}: {self.decision}"
