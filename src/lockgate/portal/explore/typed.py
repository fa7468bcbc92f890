"""What was typed into a form, as Circe says it: numbers, ranges, windows. UsageError names the form's field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
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


def day(text: str, where: str) -> str | None:
    """A day that was typed, as 2020-01-31; None for nothing."""
    text = text.strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError("This must be a day such as 2020-01-31", where=where) from None


def window_of(form: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """A window around the index event from a form: days_from, from_side, days_to, to_side, index_end, event_end, each
    with the prefix."""
    window: dict[str, Any] = {
        "Start": _bound(form, f"{prefix}days_from", f"{prefix}from_side", "before"),
        "End": _bound(form, f"{prefix}days_to", f"{prefix}to_side", "after"),
        "UseEventEnd": form.get(f"{prefix}event_end") == "yes",
    }
    if form.get(f"{prefix}index_end") == "yes":
        window["UseIndexEnd"] = True
    first, last = (_day(window[end]) for end in ("Start", "End"))
    if first is not None and last is not None and last < first:
        raise UsageError("The window ends before it begins", where=f"{prefix}days_to")
    return window


def window_form(window: Mapping[str, Any] | None, prefix: str) -> dict[str, str]:
    """A window as its form shows it."""
    told = window or {}
    found = {}
    for end, days, side, otherwise in (
        ("Start", "days_from", "from_side", "before"),
        ("End", "days_to", "to_side", "after"),
    ):
        bound = told.get(end) or {}
        number, sign = bound.get("Days"), bound.get("Coeff")
        found[f"{prefix}{days}"] = "" if number is None else str(abs(number))
        flipped = -1 if (number or 0) < 0 else 1
        found[f"{prefix}{side}"] = (
            otherwise if sign is None else "before" if sign * flipped == -1 else "after"
        )
    found[f"{prefix}index_end"] = "yes" if told.get("UseIndexEnd") else ""
    found[f"{prefix}event_end"] = "yes" if told.get("UseEventEnd") else ""
    return found


def _bound(form: Mapping[str, str], days: str, beside: str, unbounded: str) -> dict[str, Any]:
    """One end of a window; no days is as far as the observation goes."""
    side = form.get(beside, "") or unbounded
    if side not in {"before", "after"}:
        raise UsageError("Choose before or after", where=beside)
    number = whole(form.get(days, ""), days)
    if number is None:
        return {"Coeff": -1 if unbounded == "before" else 1}
    return {"Days": number, "Coeff": -1 if side == "before" else 1}


def _day(bound: Mapping[str, Any]) -> int | None:
    return None if "Days" not in bound else int(bound["Days"]) * int(bound["Coeff"])
