"""What changed between two releases, by what is published about them: no figure that isn't public is read."""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from lockgate.catalogue.about import About
from lockgate.catalogue.pictures import Picture, short_labels
from lockgate.disclosure.manifest import HIDDEN

CHARTS = 8  # tables that a page draws
FIGURES = 10  # changes in one chart


class Change(NamedTuple):
    """A figure of people that isn't what it was: the table's title, the labels, before and after (None: not told)."""

    table: str
    title: str
    labels: str
    before: int | None
    after: int | None
    change: str

    @property
    def by(self) -> int:
        """How many people more or less, as shown."""
        return (self.after or 0) - (self.before or 0)


def changed(before: About, after: About) -> list[Change]:
    """The figures that rose, fell, appeared or vanished, the largest change first.

    A figure that one of the two withholds is left out: what it was, or became, isn't told.
    """
    found = []
    one, two = _figures(before), _figures(after)
    for key in one.keys() | two.keys():
        name, title, labels = key
        was, now = one.get(key, (None, False)), two.get(key, (None, False))
        if was[1] or now[1] or was[0] == now[0]:
            continue
        word = (
            "appeared"
            if was[0] is None
            else "vanished"
            if now[0] is None
            else "rose"
            if now[0] > was[0]
            else "fell"
        )
        found.append(Change(name, title, labels, was[0], now[0], word))
    return sorted(found, key=lambda each: (-abs(each.by), each.table, each.labels))


def _figures(item: About) -> dict[tuple[str, str, str], tuple[int | None, bool]]:
    """By table, title and labels: the figure, and whether it is withheld."""
    figures: dict[tuple[str, str, str], tuple[int | None, bool]] = {}
    for page in item.facts["pages"]:
        for table in page["tables"]:
            text = (item.path / f"{table['name']}.csv").read_text(encoding="utf-8")
            head, *rows = csv.reader(io.StringIO(text))
            place = head.index("people")
            for row in rows:
                key = (table["name"], table["title"], ", ".join(row[: len(table["by"])]))
                hidden = row[place] == HIDDEN
                figures[key] = (None if hidden else int(row[place]), hidden)
    return figures


def pictures(found: list[Change], before: str, after: str) -> list[Picture]:
    """A chart for each table that changed, those that changed most first: its largest changes, before beside after."""
    tables: dict[str, list[Change]] = {}
    for each in found:  # the largest change first
        tables.setdefault(each.table, []).append(each)
    return [_picture(changes[:FIGURES], before, after) for changes in list(tables.values())[:CHARTS]]


def _picture(changes: list[Change], before: str, after: str) -> Picture:
    short = short_labels([each.labels for each in changes])
    cells = [
        (short[each.labels], f"Release {release}", float(number))
        for each in changes
        for release, number in ((before, each.before), (after, each.after))
        if number is not None
    ]
    rows = [
        (each.labels, each.change, *("–" if n is None else f"{n:,}" for n in (each.before, each.after)))
        for each in changes
    ]
    return Picture(
        changes[0].table,
        changes[0].title,
        ("Of", "release", "People (rounded)"),
        tuple(cells),
        ("Of", "It", f"Release {before}", f"Release {after}"),
        tuple(rows),
    )


def as_dicts(changes: list[Change]) -> list[dict[str, Any]]:
    """The changes as JSON."""
    return [{**each._asdict(), "by": each.by} for each in changes]
