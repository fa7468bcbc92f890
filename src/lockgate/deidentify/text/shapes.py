"""The shape of an identifier as atoms: what of it may be told, so that something like it can be drawn.

Of the original stay its kind, case, order, spacing and marks, titles, words such as "Road" or "Hospital", and the
culture and gender of names where a list tells them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from lockgate.deidentify.text import spans as kinds
from lockgate.deidentify.text.fold import fold, fold_value, words
from lockgate.deidentify.text.known import (
    PARTICLES,
    TITLES,
    Known,
    deletions,
    digits_of,
    one_edit_apart,
    squeeze,
)
from lockgate.deidentify.text.lists import family_names, given_names
from lockgate.deidentify.text.spans import Span
from lockgate.deidentify.text.surrogates import (
    PLACES,
    digits_atom,
    drama_area,
    family_of,
    given_of,
    slot_of,
    word_atom,
)

Atoms = list[Any]

_NAMES = frozenset((kinds.NAME, kinds.RELATIVE, kinds.STAFF))
# A word, without the s of a possessive; or digits.
_WORD = re.compile(r"\b(?<!\w')[^\W\d_]+(?:'(?![sS]\b)[^\W\d_]+)*")
_PART = re.compile(_WORD.pattern + r"|\d+")
_SAID = re.compile(r"(?!(?<=\w')[sS]\b)\w")
# Words of addresses and organisations that name nobody and no place.
_PLAIN = words("""
    road rd street st. avenue ave lane ln close drive way court ct crescent cres gardens gdns place pl terrace grove
    square hill park walk row mews rise view green parade circle circus bank brae loan wynd gait gate heol ffordd stryd
    broadway quay wharf embankment path yard croft meadow meadows fields vale orchard cottage cottages villas house
    boulevard esplanade flat apartment apt unit room floor the of and in on at
    hospital hospitals infirmary surgery practice medical centre center health clinic general royal university nhs trust
    foundation school primary secondary junior infant high grammar academy college church community care home nursing
    residential hospice ward group partnership pharmacy dental doctors memorial district county north south east west
    upper lower new old great department service services team unit mental children's women's teaching
