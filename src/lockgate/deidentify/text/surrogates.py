"""Surrogates: plausible values that stand where identifiers stood, drawn with a key from what is said of them.

A stand-in is made from *atoms*. An atom says of what kind and shape its part was, never what it was, and has a *slot*:
a keyed digest that is the same wherever the same value of the same person stood. With another key at drawing the same
slot gives another value, so two projects can't be linked by the values.

A value is never drawn that was there before: words are drawn from groups by their first letter, and the group of the
original is not among those the atom allows; of a number one digit is fixed to another than the original's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from lockgate.deidentify.text.fold import fold_value, words
from lockgate.deidentify.text.guards import EPONYMS, WORDS
from lockgate.deidentify.text.lists import towns
from lockgate.schema import nhs_number

GROUPS = 8
PLACES = "place"
# First parts and ends of invented towns, villages and streets. Those that are real towns are left out.
_STEMS = words("""
    Ald Arn Barn Bex Birk Brad Bram Brock Cald Carl Chal Chen Cold Crom Dal Dart Den Dray Dun Eas Eld Elm Farn Fen
    Fox Gar Glen Gos Had Hal Harl Hart Hazel Helm Hex Hol Horn Ick Ing Ivel Kel Kems Kil Kirk Lam Lang Lar Lind Lox
    Mal Mar Mel Mick Nar Nether Nor Ock Ol Orm Oss Pem Pen Pick Quen Quor Rad Rams Red Ros Sel Sher Stan Swan Tarn
    Thack Thorn Tid Uff Ulver Up Val Ven Wad Wal Wex Wil Yal Yar Yel Zel
""")
_ENDS = words("""
    beck borough bourne bridge bury by combe cote cott croft dale den field ford ham hurst ley mere stead stow thorpe
    ton wade well wick wold worth
""")
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_INWARD = "ABDEFGHJLNPQRSTUWXYZ"

# Numbers kept for drama (Ofcom): the part before the last three digits, by the digits of the original.
_DRAMA = {
    "07": "07700900", "020": "02079460", "0113": "01134960", "0114": "01144960", "0115": "01154960",
    "0116": "01164960", "0117": "01174960", "0118": "01184960", "0121": "01214960", "0131": "01314960",
    "0141": "01414960", "0151": "01514960", "0161": "01614960", "0191": "01914980", "029": "02920180",
    "028": "02896496", "0808": "08081570", "03": "03069990", "0": "01632960",
}  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """Words of one kind by the group of their first letter."""

    groups: tuple[tuple[str, ...], ...]
    lowers: dict[str, int]  # the words folded in lower case -> their group

    @classmethod
    def of(cls, listed: Collection[str]) -> Pool:
        """Words by group; where several fold to one, all count."""
        groups: list[list[str]] = [[] for _ in range(GROUPS)]
        for word in listed:
            groups[group_of(word)].append(word)
        return cls(
            tuple(tuple(group) for group in groups),
            {fold_value(word).lower(): group_of(word) for word in listed},
        )


def group_of(word: str) -> int:
    """The group of a word: of its first letter."""
    return (ord(fold_value(word)[:1].lower() or "a") - ord("a")) % GROUPS


@cache
def _listed() -> dict[str, tuple[str, ...]]:
    """The lists of names: "polish F" -> names."""
    file = resources.files("lockgate.deidentify.text").joinpath("gazetteer", "surrogates.txt")
    lines = [line.partition(":") for line in file.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    return {
        head: tuple(dict.fromkeys(name.strip() for name in names.split(",")))
        for head, _, names in lines
        if names
    }


@cache
def pools() -> dict[str, Pool]:
    """Every pool by its name: those of the lists, without everyday words and eponyms, and invented places."""
    found = {
        name: Pool.of([word for word in listed if word.lower() not in WORDS and word.lower() not in EPONYMS])
        for name, listed in _listed().items()
    }
    for kind in ("F", "M"):
        found[f"scottish {kind}"] = found[f"british {kind}"]
    found[PLACES] = Pool.of(
        [
            place
            for stem in sorted(_STEMS)
            for end in sorted(_ENDS)
            if (place := stem + end).lower() not in towns()
        ]
    )
    return found


@cache
def _known_names() -> dict[str, dict[str, str]]:
    """kind ("F", "M", "family") -> folded name -> the first culture that lists it."""
    found: dict[str, dict[str, str]] = {"F": {}, "M": {}, "family": {}}
    for head, names in _listed().items():
        culture, kind = head.split()
        for name in names:
            found[kind].setdefault(fold_value(name).lower(), culture)
    return found


def given_of(word: str) -> tuple[str, str] | None:
    """(culture, gender) of a given name in lower case; None where the lists don't have it."""
    names = _known_names()
    for gender in ("F", "M"):
        if word in names[gender]:
            return names[gender][word], gender
    return None


def family_of(word: str) -> str | None:
    """The culture of a family name in lower case, or None."""
    return _known_names()["family"].get(word)


def slot_of(key: bytes, whose: str, what: str) -> str:
    """The slot of a value of a person: ten hexadecimal digits."""
    return hashlib.blake2b(f"{whose}\x1f{what}".encode(), key=key[:64], digest_size=5).hexdigest()


