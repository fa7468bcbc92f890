"""The one way of pages to the reading of notes. The data plane keeps samples and marks, and enters each note shown and
each mark in the audit chain."""

from __future__ import annotations

from typing import Any

from lockgate.curate import notesreview
from lockgate.curate.notesreview.reading import Miss, ToRead
from lockgate.curate.notesreview.result import summary
from lockgate.portal.accounts.models import User
from lockgate.portal.notes import rules
from lockgate.portal.plane import latest_release
from lockgate.portal.sites import current_site


def overview(user: User) -> dict[str, Any]:
    """The latest release, what its reading shows so far, and the notes that are withheld."""
    rules.check_results(user.person)
    site, release = current_site(), latest_release(current_site())
    review = notesreview.open_review(site, release) if release else None
    return {
        "release": release,
        "review": summary(site, review) if review else None,
        "held": notesreview.held_notes(site),
    }


def plan(user: User, release: str, share: float, share_by_type: float) -> int:
    """Draw the sample of a release; how many notes it has. Refused and UsageError as ``notesreview.draw``."""
    rules.check_read(user.person)
    made = notesreview.draw(
        current_site(), release, share=share, share_by_type=share_by_type, by=user.username
    )
    return len(made.sample)


def next_note(user: User, release: str) -> int | None:
    """The id of the next note for this reader; None when they have read all."""
    rules.check_read(user.person)
    drawn = notesreview.next_note(current_site(), release, user.username)
    return None if drawn is None else drawn.note_id


def look(user: User, release: str, note_id: int) -> ToRead:
    """A note with its text. That it was shown is noted first."""
    rules.check_read(user.person)
    return notesreview.note_to_read(current_site(), release, note_id, user.username)


def mark(user: User, release: str, note_id: int, misses: list[Miss]) -> int:
    """Keep what the reader found; how many identifiers."""
    rules.check_read(user.person)
    return notesreview.mark(current_site(), release, note_id, user.username, misses)


def clear(user: User, note_id: int, reason: str) -> None:
    """Let a withheld note into releases again."""
    rules.check_read(user.person)
    notesreview.clear(current_site(), note_id, reason=reason, actor=user.username)


def publish(user: User, release: str) -> None:
    """Sign the bounds and show them with the release's public pages."""
    rules.check_read(user.person)
    notesreview.publish(current_site(), release, actor=user.username)
