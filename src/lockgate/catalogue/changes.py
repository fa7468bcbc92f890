"""What changed between two releases, by what is published about them: no figure that isn't public is read."""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from lockgate.catalogue.about import About
from lockgate.catalogue.pictures import Picture, short_labels
from lockgate.disclosure.manifest import HIDDEN
from lockgate.disclosure.safe import TOTAL

CHARTS = 8  # tables that a page draws
FIGURES = 10  # changes in one chart
Key = tuple[str, str, tuple[str, ...], str]  # table, title, labels, what is counted


class Change(NamedTuple):
    """A figure that isn't what it was: the table's title, the labels, before and after (None: not told).

    ``counts`` says of what: people, or comments.
    """

    table: str
    title: str
    labels: str
    before: int | None
    after: int | None
    change: str
    counts: str

    @property
    def by(self) -> int:
        """How many more or less, as shown."""
        return (self.after or 0) - (self.before or 0)


def changed(before: About, after: About) -> list[Change]:
    """The figures that rose, fell, appeared or vanished, the largest change first.

    Left out, since what it was, or became, isn't told: a figure that one of the two withholds, a total that one of them
    leaves out, and a table that only one of them tells.
    """
    found = []
    one, two = _figures(before), _figures(after)
    both = {key[0] for key in one} & {key[0] for key in two}
    for key in one.keys() | two.keys():
        name, title, labels, counts = key
        if name not in both or (TOTAL in labels and not (key in one and key in two)):
            continue
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
        found.append(Change(name, title, ", ".join(labels), was[0], now[0], word, counts))
    return sorted(found, key=lambda each: (-abs(each.by), each.table, each.labels))


def told_once(before: About, after: About) -> list[tuple[str, str]]:
    """The tables that only one of two releases tells: the release's number and the table's title."""
    found = []
    for item, other in ((before, after), (after, before)):
        there = {table["name"] for page in other.facts["pages"] for table in page["tables"]}
        found += [
            (item.release, table["title"])
            for page in item.facts["pages"]
            for table in page["tables"]
            if table["name"] not in there
        ]
    return found


def _figures(item: About) -> dict[Key, tuple[int | None, bool]]:
    """Each figure, and whether it is withheld."""
    figures: dict[Key, tuple[int | None, bool]] = {}
    for page in item.facts["pages"]:
        for table in page["tables"]:
            text = (item.path / f"{table['name']}.csv").read_text(encoding="utf-8")
            head, *rows = csv.reader(io.StringIO(text))
            place = len(table["by"])  # the count comes after the labels, whatever it counts
            for row in rows:
                key = (table["name"], table["title"], tuple(row[:place]), head[place])
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
        for release, which in ((before, 0), (after, 1))  # the earlier one is drawn first
        for each in changes
        if (number := (each.before, each.after)[which]) is not None
    ]
    rows = [
        (each.labels, each.change, *("–" if n is None else f"{n:,}" for n in (each.before, each.after)))
        for each in changes
    ]
    return Picture(
        changes[0].table,
        changes[0].title,
        ("Of", "release", f"{changes[0].counts.capitalize()} (rounded)"),
        tuple(cells),
        ("Of", "It", f"Release {before}", f"Release {after}"),
        tuple(rows),
    )


def as_dicts(changes: list[Change]) -> list[dict[str, Any]]:
    """The changes as JSON."""
    return [{**each._asdict(), "by": each.by} for each in changes]
