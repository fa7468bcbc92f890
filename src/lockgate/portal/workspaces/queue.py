"""The queue of jobs: what waits, what runs, and whose turn it is by ``lockgate.workspace.shares``. Only reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from lockgate.portal.sites import current_site
from lockgate.portal.workspaces.models import Job
from lockgate.workspace.shares import Past, Policy, Waiting, next_up, order, use_of

_LOOKS_BACK = 10  # half-lives; what is older counts less than a thousandth


def policy() -> Policy:
    """The site's rule."""
    queue = current_site().config.queue
    return Policy(queue.running, queue.running_per_project, queue.half_life_hours, queue.shares)


def _waiting() -> dict[str, Job]:
    rows = Job.objects.filter(state="queued").select_related("project", "author")
    return {str(job.key): job for job in rows}


def _plain(job: Job) -> Waiting:
    return Waiting(str(job.key), job.project.slug, job.author.username, job.created_at.timestamp())


def _running() -> list[tuple[str, str]]:
    return list(Job.objects.filter(state="running").values_list("project__slug", "author__username"))


def _past() -> list[Past]:
    since = timezone.now() - timedelta(hours=policy().half_life_hours * _LOOKS_BACK)
    rows = Job.objects.filter(finished_at__gte=since, seconds__isnull=False)
    told = rows.values_list("project__slug", "author__username", "seconds", "finished_at")
    return [
        Past(slug, who, float(seconds or 0), ended.timestamp()) for slug, who, seconds, ended in told if ended
    ]


def next_job() -> Job | None:
    """The job to start now, if a place is free for one."""
    jobs = _waiting()
    turn = next_up(
        [_plain(job) for job in jobs.values()], _running(), _past(), timezone.now().timestamp(), policy()
    )
    return jobs[turn.key] if turn else None


def has_place(job: Job) -> bool:
    """Whether a place is free for this job now."""
    return next_up([_plain(job)], _running(), [], timezone.now().timestamp(), policy()) is not None


def turns() -> list[Job]:
    """The waiting jobs in the order of their turns."""
    jobs = _waiting()
    waiting = [_plain(job) for job in jobs.values()]
    ordered = order(waiting, _running(), _past(), timezone.now().timestamp(), policy())
    return [jobs[turn.key] for turn in ordered]


def place_of(job: Job) -> tuple[int, int]:
    """The place of a waiting job in the queue, the first being 1, and how many wait; (0, n) when it waits no more."""
    keys = [turn.key for turn in turns()]
    return (keys.index(job.key) + 1 if job.key in keys else 0), len(keys)


def standing(slug: str) -> dict[str, Any]:
    """What a project may know of its own part in the queue: its share, its faded use, and the rule's numbers."""
    rule = policy()
    use = use_of(_past(), timezone.now().timestamp(), rule)
    return {
        "share": rule.share(slug),
        "use_seconds": round(use.get(slug, 0.0), 1),
        "half_life_hours": rule.half_life_hours,
        "running": rule.running,
        "running_per_project": rule.running_per_project,
    }
