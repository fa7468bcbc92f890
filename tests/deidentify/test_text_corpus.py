"""Floors under the figures on the corpus of UK notes. Its odd patients were held out while the rules were written.

Floors lie a little under what was measured; docs/how-to/free-text.md has the figures.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.deidentify.text import People, find, scrub_note
from lockgate.deidentify.text.known import from_notes_format
from lockgate.deidentify.text.metrics import Score, wilson


@pytest.fixture(scope="module")
def corpus(shared_data: Path) -> tuple[People, list[dict[str, Any]]]:
    content = json.loads((shared_data / "text" / "uk-notes.json").read_text())
    return People(from_notes_format(person) for person in content["patients"]), content["notes"]


def score(corpus: tuple[People, list[dict[str, Any]]], *, held_out: bool, known: bool) -> Score:
    people, notes = corpus
    total = Score()
    for number, note in enumerate(notes):
        if note["pid"] % 2 == held_out:
            spans = find(note["text"], people.get(note["pid"]) if known else None)
            total.add(str(number), len(note["text"]), note["spans"], spans)
    return total


@pytest.mark.parametrize("held_out", [False, True])
def test_with_the_patients_own_record(corpus: tuple[People, list[dict[str, Any]]], held_out: bool) -> None:
    found = score(corpus, held_out=held_out, known=True)
    assert found.recall >= 0.995
    assert found.own_recall >= 0.997
    assert found.precision >= 0.985


@pytest.mark.parametrize("held_out", [False, True])
def test_without_it(corpus: tuple[People, list[dict[str, Any]]], held_out: bool) -> None:
    found = score(corpus, held_out=held_out, known=False)
    assert found.recall >= 0.94
    assert found.precision >= 0.985


def test_hardly_a_note_is_withheld(corpus: tuple[People, list[dict[str, Any]]]) -> None:
    people, notes = corpus
    withheld = sum(scrub_note(note["text"], people.get(note["pid"])).text is None for note in notes)
    assert withheld <= 0.01 * len(notes)


def test_scores_count_whole_spans_and_characters() -> None:
    from lockgate.deidentify.text import Span

    total = Score()
    total.add(
        "a",
        20,
        [[0, 5, "NHS"], [6, 10, "DATE"]],
        [Span(0, 5, "NHS NUMBER"), Span(6, 9, "DATE"), Span(12, 14, "NAME")],
    )
    assert (total.recall, total.own_recall) == (0.5, 1.0)
    assert total.precision == 8 / 10
    assert total.missed == [("a", "DATE", 6, 10)]
    assert total.wrong == {"NHS NUMBER": 0, "DATE": 0, "NAME": 2}
    low, high = wilson(95, 100)
    assert (round(low, 3), round(high, 3)) == (0.888, 0.978)
    assert wilson(0, 0) == (0.0, 1.0)
