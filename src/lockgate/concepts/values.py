"""Numbers with their units and qualifiers: ejection fraction, blood pressure, smoking, sizes of masses, stages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml


@dataclass(frozen=True, slots=True)
class Cue:
    """What a value is called, and how it is written (values.yaml)."""

    name: str
    form: str
    unit: str
    units: tuple[tuple[str, str], ...]
    must: bool
    guess: bool
    whole: bool
    low: float
    high: float
    concept: tuple[str, str] | None
    second: tuple[str, str] | None
    before: bool  # the number stands before the words
    capitals: bool  # the words count in capitals only


class Value(NamedTuple):
    """A value in a text: its place, what it is, and how much. ``value`` is None for a status in words."""

    begin: int
    end: int
    name: str
    concept: tuple[str, str] | None
    operator: str
    value: float | None
    high: float | None
    unit: str
    qualifier: str


@cache
def cues() -> tuple[tuple[str, Cue], ...]:
    """Every phrase that a value goes by, in folded form, with its cue."""
    told: dict[str, dict[str, Any]] = yaml.safe_load(
        resources.files(__package__).joinpath("values.yaml").read_text(encoding="utf-8")
    )
    made = []
    for name, spec in told.items():
        for phrase in (*spec.get("cues", ()), *spec.get("after", ())):
            cue = Cue(
                name=name,
                form=spec.get("form", "number"),
                unit=spec.get("unit", ""),
                units=tuple(spec.get("units", {}).items()),
                must=spec.get("must", False),
                guess=spec.get("guess", False),
                whole=spec.get("whole", False),
                low=float(spec["low"]),
                high=float(spec["high"]),
                concept=_code(spec.get("concept")),
                second=_code(spec.get("second")),
                before="after" in spec,
                capitals=phrase in spec.get("upper", ()),
            )
            made.append((phrase, cue))
    return tuple(made)


def _code(pair: list[str] | None) -> tuple[str, str] | None:
    return (pair[0], pair[1]) if pair else None


# What may stand between a value's name and its number.
_LINK = (
    r"(?:\s|:|=|~|-(?=\s)|\(|,(?=\s)|\b(?:is|was|of|at|are|scores?|scored|today|now|currently|approximately|approx|"
    r"about|around|circa|estimated|measured|measures|reading|recorded|improved|reduced|increased|dropped|fallen|risen|"
    r"rose|fell|to|as|stable|total|level|last|latest|on|ra|air|arrival|admission|review|his|her|down|up|normal|low|"
    r"high|raised|mildly|moderately|severely)\b)"
)
_MORE_OR_LESS = "less than|more than|greater than|under|over|below|above|at least|up to"
_OPERATOR = rf"(?P<op><=|>=|<|>|\u2264|\u2265|{_MORE_OR_LESS})?\s*"
_NUMBER = r"(?P<a>\d{1,4}(?:[.,]\d{1,2})?)(?![\d/]*\d*(?:st|nd|rd|th)\b)"
_RANGE = r"(?:\s*(?:-|\u2013|\bto\b)\s*(?P<b>\d{1,4}(?:\.\d{1,2})?)(?!\d|\s*/))?"
_AFTER = re.compile(rf"{_LINK}{{0,8}}?\s*{_OPERATOR}{_NUMBER}{_RANGE}", re.I)
_OVER = re.compile(
    rf"{_LINK}{{0,8}}?\s*(?P<a>\d{{2,3}})\s*(?:/|\bover\b|\bon\b)\s*(?P<b>\d{{2,3}})(?!\d|/\d)", re.I
)
_OVER_OF = re.compile(rf"{_LINK}{{0,6}}?\s*{_OPERATOR}(?P<a>\d{{1,2}})(?:\s*/\s*\d{{1,2}})?(?![\d.])", re.I)
_COMA = re.compile(r"\W{0,3}\s*\(?E(\d)\s*,?\s*V(\d|T)\s*,?\s*M(\d)", re.I)
_SUM = re.compile(
    rf"{_LINK}{{0,4}}?\s*(?:grade|score|sum)?\s*(?P<a>[1-5])\s*\+\s*(?P<b>[1-5])(?:\s*=\s*(?P<c>\d{{1,2}}))?",
    re.I,
)
_BEFORE = re.compile(
    r"(?P<op><=|>=|<|>|less than|more than|greater than|under|over|up to|at least)?\s*"
    r"(?P<a>\d{1,3}(?:\.\d)?)\s*\+?\s*(?:(?:-|\u2013|to)\s*(?P<b>\d{1,3}(?:\.\d)?))?\s*[-\u2013]?\s*(?:units?\s*)?$",
    re.I,
)
_UNIT = re.compile(r"\s{0,2}(%|[A-Za-z\u00b5\u03bc][\w\u00b5\u03bc/.\u00b2]{0,12})")
_OPERATORS = {
    "less than": "<", "under": "<", "below": "<", "more than": ">", "greater than": ">", "over": ">", "above": ">",
    "at least": ">=", "up to": "<=", "\u2264": "<=", "\u2265": ">=",
}  # fmt: skip
_REACH = 60  # characters in which the number has to begin


def value_at(text: str, begin: int, end: int, cue: Cue, last: int) -> Iterator[Value]:
    """The value that the words at ``begin`` to ``end`` announce, in the sentence that ends at ``last``."""
    if cue.capitals and not text[begin:end].isupper():
        return
    if cue.before:
        yield from _number_before(text, begin, end, cue)
    elif cue.form == "over":
        if found := _OVER.match(text, end, min(last, end + _REACH)):
            top, bottom = float(found["a"]), float(found["b"])
            if _plausible(top, cue) and _plausible(bottom, cue) and bottom < top:
                yield Value(begin, found.end(), "systolic", cue.concept, "", top, None, cue.unit, "")
                yield Value(begin, found.end(), "diastolic", cue.second, "", bottom, None, cue.unit, "")
    elif cue.form == "sum":
        if found := _SUM.match(text, end, min(last, end + _REACH)):
            total = float(found["c"] or int(found["a"]) + int(found["b"]))
            if total == int(found["a"]) + int(found["b"]):
                shown = f"{found['a']}+{found['b']}"
                yield Value(begin, found.end(), cue.name, cue.concept, "", total, None, cue.unit, shown)
                return
        yield from _number_after(text, begin, end, cue, last, _AFTER)
    elif cue.form == "over_of":
        if (
            cue.name == "gcs"
            and (found := _COMA.match(text, end, min(last, end + _REACH)))
            and found[2].isdigit()
        ):
            total = float(int(found[1]) + int(found[2]) + int(found[3]))
            shown = f"E{found[1]}V{found[2]}M{found[3]}"
            yield Value(begin, found.end(), cue.name, cue.concept, "", total, None, cue.unit, shown)
            return
        yield from _number_after(text, begin, end, cue, last, _OVER_OF)
    else:
        yield from _number_after(text, begin, end, cue, last, _AFTER)


def _number_after(
    text: str, begin: int, end: int, cue: Cue, last: int, form: re.Pattern[str]
) -> Iterator[Value]:
    found = form.match(text, end, min(last, end + _REACH))
    if found is None:
        return
    number = float(found["a"].replace(",", "."))
    high = float(found["b"]) if "b" in found.re.groupindex and found["b"] else None
    until, unit = _unit(text, found.end(), cue, number)
    if unit is None or not _plausible(number, cue) or (cue.whole and number != int(number)):
        return
    if high is not None and not (number < high and _plausible(high, cue)):
        high = None
        until = found.end("a") if until == found.end() else until
    yield Value(begin, until, cue.name, cue.concept, _operator(found["op"]), number, high, unit, "")


def _number_before(text: str, begin: int, end: int, cue: Cue) -> Iterator[Value]:
    found = _BEFORE.search(text, max(0, begin - 24), begin)
    if found is None or "\n" in text[found.start("a") : begin]:
        return
    number = float(found["a"])
    high = float(found["b"]) if found["b"] else None
    if _plausible(number, cue) and (high is None or number < high):
        start = found.start("op") if found["op"] else found.start("a")
        yield Value(start, end, cue.name, cue.concept, _operator(found["op"]), number, high, cue.unit, "")


def _plausible(number: float, cue: Cue) -> bool:
    return cue.low <= number <= cue.high


def _operator(written: str | None) -> str:
    return _OPERATORS.get(" ".join(written.lower().split()), written) if written else ""


def _unit(text: str, place: int, cue: Cue, number: float) -> tuple[int, str | None]:
    """The end of the value with its unit, and the unit as UCUM has it; None where a unit has to be there and isn't."""
    found = _UNIT.match(text, place)
    written = found[1].lower().rstrip(".") if found else ""
    known = dict(cue.units)
    if found and written in known:
        return place + len(found[0].rstrip(".")), known[written]
    if found and written and written == cue.unit.lower():
        return found.end(), cue.unit
    if cue.must:
        return place, None
    if cue.guess:  # HbA1c without a unit: per cent up to 20, mmol/mol above
        return place, "%" if number <= 20 else cue.unit
    return place, cue.unit


