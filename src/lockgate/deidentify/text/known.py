"""What a patient's own record says of them, made ready for looking up in their notes.

Raw values come as rows with the names of the staged ``patient`` columns; a person may have several rows (one from each
source), and every value of every row counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import ahocorasick

from lockgate.deidentify.text.fold import fold_value, words
from lockgate.deidentify.text.guards import ABBREVIATIONS, NOT_NAMES
from lockgate.deidentify.text.lists import english
from lockgate.deidentify.text.nicknames import SHORT
from lockgate.deidentify.text.spans import (
    ADDRESS,
    HOSPITAL_NUMBER,
    NAME,
    NHS_NUMBER,
    ORGANISATION,
    PHONE,
    PLACE,
    RELATIVE,
    STAFF,
)

PARTICLES = words("""
    van von der den de da di del della du dos das la le el al bin ibn bint ap ab mac mc st san y e
""")
TITLES = words("""
    mr mrs miss ms mx dr prof professor sir lady lord rev master sister
""")

PRACTICE_WORDS = words(
    "surgery practice centre center clinic partnership partners group doctors hospital medical health"
)

_WORD = re.compile(r"[^\W\d_]+(?:['\-][^\W\d_]+)*")
_SMALLEST_NUMBER = 5


def words_of(name: str) -> list[str]:
    """The words of a name, folded, in lower case, without titles: "Dr Mary-Ann O'Neill" gives mary-ann, o'neill."""
    return [word for word in _WORD.findall(fold_value(name).lower()) if word not in TITLES]


def single_words(name: str) -> set[str]:
    """Every word by which somebody of that name may be called: whole, parts of double names, without an apostrophe."""
    found: set[str] = set()
    for word in words_of(name):
        found.add(word)
        found.update(part for part in word.split("-") if len(part) > 2)
        if "'" in word:
            found.add(word.replace("'", ""))
    return {word for word in found if len(word) > 1 and word not in PARTICLES}


def deletions(word: str) -> set[str]:
    """The word, and the word with each one letter left out (the key of look-up at edit distance one)."""
    return {word} | {word[:place] + word[place + 1 :] for place in range(len(word))}