def word_atom(pool: str, slot: str, word: str, avoid: Collection[str], case: str) -> list[Any] | None:
    """The atom of a word of a pool, which will be none of ``avoid`` nor begin as ``word`` does; None if none is left.

    ``avoid``: lower case, folded.
    """
    there = pools()[pool]
    barred = {there.lowers[name] for name in avoid if name in there.lowers} | {group_of(word)}
    allowed = [group for group in range(GROUPS) if group not in barred and there.groups[group]]
    return ["w", pool, allowed[int(slot, 16) % len(allowed)], slot, case] if allowed else None


def digits_atom(
    code: str, pattern: str, slot: str, digits: str, avoid: Collection[str], *, guarded: int = -1
) -> list[Any] | None:
    """The atom of a number: ``pattern`` has 0 for each digit (# for a first one that is no nought), A or a for each
    letter. The digit at ``guarded`` is fixed to one that neither the
    original has there nor a number of as many digits in ``avoid``; None where every digit is taken.
    """
    taken = {number[guarded] for number in avoid if len(number) == len(digits)}
    taken |= {digits[guarded]} if digits else set()
    first = "1" if len(digits) == 1 else "0"  # no house has the number 0
    free = [digit for digit in "0123456789" if digit not in taken and digit >= first]
    return [code, pattern, free[int(slot, 16) % len(free)], slot] if free else None


class Draw:
    """A stream of numbers from a key and a slot."""

    def __init__(self, key: bytes, slot: str) -> None:
        self._key, self._slot, self._turn, self._left = key[:64], slot, 0, b""

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1 (at most 65,535; a bias of less than one in 2,000 does no harm)."""
        if len(self._left) < 4:
            self._left = hashlib.blake2b(
                f"{self._slot}/{self._turn}".encode(), key=self._key, person=b"lockgate-stand"
            ).digest()
            self._turn += 1
        number, self._left = int.from_bytes(self._left[:4], "big"), self._left[4:]
        return number % limit


def draw(atom: list[Any] | str, key: bytes) -> str:
    """The text of an atom; a string is itself. Raises KeyError for an atom of another make."""
    return atom if isinstance(atom, str) else _DRAWN[atom[0]](atom, key)


def _word(atom: list[Any], key: bytes) -> str:
    _, pool, group, slot, case = atom
    there = pools()[pool].groups[group]
    word: str = there[Draw(key, slot).below(len(there))]
    return word.upper() if case == "U" else word.lower() if case == "l" else word


def _initial(atom: list[Any], key: bytes) -> str:
    return _word(["w", *atom[1:]], key)[0]


def _digits(atom: list[Any], key: bytes) -> str:
    _, pattern, guard, slot = atom
    stream = Draw(key, slot)
    last = pattern.rfind("0")
    made = []
    for place, char in enumerate(pattern):
        if place == last:
            made.append(guard)
        elif char == "0":
            made.append(str(stream.below(10)))
        elif char == "#":  # a first digit, which is no nought
            made.append(str(1 + stream.below(9)))
        elif char in "Aa":
            letter = _LETTERS[stream.below(len(_LETTERS))]
            made.append(letter if char == "A" else letter.lower())
        else:
            made.append(char)
    return "".join(made)


def _nhs(atom: list[Any], key: bytes) -> str:
    """An NHS number that begins 999, the range of tests, which nobody has."""
    _, pattern, guard, slot = atom
    stream = Draw(key, slot)
    while True:
        nine = "999" + "".join(str(stream.below(10)) for _ in range(5)) + guard
        for check in "0123456789":
            if nhs_number.valid(nine + check):
                return _laid(pattern, nine + check)


def _phone(atom: list[Any], key: bytes) -> str:
    _, pattern, guard, slot, area = atom
    stream = Draw(key, slot)
    number = _DRAMA[area] + f"{stream.below(100):02}" + guard
    return _laid(pattern, number[-pattern.count("0") :])


def _postcode(atom: list[Any], key: bytes) -> str:
    """A postcode of an area that there is not: none begins with Q, V or X."""
    _, pattern, guard, slot = atom
    stream = Draw(key, slot)
    last = pattern.rfind("0")
    made: list[str] = []
    for place, char in enumerate(pattern):
        if char in "Aa":
            letters = "QVX" if not made else _INWARD
            letter = letters[stream.below(len(letters))]
            made.append(letter if char == "A" else letter.lower())
        elif char == "0":
            made.append(guard if place == last else str(1 + stream.below(9)))
        else:
            made.append(char)
    return "".join(made)


def _laid(pattern: str, digits: str) -> str:
    """Digits laid into a pattern, one for each 0."""
    stream = iter(digits)
    return "".join(next(stream) if char == "0" else char for char in pattern)


def drama_area(national: str) -> str:
    """Which of the ranges kept for drama is like a number in its national form."""
    return next(
        area for area in sorted(_DRAMA, key=len, reverse=True) if national.startswith(area) or area == "0"
    )


_DRAWN: dict[str, Callable[[list[Any], bytes], str]] = {
    "w": _word,
    "i": _initial,
    "n": _digits,
    "N": _nhs,
    "t": _phone,
    "c": _postcode,
}