# What a note calls who never smoked, who stopped, and who smokes; looked for in this order.
_SMOKING_WORDS = {
    "never": (
        r"never[ -]smoke[dr]?|lifelong non[ -]?smoker|non[ -]?smoker|does(?: not|n't) smoke|never a smoker|"
        r"life-?long never smoker|no smoking history"
    ),
    "ex_smoker": (
        r"ex[ -]?smoker|former smoker|previous smoker|past smoker|(?:stopped|gave up|given up|quit) smoking|"
        r"used to smoke|quit tobacco"
    ),
    "smoker": (
        r"current(?:ly)? smok(?:er|es|ing)|active smoker|heavy smoker|smokes(?! alarm)|continues to smoke|"
        r"still smok(?:es|ing)|smoker"
    ),
}
_SMOKING = {
    status: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for status, words in _SMOKING_WORDS.items()
}
SMOKING_CONCEPTS = {
    "never": ("SNOMED", "266919005"),
    "ex_smoker": ("SNOMED", "8517006"),
    "smoker": ("SNOMED", "77176002"),
}
_TNM = re.compile(
    r"\b[cpyrua]{0,3}T(?:is|[0-4][a-d]?|[xX])[ ,]{0,2}[cp]?N(?:[0-3][a-c]?|[xX])"
    r"(?:[ ,]{0,2}[cp]?M(?:[01][a-c]?|[xX]))?\b"
)
_SIZED = (
    r"(?:mass|masses|tumou?rs?|lesions?|nodules?|cancer|carcinoma|cysts?|polyps?|collection|abscess|aneurysm|node|"
    r"lump|metastas[ie]s|deposit)"
)
_SIZE = re.compile(
    r"\b(?P<a>\d{1,3}(?:\.\d{1,2})?)\s*(?P<u1>mm|cm)?(?:\s*(?:x|\u00d7|by)\s*(?P<b>\d{1,3}(?:\.\d{1,2})?)\s*(?P<u2>mm|cm)?)?"
    r"(?:\s*(?:x|\u00d7|by)\s*(?P<c>\d{1,3}(?:\.\d{1,2})?)\s*(?P<u3>mm|cm)?)?(?:\s*in (?:maximum |max )?diameter)?",
    re.I,
)  # fmt: skip
_SIZED_NEAR = re.compile(rf"\b{_SIZED}\b", re.I)


