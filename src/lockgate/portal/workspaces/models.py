"""Projects and jobs, as the control plane knows them. The data stand in the site's ``projects/`` folder."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models

from lockgate.portal.applications.models import Application
from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.rules import FINISHED, JOB_STATES, PROJECT_STATES, ProjectFacts


class Project(models.Model):
    """What an approved application became."""

    slug = models.SlugField(max_length=60, unique=True)
    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="project")
    title = models.CharField(max_length=300)
    state = models.CharField(max_length=20, choices=list(PROJECT_STATES.items()), default="provisioning")
    problem = models.TextField(blank=True)
    scope = models.JSONField()
    workspace = models.JSONField(default=dict)
    valid_from = models.DateField()
    valid_until = models.DateField()
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.slug} {self.title}"

    @property
    def folder(self) -> Path:
        """The project's folder in the site."""
        return current_site().projects / self.slug

    @property
    def members(self) -> frozenset[str]:
        """The usernames in the scope."""
        return frozenset(item["username"] for item in self.scope["people"])

    def facts(self) -> ProjectFacts:
        """What the rules need to know."""
        return ProjectFacts(self.state, self.members, self.valid_from, self.valid_until)


class Member(models.Model):
    """Who is in which project: the scope's people, kept as rows so that lists can be filtered."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="member_rows")
    username = models.CharField(max_length=150, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "username"], name="one_row_per_member")]

    def __str__(self) -> str:
        return f"{self.username} in {self.project.slug}"


class Job(models.Model):
    """One run of somebody's code on a project's data."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="jobs")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs")
    code_name = models.CharField(max_length=200)
    code_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=20, choices=list(JOB_STATES.items()), default="queued")
    job_id = models.CharField(max_length=120, blank=True, help_text="its folder under the project's jobs/")
    exit_code = models.IntegerField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    source = models.JSONField(default=dict, help_text="of code from git: its address and commit")
    environment = models.CharField(max_length=120, blank=True)
    steps = models.JSONField(default=list)
    cpu_seconds = models.FloatField(null=True, blank=True)
    memory_gb_hours = models.FloatField(null=True, blank=True)
    log = models.TextField(blank=True)
    problem = models.TextField(blank=True)
    outputs = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["project", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.code_name} ({self.state})"

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINISHED

    @property
    def submitted_file(self) -> Path:
        """The code as it was handed in."""
        return self.project.folder / "submitted" / str(self.key) / self.code_name

    @property
    def cancel_file(self) -> Path:
        """There once somebody has asked the job to stop while it runs."""
        return self.submitted_file.parent / "cancel"

    @property
    def outputs_folder(self) -> Path:
        """Where the job wrote its outputs."""
        return self.project.folder / "jobs" / self.job_id / "outputs"
