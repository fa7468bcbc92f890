"""``site.toml``, of the work: what may leave, how jobs are kept in, their queue, code and costs, and twins."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from lockgate.site.settings.section import Section


class DisclosureSection(Section):
    """The site's rules for every number that leaves."""

    threshold: int = Field(default=10, ge=3)
    rounding: int = Field(default=5, ge=1)
    questions: Literal["project", "everyone"] = Field(
        default="project",
        description="whose earlier questions a count is held against: the project's and its people's, or everyone's",
    )
    release_by_rule: Literal["never", "low-risk"] = Field(
        default="never",
        description="whether results of low risk that pass every rule are released without reviewers",
    )


class ProjectLimits(Section):
    """Limits of one project's jobs in place of the site's."""

    memory_mb: int | None = Field(default=None, ge=256)
    seconds: int | None = Field(default=None, ge=1)
    processes: int | None = Field(default=None, ge=8)
    output_mb: int | None = Field(default=None, ge=1)
    project_mb: int | None = Field(default=None, ge=1)


class SandboxSection(Section):
    """How jobs are kept in."""

    strategy: Literal["auto", "bubblewrap", "namespaces"] = "auto"
    memory_mb: int = Field(default=4096, ge=256)
    seconds: int = Field(default=3600, ge=1)
    processes: int = Field(default=256, ge=8)
    output_mb: int = Field(default=512, ge=1)
    project_mb: int = Field(
        default=20_480,
        ge=1,
        description="what the jobs of one project may hold of the disk before no more start",
    )
    projects: dict[str, ProjectLimits] = Field(
        default_factory=dict, description="limits of single projects, such as [sandbox.projects.p0001]"
    )


class QueueSection(Section):
    """In which order jobs run, and how many at once (docs/how-to/jobs.md)."""

    running: int = Field(default=2, ge=1, description="jobs that run at once on the site")
    running_per_project: int = Field(default=1, ge=1, description="jobs of one project that run at once")
    waiting_per_person: int = Field(
        default=20, ge=1, description="jobs that one person may have waiting in one project"
    )
    half_life_hours: float = Field(
        default=24, gt=0, description="past use counts half after so long when shares are compared"
    )
    shares: dict[str, float] = Field(
        default_factory=dict,
        description="projects with another share than 1, such as {p0001 = 2}; all see them",
    )

    @field_validator("shares")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, share in value.items():
            if not 0 < share < 1000:
                raise ValueError(f"the share of {name} must be above 0 and below 1000")
        return value


class UsageSection(Section):
    """What use costs a project; nought: it is counted and costs nothing."""

    currency: str = Field(default="GBP", max_length=3)
    cpu_hour: float = Field(default=0, ge=0, description="price of an hour of one processor")
    memory_gb_hour: float = Field(default=0, ge=0, description="price of 1 GB of memory for an hour")
    storage_gb_month: float = Field(default=0, ge=0, description="price of 1 GB kept for 30 days")


class CodeSection(Section):
    """Where the code of jobs may be fetched from (docs/how-to/jobs.md); nowhere as it comes."""

    hosts: list[str] = Field(
        default_factory=list,
        description="hosts (or host:port) of https:// repositories, such as 'github.com'",
    )
    folders: list[str] = Field(
        default_factory=list, description="folders of this machine below which repositories may lie"
    )
    max_mb: int = Field(default=10, ge=1, description="the most that a commit's files may be together")


class TwinSection(Section):
    """Synthetic twins of releases (docs/how-to/twins.md)."""

    epsilon: float = Field(
        default=5.0,
        ge=0.01,
        le=100,
        description="how much one person may change what a recipe tells (differential privacy); less is more private",
    )
    delta: float = Field(default=1e-6, gt=0, le=1e-3, description="the chance that is left outside of that")
    total_epsilon: float = Field(
        default=25.0, ge=0.01, description="no more recipes once those of all releases add up to this"
    )
    people: int = Field(default=10_000, ge=100, le=5_000_000, description="people of a twin unless told")
    download: Literal["applicants", "members", "nobody"] = Field(
        default="applicants",
        description="who may download one from the pages: whoever has an application, drafts included; only the people"
        " of a project; nobody",
    )
    at_provisioning: bool = Field(
        default=False,
        description="make a project's twin with its data, so that it is there when its people come; else who wants"
        " one asks for it. Of a release without a recipe that spends its epsilon",
    )
