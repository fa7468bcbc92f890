"""What may stand in place of an identifier: described while the note is scrubbed, drawn when somebody is to read it.

A scrubbed note has tags. Its *stand-ins* say of each tag, without the value, what could stand there instead: a date and
the form in which it was written, the culture and shape of a name, the pattern of a number (see ``surrogates``). A
release may keep them beside its notes (``[deidentify] notes``), where no scope can ask for them; a workspace draws from
them as its scope says, with the project's key and the same offset of days as its tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

from lockgate.deidentify.dates import DatePolicy
from lockgate.deidentify.text import spans as kinds
from lockgate.deidentify.text.ages import ages_over
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.shapes import Person, atoms_of
from lockgate.deidentify.text.spans import Span, said
from lockgate.deidentify.text.surrogates import draw, slot_of
from lockgate.deidentify.text.written import Written, coarser, read, settled, treat, weekday_before, write

Dates = Literal["tag", "exact", "month", "year", "shift"]
Keep = Literal["dates", "surrogates"]

# A date right after these is a birth date, of whomever.
_BIRTH_CUE = re.compile(r"\b(?:d\.?\s?o\.?\s?b\.?|born(?: on)?|birth|birthday)[\s:.\-(]{0,6}\Z", re.I)
_BEFORE_EVERYBODY = 1850


class Stand(NamedTuple):
    """What may stand for the characters ``begin`` up to, not with, ``end`` of a scrubbed note: its atoms."""

    begin: int
    end: int
    atoms: list[Any]


@dataclass(frozen=True)
class Form:
    """In what form a scrubbed note is shown.

    ``surrogates``: drawn with ``key`` in place of tags. ``dates``: what becomes of dates; under "shift" they move by
    ``offset`` days, and by none known only their month is shown. ``anchor`` is the note's own day, near which a date
    without a year lies; ``oldest`` is the least year of birth that may be shown. Ages above ``top_age`` are shown as
    that age and more.
    """

    surrogates: bool = False
    dates: Dates = "tag"
    key: bytes = b""
    offset: int | None = None
    anchor: date | None = None
    oldest: int = _BEFORE_EVERYBODY
    top_age: int | None = None

    @property
    def policy(self) -> DatePolicy | None:
        """The policy of dates; None where they stay tags."""
        if self.dates == "tag":
            return None
        return "month" if self.dates == "shift" and self.offset is None else self.dates


TAGS = Form()


@dataclass
class Describer:
    """Describes the stand-ins of one person's notes. ``whose`` names the person (or the note of nobody) to the key.

    ``keep``: dates only, or all that surrogates need. ``monthly``: of dates only the month is kept. ``oldest``: of
    births before that year nothing is.
    """

    key: bytes
    whose: str
    known: Known
    keep: Keep = "surrogates"
    monthly: bool = False
    oldest: int = 0
    person: Person = field(init=False)

    def __post_init__(self) -> None:
        self.person = Person(self.key, self.whose, self.known)

    def describe(self, text: str, found: Sequence[Span]) -> list[Stand]:
        """The stand-ins of a note: ``found`` are the spans of the original text that tags replace, in order.

        Their places are those in the scrubbed text. A span of which nothing may be said has none: its tag stays.
        """
        made: list[Stand] = []
        moved = last = 0
        self.person.new_note(text, found)
        for whole in found:
            span = whole._replace(end=whole.begin + len(said(text, whole)))
            begin = span.begin + moved
            end = begin + len(span.kind) + 2
            if span.kind in (kinds.DATE, kinds.BIRTH_DATE):
                made += self._date(text, span, begin, end, last)
            elif self.keep == "surrogates" and (atoms := atoms_of(self.person, text, span)):
                made.append(Stand(begin, end, atoms))
            moved += end - begin - (span.end - span.begin)
            last = span.end
        return made

    def _date(self, text: str, span: Span, begin: int, end: int, last: int) -> Iterable[Stand]:
        written = read(text[span.begin : span.end])
        if written is None:
            return
        if span.kind == kinds.BIRTH_DATE or self._is_birth(written):
            whole = not (written.yearless or written.monthly)
            if self.keep == "surrogates" and whole and written.day.year >= self.oldest:
                slot = slot_of(self.key, self.whose, f"birth {written.day}")
                # any quarter of the year but the true one
                quarter = ((written.day.month - 1) // 3 + 1 + int(slot, 16) % 3) % 4
                yield Stand(begin, end, [["b", written.day.year, quarter, written.form, slot]])
            return
        if _BIRTH_CUE.search(text, max(0, span.begin - 24), span.begin):
            return  # of a relative, or of a record that has it wrong
        weekday = weekday_before(text, span.begin)
        if self.monthly:
            form = coarser(written, "month")
            if not form:
                return
            written = Written(written.day.replace(day=1), form, True, written.yearless)
        atom = ["d", written.day.isoformat(), written.form, written.monthly, written.yearless]
        if weekday and weekday[0] >= last and not written.monthly:
            gap = text[weekday[1] : span.begin]
            at = begin - (span.begin - weekday[0])
            yield Stand(at, begin, [["k", *atom[1:], weekday[2], gap]])
        yield Stand(begin, end, [atom])

    def _is_birth(self, written: Written) -> bool:
        """Whether a date is the patient's day of birth, also with day and month the other way round."""
        days = {(written.day.day, written.day.month), (written.day.month, written.day.day)}
        return not written.monthly and any(
            (born.day, born.month) in days and (written.yearless or born.year % 100 == written.day.year % 100)
            for born in self.known.births
        )


