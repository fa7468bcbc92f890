"""What the templates of ``letters.py`` ask for beyond ``notes.yaml``: other people, other ways to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints, stream
from lockgate.synthetic.hospital import Hospital
from lockgate.synthetic.people import People, draw_cultures, names, nhs_numbers, phones
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import dates, join, numbered, pick, picked, strings

_LOWERED = str.maketrans({"ł": "l", "ș": "s", "ă": "a", "ś": "s", "ń": "n", "ó": "o", "ą": "a", "ę": "e"})
_SHORT_KINDS = {
    "Street": "St", "Road": "Rd", "Lane": "Ln", "Avenue": "Ave", "Close": "Cl", "Terrace": "Terr", "Drive": "Dr",
    "Grove": "Gr", "Court": "Ct",
}  # fmt: skip
_RELATIVE_PHONES = frozenset(
    [
        "phone",
        "digits",
        "groups",
        "brackets",
        "intl",
        "nbsp",
        "dots",
        "pairs",
        "trunk",
        "zeros",
        "split",
        "hyphens",
        "slash",
    ]
)
_PLATE = "ABCDEFGHKLMNPRSVWXY"


def _upper(text: pa.Array) -> pa.Array:
    return pc.utf8_upper(text)


def _typo(text: pa.Array) -> pa.Array:
    """One slip of the hand: a name loses its third letter, or the second and third change places."""
    lost = pc.replace_substring_regex(text, r"^(..)\pL(\pL.*)$", r"\1\2")
    swapped = pc.replace_substring_regex(text, r"^(\pL)(\pL)(\pL)(.+)$", r"\1\3\2\4")
    return pc.if_else(pa.array(np.arange(len(text)) % 2 == 0), lost, swapped)


_SPELLINGS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "": lambda text: text,
    "upper": _upper,
    "lower": pc.utf8_lower,
    "typo": _typo,
}


def name_form(form: str, given: pa.Array, family: pa.Array) -> pa.Array:
    """A name as ``form`` says: full, given, family, initials, reversed, caps, caret; then upper, lower, typo."""
    if form in ("", "upper", "lower"):
        form = f"full_{form}".rstrip("_")
    first, last = (pc.utf8_slice_codeunits(name, 0, 1) for name in (given, family))
    whole = {
        "family_initial": lambda: join(family, " ", first),
        "initials_spaced": lambda: join(first, " ", last),
        "surname_comma_initial": lambda: join(family, ", ", first),
        "initials_dots": lambda: join(first, ".", last, "."),
        "initial_letter": lambda: last,
        "initial_dot": lambda: join(first, ". ", family),
        "given_letter": lambda: join(given, " ", last),
        "caps_space": lambda: join(_upper(family), " ", given),
        "underscored": lambda: pc.utf8_lower(join(family, "_", given)),
    }
    if form in whole:
        return whole[form]()
    part, _, how = form.partition("_")
    text = {
        "full": lambda: join(given, " ", family),
        "given": lambda: given,
        "family": lambda: family,
        "initial": lambda: join(first, " ", family),
        "initials": lambda: join(first, last),
        "reversed": lambda: join(family, " ", given),
        "caps": lambda: join(_upper(family), ", ", given),
        "caret": lambda: join(_upper(family), "^", _upper(given)),
        "bare": lambda: join(given, " ", family),
    }[part]()
    return _SPELLINGS[how](text)


def date_form(form: str, days: Ints) -> pa.Array:
    """Days since 1970 written as ``form`` says."""
    iso = dates(days)
    year, month, day = (pc.utf8_slice_codeunits(iso, *cut) for cut in ((0, 4), (5, 7), (8, 10)))
    d, m = (pc.utf8_ltrim(part, characters="0") for part in (day, month))
    short = pc.utf8_slice_codeunits(year, 2, 4)
    name = pick(data("words")["months"], pc.cast(month, pa.int64()).to_numpy() - 1)
    number = pc.cast(day, pa.int64()).to_numpy()
    ending = np.where((number // 10 == 1) | (number % 10 > 3), 0, number % 10)
    ordinal = join(d, pick(["th", "st", "nd", "rd"], ending), " ", name)
    three = pc.utf8_slice_codeunits(name, 0, 3)
    weekday = pick(["Mon", "Tues", "Wed", "Thurs", "Fri", "Sat", "Sun"], (days + 3) % 7)
    return {
        "slash": lambda: join(day, "/", month, "/", year),
        "slash_bare": lambda: join(d, "/", m, "/", year),
        "short": lambda: join(day, "/", month, "/", short),
        "words": lambda: join(d, " ", name, " ", year),
        "dotted": lambda: join(day, ".", month, ".", year),
        "dashed": lambda: join(day, "-", month, "-", short),
        "iso": lambda: iso,
        "ordinal": lambda: join(ordinal, " ", year),
        "upper": lambda: join(day, " ", _upper(three), " ", year),
        "compact": lambda: join(day, three, year),
        "dm": lambda: join(d, "/", m),
        "day_month": lambda: ordinal,
        "nbsp": lambda: join(d, "\u00a0", name, "\u00a0", year),
        "dayname": lambda: weekday,
        "month": lambda: join(d, " ", name),
        "of": lambda: pc.replace_substring(ordinal, " ", " of "),
        "long": lambda: join(pc.replace_substring(ordinal, " ", " of "), " ", year),
        "three": lambda: join(d, " ", three, " ", short),
        "three_dm": lambda: join(d, " ", three),
        "day_three": lambda: join(three, " ", pc.replace_substring_regex(ordinal, " .*", "")),
        "us": lambda: join(name, " ", d, ", ", year),
        "mil": lambda: join(day, _upper(three), short),
        "hyphen": lambda: join(day, "-", month, "-", year),
        "hyphen_three": lambda: join(day, "-", three, "-", year),
        "month_year": lambda: join(name, " ", year),
        "isoslash": lambda: join(year, "/", month, "/", day),
        "dotshort": lambda: join(d, ".", m, ".", short),
        "short_bare": lambda: join(d, "/", m, "/", short),
        "spaced": lambda: join(day, " ", month, " ", short),
        "tick": lambda: join(d, " ", three, " '", short),
        "solid": lambda: join(day, month, year),
    }[form]()


def phone_form(form: str, phone: pa.Array) -> pa.Array:
    """A telephone number of eleven digits as ``form`` says; as it is recorded where the form is ``phone``."""
    digits = pc.replace_substring(phone, " ", "")
    a, b, c = (pc.utf8_slice_codeunits(digits, *cut) for cut in ((0, 5), (5, 8), (8, 11)))
    return {
        "phone": lambda: phone,
        "digits": lambda: digits,
        "groups": lambda: join(a, " ", b, " ", c),
        "brackets": lambda: join("(", a, ") ", b, c),
        "dashed": lambda: join(a, "-", b, c),
        "intl": lambda: join("+44 ", pc.utf8_slice_codeunits(a, 1, 5), " ", b, c),
        "nbsp": lambda: join(a, "\u00a0", b, c),
        "dots": lambda: join(a, ".", b, ".", c),
        "pairs": lambda: join(a, pc.replace_substring_regex(join(b, c), r"(\d\d)", r" \1")),
        "trunk": lambda: join("+44 (0)", pc.utf8_slice_codeunits(a, 1, 5), " ", b, c),
        "zeros": lambda: join("0044 ", pc.utf8_slice_codeunits(a, 1, 5), " ", b, c),
        "split": lambda: pc.replace_substring_regex(digits, r"(...)(....)(....)", r"\1 \2 \3"),
        "hyphens": lambda: join(a, "-", b, "-", c),
        "slash": lambda: join(a, "/", b, c),
    }[form]()


def nhs_form(form: str, number: pa.Array) -> pa.Array:
    """An NHS number as ``form`` says."""
    a, b, c = (pc.utf8_slice_codeunits(number, *cut) for cut in ((0, 3), (3, 6), (6, 10)))
    return {
        "plain": lambda: number,
        "spaced": lambda: join(a, " ", b, " ", c),
        "dashed": lambda: join(a, "-", b, "-", c),
        "nbsp": lambda: join(a, "\u00a0", b, "\u00a0", c),
        "dots": lambda: join(a, ".", b, ".", c),
        "late": lambda: join(a, " ", b, c),
        "slashed": lambda: join(a, "/", b, "/", c),
        "pairs": lambda: _spaced(number, r"(\d\d)"),
        "boxed": lambda: _spaced(number, r"(\d)"),
        "odd": lambda: join(
            pc.utf8_slice_codeunits(number, 0, 4), " ", pc.utf8_slice_codeunits(number, 4, 10)
        ),
    }[form]()


def _spaced(number: pa.Array, box: str) -> pa.Array:
    """What goes into each box of a form, one space between."""
    return pc.utf8_rtrim(pc.replace_substring_regex(number, box, r"\1 "), characters=" ")


class LetterColumns:
    """The columns of some notes, by the names that the templates use. One row per note."""

    def __init__(self, people: People, hospital: Hospital, seed: int, rows: Ints, patient: Ints, days: dict[str, Ints],
                 author: Ints, reader: Ints, words: str = "letters_words") -> None:  # fmt: skip
        """``rows`` number the notes among all; what is drawn for a note depends on the seed and the first row.

        ``words`` is the file of schools, employers and places that are named.
        """
        self.people, self.hospital, self.patient, self.days, self.author = (
            people,
            hospital,
            patient,
            days,
            author,
        )
        self.reader = reader
        self.count = len(rows)
        self.rng = stream(seed, f"letters: {int(rows[0])}")
        self.words: dict[str, Any] = data(words)
        self.others = {name: self._somebody() for name in ("other", "other2", "col1", "col2")}
        for group, lists in self.words.get("people", {}).items():  # whom the hospital's own list doesn't have
            for name in (group, f"{group}2"):
                self.others[name] = (self._one_of(lists["given"]), self._one_of(lists["family"]))
        self.drawn: dict[str, pa.Array] = {}

    def _somebody(self) -> tuple[pa.Array, pa.Array]:
        return names(self.rng, draw_cultures(self.rng, self.count), self.rng.random(self.count) < 0.55)

    def _digits(self, width: int, prefix: str = "", suffix: str = "") -> pa.Array:
        return numbered(self.rng.integers(10 ** (width - 1), 10**width, self.count), width, prefix, suffix)

    def _one_of(self, choices: list[str]) -> pa.Array:
        return pick(choices, self.rng.integers(0, len(choices), self.count))

    def _own(self, values: pa.Array) -> pa.Array:
        return picked(values, self.patient)

    def __getitem__(self, name: str) -> pa.Array:
        """The column of a name; KeyError where no template may use it. The same name gives the same values."""
        if name not in self.drawn:
            self.drawn[name] = strings(self._column(name))
        return self.drawn[name]

    def _column(self, name: str) -> pa.Array:
        people, hospital = self.people, self.hospital
        first, _, form = name.partition("_")
        if first == "say":  # a digit at the end tells two of one list apart
            return self._one_of(self.words["sayings"][form.rstrip("0123456789")])
        if first in self.others and form not in ("hospital", "address", "nhs", "dob"):
            return name_form(form, *self.others[first])
        if first in self.days:
            return date_form(form, self.days[first])
        if first == "dob":
            return date_form(form, people.birth_day[self.patient])
        if first == "nhs":
            return nhs_form(form, self._own(people.nhs_number))
        if first == "phone":
            return phone_form(form or "phone", self._own(people.phone))
        if first == "relative":
            if form in _RELATIVE_PHONES:
                return phone_form(form, self._own(people.relative_phone))
            if form not in ("age", "email"):
                return name_form(form, self._own(people.relative_given), self._own(people.relative_family))
        if first == "gp":
            at = people.gp[self.patient]
            return name_form(form, picked(hospital.gp_given, at), picked(hospital.gp_family, at))
        if first in ("staff", "radiologist"):
            at = self.reader if first == "radiologist" else self.author
            return name_form(form, picked(hospital.staff_given, at), picked(hospital.staff_family, at))
        made = getattr(self, f"_{name}", None)
        if made is not None:
            column: pa.Array = made()
            return column
        return self._written(name)

    def _written(self, name: str) -> pa.Array:
        """The patient's own values in other spellings, and what is drawn from a list."""
        people = self.people
        number, address = self._own(people.hospital_number), self._own(people.address_line)
        postcode, email = self._own(people.postcode), self._own(people.email)
        email = pc.fill_null(email, "patient.mail@example.org")
        simple: dict[str, Callable[[], pa.Array]] = {
            "mrn_spaced": lambda: join(
                pc.utf8_slice_codeunits(number, 0, 4), " ", pc.utf8_slice_codeunits(number, 4, 8)
            ),
            "mrn_digits": lambda: pc.utf8_slice_codeunits(number, 1, 8),
            "mrn_lower": lambda: pc.utf8_lower(number),
            "mrn_hyphen": lambda: pc.replace_substring_regex(number, r"^(.)", r"\1-"),
            "mrn_slashed": lambda: pc.replace_substring_regex(number, r"^(....)", r"\1/"),
            "address_upper": lambda: _upper(address),
            "address_lower": lambda: pc.utf8_lower(address),
            "address_abbr": lambda: self._abbreviated(address),
            "address_comma": lambda: pc.replace_substring_regex(address, r"^(\d+\w?) ", r"\1, "),
            "city_upper": lambda: _upper(self._own(people.city)),
            "postcode_wide": lambda: pc.replace_substring(postcode, " ", "  "),
            "postcode_outward": lambda: pc.replace_substring_regex(postcode, " .*", ""),
            "postcode_tight": lambda: pc.replace_substring(postcode, " ", ""),
            "postcode_lower": lambda: pc.utf8_lower(postcode),
            "postcode_nbsp": lambda: pc.replace_substring(postcode, " ", "\u00a0"),
            "email_upper": lambda: _upper(email),
            "relative_age": lambda: numbered(self.rng.integers(90, 100, self.count), 2),
            "col_phone": lambda: phones(self.rng, self.count),
            "col_phone_slash": lambda: phone_form("slash", self["col_phone"]),
            "col_phone_hyphens": lambda: phone_form("hyphens", self["col_phone"]),
            "practice_phone": lambda: picked(self.hospital.practice_phones, people.practice[self.patient]),
            "other_address": lambda: picked(
                people.address_line, self.rng.integers(0, len(people), self.count)
            ),
            "other_nhs": lambda: nhs_numbers(self.rng, self.count),
            "bleep": lambda: self._digits(4),
            "gmc": lambda: numbered(self.rng.integers(9_900_000, 9_999_999, self.count), 7),
            "gphc": lambda: self._digits(5, "20"),
            "hcpc": lambda: self._digits(6, "PH"),
            "nmc": lambda: join(self._digits(2), "A", self._digits(4), "E"),
            "gdc": lambda: self._digits(6),
            "badge": lambda: self._digits(5),
            "cad": lambda: self._digits(8),
            "case_ref": lambda: join(self._digits(5), "/", self._digits(2)),
            "dental_number": lambda: self._digits(5, "D"),
            "prison_number": lambda: join("A", self._digits(4), self._letters(2)),
            "other_dob": lambda: date_form("slash", self.rng.integers(-9000, 4000, self.count)),
            "former": lambda: pc.coalesce(self._own(people.former), self._own(people.family)),
            "nino_tight": lambda: self._digits(6, "JY", "C"),
            "portal_url": lambda: self._digits(6, "www.saltmarsh.example.org/me/"),
            "nino": lambda: join("JY ", self._digits(2), " ", self._digits(2), " ", self._digits(2), " C"),
            "specimen": lambda: join(self._digits(2), "H", self._digits(7)),
            "specimen2": lambda: join("S", self._digits(2), "-", self._digits(6)),
            "url": lambda: self._digits(6, "https://results.lockbridge.example.org/p/"),
        }
        if name in simple:
            return simple[name]()
        lists = {
            "school": "schools", "employer": "employers", "care_home": "care_homes", "other_hospital": "hospitals",
            "council": "councils", "charity": "charities", "place": "places", "place2": "places",
        }  # fmt: skip
        if name == "place_upper":
            return _upper(self["place"])
        if name in lists:
            return self._one_of(self.words[lists[name]])
        return name_form(name, self._own(people.given), self._own(people.family))

    def _abbreviated(self, address: pa.Array) -> pa.Array:
        for word, short in _SHORT_KINDS.items():
            address = pc.replace_substring_regex(address, f" {word}$", f" {short}")
        return address

    def _they(self) -> pa.Array:
        return pick(["he", "she"], self.people.female[self.patient].astype(np.int64))

    def _they_caps(self) -> pa.Array:
        return pick(["He", "She"], self.people.female[self.patient].astype(np.int64))

    def _sex(self) -> pa.Array:
        return pick(["M", "F"], self.people.female[self.patient].astype(np.int64))

    def _person(self) -> pa.Array:
        return pick(["gentleman", "lady"], self.people.female[self.patient].astype(np.int64))

    def _known_as(self) -> pa.Array:
        short: dict[str, str] = self.words["short_names"]
        return strings([short.get(name, name) for name in self._own(self.people.given).to_pylist()])

    def _middle_full(self) -> pa.Array:
        given, family = self._own(self.people.given), self._own(self.people.family)
        middle = self._own(self.people.middle)
        return pc.coalesce(join(given, " ", middle, " ", family), join(given, " ", family))

    def _street(self) -> pa.Array:
        words = data("words")
        return join(self._one_of(words["streets"]), " ", self._one_of(words["street_kinds"]))

    def _col_email(self) -> pa.Array:
        return self._mailbox(*self.others["col1"])

    def _relative_email(self) -> pa.Array:
        return self._mailbox(self._own(self.people.relative_given), self._own(self.people.relative_family))

    def _mailbox(self, given: pa.Array, family: pa.Array) -> pa.Array:
        local = [name.lower().translate(_LOWERED) for name in join(given, ".", family).to_pylist()]
        kept = ["".join(c for c in name if c.isascii() and (c.isalpha() or c in ".-")) for name in local]
        return join(strings(kept), "@", self._one_of(self.words["mailboxes"]))

    def _letters(self, count: int) -> pa.Array:
        drawn = self.rng.integers(0, len(_PLATE), (self.count, count))
        return strings(["".join(_PLATE[i] for i in row) for row in drawn])

    def _driver(self) -> pa.Array:
        """A driver's number: five letters of the family name filled up with nines, then digits and letters."""
        family = [
            "".join(c for c in name.upper() if "A" <= c <= "Z")[:5].ljust(5, "9")
            for name in self._own(self.people.family).to_pylist()
        ]
        return join(strings(family), self._digits(6), self._letters(2), "9", self._letters(2))

    def _plate(self) -> pa.Array:
        return join(self._letters(2), numbered(self.rng.integers(2, 25, self.count), 2), self._letters(3))

    def _plate_spaced(self) -> pa.Array:
        return pc.replace_substring_regex(self._plate(), r"^(....)", r"\1 ")


__all__ = ["LetterColumns", "date_form", "name_form", "nhs_form", "phone_form"]
