"""The speed of the scrubber, as it is installed and with compiled rules."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lockgate
from lockgate.bench.core import Measure
from lockgate.bench.textsets import Note
from lockgate.deidentify.compiled import is_used
from lockgate.deidentify.text import find

KNOWN, RULES = "with the record", "rules only"
_COMPILE = "import sys; from lockgate.cli import run; sys.exit(run(['scrub-engine', 'compile']))"
_MEASURE = """
import json, pickle, sys
from lockgate.bench.textspeed import speed
with open(sys.argv[1], "rb") as file:
    measures = speed(pickle.load(file))
with open(sys.argv[2], "w") as file:
    json.dump([[each.measure, each.value, each.parts] for each in measures], file)
"""


def speed(sets: dict[str, Sequence[Note]]) -> list[Measure]:
    """Characters a second of one core, in CPU time, of each set with a record; what is judged is the slowest."""
    measures = []
    for what in (KNOWN, RULES):
        rates = _rates({set_: notes for set_, notes in sets.items() if notes[0].known}, what)
        slowest = min(rate["best of three"] for rate in rates.values())
        measures.append(
            Measure(
                f"speed, {what}, slowest set",
                slowest,
                "characters/s",
                400_000,
                parts={"compiled": is_used(), "sets": rates},
            )
        )
    return measures


def _rates(sets: dict[str, Sequence[Note]], what: str) -> dict[str, dict[str, int]]:
    """For each set: the first time its notes are read, with words to look up, and the best of three more.

    A round reads every set, so that a spell of other work on the machine, which only slows, is in one round of a set.
    """
    find("", *asked(next(iter(sets.values()))[0], what))
    took: dict[str, list[float]] = {set_: [] for set_ in sets}
    for _ in range(4):
        for set_, notes in sets.items():
            started = time.process_time()
            for note in notes:
                find(note.text, *asked(note, what))
            took[set_].append(time.process_time() - started)
    characters = {set_: sum(len(note.text) for note in notes) for set_, notes in sets.items()}
    return {
        set_: {
            "first": round(characters[set_] / first),
            "best of three": round(characters[set_] / min(rest)),
        }
        for set_, (first, *rest) in took.items()
    }


def compiled_speed(folder: Path, sets: dict[str, Sequence[Note]]) -> list[Measure]:
    """The same with rules that are compiled for it, in a copy of the package; nothing where they are in use already.

    Where they can't be compiled (no compiler) a measure says so and what to do.
    """
    if is_used():
        return []
    copy = folder / "compiled"
    shutil.copytree(
        Path(lockgate.__file__).parent,
        copy / "lockgate",
        ignore=shutil.ignore_patterns("__pycache__", "compiled", "assets"),
    )
    env = {name: value for name, value in os.environ.items() if name != "LOCKGATE_COMPILED"}
    env["PYTHONPATH"] = str(copy)
    notes, told = folder / "notes.pickle", folder / "speed.json"
    notes.write_bytes(pickle.dumps({set_: those for set_, those in sets.items() if those[0].known}))
    made = subprocess.run(
        [sys.executable, "-c", _COMPILE], env=env, cwd=folder, capture_output=True, text=True, check=False
    )
    if made.returncode:
        why = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        return [Measure(f"speed, compiled: not measured, {why}", 0, "characters/s")]
    subprocess.run([sys.executable, "-c", _MEASURE, str(notes), str(told)], env=env, cwd=folder, check=True)
    return [
        Measure(f"{measure}, compiled", value, "characters/s", 400_000, parts=parts)
        for measure, value, parts in json.loads(told.read_text(encoding="utf-8"))
    ]


def asked(note: Note, what: str) -> tuple[Any, Any]:
    """What the engine is given beside a note's text."""
    return (note.known, note.site) if what == KNOWN else (None, None)