def render(scrubbed: str, stands: Sequence[Stand], form: Form) -> str:
    """A scrubbed note in a form: what the form allows stands in place of its tags; all other tags stay."""
    return "".join(piece for piece, _ in _pieces(scrubbed, stands, form))


def moved(scrubbed: str, stands: Sequence[Stand], form: Form, places: Iterable[int]) -> list[int | None]:
    """Where characters of a scrubbed note (offsets, ascending) stand in the rendered one; None for one that is gone."""
    found: list[int | None] = []
    wanted = iter(sorted(places))
    at = next(wanted, None)
    begin = shown = 0
    for piece, length in _pieces(scrubbed, stands, form):
        while at is not None and at < begin + length:
            kept = len(piece) == length and piece == scrubbed[begin : begin + length]
            found.append(shown + at - begin if kept else None)
            at = next(wanted, None)
        begin += length
        shown += len(piece)
    while at is not None:
        found.append(None)
        at = next(wanted, None)
    return found


def _pieces(scrubbed: str, stands: Sequence[Stand], form: Form) -> Iterable[tuple[str, int]]:
    """The rendered text piece by piece, each with the length of what it stands for."""
    if form.top_age:
        old = [Stand(begin, end, [["o"]]) for begin, end in ages_over(scrubbed, form.top_age)]
        stands = sorted([*stands, *old], key=lambda stand: stand.begin)
    last = 0
    for stand in stands:
        piece = _drawn(stand, form if form.anchor else replace(form, anchor=_nearest(stands, stand)))
        if piece is None:
            continue
        yield scrubbed[last : stand.begin], stand.begin - last
        yield piece, stand.end - stand.begin
        last = stand.end
    yield scrubbed[last:], len(scrubbed) - last


def _drawn(stand: Stand, form: Form) -> str | None:
    first = stand.atoms[0]
    code = first[0] if isinstance(first, list) else ""
    if code in ("d", "k"):
        return _dated(first, form)
    if code == "o":
        return f"{form.top_age}+"
    if not form.surrogates:
        return None
    if code == "b":
        return _born(first, form)
    if code == "a":
        return f"{min(form.top_age or 90, 90)}+"
    return "".join(draw(atom, form.key) for atom in stand.atoms)


def _dated(atom: list[Any], form: Form) -> str | None:
    policy = form.policy
    if policy is None:
        return None
    written: Written | None = Written(date.fromisoformat(atom[1]), *atom[2:5])
    if written and policy == "shift":
        written = settled(written, form.anchor)
    shown = treat(written, policy, form.offset or 0) if written else None
    if atom[0] == "d" or shown is None or written is None:
        return shown
    # a weekday: with the date it moves, made coarser it goes; exact, it is there as it was
    weekday = treat(written._replace(form=atom[5]), "shift", form.offset or 0)
    return None if policy == "exact" else f"{weekday}{atom[6]}" if policy == "shift" else ""


def _born(atom: list[Any], form: Form) -> str | None:
    """Another day of the same year of birth, where that year may be shown."""
    _, year, quarter, shape, slot = atom
    if year < form.oldest:
        return None
    first = date(year, 1 + 3 * quarter, 1)
    number = int(draw(["n", "0000", "0", slot], form.key)) // 10
    return write(first + timedelta(days=number % 90), shape)


def _nearest(stands: Sequence[Stand], stand: Stand) -> date | None:
    """For a date without a year, the full date that stands nearest to it in the note."""
    if not (isinstance(stand.atoms[0], list) and stand.atoms[0][0] in "dk" and stand.atoms[0][4]):
        return None
    full = [
        (abs(other.begin - stand.begin), other.atoms[0][1])
        for other in stands
        if isinstance(other.atoms[0], list) and other.atoms[0][0] == "d" and not any(other.atoms[0][3:5])
    ]
    return date.fromisoformat(min(full)[1]) if full else None


def to_json(stands: Sequence[Stand]) -> str | None:
    """Stand-ins as a release keeps them; None for none."""
    return json.dumps(stands, separators=(",", ":"), ensure_ascii=False) if stands else None


def from_json(kept: str | None) -> list[Stand]:
    """The stand-ins that ``to_json`` wrote."""
    return [Stand(*one) for one in json.loads(kept)] if kept else []
