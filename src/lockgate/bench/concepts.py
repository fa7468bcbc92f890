"""What the words say: speed of look-up, recall of planted terms, and context on sentences that we did not write.

Peers run on the same texts in environments of their own: MedCAT (look-up and recall), negspacy (negation).
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from lockgate.bench.core import Measure, environment
from lockgate.bench.sentences import Sentence, read_sentences
from lockgate.concepts import Annotator, Dictionary, Entry, annotate_file, annotator_of_files, contexts

TERMS = 20_000
# What terms are made of: how, what, where, and what more.
_PARTS = """
|acute|chronic|recurrent|congenital|traumatic|postoperative|bacterial|viral|idiopathic|drug induced|bilateral
fracture|neoplasm|infection|abscess|ulcer|cyst|injury|inflammation|stenosis|rupture|oedema|haemorrhage|embolism|fibrosis
femur|tibia|radius|ulna|humerus|kidney|liver|lung|bladder|pancreas|spleen|stomach|colon|rectum|oesophagus|larynx|thyroid
|with complication|in pregnancy|of unknown cause
"""
_HOW, _KINDS, _SITES, _MORE = (line.split("|") for line in _PARTS.strip("\n").splitlines())


def terms(number: int) -> list[str]:
    """So many terms as classifications have them: "chronic bacterial infection of left kidney in pregnancy"."""
    every = [
        " ".join(f"{how} {kind} of {side}{site} {more}".split())
        for how in _HOW
        for side in ("", "left ", "right ")
        for kind in _KINDS
        for site in _SITES
        for more in _MORE
    ]
    return random.Random(1).sample(every, number)  # noqa: S311


def texts(names: Sequence[str], notes: int) -> tuple[list[str], list[list[tuple[int, int, str]]]]:
    """Notes of the kind that wards write, a term planted after every third sentence; the texts and what was planted."""
    draw = random.Random(2)  # noqa: S311
    plain = (
        resources.files(__package__).joinpath("ward_sentences.txt").read_text(encoding="utf-8").splitlines()
    )
    made, planted = [], []
    for _ in range(notes):
        parts: list[str] = []
        places: list[tuple[int, int, str]] = []
        length = 0
        for number in range(36):
            sentence = draw.choice(plain)
            if number % 3 == 2:
                name = draw.choice(names)
                sentence = f"Seen with {name}."
                places.append((length + 10, length + 10 + len(name), name))
            parts.append(sentence)
            length += len(sentence) + 1
        made.append(" ".join(parts))
        planted.append(places)
    return made, planted


def run(quick: bool = False, sentences: Path | None = None) -> list[Measure]:
    """Look-up, and context on judged sentences (bench/sentences.py) where a file of them is given."""
    with tempfile.TemporaryDirectory() as folder:
        measures = _lookup(Path(folder), quick)
        measures += _context(Path(folder), sentences, quick)
        measures.append(_memory(Path(folder), quick))
    return measures


def _lookup(folder: Path, quick: bool) -> list[Measure]:
    names = terms(2_000 if quick else TERMS)
    notes, planted = texts(names, 40 if quick else 1_500)
    dictionary = Dictionary.of(Entry(name, number + 1) for number, name in enumerate(names))
    characters = sum(map(len, notes))
    found: list[list[tuple[int, int]]] = []

    def look() -> None:
        found[:] = [[(one.begin, one.end) for one in dictionary.find(note)] for note in notes]

    seconds = _best(look)
    recall = _recall(found, planted)
    medcat: dict[str, Any] | None = None
    if not quick:
        medcat = _peer(folder, "medcat", ["medcat[spacy]"], {"terms": names, "texts": notes[:200]})
    read = Annotator(dictionary)
    whole = _best(lambda: [read.annotate(note) for note in notes[: len(notes) // 5]])
    return [
        Measure(
            f"look-up of {len(names):,} terms",
            characters / seconds,
            "characters/s",
            target=5_000_000,
            peer="MedCAT" if medcat else "",
            peer_value=sum(map(len, notes[:200])) / medcat["seconds"] if medcat else None,
            correct=recall >= 0.999,
        ),
        Measure(
            "recall of planted terms",
            recall,
            "",
            target=0.999,
            peer="MedCAT" if medcat else "",
            peer_value=_recall(medcat["found"], planted[:200]) if medcat else None,
        ),
        Measure(
            "terms, values and context together",
            sum(map(len, notes[: len(notes) // 5])) / whole,
            "characters/s",
        ),
    ]


def _best(work: Callable[[], object], times: int = 3) -> float:
    """The least CPU time of a few runs, in seconds."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def _recall(
    found: Sequence[Sequence[Sequence[Any]]], planted: Sequence[Sequence[tuple[int, int, str]]]
) -> float:
    """The share of planted terms of which the whole span was found."""
    hits = total = 0
    for spans, truth in zip(found, planted, strict=False):
        there = {(span[0], span[1]) for span in spans}
        hits += sum((begin, end) in there for begin, end, _ in truth)
        total += len(truth)
    return hits / total


