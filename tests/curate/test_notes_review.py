"""Reading a sample of notes: its size, its bounds, what a miss does to the next build, and what is published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from lockgate.curate import build_release, open_release
from lockgate.curate.notesreview import (
    bounds_of,
    clear,
    draw,
    held_notes,
    mark,
    next_note,
    note_to_read,
    open_review,
    publish,
    published,
    sample_size,
    upper_bound,
)
from lockgate.curate.notesreview.reading import Miss
from lockgate.curate.notesreview.result import agreement
from lockgate.errors import Refused, UsageError
from lockgate.site import Site

DAY = date(2026, 10, 10)
LEFT = "quennelthorpe"  # in no list, and not in capitals: the scrubber leaves it


@pytest.mark.parametrize(
    ("found", "n", "bound"),
    # none found: 1 - 0.05 ** (1 / n); others as scipy.stats.beta.ppf(0.95, found + 1, n - found)
    [
        (0, 299, 0.009969),
        (0, 59, 0.049508),
        (1, 10, 0.394163),
        (2, 100, 0.061619),
        (10, 10, 1.0),
        (0, 1, 0.95),
    ],
)
def test_the_bound_is_clopper_and_pearsons(found: int, n: int, bound: float) -> None:
    assert upper_bound(found, n) == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.05, 0.01, 0.003])
def test_the_sample_is_the_smallest_that_bounds_the_share(share: float) -> None:
    n = sample_size(share)
    assert upper_bound(0, n) <= share < upper_bound(0, n - 1)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, stage: Callable[..., None]) -> Site:
    """A release of forty notes of two types; one says a name that nothing knows."""
    site = Site.init(tmp_path_factory.mktemp("notes") / "site", name="Test Hospital", ods_code="RXX")
    rows = [
        {
            "id": f"d{number}",
            "patient_ref": "p1",
            "type_system": "http://loinc.org",
            "type_code": "11488-4" if number % 4 else "18842-5",
            "authored_at": datetime(2026, 1, 1 + number % 28),
            "text": f"Seen in clinic, visit {number}. "
            + (f"The {LEFT} dispute goes on." if number == 7 else "Well."),
        }
        for number in range(40)
    ]
    stage(site, patient=[{"id": "p1", "birth_date": date(1970, 1, 1)}], document=rows)
    build_release(site, actor="test", at=DAY)
    return site


@pytest.fixture
def notes(released: Site, tmp_path: Path) -> Site:
    """A copy of it, to do with as one likes."""
    shutil.copytree(released.path, tmp_path / "copy")
    return Site.open(tmp_path / "copy")


def _read_all(site: Site, reader: str) -> int:
    """Read the whole sample; the note that holds what was left."""
    found = 0
    while (drawn := next_note(site, "latest", reader)) is not None:
        shown = note_to_read(site, "latest", drawn.note_id, reader)
        misses = [Miss(LEFT, "NAME", "other")] if LEFT in shown.text else []
        found = drawn.note_id if misses else found
        assert mark(site, "latest", drawn.note_id, reader, misses) == len(misses)
    return found


def test_a_miss_bounds_the_release_and_withholds_the_note_until_it_is_let_in_again(
    notes: Site, rows_of: Callable[..., list[tuple[Any, ...]]]
) -> None:
    review = draw(notes, "latest", share=0.05, share_by_type=0.3, by="test")
    assert len(review.sample) == 40 and review.notes == 40  # 59 would be needed: all are read
    with pytest.raises(Refused, match="drawn already"):
        draw(notes, "latest", share=0.05, share_by_type=0.3, by="test")
    with pytest.raises(Refused, match="aren't read"):
        publish(notes, "latest", actor="test")
    note = _read_all(notes, "rita")
    assert note == _read_all(notes, "otto")
    done = open_review(notes)
    assert done is not None
    every, *types = bounds_of(done)
    assert (every["read"], every["with_miss"], every["identifiers_left"]) == (40, 1, 1)
    assert every["notes_bound"] == upper_bound(1, 40)
    assert sum(one["with_miss"] for one in types) == 1 and sum(one["drawn"] for one in types) == 40
    assert agreement(done) == {"notes": 40, "alike": 1.0, "kappa": 1.0}
    record = publish(notes, "latest", actor="test")
    assert published(notes, done.release) == record and record["bounds"][0]["misses"] == "some"
    for path in (notes.staged / "notes-review").iterdir():
        assert LEFT not in path.read_text()
    said = (
        (notes.path / "audit" / "chain.jsonl").read_text()
        if (notes.path / "audit" / "chain.jsonl").exists()
        else ""
    )
    assert LEFT not in said
    assert len([e for e in notes.audit.entries("notes.review.shown") if e.actor == "rita"]) == 40

    assert [one["note_id"] for one in held_notes(notes)] == [note]
    build_release(notes, actor="test", at=DAY)
    assert note not in {row[0] for row in rows_of(open_release(notes), "note", "note_id")}
    account = open_release(notes).manifest["accounting"]["document"]["not_carried"]
    assert account["withheld_by_a_reader"] == 1
    with pytest.raises(UsageError, match="say why"):
        clear(notes, note, reason=" ", actor="test")
    clear(notes, note, reason="the name is a street", actor="test")
    build_release(notes, actor="test", at=DAY)
    assert note in {row[0] for row in rows_of(open_release(notes), "note", "note_id")}


@pytest.mark.parametrize(
    ("miss", "told"),
    [
        (Miss("not in it", "NAME"), "don't stand"),
        (Miss("", "NAME"), "don't stand"),
        (Miss("Seen", "COLOUR"), "what kind"),
        (Miss("Seen", "NAME", "his"), "whose"),
    ],
)
def test_a_mark_that_fits_no_note_is_refused_without_its_words(notes: Site, miss: Miss, told: str) -> None:
    review = draw(notes, "latest", share=0.2, share_by_type=0.3, by="test")
    with pytest.raises(UsageError, match=told) as raised:
        mark(notes, "latest", review.sample[0].note_id, "rita", [miss])
    assert not miss.words or miss.words not in str(raised.value)
    assert held_notes(notes) == []


def test_what_was_published_and_changed_since_is_not_shown(notes: Site) -> None:
    draw(notes, "latest", share=0.2, share_by_type=0.3, by="test")
    _read_all(notes, "rita")
    number = publish(notes, "latest", actor="test")["release"]
    path: Path = notes.register / "notes-review" / f"{number}.json"
    record = json.loads(path.read_text())
    record["bounds"][0]["notes_bound"] = 0.0001
    path.write_text(json.dumps(record))
    assert published(notes, number) is None


def test_notes_outside_the_sample_and_other_releases_are_not_shown(notes: Site) -> None:
    with pytest.raises(UsageError, match="no sample"):
        next_note(notes, "latest", "rita")
    review = draw(notes, "latest", share=0.2, share_by_type=0.3, by="test")
    ids = {one.note_id for one in review.sample}
    with pytest.raises(UsageError, match="not of the sample"):
        note_to_read(notes, "latest", max(ids) + 1, "rita")
    with pytest.raises(UsageError):
        next_note(notes, "../2026.1", "rita")
    with pytest.raises(UsageError, match="between 0 and 1"):
        draw(notes, "latest", share=0.0, share_by_type=0.3, by="test")