""")
_GENERIC = frozenset((kinds.ADDRESS, kinds.ORGANISATION))


class Person:
    """What the atoms of one person's notes are made with: the key, the person's name to it, and their record."""

    def __init__(self, key: bytes, whose: str, known: Known) -> None:
        self._key, self._whose, self.known = key, whose, known
        self.given = {fold_value(name).lower() for name in known.given}
        self.family = {fold_value(name).lower() for name in known.family}
        self.names = frozenset(known.singles) | self.given | self.family
        self.numbers = frozenset(known.numbers)
        self.postcodes = frozenset(re.sub(r"\D", "", code) for code in known.postcodes)
        cultures = [culture for word in sorted(self.given | self.family) if (culture := _culture(word))]
        self.culture = cultures[0] if cultures else "british"
        self._roles: dict[str, str] = {}

    def slot(self, what: str) -> str:
        """The slot of a value of this person."""
        return slot_of(self._key, self._whose, what)

    def new_note(self, text: str, found: Sequence[Span]) -> None:
        """Learn from a note which of its unknown names stand as given or family names beside others."""
        self._roles = {}
        for span in found:
            if span.kind in _NAMES:
                said = [
                    (match.start(), match[0])
                    for match in _WORD.finditer(fold(text[span.begin : span.end])[0])
                ]
                said = [
                    (at, word.lower()) for at, word in said if word.lower() not in TITLES and len(word) > 1
                ]
                if len(said) > 1:
                    piece = text[span.begin : span.end]
                    first_is_family = "," in piece[: said[1][0]]
                    for place, (_, word) in enumerate(said):
                        last = place == len(said) - 1
                        family = place == 0 if first_is_family else last
                        self._roles.setdefault(word, "family" if family else "given")

    def meant(self, word: str) -> str:
        """The name of the record that a word is, or is a slip of the pen for; else the word itself."""
        if word in self.names:
            return word
        for key in deletions(word) if len(word) > 3 else ():
            for name in self.known.near.get(key, ()):
                if one_edit_apart(word, name):
                    return name
        return word

    def role(self, word: str, kind: str) -> str:
        """Whether a word in lower case is a "given" or a "family" name."""
        if word in self.family and word not in self.given:
            return "family"
        if word in self.given:
            return "given"
        if word in self._roles:
            return self._roles[word]
        if given_of(word) or word in given_names():
            return "given"
        if family_of(word) or word in family_names():
            return "family"
        return "given" if kind == kinds.RELATIVE else "family"

    def pool(self, word: str, kind: str) -> str:
        """The pool from which a name is drawn that stands for a word."""
        theirs = "british" if kind == kinds.STAFF else self.culture
        if self.role(word, kind) == "family":
            return f"{family_of(word) or theirs} family"
        culture, gender = given_of(word) or (theirs, "FM"[int(self.slot(f"gender {word}"), 16) % 2])
        return f"{culture} {gender}"


def _culture(word: str) -> str | None:
    given = given_of(word)
    return given[0] if given else family_of(word)


def atoms_of(person: Person, text: str, span: Span) -> Atoms | None:
    """The atoms of a span of a note; None where nothing may stand for it but its tag."""
    piece = fold(text[span.begin : span.end])[0]
    if span.kind in _NAMES:
        atoms = _names(person, piece, span.kind)
    elif span.kind in _GENERIC:
        atoms = _generic(person, piece)
    elif span.kind in _OTHERS:
        atoms = _OTHERS[span.kind](person, piece)
    else:
        return None
    return atoms if atoms and all(atom is not None for atom in atoms) else None


def _case(word: str) -> str:
    return "l" if word.islower() else "U" if word.isupper() and len(word) > 1 else "T"


def _walk(piece: str, pattern: re.Pattern[str], atom: Callable[[str], Any]) -> Atoms:
    """The atoms of the matches, and what stands between them as it is."""
    atoms: Atoms = []
    last = 0
    for match in pattern.finditer(piece):
        atoms += _between(piece, last, match.start())
        atoms.append(atom(match[0]))
        last = match.end()
    return atoms + _between(piece, last, len(piece))


def _between(piece: str, begin: int, end: int) -> Atoms:
    """Marks, spaces and a possessive as they are; None, so that a tag stays, where there is anything else."""
    if begin == end:
        return []
    return [None if _SAID.search(piece, begin, end) else piece[begin:end]]


def _names(person: Person, piece: str, kind: str) -> Atoms:
    if squeeze(piece).upper() in person.known.initials:
        return _walk(piece, re.compile(r"[^\W\d_]"), lambda letter: _letter(person, letter, kind))

    def atom(said: str) -> Any:
        lower = said.lower()
        if said.isdigit():
            return digits_atom("n", "0" * len(said), person.slot(f"number {said}"), said, person.numbers)
        if lower in TITLES or (lower in PARTICLES and said.islower()):
            return said
        if len(said) == 1:
            return _letter(person, said, kind)
        word = person.meant(lower)
        return word_atom(person.pool(word, kind), person.slot(word), word, person.names, _case(said))

    return _walk(piece, _PART, atom)


def _letter(person: Person, letter: str, kind: str) -> Any:
    """An initial: of what stands for the name of the record that begins so, else of any name."""
    lower = letter.lower()
    own = (
        sorted(name for name in person.given | person.family if name.startswith(lower))
        if kind == kinds.NAME
        else []
    )
    word = own[0] if own else lower
    pool = person.pool(word, kind) if own else "british F"
    atom = word_atom(pool, person.slot(word), word, person.names, "l" if letter.islower() else "U")
    return atom and ["i", *atom[1:]]


def _generic(person: Person, piece: str) -> Atoms:
    """An address or organisation: numbers by their pattern, each run of words that name something as one place."""
    atoms: Atoms = []
    last = 0
    run: list[re.Match[str]] = []

    def close() -> None:
        if run:
            name = piece[run[0].start() : run[-1].end()]
            atoms.append(_place(person, name)[0])
            run.clear()

    for match in _PART.finditer(piece):
        said, gap = match[0], piece[last : match.start()]
        plain = said.lower() in _PLAIN or (
            said.lower() + "." in _PLAIN and piece[match.end() : match.end() + 1] == "."
        )
        named = not plain and not said.isdigit() and len(said) > 1
        if not (run and named and gap in (" ", "-", "'s ")):
            close()
            atoms += _between(piece, last, match.start())
        if named:
            run.append(match)
        elif said.isdigit():
            atoms.append(_number(person, said))
        elif plain:
            atoms.append(said)
        else:  # the letter of a house number, or an initial
            atoms.append("A" if said.isupper() else "a")
        last = match.end()
    close()
    return atoms + _between(piece, last, len(piece))


def _number(person: Person, digits: str) -> Any:
    pattern = ("#" if len(digits) > 1 and digits[0] != "0" else "0") + "0" * (len(digits) - 1)
    return digits_atom("n", pattern, person.slot(f"number {digits}"), digits, person.numbers)


def _place(person: Person, piece: str) -> Atoms:
    word = " ".join(fold_value(piece).lower().split())
    return [word_atom(PLACES, person.slot(f"place {word}"), word, person.names, _case(piece))]


def _pattern(piece: str) -> str:
    return "".join(
        "0" if char.isdigit() else "A" if char.isupper() else "a" if char.isalpha() else char
        for char in piece
    )


def _shaped(person: Person, piece: str, *, letters: str = "") -> Atoms:
    """A number of any kind: another of its pattern. ``letters``: with what its letters begin."""
    pattern = _pattern(piece)
    if letters and pattern[0] in "Aa":
        pattern = letters + pattern[len(letters) :]
    digits = re.sub(r"\D", "", piece)
    if not digits:
        return []
    first = pattern.find("0")
    if len(digits) > 1 and digits[0] != "0":
        pattern = pattern[:first] + "#" + pattern[first + 1 :]
    return [digits_atom("n", pattern, person.slot(f"number {squeeze(piece)}"), digits, person.numbers)]


def _nhs(person: Person, piece: str) -> Atoms:
    digits = re.sub(r"\D", "", piece)
    if len(digits) != 10:
        return _shaped(person, piece)
    return [
        digits_atom("N", _pattern(piece), person.slot(f"number {digits}"), digits, person.numbers, guarded=8)
    ]


def _phone(person: Person, piece: str) -> Atoms:
    """A number of Ofcom's ranges for drama in the same spacing; foreign ones and extensions stay tags."""
    national = digits_of(piece)
    if not national.startswith("0"):
        if piece.startswith(("+", "00")) or len(national) > 8:
            return []
        national = "0" + national  # without the code of its area
    head = re.match(r"(?:\+|00)44\s?(?:\(0\)\s?)?", piece)
    rest = piece[head.end() :] if head else piece
    pattern = _pattern(rest)
    if pattern.count("0") > 11 or "a" in pattern.lower():
        return []
    digits = re.sub(r"\D", "", piece)
    atom = digits_atom("t", pattern, person.slot(f"number {national}"), digits, _tails(person, len(digits)))
    return [*([head[0]] if head else []), [*atom, drama_area(national)]] if atom else []


