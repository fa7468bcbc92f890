"""Free text: what is found of what was planted, by our engine and by others on the same texts; speed and memory.

docs/how-to/free-text.md has the figures and says of each set what was looked at before.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lockgate.bench.core import Measure
from lockgate.bench.textpeers import PEERS, Read, read_by_peer, read_with_model, trained
from lockgate.bench.textsets import (
    LETTERS,
    SHARED,
    Note,
    hospital,
    third_parties,
    uk_notes,
)
from lockgate.bench.textspeed import KNOWN, RULES, asked, compiled_speed, speed
from lockgate.deidentify.text import find, scrub_note
from lockgate.deidentify.text.metrics import Score, wilson

MOST = 200  # notes of a set: the slowest peer reads a few in a second
# Beside the rules: a general model of English; one that Lockgate trained on none of the notes it is judged on.
GENERAL, TRAINED = ", general model", ", ner (trained without this set)"
# The engine and its set: recall that is asked for. With the model that Lockgate trains more is asked for.
_RECALL = {KNOWN: 0.97, RULES: 0.90}


def run(quick: bool = False) -> list[Measure]:
    """Measure on the synthetic hospital, the notes of shared data and others' (unless ``quick``), by peers too."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        folder = Path(name)
        sets: dict[str, Sequence[Note]] = {
            f"letters, {set_} set": hospital(folder / set_, 50 if quick else 150, seed, letters=set_)
            for set_, seed in LETTERS.items()
        }
        if SHARED.is_file():
            sets["uk-notes, odd patients"] = uk_notes()
        sets |= (not quick and third_parties(folder, MOST)) or {}
        sets = {set_: some(notes, 30 if quick else MOST) for set_, notes in sets.items()}
        measures = speed(sets) + ([] if quick else compiled_speed(folder, sets))
        scores = _ours(sets)
        if not quick:
            _with_models(folder, scores, sets, measures)
            for peer in PEERS:
                _add(scores, peer, sets, read_by_peer(folder, peer, sets), measures)
        measures += [measure for set_ in sets for measure in _figures(set_, sets[set_], scores[set_])]
        letters = sets["letters, first set"]
        measures += _gate(letters)
        measures += _memory(folder, letters)
        return measures


def _with_models(
    folder: Path,
    scores: dict[str, dict[str, Score]],
    sets: dict[str, Sequence[Note]],
    measures: list[Measure],
) -> None:
    """Score our engine with a general model beside it, and with one trained on every set of letters but the newest.

    That one (extra ``ner``, ``lockgate scrub-model``) is judged on the newest set and on what are no letters of ours.
    """
    newest = list(LETTERS)[-1]
    learnt = {f"letters, {set_} set" for set_ in LETTERS} - {f"letters, {newest} set"}
    model = trained(folder, newest)
    for base, known in ((KNOWN, True), (RULES, False)):
        named = {set_: notes for set_, notes in sets.items() if not known or notes[0].known}
        _add(scores, base + GENERAL, named, read_with_model(folder, named, known=known), measures)
        unseen = {set_: notes for set_, notes in named.items() if set_ not in learnt}
        read = read_with_model(folder, unseen, known=known, model=model) if model else None
        _add(scores, base + TRAINED, unseen, read, measures)


def some(notes: Sequence[Note], most: int) -> list[Note]:
    """So many of the notes, from the whole of them."""
    step = max(1.0, len(notes) / most)
    return [notes[int(number * step)] for number in range(min(most, len(notes)))]


def _ours(sets: dict[str, Sequence[Note]]) -> dict[str, dict[str, Score]]:
    scores: dict[str, dict[str, Score]] = {}
    for set_, notes in sets.items():
        scores[set_] = {}
        for what in (KNOWN, RULES):
            if what == RULES or notes[0].known:
                scores[set_][what] = _scored(notes, [find(note.text, *asked(note, what)) for note in notes])
    return scores


def _scored(notes: Sequence[Note], found: list[Any]) -> Score:
    score = Score()
    for note, spans in zip(notes, found, strict=True):
        score.add(note.document, len(note.text), note.truth, spans)
    return score


def _add(
    scores: dict[str, dict[str, Score]],
    what: str,
    sets: dict[str, Sequence[Note]],
    reads: dict[str, Read] | None,
    measures: list[Measure],
) -> None:
    """Score what another engine read, and its speed."""
    if reads is None:
        measures.append(Measure(f"{what}: not to be had here", 0.0, ""))
        return
    for set_, read in reads.items():
        scores[set_][what] = _scored(sets[set_], read.spans)
    characters = sum(len(note.text) for set_ in reads for note in sets[set_])
    seconds = sum(read.seconds for read in reads.values())
    measures.append(Measure(f"speed, {what}", characters / seconds, "characters/s"))


