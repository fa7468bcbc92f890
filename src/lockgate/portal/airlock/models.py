"""Requests for release, the candidates that were checked, and the reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models

from lockgate.portal.airlock.rules import (
    DECISIONS,
    IMPORT_DECISIONS,
    IMPORT_STATES,
    STATES,
    Facts,
    Reviewed,
)
from lockgate.portal.workspaces.models import Job, Project
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
    decided_by = models.CharField(
        max_length=10, default="people", choices=[("people", "People"), ("rule", "Rule")]
    )
    runs_asked = models.PositiveIntegerField(default=0, help_text="further runs that the approval covers")
    runs_left = models.PositiveIntegerField(default=0)
    shape = models.JSONField(default=dict, help_text="what the approved files are like but for their figures")
    again_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="again",
        help_text="what it repeats",
    )
    differs = models.JSONField(default=list, help_text="why a repeated run went to people after all")
    recalled_at = models.DateTimeField(null=True, blank=True)
    recall_reason = models.TextField(blank=True)

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


class Comment(models.Model):
    """What somebody wrote under a request."""

    request = models.ForeignKey(Request, on_delete=models.CASCADE, related_name="comments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.request.reference}: {self.at:%Y-%m-%d}"


class Import(models.Model):
    """Code or reference data that asks to come in."""

    reference = models.SlugField(max_length=80, unique=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="imports")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="imports")
    title = models.CharField(max_length=200)
    purpose = models.TextField(help_text="where it comes from, its licence and what it is for")
    state = models.CharField(max_length=20, choices=list(IMPORT_STATES.items()))
    files = models.JSONField(default=list, help_text="name, bytes, sha256 of each")
    verdicts = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.reference} {self.title}"

    @property
    def folder(self) -> Path:
        """The files as they were handed in (an archive unpacked)."""
        return self.project.folder / "airlock" / self.reference

    def facts(self) -> Facts:
        """What the rules need to know; what comes in is never repaired."""
        return Facts(
            state=self.state,
            author=self.author.username,
            members=self.project.members,
            passes=self.state != "failing",
            reviews=tuple(Reviewed(review.by.username, review.decision) for review in self.reviews.all()),
            project_open=self.project.state in OPEN,
        )


class ImportReview(models.Model):
    """What one output checker decided on what asks to come in."""

    asked = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="reviews")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=10, choices=list(IMPORT_DECISIONS.items()))
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["asked", "by"], name="one_import_review_per_person")]

    def __str__(self) -> str:
        return f"{self.asked}: {self.decision}"