def _context(folder: Path, given: Path | None, quick: bool) -> list[Measure]:
    if given is None:
        return [Measure("context: not measured, give judged sentences with --sentences FILE", 0, "sentences")]
    measures = []
    for part, judged in read_sentences(given).items():
        said = [contexts(one.text, [(one.begin, one.end)])[0] for one in judged]
        peer: dict[str, Any] | None = None
        if not quick:
            asked = {"texts": [one.text for one in judged], "spans": [[one.begin, one.end] for one in judged]}
            peer = _peer(folder, "negspacy", ["negspacy"], asked)
        for name, target, truth, ours in (
            ("negation", 0.95, [one.negated for one in judged], [one.negated for one in said]),
            ("historical", 0.75, [one.historical for one in judged], [one.historical for one in said]),
            ("somebody else", None, [one.other for one in judged], [one.other for one in said]),
        ):
            if not any(truth):
                continue
            theirs = peer["negated"] if peer and name == "negation" else None
            low, high = _interval(truth, ours)
            measures.append(
                Measure(
                    f"{name} F1, {part}: {sum(truth)} of {len(truth)} sentences, 95 % {low:.3f} to {high:.3f}",
                    f1(truth, ours),
                    "",
                    target=target,
                    peer="negspacy" if theirs else "",
                    peer_value=f1(truth, theirs) if theirs else None,
                )
            )
    return measures


def f1(truth: Sequence[bool], said: Sequence[bool]) -> float:
    """The harmonic mean of precision and recall; 1 where there was nothing to find and nothing was."""
    both = sum(t and s for t, s in zip(truth, said, strict=True))
    either = sum(truth) + sum(said)
    return 2 * both / either if either else 1.0


def _interval(truth: Sequence[bool], said: Sequence[bool], times: int = 1_000) -> tuple[float, float]:
    """The middle 95 % of F1 over sentences drawn again with replacement."""
    draw = random.Random(3)  # noqa: S311
    pairs = list(zip(truth, said, strict=True))
    scores = sorted(f1(*zip(*draw.choices(pairs, k=len(pairs)), strict=True)) for _ in range(times))
    return scores[times // 40], scores[-times // 40 - 1]


def _peer(folder: Path, name: str, wanted: list[str], asked: dict[str, Any]) -> dict[str, Any] | None:
    """What a peer answers, from an environment of its own; None where it can't be had here."""
    place = folder / name
    python = place / "bin" / "python" if place.exists() else environment(place, wanted)
    if python is None:
        return None
    script = resources.files(__package__).joinpath("peers", f"{name}.txt").read_text(encoding="utf-8")
    done = subprocess.run(
        [str(python), "-c", script],
        input=json.dumps(asked).encode(),
        capture_output=True,
        cwd=folder,
        timeout=600,
    )
    if done.returncode:
        return None
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


_GROWTH = """
import sys
from pathlib import Path
from lockgate.bench.concepts import annotated
from lockgate.bench.core import peak_memory
annotated(Path(sys.argv[1]), Path(sys.argv[2]))
print(peak_memory())
"""


def annotated(notes: Path, out: Path) -> None:
    """Annotate a file with the demonstration set, in a process of its own whose memory is measured."""
    annotate_file(notes, out, annotator_of_files())


def _memory(folder: Path, quick: bool) -> Measure:
    """How much more memory a file ten times as long takes."""
    notes, _ = texts(["acute oedema of lung"], 20 if quick else 200)
    peaks = []
    for times in (1, 10):
        path = folder / f"notes-{times}.jsonl"
        with path.open("w", encoding="utf-8") as stream:
            for number in range(times):
                for place, text in enumerate(notes):
                    stream.write(json.dumps({"document_id": f"{number}-{place}", "text": text}) + "\n")
        done = subprocess.run(
            [sys.executable, "-c", _GROWTH, str(path), str(folder / "out.jsonl")],
            capture_output=True,
            check=True,
        )
        peaks.append(int(done.stdout) / 1024)
    return Measure(
        "memory that ten times the notes add", peaks[1] - peaks[0], "MiB", target=10, higher_is_better=False
    )


__all__ = ["Sentence", "f1", "run", "terms", "texts"]
