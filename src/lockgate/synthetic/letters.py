"""Notes in the house styles of other hospitals, written blind: sixteen sets of templates, each of four or more houses.

The scrubber is judged on them because its author didn't see them. They are written instead of the hospital's own notes
where ``generate(letters=...)`` names a set of ``SETS``; the people, the events and the number of notes are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgate.synthetic.draw import Ints, stream
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import Bools
from lockgate.synthetic.templates import Template, parse

_MARKS = str.maketrans({"¬": "\u00a0", "⇥": "\t"})
# Each set's templates, and the schools, employers and places they name; from the third on also what is said.
SETS = {
    "first": ("letters", "letters_words"),
    "second": ("letters-second", "letters-second-words"),
    "third": ("letters-third", "letters-third-words"),
    "fourth": ("letters-fourth", "letters-fourth-words"),
    "fifth": ("letters-fifth", "letters-fifth-words"),
    "sixth": ("letters-sixth", "letters-sixth-words"),
    "seventh": ("letters-seventh", "letters-seventh-words"),
    "eighth": ("letters-eighth", "letters-eighth-words"),
    "ninth": ("letters-ninth", "letters-ninth-words"),
    "tenth": ("letters-tenth", "letters-tenth-words"),
    "eleventh": ("letters-eleventh", "letters-eleventh-words"),
    "twelfth": ("letters-twelfth", "letters-twelfth-words"),
    "thirteenth": ("letters-thirteenth", "letters-thirteenth-words"),
    "fourteenth": ("letters-fourteenth", "letters-fourteenth-words"),
    "fifteenth": ("letters-fifteenth", "letters-fifteenth-words"),
    "sixteenth": ("letters-sixteenth", "letters-sixteenth-words"),
}


@dataclass(frozen=True)
class Letter:
    """A template: which kind of note, whose house style, instead of which kinds, of whom."""

    kind: str
    house: str
    instead_of: tuple[str, ...]
    who: str
    template: Template


def letters(which: str = "first") -> list[Letter]:
    """Every template of a set, in the order of its file."""
    return [
        Letter(
            entry["type"],
            entry["house"],
            tuple(entry["of"]),
            entry.get("who", "anybody"),
            parse(entry["text"].rstrip("\n").translate(_MARKS)),
        )
        for entry in data(SETS[which][0])
    ]


def groups(age: Ints, female: Bools) -> dict[str, Bools]:
    """Of whom a template may be written, by row."""
    return {
        "anybody": np.ones(len(age), dtype=bool),
        "child": age < 16,
        "adult": age >= 16,
        "old": age >= 65,
        "mother": female & (age >= 17) & (age <= 45),
    }


def choose_letters(
    every: list[Letter], seed: int, kinds: list[str], kind: Ints, age: Ints, female: Bools
) -> Ints:
    """Which of ``every`` letter is written for each note: one of those that may stand for its kind, of such a patient.

    ``kind`` indexes ``kinds``; ``age`` is in whole years. Templates for few people (children, mothers) are taken
    three times as often where they fit, so that enough of them are written.
    """
    rng = stream(seed, "letters: which")
    whom = groups(age, female)
    drawn = rng.random((len(kind), 1))
    weight = np.stack(
        [
            whom[one.who]
            * np.isin(kind, [kinds.index(name) for name in one.instead_of])
            * (3.0 if one.who in ("child", "mother", "old") else 1.0)
            for one in every
        ],
        axis=1,
    )
    level = np.cumsum(weight, axis=1)
    chosen: Ints = (level <= drawn * level[:, -1:]).sum(axis=1).astype(np.int64)
    return chosen


__all__ = ["SETS", "Letter", "choose_letters", "groups", "letters"]
