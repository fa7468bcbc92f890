"""Invented words where a release has free text: short notes made of the names of concepts, and what they mention.

No word of a note of the release is read. A note says what its ``note_nlp`` rows say, at the places that they give.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from lockgate.twin.draw import Frame, Ints, binned, cells_for, fresh_ids, keyed
from lockgate.twin.events import World
from lockgate.twin.people import attributes
from lockgate.twin.recipe import Value

OPENING = "Invented note of a synthetic twin. "
_SENTENCES = {
    True: ("Known: {}. ", "Seen today about {}. ", "History of {}. "),
    False: ("No {}. ", "Denies {}. ", "No sign of {}. "),
}
ENDING = "Plan: review as arranged."
_WORDS = {
    "note_title": "Note",
    "sig": "as directed",
    "description": "Invented description.",
    "comment": "Invented comment.",
}
REPEATS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50, 100)
MOST_MENTIONS = 12


def invented(frame: Frame, texts: tuple[str, ...]) -> None:
    """The columns of free text that have no table of mentions beside them: the same words in every row."""
    for name in texts:
        if name not in frame.columns:
            frame.columns[name] = pa.array([_WORDS.get(name, "Invented text.")]).take(
                pa.array(np.zeros(frame.size, np.int64))
            )


def make_mentions(world: World, names: Mapping[Value, str], rng: np.random.Generator) -> Frame | None:
    """The texts of the notes and the frame of ``note_nlp``; ``names`` of concepts are the vocabulary's."""
    notes = world.frames["note"]
    main = world.recipe.get("note_nlp", "main")
    if main is None or "note_nlp" not in world.parts:
        notes.columns["note_text"] = pa.array([OPENING + ENDING]).take(
            pa.array(np.zeros(notes.size, np.int64))
        )
        return None
    none = np.zeros(notes.size, np.int64)
    counts = binned(world.recipe, "note_nlp", "repeats", REPEATS, [], none, rng, 1).clip(0, MOST_MENTIONS)
    note = np.repeat(np.arange(notes.size), counts)
    kinds: list[Value] = list(dict.fromkeys(cell[0] for cell in main.cells if cell[0] and cell[0] in names))
    if not kinds:
        kinds = [main.cells[0][0]]
    weights = np.array([sum(int(str(c[-1])) for c in main.cells if c[0] == kind) for kind in kinds])
    kind = _of_person(world, notes, note, kinds, weights, rng)
    frame = Frame("note_nlp", len(note), notes.person[note], kind, kinds, ids=fresh_ids(len(note), rng))
    cells = cells_for(main, "note_nlp", kinds, kind, rng)
    for name in main.columns:
        place = main.columns.index(name)
        frame.columns[name] = pa.array([cell[place] for cell in main.cells]).take(pa.array(cells))
    attributes(world.recipe, frame, rng)
    frame.start = frame.end = notes.start[note]
    exists = frame.columns.get("term_exists")
    said = np.ones(frame.size, bool) if exists is None else np.asarray(
        [value != "N" for value in exists.to_pylist()], bool
    )  # fmt: skip
    words = [names.get(kind, "an invented finding").lower() for kind in kinds]
    texts, offsets, snippets = _write(note, kind, said, words, notes.size, rng)
    notes.columns["note_text"] = texts
    frame.columns["offset"] = pa.array([str(offset) for offset in offsets])
    frame.columns["lexical_variant"] = pa.array(words).take(pa.array(kind))
    frame.columns["snippet"] = snippets
    frame.columns["note_id"] = keyed(notes.ids, note)
    return frame


def _of_person(
    world: World, notes: Frame, note: Ints, kinds: list[Value], weights: Ints, rng: np.random.Generator
) -> Ints:
    """What each mention is of: half of them what the person has, the others as often as anybody's."""
    edges = np.cumsum(weights.astype(float))
    kind = np.minimum(np.searchsorted(edges, rng.random(len(note)) * edges[-1]), len(kinds) - 1)
    place = {value: i for i, value in enumerate(kinds)}
    for table in ("condition_occurrence", "drug_exposure"):
        had = world.frames.get(table)
        if had is None or not had.size:
            continue
        known = np.array([place.get(value, -1) for value in had.kinds] + [-1])[had.kind]
        rows, begins = had.of_people(world.people.size)
        person = notes.person[note]
        count = begins[person + 1] - begins[person]
        at = begins[person] + (rng.random(len(note)) * count).astype(np.int64)
        own = np.where(count > 0, known[rows[np.minimum(at, len(rows) - 1)]], -1)
        kind = np.where((own >= 0) & (rng.random(len(note)) < 0.4), own, kind)
    chosen: Ints = kind.astype(np.int64)
    return chosen


def _write(
    note: Ints, kind: Ints, said: np.ndarray, words: list[str], size: int, rng: np.random.Generator
) -> tuple[pa.Array, list[int], pa.Array]:
    """The texts of all notes, where in them each mention stands, and the sentence around it."""
    forms = rng.integers(0, 3, len(note))
    sentences: dict[tuple[int, bool, int], tuple[str, int]] = {}
    parts: list[list[str]] = [[OPENING] for _ in range(size)]
    lengths = [len(OPENING)] * size
    offsets, around = [], []
    for at, of, yes, form in zip(note.tolist(), kind.tolist(), said.tolist(), forms.tolist(), strict=True):
        made = sentences.get((of, yes, form))
        if made is None:
            pattern = _SENTENCES[yes][form]
            made = sentences[of, yes, form] = (pattern.format(words[of]), pattern.index("{"))
        sentence, inside = made
        offsets.append(lengths[at] + inside)
        around.append(sentence.strip())
        parts[at].append(sentence)
        lengths[at] += len(sentence)
    return pa.array(["".join(part) + ENDING for part in parts]), offsets, pa.array(around, pa.string())
