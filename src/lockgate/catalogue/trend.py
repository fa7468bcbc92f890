"""How the quality checks went from release to release, by what is published of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lockgate.catalogue.build import Catalogue
from lockgate.catalogue.pictures import Picture, short_labels
from lockgate.disclosure.manifest import HIDDEN
from lockgate.quality.model import CATEGORIES

MOST = 6  # checks in one chart
Failures = dict[str, dict[str, Any]]


def quality_trend(published: Sequence[Catalogue]) -> list[Picture]:
    """Charts over releases (in any order): failed checks by Kahn's category, and of what failed the share of rows.

    Empty where fewer than two releases have results.
    """
    told = _checked(published)
    if len(told) < 2:
        return []
    pictures = [_by_category(told)]
    failures = {item.release: _failures(item) for item in told}
    if any(failures.values()):
        pictures.append(_by_check(failures))
    return pictures


def began_and_ceased(published: Sequence[Catalogue]) -> list[tuple[str, list[str], list[str]]]:
    """Of each release after the first, newest first: the published checks that began and that ceased to fail."""
    changes = []
    for before, after in pairwise(_checked(published)):
        was, now = _failures(before).keys(), _failures(after).keys()
        changes.append((after.release, sorted(now - was), sorted(was - now)))
    return changes[::-1]


def _checked(published: Sequence[Catalogue]) -> list[Catalogue]:
    """Those with results, the oldest first."""
    return sorted(
        (item for item in published if item.facts.get("quality")),
        key=lambda item: [int(part) for part in item.release.split(".")],
    )


def _by_category(told: Sequence[Catalogue]) -> Picture:
    cells, rows = [], []
    for item in told:
        failed = dict.fromkeys(CATEGORIES, 0)
        for row in item.facts["quality"]["kahn"]:
            failed[row["category"]] = failed.get(row["category"], 0) + row["failed"] + row["error"]
        cells += [(item.release, category, number) for category, number in failed.items()]
        rows.append((item.release, *(f"{number:,}" for number in failed.values())))
    return Picture(
        "failed_by_category",
        "Checks that failed, by category",
        ("Release", "category", "Checks that failed or were in error"),
        tuple(cells),
        ("Release", *CATEGORIES),
        tuple(rows),
        line=True,
    )


def _by_check(failures: dict[str, Failures]) -> Picture:
    """The checks that failed with the largest shares of rows, in any release."""
    every = {name for found in failures.values() for name in found}
    largest = {name: max(_share(found.get(name)) or 0 for found in failures.values()) for name in every}
    chosen = sorted(every, key=lambda name: (-largest[name], name))[:MOST]
    short = short_labels(chosen)
    cells = [
        (release, short[name], _share(found[name]))
        for release, found in failures.items()
        for name in chosen
        if name in found
    ]
    # names are long and releases short: a check has a row
    rows = [(name, *(_said(found.get(name)) for found in failures.values())) for name in chosen]
    title = (
        "Rows that fail a check"
        if len(every) <= MOST
        else f"Rows that fail a check: the {MOST} largest shares"
    )
    return Picture(
        "rows_by_check",
        title,
        ("Release", "check", "Per cent of the rows it looks at"),
        tuple(cells),
        ("Check", *failures),
        tuple(rows),
    )


def _failures(item: Catalogue) -> Failures:
    return {
        " ".join(
            part for part in (".".join(filter(None, (row["table"], row["field"]))), row["check"]) if part
        ): row
        for row in item.facts["quality"]["failures"]
    }


def _share(row: dict[str, Any] | None) -> float | None:
    """The share in per cent, from the published (rounded) counts; None where one of them is withheld."""
    if (
        row is None
        or not isinstance(row["violated"], int)
        or not isinstance(row["rows"], int)
        or not row["rows"]
    ):
        return None
    return round(min(100.0, 100 * row["violated"] / row["rows"]), 1)


def _said(row: dict[str, Any] | None) -> str:
    if row is None:
        return "not failed"
    share = _share(row)
    if share is not None:
        return f"{share:g} %"
    return "in error" if row["violated"] is None else HIDDEN