def _figures(set_: str, notes: Sequence[Note], scores: dict[str, Score]) -> list[Measure]:
    """Recall and precision of every engine on one set; ours beside the best peer."""
    peers = {what: score for what, score in scores.items() if what in PEERS}
    best = max(peers, key=lambda peer: peers[peer].recall, default="")
    measures = []
    for what, score in scores.items():
        ours = what not in PEERS
        against = peers[best].recall if ours and best else None
        kind = what.removesuffix(GENERAL).removesuffix(TRAINED)
        asked = 0.99 if what.endswith(TRAINED) else _RECALL.get(kind)
        target = asked if ours and set_ != "meddeid, as labelled" else None
        around = score.intervals()
        measures.append(
            Measure(
                f"{set_}: recall by whole span, {what}", score.recall, "", target, True, best if ours else "", against,
                interval=around["recall"], parts=_parts(notes, score),
            )
        )  # fmt: skip
        if any(score.own) and ours and notes[0].known:
            own = Measure(
                f"{set_}: recall of the patient's own, {what}", score.own_recall, "",
                0.995 if kind == KNOWN else None, interval=wilson(*score.own),
            )  # fmt: skip
            measures.append(own)
        measures.append(
            Measure(
                f"{set_}: precision by character, {what}", score.precision, "",
                0.93 if ours and not what.endswith(TRAINED) else None,  # the model's is only to be stated
                interval=around["precision"],
            )
        )  # fmt: skip
    return measures


def _parts(notes: Sequence[Note], score: Score) -> dict[str, Any]:
    """Recall by kind and by type of document, each with its interval, and the ten commonest misses."""
    types: dict[str, list[int]] = {}
    for note, (spans, found, _, _) in zip(notes, score.notes, strict=True):
        counts = types.setdefault(note.type, [0, 0])
        counts[0] += spans
        counts[1] += found
    return {
        "notes": len(notes),
        "spans": score.spans.total(),
        "kinds": {kind: _share(score.found[kind], n) for kind, n in score.spans.most_common()},
        "types": {name: _share(found, n) for name, (n, found) in sorted(types.items())},
        "misses": commonest({note.document: note.text for note in notes}, score),
    }


def _share(found: int, n: int) -> dict[str, Any]:
    low, high = wilson(found, n)
    return {
        "spans": n,
        "recall": round(found / n, 4) if n else None,
        "interval": [round(low, 4), round(high, 4)],
    }


def commonest(texts: dict[str, str], score: Score, most: int = 10) -> list[dict[str, Any]]:
    """The commonest misses by kind and shape, each with one example in its surroundings (the texts are invented)."""
    shapes: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], str] = {}
    for document, kind, begin, end in score.missed:
        text = texts[document]
        key = (kind, shape(text[begin:end]))
        shapes[key] += 1
        around = f"{text[max(0, begin - 30) : begin]}\u00ab{text[begin:end]}\u00bb{text[end : end + 20]}"
        example.setdefault(key, " ".join(around.split()))
    return [
        {"kind": kind, "shape": form, "count": n, "example": example[kind, form]}
        for (kind, form), n in shapes.most_common(most)
    ]


def shape(value: str) -> str:
    """The shape of a value: words as Xx, xx or XX, digits as 9, marks as they are."""
    worded = re.sub(
        r"[A-Z]{2,}", "XX", re.sub(r"[A-Z]?[a-z]+", lambda m: "Xx" if m[0][0].isupper() else "xx", value)
    )
    return re.sub(r"\s+", " ", re.sub(r"\d+", "9", worded))


def _gate(notes: Sequence[Note]) -> list[Measure]:
    withheld = sum(scrub_note(note.text, note.known, note.site).text is None for note in notes)
    return [
        Measure("letters, first set: notes withheld by the gate", withheld / len(notes), "", 0.01, False,
                interval=wilson(withheld, len(notes)))
    ]  # fmt: skip


_SCRUB = """
import sys
from pathlib import Path
from lockgate.bench.core import peak_memory
from lockgate.deidentify.text import scrub_file
scrub_file(Path(sys.argv[1]), Path(sys.argv[2]))
print(peak_memory())
"""


def _memory(folder: Path, notes: Sequence[Note]) -> list[Measure]:
    """Peak memory of scrubbing a file ten times as long, against that of the file."""
    peaks = []
    for times in (1, 10):
        path = folder / f"notes-{times}.jsonl"
        with path.open("w") as stream:
            for copy in range(times):
                for note in notes[:300]:
                    stream.write(
                        json.dumps({"document_id": f"{note.document}-{copy}", "text": note.text}) + "\n"
                    )
        command = [sys.executable, "-c", _SCRUB, str(path), str(folder / "scrubbed.jsonl")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    return [
        Measure("peak memory, ten times the notes", peaks[1] / peaks[0], "x", 1.1, False),
        Measure("peak memory of scrubbing", peaks[1], "MiB", None, False),
    ]
