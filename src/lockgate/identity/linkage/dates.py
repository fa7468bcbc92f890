"""Dates of birth in the forms that tables carry: which form a column is in is shown by its own values or declared.

A column of 03/04/1950 alone can be read in two ways; nothing is guessed then, it is refused until ``--date-form``
says which. What stays unread is counted, and never taken as a date.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.engine import Engine
from lockgate.errors import UsageError

FORMS = ("iso", "dmy", "mdy")
_NUMERIC = r"^(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})(\D.*)?$"
_MONTHS = {name: place + 1 for place, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))}  # fmt: skip
# more than this share of all dates on one 1 January (or 1 July): a year alone was known, and the rest filled in
PLACEHOLDER_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class DateForm:
    """How a column's dates are read: the order of day and month, what showed it, and values that weren't read."""

    order: str
    shown_by: int
    unread: int
    filled: int
    year_only: bool
    stands_in: int = 0

    def as_dict(self) -> dict[str, object]:
        """For the report."""
        return {
            "order": self.order,
            "shown_by": self.shown_by,
            "filled": self.filled,
            "not_read": self.unread,
            "first_of_january_is_year_only": self.year_only,
            "stand_for_unknown": self.stands_in,
        }


def _text(column: str) -> str:
    return f"trim(CAST({column} AS VARCHAR))"


def order_of(engine: Engine, table: str, column: str, declared: str, where: str) -> tuple[str, int]:
    """The order of day and month in a table (x, k) of values and how often each comes ("iso" where no value needs one),
    and how many showed it. ``column`` is what the values are called in an error."""
    text = _text("x")
    pattern = _NUMERIC.replace("'", "''")
    first, second = (f"TRY_CAST(regexp_extract({text}, '{pattern}', {place}) AS INTEGER)" for place in (1, 2))
    numeric, day_first, month_first = engine.rows(f"""
        SELECT coalesce(sum(k) FILTER (a IS NOT NULL), 0),
               coalesce(sum(k) FILTER (a BETWEEN 13 AND 31 AND b BETWEEN 1 AND 12), 0),
               coalesce(sum(k) FILTER (b BETWEEN 13 AND 31 AND a BETWEEN 1 AND 12), 0)
        FROM (SELECT {first} AS a, {second} AS b, k FROM {table})""")[0]
    numeric, day_first, month_first = int(numeric), int(day_first), int(month_first)
    if declared in ("dmy", "mdy"):
        return declared, 0
    if not numeric:
        return "iso", 0
    # a slip of the pen is no form: a few values against hundreds stay unread
    if day_first and month_first <= day_first // 100:
        return "dmy", day_first
    if month_first and day_first <= month_first // 100:
        return "mdy", month_first
    reason = (
        "holds dates with the day first and dates with the month first"
        if day_first
        else "holds dates that can be read in two ways (day or month first), and none that shows which"
    )
    raise UsageError(f"column {column} {reason}", where=where, remedy="declare it: --date-form dmy or mdy")


def parts_sql(column: str, order: str) -> str:
    """A struct y, m, d (integers or NULL) of a column's dates: ISO, compact, day or month first, month names, years."""
    t = f"lower({_text(column)})"

    def piece(pattern: str, place: int) -> str:
        return f"TRY_CAST(regexp_extract({t}, '{pattern}', {place}) AS INTEGER)"

    iso, compact = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(\D.*)?$", r"^(\d{4})(\d{2})(\d{2})(\.0)?$"
    month, year = r"^(\d{4})-(\d{1,2})$", r"^(?:c|ca|circa|abt|about|before|after|bef|aft|~)?[. ]*(\d{4})\??$"
    named = r"^(\d{1,2})(?:st|nd|rd|th)?[ \-/.]+([a-z]{3})[a-z]*[ \-/.,]+(\d{4})$"
    month_year = r"^([a-z]{3})[a-z]*[ \-/.,]+(\d{4})$"
    names = "MAP {" + ", ".join(f"'{name}': {place}" for name, place in _MONTHS.items()) + "}"
    day, mon = (1, 2) if order != "mdy" else (2, 1)

    def struct(y: str, m: str = "NULL", d: str = "NULL") -> str:
        return f"{{'y': {y}, 'm': CAST({m} AS INTEGER), 'd': CAST({d} AS INTEGER)}}"

    def at(pattern: str) -> str:
        return f"regexp_matches({t}, '{pattern}')"

    cases = [
        (at(iso), struct(piece(iso, 1), piece(iso, 2), piece(iso, 3))),
        (at(compact), struct(piece(compact, 1), piece(compact, 2), piece(compact, 3))),
        (at(month), struct(piece(month, 1), piece(month, 2))),
        (at(year), struct(piece(year, 1))),
        (at(named), struct(piece(named, 3), f"{names}[regexp_extract({t}, '{named}', 2)]", piece(named, 1))),
        (at(month_year), struct(piece(month_year, 2), f"{names}[regexp_extract({t}, '{month_year}', 1)]")),
    ]
    if order in ("dmy", "mdy"):
        cases.insert(
            0, (at(_NUMERIC), struct(piece(_NUMERIC, 3), piece(_NUMERIC, mon), piece(_NUMERIC, day)))
        )
    whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in cases)
    return f"(CASE {whens} END)"
