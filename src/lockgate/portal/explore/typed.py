"""What was typed into a form, as Circe says it: numbers, ranges, windows. UsageError names the form's field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockgate.errors import UsageError

MOST_DAYS = 36_525


def whole(text: str, where: str, *, least: int = 0, most: int = MOST_DAYS) -> int | None:
    """A whole number that was typed, None for nothing; UsageError for anything else."""
    text = text.strip()
    if not text:
        return None
    if not text.isascii() or not text.removeprefix("-").isdigit() or not least <= int(text) <= most:
        raise UsageError(f"This must be a whole number from {least:,} to {most:,}", where=where)
    return int(text)


def number_of(text: str, where: str) -> float | None:
    """A number that was typed, None for nothing."""
    text = text.strip()
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if found != found or found in (float("inf"), float("-inf")):
        raise UsageError("This must be a number, such as 7.5", where=where)
    return found


def between(low: float | None, high: float | None, where: str) -> dict[str, Any] | None:
    """A range as Circe says it: both ends, or one; None for neither."""
    if low is not None and high is not None:
        if high < low:
            raise UsageError("The range ends before it begins", where=where)
        return {"Value": low, "Op": "bt", "Extent": high}
    if low is not None:
        return {"Value": low, "Op": "gte"}
    return {"Value": high, "Op": "lte"} if high is not None else None


def window_of(form: Mapping[str, str]) -> dict[str, Any]:
    """A window around the entry event from a form: days_from, from_side, days_to, to_side."""
    window: dict[str, Any] = {
        "Start": _bound(form.get("days_from", ""), form.get("from_side", "before"), "days_from", "before"),
        "End": _bound(form.get("days_to", ""), form.get("to_side", "after"), "days_to", "after"),
        "UseEventEnd": False,
    }
    first, last = (_day(window[end]) for end in ("Start", "End"))
    if first is not None and last is not None and last < first:
        raise UsageError("The window ends before it begins", where="days_to")
    return window


def _bound(days: str, side: str, where: str, unbounded: str) -> dict[str, Any]:
    """One end of a window; no days is as far as the observation goes."""
    if side not in {"before", "after"}:
        raise UsageError("Choose before or after", where=where)
    number = whole(days, where)
    if number is None:
        return {"Coeff": -1 if unbounded == "before" else 1}
    return {"Days": number, "Coeff": -1 if side == "before" else 1}


def _day(bound: Mapping[str, Any]) -> int | None:
    return None if "Days" not in bound else int(bound["Days"]) * int(bound["Coeff"])
