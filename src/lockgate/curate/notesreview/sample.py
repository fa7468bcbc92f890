"""The sample: drawn at random from all notes of a release, then topped up so that each type of document has enough.

What is said of all notes rests on the first part alone, which every note had the same chance to be in; what is said of
a type rests on all its notes of the sample. ``staged/notes-review/RELEASE.json`` holds ids and marks, and no words.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.curate import release as releases
from lockgate.curate.notesreview.bounds import sample_size
from lockgate.curate.notesreview.stoplist import folder, locked
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import write_atomic

OTHER = "no type said"
MOST = 5_000  # notes of a sample: nobody reads more


@dataclass(frozen=True, slots=True)
class Drawn:
    """A note of the sample. ``of_all``: drawn from all notes, not to top its type up."""

    note_id: int
    type: str
    of_all: bool


@dataclass
class Review:
    """One release's review. ``marks``: note -> reader -> their misses, the tags that the note has, and when."""

    release: str
    share: float
    share_by_type: float
    drawn_by: str
    drawn_at: str
    notes: int  # of the release
    sample: list[Drawn]
    marks: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def types(self) -> list[str]:
        """The types of document of the sample."""
        return sorted({one.type for one in self.sample})

    def of(self, note_id: int) -> Drawn | None:
        """A note of the sample, or None."""
        return next((one for one in self.sample if one.note_id == note_id), None)

    def save(self, site: Site) -> None:
        """Write it down; the caller holds the lock."""
        write_atomic(_path(site, self.release), (json.dumps(asdict(self)) + "\n").encode())


def _path(site: Site, release: str) -> Path:
    return folder(site) / f"{release}.json"


def open_review(site: Site, release: str = "latest") -> Review | None:
    """The review of a release; None when no sample was drawn."""
    number = releases.open_release(site, release).number
    path = site.staged / "notes-review" / f"{number}.json"
    if not path.exists():
        return None
    found = json.loads(path.read_bytes())
    found["sample"] = [Drawn(**one) for one in found["sample"]]
    return Review(**found)


def draw(site: Site, release: str, *, share: float, share_by_type: float, by: str) -> Review:
    """Draw the sample of a release, large enough that no miss in it bounds the leak rate at ``share`` of all notes, and
    at ``share_by_type`` of each type.

    Refused where one was drawn already (drawing again until it looks well would bound nothing) or the release has no
    notes. UsageError for shares that aren't between 0 and 1, or that would take too many notes.
    """
    for value in (share, share_by_type):
        if not 0 < value < 1:
            raise UsageError(
                "a share lies between 0 and 1", where=str(value), remedy="0.01 is one note in a hundred"
            )
    if max(sample_size(share), sample_size(share_by_type)) > MOST:
        raise UsageError(f"that takes more than {MOST:,} notes", remedy="bound a larger share")
    opened = releases.open_release(site, release)
    with locked(site):
        if open_review(site, opened.number) is not None:
            raise Refused(
                "a sample of this release was drawn already", reasons=["one sample per release"],
                where=f"release {opened.number}", remedy="read that one; the next release gets a fresh sample",
            )  # fmt: skip
        types = _types(opened)
        if not types:
            raise Refused(
                "the release has no notes", reasons=["nothing to read"], where=f"release {opened.number}"
            )
        made = Review(
            opened.number, share, share_by_type, by, datetime.now(UTC).isoformat(timespec="seconds"),
            len(types), _draw(types, sample_size(share), sample_size(share_by_type)),
        )  # fmt: skip
        if len(made.sample) > MOST:
            raise UsageError(f"that takes more than {MOST:,} notes", remedy="bound larger shares")
        made.save(site)
        site.audit.append(
            "notes.review.drawn", actor=by, release=opened.number, notes=len(made.sample), share=share,
            share_by_type=share_by_type,
        )  # fmt: skip
    return made


def _types(release: releases.Release) -> dict[int, str]:
    """Every note of the release and its type of document, in words."""
    if not release.tables.get("note"):
        return {}
    with Engine() as engine:
        engine.view_parquet("note", release.table_path("note"))
        engine.view_parquet("concept", release.table_path("concept"))
        rows = engine.rows(
            f"SELECT n.note_id, coalesce(max(c.concept_name), '{OTHER}') FROM note AS n LEFT JOIN concept AS c"
            " ON c.concept_id = n.note_class_concept_id AND c.concept_id <> 0 GROUP BY 1 ORDER BY 1"
        )
    return {int(note): str(name) for note, name in rows}


def _draw(types: dict[int, str], of_all: int, each: int) -> list[Drawn]:
    """A simple random sample of all, then of each type as many more as it lacks; in random order."""
    chance = random.SystemRandom()
    order = list(types)
    chance.shuffle(order)
    first, rest = order[:of_all], order[of_all:]
    drawn = [Drawn(note, types[note], True) for note in first]
    have: dict[str, int] = {}
    for one in drawn:
        have[one.type] = have.get(one.type, 0) + 1
    for note in rest:
        if have.get(types[note], 0) < each:
            have[types[note]] = have.get(types[note], 0) + 1
            drawn.append(Drawn(note, types[note], False))
    chance.shuffle(drawn)
    return drawn


def fresh_order(review: Review, reader: str) -> list[Drawn]:
    """The sample in a reader's own order, the same each time: no two readers tire at the same notes."""
    return sorted(review.sample, key=lambda one: random.Random(f"{reader}/{one.note_id}").random())  # noqa: S311


__all__ = ["MOST", "Drawn", "Review", "draw", "fresh_order", "open_review"]
