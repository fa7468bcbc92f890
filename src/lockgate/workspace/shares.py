"""Whose turn it is: fair shares between projects, and between the people of a project. Pure, over plain data.

The rule. A job's *charge* is the time it held a place, in seconds; each half-life gone by since it ended halves it.
A project's *use* is the sum of its charges, and for each of its jobs that run now the mean charge, over its share
(1 unless ``[queue] shares`` says otherwise). The project of least use is next; of its people the one of least use;
of their jobs the oldest. Where two have used the same, who has waited longest is first. No other priority exists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NOMINAL = 60.0  # seconds that a job is thought to take where none has ended yet


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits. ``since`` in seconds since 1970."""

    key: str
    project: str
    person: str
    since: float


@dataclass(frozen=True, slots=True)
class Past:
    """A job that ended: how long it held its place, and when it ended, both in seconds."""

    project: str
    person: str
    seconds: float
    ended: float


@dataclass(frozen=True, slots=True)
class Policy:
    """How many jobs run at once, on the site and of one project, and how use is compared."""

    running: int = 2
    running_per_project: int = 1
    half_life_hours: float = 24.0
    shares: Mapping[str, float] = field(default_factory=dict)

    def share(self, project: str) -> float:
        """The share of a project."""
        return self.shares.get(project, 1.0)


@dataclass(slots=True)
class _Use:
    projects: defaultdict[str, float]
    people: defaultdict[tuple[str, str], float]
    running: defaultdict[str, int]
    charge: float

    def start(self, project: str, person: str) -> None:
        self.running[project] += 1
        self.projects[project] += self.charge
        self.people[project, person] += self.charge


def order(
    waiting: Sequence[Waiting],
    running: Sequence[tuple[str, str]],
    past: Sequence[Past],
    now: float,
    policy: Policy,
) -> list[Waiting]:
    """The waiting jobs in the order of their turns, as things stand now. ``running``: (project, person) of each."""
    use = _used(running, past, now, policy)
    left, turns = list(waiting), list[Waiting]()
    while left:
        turn = min(left, key=lambda job: _rank(job, use, policy))
        left.remove(turn)
        turns.append(turn)
        use.start(turn.project, turn.person)
    return turns


def next_up(
    waiting: Sequence[Waiting],
    running: Sequence[tuple[str, str]],
    past: Sequence[Past],
    now: float,
    policy: Policy,
) -> Waiting | None:
    """The job to start now; None when none waits, or every place that the waiting ones may have is taken."""
    if len(running) >= policy.running:
        return None
    use = _used(running, past, now, policy)
    free = [job for job in waiting if use.running[job.project] < policy.running_per_project]
    return min(free, key=lambda job: _rank(job, use, policy), default=None)


def use_of(past: Sequence[Past], now: float, policy: Policy) -> dict[str, float]:
    """The use of each project that has any, in seconds, faded and over its share."""
    use = _used([], past, now, policy)
    return {project: seconds / policy.share(project) for project, seconds in sorted(use.projects.items())}


def _used(running: Sequence[tuple[str, str]], past: Sequence[Past], now: float, policy: Policy) -> _Use:
    charge = sum(job.seconds for job in past) / len(past) if past else NOMINAL
    use = _Use(defaultdict(float), defaultdict(float), defaultdict(int), max(charge, 1.0))
    for job in past:
        faded = job.seconds * 0.5 ** (max(now - job.ended, 0.0) / (policy.half_life_hours * 3600))
        use.projects[job.project] += faded
        use.people[job.project, job.person] += faded
    for project, person in running:
        use.start(project, person)
    return use


def _rank(job: Waiting, use: _Use, policy: Policy) -> tuple[float, float, float, str]:
    project = use.projects[job.project] / policy.share(job.project)
    return project, use.people[job.project, job.person], job.since, job.key