def _tails(person: Person, length: int) -> list[str]:
    """The known numbers as if each had so many digits: they are compared by their ends."""
    return [number[-length:].rjust(length, "0") for number in person.numbers]


def _postcode(person: Person, piece: str) -> Atoms:
    digits = re.sub(r"\D", "", piece)
    if not digits or piece.upper().startswith("BFPO"):
        return []
    slot = person.slot(f"postcode {squeeze(piece)}")
    return [digits_atom("c", _pattern(piece), slot, digits, person.postcodes)]


def _email(person: Person, piece: str) -> Atoms:
    return [*_names(person, piece.partition("@")[0], kinds.NAME), "@example.org"]


def _url(person: Person, piece: str) -> Atoms:
    if piece.startswith("@"):
        return _names(person, piece, kinds.NAME)
    return ["www.example.org" if piece.lower().startswith("www") else "https://www.example.org"]


def _registration(person: Person, piece: str) -> Atoms:
    """A vehicle's: plates of this shape never begin with Q."""
    return _shaped(person, piece.upper(), letters="Q")


def _insurance(person: Person, piece: str) -> Atoms:
    """A National Insurance number with the letters QQ, which are never given."""
    return _shaped(person, piece.upper(), letters="QQ") if piece[:2].isalpha() else []


_OTHERS: dict[str, Callable[[Person, str], Atoms]] = {
    kinds.NHS_NUMBER: _nhs,
    kinds.HOSPITAL_NUMBER: _shaped,
    kinds.STAFF_NUMBER: _shaped,
    kinds.NUMBER: _shaped,
    kinds.NI_NUMBER: _insurance,
    kinds.VEHICLE: _registration,
    kinds.PHONE: _phone,
    kinds.POSTCODE: _postcode,
    kinds.PLACE: _place,
    kinds.EMAIL: _email,
    kinds.URL: _url,
    kinds.AGE: lambda person, piece: [["a"]],
}