def one_edit_apart(left: str, right: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours turns one word into the other."""
    if abs(len(left) - len(right)) > 1 or left == right:
        return False
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    a, b = left[start:], right[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (len(a) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]


def digits_of(value: str) -> str:
    """The digits of a number; a UK telephone number in its national form (+44 20 ... is 020 ...)."""
    digits = re.sub(r"\D", "", value)
    if value.strip().startswith("+44") or digits.startswith("0044"):
        digits = "0" + digits.removeprefix("00").removeprefix("44").removeprefix("0")
    return digits


def _listed(value: object) -> list[str]:
    """The non-empty strings of a value that may be None, one string or a list."""
    if value is None:
        return []
    items = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    return [text for text in (fold_value(str(item)) for item in items if item is not None) if text]


@dataclass
class Known:
    """One patient's identifiers, as the engine and the audit look them up."""

    given: set[str] = field(default_factory=set)
    family: set[str] = field(default_factory=set)
    singles: dict[str, str] = field(default_factory=dict)
    near: dict[str, set[str]] = field(default_factory=dict)
    # The first and the last two letters of them: a word that is one edit away has one of these pairs too.
    near_firsts: set[str] = field(default_factory=set)
    near_lasts: set[str] = field(default_factory=set)
    initials: set[str] = field(default_factory=set)
    numbers: dict[str, tuple[str, bool]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    postcodes: set[str] = field(default_factory=set)
    outwards: set[str] = field(default_factory=set)
    emails: set[str] = field(default_factory=set)
    births: set[date] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    full_names: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    houses: set[str] = field(default_factory=set)
    phrases: dict[str, tuple[str, bool]] = field(default_factory=dict)
    particles: set[str] = field(default_factory=set)
    automaton: Any = None

    @property
    def own_words(self) -> set[str]:
        """The single words of the patient's own names."""
        return self.given | self.family

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Known:
        """Gather the values of a person's rows. Unknown columns are ignored, missing ones are none."""
        known = cls()
        for row in rows:
            known._add_names(row)
            known._add_numbers(row)
            known._add_places(row)
        for word, kind in known.singles.items():
            if len(word) >= 5 and kind != STAFF:
                known.near_firsts.add(word[:2])
                known.near_lasts.add(word[-2:])
                for key in deletions(word):
                    known.near.setdefault(key, set()).add(word)
        known._add_shorts()
        if known.phrases:
            known.automaton = ahocorasick.Automaton()
            for phrase, (kind, own) in known.phrases.items():
                known.automaton.add_word(phrase, (len(phrase), kind, own))
            known.automaton.make_automaton()
        return known

    def _add_names(self, row: Mapping[str, Any]) -> None:
        givens = _listed(row.get("given_name")) + _listed(row.get("middle_names"))
        families = _listed(row.get("family_name"))
        formers = _listed(row.get("former_names"))
        for name in givens:
            self.given |= single_words(name)
        for name in families + formers:
            self.family |= single_words(name)
            self.particles.update(word for word in words_of(name) if word in PARTICLES)
        for word in list(self.given):
            self.given.update(SHORT.get(word, ()))
        for word in self.own_words:
            self.singles[word] = NAME
        for given in givens[:1]:
            for family in families + formers:
                first, last = squeeze(given.split(" ")[0]), squeeze(family)
                self.joined |= {
                    first + last,
                    last + first,
                    first[:1] + last,
                    last + first[:1],
                    first + last[:1],
                }
            for family in families:
                self._add_initials(givens, family)
                self.full_names.add(squeeze(given + family))
                self.full_names.add(squeeze(family + given))
        for column, kind in (("contact_names", RELATIVE), ("gp_name", STAFF), ("staff_names", STAFF)):
            for name in _listed(row.get(column)):
                if kind == STAFF and name.split()[-1].lower() in PRACTICE_WORDS:
                    self._phrase(name, ORGANISATION, False)  # the record's GP is a practice
                    continue
                for word in single_words(name):
                    self.singles.setdefault(word, kind)

    def _add_shorts(self) -> None:
        """Beginnings and ends of given names, names joined ("hmarsden") and with an s ("Noors mum"), if no words."""
        for form in self.joined | {word + "s" for word in self.own_words if len(word) > 2}:
            if len(form) > 3 and form not in english() and form not in NOT_NAMES:
                self.singles.setdefault(form, NAME)
        for given in [word for word in self.given if len(word) >= 5]:
            for size in range(3, len(given)):
                for short in (given[:size], given[-size:] if size > 3 else given[:size]):
                    if (
                        short not in english()
                        and short not in NOT_NAMES
                        and short.upper() not in ABBREVIATIONS
                    ):
                        self.singles.setdefault(short, NAME)
            for short in (
                given[:3] + "y",
                given[:3] + "ie",
                given[:3] + given[2] + "y",
                given[:4] + "y",
                given[:4] + "ie",
            ):
                if short not in english():
                    self.singles.setdefault(short, NAME)

    def _add_initials(self, givens: list[str], family: str) -> None:
        first = "".join(word[0] for word in words_of(givens[0])[:1])
        every = "".join(word[0] for given in givens for word in words_of(given))
        last = "".join(word[0] for word in words_of(family))
        halves = "".join(
            part[0] for given in givens for word in words_of(given) for part in word.split("-") if part
        )
        parts = "".join(part[0] for word in words_of(family) for part in word.split("-") if part)
        plain = "".join(word[0] for word in words_of(family) if word not in PARTICLES)
        for letters in (
            first + plain,
            every + plain,
            first + last,
            every + last,
            first + last[:1],
            first + parts,
            first + parts[-1:],
            halves + last,
            halves + parts,
        ):
            if len(letters) > 1:
                self.initials.add(letters.upper())

    def _add_numbers(self, row: Mapping[str, Any]) -> None:
        plan = (
            ("nhs_number", NHS_NUMBER, True),
            ("local_number", HOSPITAL_NUMBER, True),
            ("phone", PHONE, True),
            ("contact_phones", PHONE, False),
        )
        said = [(value, kind, own) for column, kind, own in plan for value in _listed(row.get(column))]
        # "system|value": numbers of other hospitals and those that were superseded; what is one of the above already
        # keeps its kind.
        others = [value.rsplit("|", 1)[-1] for value in _listed(row.get("identifiers"))]
        told = {squeeze(value) for value, *_ in said}
        said += [(value, HOSPITAL_NUMBER, True) for value in others if squeeze(value) not in told]
        for value, kind, own in said:
            digits = digits_of(value)
            if len(digits) >= _SMALLEST_NUMBER:
                self.numbers.setdefault(digits, (kind, own))
                if kind == PHONE and digits.startswith("0") and len(digits) >= 10:
                    self.numbers.setdefault(digits[1:], (kind, own))  # 7700 900123 after +44 (0)
            if kind == HOSPITAL_NUMBER and len(squeeze(value)) >= 4:
                self.codes[squeeze(value)] = kind
        self.births.update(day for day in map(_day, [row.get("birth_date")]) if day)

    def _add_places(self, row: Mapping[str, Any]) -> None:
        self.emails.update(value.lower() for value in _listed(row.get("email")))
        self.postcodes.update(squeeze(value) for value in _listed(row.get("postcode")))
        self.outwards.update(code[:-3].upper() for code in self.postcodes if len(code) > 4)
        for address in _listed(row.get("address_line")):
            parts = [part.strip() for part in address.split(",") if part.strip()]
            self.addresses.add(
                squeeze(parts[0]) if parts and any(c.isdigit() for c in parts[0]) else squeeze(address)
            )
            self.houses.update(re.findall(r"\b\d{1,4}[a-z]?\b", address.lower())[-1:])
            for way in _ways(address):
                self._phrase(way, ADDRESS, True)
            for place, part in enumerate(parts):
                kind = ADDRESS if place == 0 or any(c.isdigit() for c in part) else PLACE
                for way in _ways(part):
                    self._phrase(way, kind, True)
                street = re.sub(
                    r"^(?:(?:flat|unit|apartment|apt)\s+\w+\s*)?\d+\s*[a-z]?\s+", "", part, flags=re.I
                )
                if street != part and len(street.split()) > 1:
                    for way in _ways(street):
                        self._phrase(way, ADDRESS, True)
        for city in _listed(row.get("city")):
            self._phrase(city, PLACE, True)
        for column in ("gp_practice", "gp_practice_name"):
            for practice in _listed(row.get(column)):
                self._phrase(practice, ORGANISATION, False)

    def _phrase(self, phrase: str, kind: str, own: bool) -> None:
        lowered = " ".join(phrase.lower().split())
        if len(lowered) >= 3:
            self.phrases.setdefault(lowered, (kind, own))


_SHORT_STREETS = {
    "street": "st", "road": "rd", "lane": "ln", "avenue": "ave", "close": "cl", "drive": "dr", "court": "ct",
    "crescent": "cres", "gardens": "gdns", "place": "pl", "square": "sq", "terrace": "terr", "apartment": "apt",
    "grove": "gr",
}  # fmt: skip


def _ways(address: str) -> set[str]:
    """The ways to write an address: as it is, short ("Rd"), without commas, without apostrophes."""
    lowered = address.lower()
    said = {lowered, re.sub(r"[a-z]+", lambda word: _SHORT_STREETS.get(word[0], word[0]), lowered)}
    said |= {way.replace("'", "") for way in said}
    return (
        said
        | {way.replace(",", "") for way in said}
        | {re.sub(r"(\d+ ?[a-z]?) ", r"\1, ", way, count=1) for way in said}
    )


def _day(value: object) -> date | None:
    """A date from a date, a time, an ISO string or [year, month, day]; None for what is none of them."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        if isinstance(value, list | tuple):
            return date(*value[:3])
    except (TypeError, ValueError):
        return None
    return None


def squeeze(value: str) -> str:
    """Letters and digits only, in lower case: how the audit compares."""
    return re.sub(r"[\W_]", "", fold_value(value).lower())


def from_notes_format(person: Mapping[str, Any]) -> dict[str, Any]:
    """A person of ``uk-notes.json`` (keys p, nok, gp, con, nhs, mrn, dob, ...) as a row of staged columns."""

    def name(part: str) -> str:
        who = person.get(part) or {}
        return f"{who.get('first', '')} {who.get('last', '')}".strip()

    patient = person.get("p") or {}
    return {
        "patient_id": str(person.get("id", "")),
        "given_name": patient.get("first"),
        "family_name": patient.get("last"),
        "former_names": [person["prev"]] if person.get("prev") else [],
        "nhs_number": person.get("nhs"),
        "local_number": person.get("mrn"),
        "birth_date": _day(person.get("dob")),
        "address_line": person.get("addr"),
        "postcode": person.get("pc"),
        "phone": [person["phone"]] if person.get("phone") else [],
        "email": person.get("email"),
        "contact_names": [name("nok")] if name("nok") else [],
        "contact_phones": [person["nokphone"]] if person.get("nokphone") else [],
        "gp_name": name("gp") or None,
        "staff_names": [name("con")] if name("con") else [],
        "gp_practice": person.get("gpprac"),
    }