def statuses(text: str) -> Iterator[Value]:
    """Smoking status, TNM stages and sizes of masses: what has a form of its own rather than a name before a number."""
    lower = text.lower()
    if "smok" in lower or "tobacco" in lower:
        yield from _smoking(text)
    if "T" in text and "N" in text:
        for found in _TNM.finditer(text):
            yield Value(
                found.start(), found.end(), "tnm", None, "", None, None, "", re.sub(r"[ ,]+", "", found[0])
            )
    if "cm" in lower or "mm" in lower:
        yield from _sizes(text)


def _smoking(text: str) -> Iterator[Value]:
    taken: set[int] = set()
    for status, pattern in _SMOKING.items():
        for found in pattern.finditer(text):
            if not {found.start(), found.end()} & taken:  # "smoker" is the end of "ex-smoker"
                taken |= {found.start(), found.end()}
                concept = SMOKING_CONCEPTS[status]
                yield Value(found.start(), found.end(), "smoking_status", concept, "", None, None, "", status)


def _sizes(text: str) -> Iterator[Value]:
    """The largest dimension of a mass, in its own unit: "a 3.2 x 2.1 cm mass", "nodule measuring 8 mm"."""
    for found in _SIZE.finditer(text):
        unit = (found["u3"] or found["u2"] or found["u1"] or "").lower()
        if not unit:
            continue
        around = text[max(0, found.start() - 60) : found.start()].rsplit(".", 1)[-1]
        behind = re.split(r"[.;\n]", text[found.end() : found.end() + 50], maxsplit=1)[0]
        if not (_SIZED_NEAR.search(around) or _SIZED_NEAR.search(behind)):
            continue
        parts = [float(found[name]) for name in "abc" if found[name]]
        shown = "x".join(f"{part:g}" for part in parts) if len(parts) > 1 else ""
        end = max(found.end(name) for name in ("a", "b", "c", "u1", "u2", "u3"))
        yield Value(found.start(), end, "size", None, "", max(parts), None, unit, shown)


def concepts() -> list[tuple[str, str]]:
    """Every (vocabulary, code) that a value may have."""
    codes = {code for _, cue in cues() for code in (cue.concept, cue.second) if code}
    return sorted(codes | set(SMOKING_CONCEPTS.values()))
