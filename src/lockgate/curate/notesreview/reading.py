"""Reading: the next note for a reader, and what they found. Kept of a miss are its place and kind, never its words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lockgate.curate import release as releases
from lockgate.curate.notesreview.sample import Drawn, Review, fresh_order, open_review
from lockgate.curate.notesreview.stoplist import hold, locked
from lockgate.deidentify.text.spans import KINDS
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site

LONGEST = 200_000  # characters of a note that are shown; a longer one can only be withheld
MOST_MISSES = 50
WHOSE = {"own": "the patient's own", "other": "somebody else's"}
_TAG = re.compile(r"\[(" + "|".join(sorted(map(re.escape, KINDS), key=len, reverse=True)) + r")\]")


@dataclass(frozen=True, slots=True)
class Miss:
    """An identifier that was left: the words as the reader copied them, its kind, and "own", "other" or ""."""

    words: str
    kind: str
    whose: str = ""


@dataclass(frozen=True, slots=True)
class ToRead:
    """A note as it is shown. ``text`` is what the release holds: never keep, log or cache it."""

    note_id: int
    type: str
    text: str
    place: int  # the reader's how-manieth, from one
    of: int


def next_note(site: Site, release: str, reader: str) -> Drawn | None:
    """The next note of the sample that this reader hasn't marked; None when they have read all."""
    review = _review(site, release)
    done = {note for note, marks in review.marks.items() if reader in marks}
    return next((one for one in fresh_order(review, reader) if str(one.note_id) not in done), None)


def note_to_read(site: Site, release: str, note_id: int, reader: str) -> ToRead:
    """A note of the sample with its text. Who saw it is in the audit chain before it is handed out.

    UsageError for a note that isn't of the sample.
    """
    review = _review(site, release)
    drawn = _drawn(review, note_id)
    text = _text(site, review.release, note_id)
    site.audit.append("notes.review.shown", actor=reader, release=review.release, note=str(note_id))
    done = sum(reader in marks for note, marks in review.marks.items() if note != str(note_id))
    return ToRead(note_id, drawn.type, text[:LONGEST], done + 1, len(review.sample))


def mark(site: Site, release: str, note_id: int, reader: str, misses: Sequence[Miss]) -> int:
    """Keep what a reader found in a note (nothing found: no misses); how many identifiers that is.

    A note with a miss is withheld from the next build on. UsageError, at the number of the miss, for words that don't
    stand in the note, an unknown kind, or too many. Marking again replaces what the same reader said before; a note
    that was withheld stays so.
    """
    with locked(site):
        review = _review(site, release)
        drawn = _drawn(review, note_id)
        text = _text(site, review.release, note_id)
        if len(misses) > MOST_MISSES:
            raise UsageError(f"more than {MOST_MISSES} misses in one note", where="misses")
        found = [_placed(number, miss, text) for number, miss in enumerate(misses, start=1)]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        of_note = review.marks.setdefault(str(drawn.note_id), {})
        of_note[reader] = {"misses": found, "tags": len(_TAG.findall(text)), "at": at}
        review.save(site)
        kinds = [str(one["kind"]) for one in found]
        if found:
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            hold(site, note_id, digest, release=review.release, kinds=kinds, by=reader)
        site.audit.append(
            "notes.review.marked", actor=reader, release=review.release, note=str(note_id), misses=len(found),
            kinds=sorted(set(kinds)),
        )  # fmt: skip
    return len(found)


def _placed(number: int, miss: Miss, text: str) -> dict[str, object]:
    words = miss.words.strip()
    where = str(number)
    if miss.kind not in KINDS:
        raise UsageError("choose what kind of identifier it is", where=where)
    if miss.whose not in ("", *WHOSE):
        raise UsageError("say whose it is, or leave it open", where=where)
    spaced = r"\s+".join(re.escape(word) for word in words.split())
    place = re.search(spaced, text) if words else None
    if place is None:
        raise UsageError("these words don't stand in the note: copy them as they are", where=where)
    return {"begin": place.start(), "end": place.end(), "kind": miss.kind, "whose": miss.whose}


def _review(site: Site, release: str) -> Review:
    review = open_review(site, release)
    if review is None:
        raise UsageError("no sample of this release was drawn", where=f"release {release}")
    return review


def _drawn(review: Review, note_id: int) -> Drawn:
    drawn = review.of(note_id)
    if drawn is None:
        raise UsageError("this note is not of the sample", where=f"release {review.release}")
    return drawn


def _text(site: Site, release: str, note_id: int) -> str:
    opened = releases.open_release(site, release)
    with Engine() as engine:
        engine.view_parquet("note", opened.table_path("note"))
        rows = engine.rows("SELECT note_text FROM note WHERE note_id = ?", [note_id])
    if not rows:
        raise UsageError("the release has no such note", where=f"release {release}")
    return str(rows[0][0])


__all__ = ["KINDS", "LONGEST", "MOST_MISSES", "WHOSE", "Miss", "ToRead", "mark", "next_note", "note_to_read"]
