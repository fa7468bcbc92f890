"""Standing interests: organisations in which somebody has one, held against what an application names. No Django.

An interest that ended counts for another year. Names are compared by their words: case, punctuation and the form of
a company (Ltd, plc) don't matter; an organisation that an application names by another name is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from lockgate.errors import UsageError

COUNTS_AFTER_END = timedelta(days=365)
MOST = 50
_WORD = re.compile(r"[^\W_]+")
_FORMS = frozenset({"ltd", "limited", "plc", "inc", "llc", "llp", "gmbh", "the"})
# Where an application names organisations.
NAMED_IN = ("lead_organisation", "sponsor", "funding", "commercial_detail")


def words_of(text: str) -> str:
    """A text as its words in small letters, between blanks."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def _name_of(organisation: str) -> str:
    return f" {' '.join(word for word in words_of(organisation).split() if word not in _FORMS)} "


def named_in(answers: Mapping[str, Any]) -> str:
    """The words of all that an application says of organisations."""
    texts = [str(answers.get(name) or "") for name in NAMED_IN]
    return " | ".join(words_of(text) for text in texts if text)


def matches(organisations: Iterable[str], named: str) -> list[str]:
    """Those of the organisations that are named."""
    plain = f" {' '.join(word for word in named.split() if word not in _FORMS)} "
    return [one for one in organisations if _name_of(one).strip() and _name_of(one) in plain]


def counting(rows: Iterable[Mapping[str, Any]], today: date) -> tuple[str, ...]:
    """The organisations of the interests that count today."""
    return tuple(
        str(row["organisation"])
        for row in rows
        if not row["until"] or today <= date.fromisoformat(row["until"]) + COUNTS_AFTER_END
    )


def declared(rows: list[dict[str, Any]], organisation: str, what: str, today: date) -> list[dict[str, Any]]:
    """The interests with one more. UsageError for no name, a name of no words, or one that stands already."""
    organisation, what = organisation.strip(), what.strip()
    if not _name_of(organisation).strip() or len(organisation) > 200:
        raise UsageError("name the organisation, in at most 200 characters", where="organisation")
    if not what or len(what) > 500:
        raise UsageError("say what your interest is, in at most 500 characters", where="what")
    if any(row["organisation"] == organisation and not row["until"] for row in rows):
        raise UsageError("you have declared it already", where="organisation")
    if len(rows) >= MOST:
        raise UsageError(f"no more than {MOST} interests", where="organisation")
    return [*rows, {"organisation": organisation, "what": what, "since": today.isoformat(), "until": ""}]


def ended(rows: list[dict[str, Any]], number: int, today: date) -> list[dict[str, Any]]:
    """The interests with one (from 0) that ended today. UsageError where there is no such one."""
    if not 0 <= number < len(rows) or rows[number]["until"]:
        raise UsageError("there is no such interest, or it has ended", where="number")
    return [{**row, "until": today.isoformat()} if place == number else row for place, row in enumerate(rows)]
