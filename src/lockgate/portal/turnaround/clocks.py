"""The clocks of an application: who had it when. They stop for the offices while it waits for the applicant.

Pure functions over what happened, oldest first; no Django here. Times are aware datetimes, lengths days of 24 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

APPLICANT = "applicant"
OFFICES = "whole"  # from the first submission to the end, without the time it was with the applicant


@dataclass(frozen=True, slots=True)
class Round:
    """One submission: when it was handed in, who decided when, and when the round was over."""

    submitted: datetime
    decisions: tuple[tuple[str, datetime], ...] = ()  # role, when
    ended: datetime | None = None  # returned, refused, approved or withdrawn; None while it waits


@dataclass(frozen=True, slots=True)
class Spell:
    """A time with one queue; still running while ``end`` is None."""

    queue: str
    begin: datetime
    end: datetime | None

    def days(self, now: datetime) -> float:
        """How long it lasted, or has lasted until now."""
        return ((self.end or now) - self.begin).total_seconds() / 86_400


def spells(
    created: datetime, rounds: Sequence[Round], waiting: Iterable[str], *, editable: bool
) -> list[Spell]:
    """Who had the application when: the applicant between rounds, each role from a submission to its own decision.

    ``waiting`` are the roles that have still to decide in the last round; ``editable``: it is with the applicant now.
    A role that a round ended without has no spell in it: nobody waited for it any more.
    """
    found: list[Spell] = []
    since: datetime | None = created
    for item in rounds:
        if since is not None:
            found.append(Spell(APPLICANT, since, item.submitted))
        found += [Spell(role, item.submitted, at) for role, at in item.decisions]
        since = item.ended
    if rounds and rounds[-1].ended is None:
        found += [Spell(role, rounds[-1].submitted, None) for role in waiting]
    elif editable:
        found.append(Spell(APPLICANT, since or created, None))
    return found


def with_offices(rounds: Sequence[Round], now: datetime) -> float:
    """Days that the application was with those who decide, all rounds together."""
    return sum(((item.ended or now) - item.submitted).total_seconds() / 86_400 for item in rounds)
