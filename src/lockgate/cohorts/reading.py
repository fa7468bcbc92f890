"""What the readers of definitions share: every value is taken with its path, and refused with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any

from lockgate.cohorts.definition import EARLIEST, LATEST, Days, Interval
from lockgate.errors import UsageError

MOST = 999_999
LARGEST = 2**63 - 1  # of a concept id


def meant(word: str, known: Iterable[str]) -> str:
    """A hint at the word that was meant, to stand behind a reason; nothing where none is near."""
    near = get_close_matches(str(word), list(known), n=1, cutoff=0.7)
    return f": did you mean {near[0]}?" if near else ""


class Reading:
    """A definition being read from ``where``; ``format`` and ``remedy`` are what errors say of it."""

    def __init__(self, where: str, format: str, remedy: str) -> None:
        self._where, self._format, self._remedy = where, format, remedy

    def refuse(self, path: str, reason: str, remedy: str = "") -> UsageError:
        """The error for what stands at a path."""
        return UsageError(
            reason, where=f"{self._where}: {path}" if path else self._where, remedy=remedy or self._remedy
        )

    def fields(self, told: Any, path: str, *keys: str) -> Mapping[str, Any]:
        """An object with no other keys than these; what is null is left out."""
        if not isinstance(told, dict):
            raise self.refuse(path, "an object is expected here")
        for key in told:
            if key not in keys:
                reason = f"{self._format} has no such field here{meant(key, keys)}"
                raise self.refuse(f"{path}.{key}".lstrip("."), reason)
        if None in told.values():
            return {key: value for key, value in told.items() if value is not None}
        return told

    def items(self, told: Any, path: str) -> Sequence[Any]:
        """A list; empty where there is none."""
        if told is None:
            return ()
        if not isinstance(told, list):
            raise self.refuse(path, "a list is expected here")
        return told

    def whole(self, told: Any, path: str, most: int = MOST) -> int:
        """A whole number, at most so far from 0: days and events by default, by a million."""
        if isinstance(told, bool) or not isinstance(told, int):
            raise self.refuse(path, "a whole number is expected here")
        if abs(told) > most:
            raise self.refuse(path, f"the number is beyond {most:,}")
        return told

    def number(self, told: Any, path: str) -> float:
        """A number that is one."""
        if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
            raise self.refuse(path, "a number is expected here")
        return float(told)

    def flag(self, told: Any, path: str) -> bool:
        """True or false."""
        if not isinstance(told, bool):
            raise self.refuse(path, "true or false is expected here")
        return told

    def choice(self, told: Any, known: Mapping[Any, str] | Sequence[str], path: str) -> Any:
        """What a word of a mapping means, or a number of a list."""
        if isinstance(known, Mapping) and (isinstance(told, str) or told is None) and told in known:
            return known[told]
        if not isinstance(known, Mapping) and isinstance(told, int) and 0 <= told < len(known):
            return known[told]
        names = ", ".join(str(name) for name in known if name is not None)
        raise self.refuse(path, f"it is none of {names}")

    def day(self, told: Any, path: str) -> date | None:
        """A day; None for none."""
        if told is None or told == "":
            return None
        try:
            if str(told)[10:11] not in ("", "T", " "):
                raise ValueError
            return date.fromisoformat(str(told)[:10])
        except ValueError:
            raise self.refuse(path, "a day such as 2026-03-31 is expected here") from None


def interval(how: str, value: float, extent: float) -> Interval:
    """An operator (lt, lte, eq, gt, gte, bt, !eq, !bt) as a closed interval: beyond ``value`` is from the next
    number on."""
    if how in ("lt", "lte"):
        return Interval(high=value if how == "lte" else math.nextafter(value, -math.inf))
    if how in ("gt", "gte"):
        return Interval(low=value if how == "gte" else math.nextafter(value, math.inf))
    return Interval(value, extent, outside=how.startswith("!"))


def days(how: str, value: date, extent: date | None) -> Days:
    """The same of days."""
    if how in ("lt", "lte"):
        return Days(EARLIEST, value if how == "lte" else date.fromordinal(value.toordinal() - 1))
    if how in ("gt", "gte"):
        return Days(value if how == "gte" else date.fromordinal(value.toordinal() + 1), LATEST)
    return Days(value, extent if how.endswith("bt") and extent else value, outside=how.startswith("!"))
