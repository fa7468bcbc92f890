"""What comments of a release are about: themes by month and by ward, as tables and charts that may be public.

A comment counts as a person: Friends and Family cards name nobody. The themes alone are made safe first; what they show
is a margin of the two other tables, so that neither gives a withheld count away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.curate import Release
from lockgate.curate.feedback import NOT_CLASSIFIED
from lockgate.disclosure import Rules, render_chart, repair_table, safe_count
from lockgate.disclosure.manifest import ChartEntry, TableEntry
from lockgate.disclosure.safe import TOTAL
from lockgate.disclosure.tables import Counts, Table, write_csv
from lockgate.engine import Engine

MEASURE = "comments"
MOST_THEMES = 12  # of which the months and wards are told, the commonest as shown
PAGE = {
    "name": "feedback",
    "title": "What patients write",
    "lede": "Friends and Family comments by theme, month and ward. A model groups them; it is often wrong about a rare"
    " theme. A theme says what a comment is about, not whether it praises or complains.",
}


@dataclass(frozen=True)
class Themes:
    """``tables`` are safe: by theme, by theme and month, by theme and ward, as far as they can be shown."""

    comments: int | str
    classified: int | str
    tables: list[Table]

    def charts(self) -> dict[str, str]:
        """Table name -> SVG."""
        return {table.entry.name: _chart(table) for table in self.tables}


def themes_of(engine: Engine, release: Release, rules: Rules) -> Themes | None:
    """The themes of a release's comments; None when the release has no comment with a theme told or refused."""
    if not release.tables.get("feedback"):
        return None
    path = release.table_path("feedback")
    engine.view_parquet("feedback_told", path)
    if "themes" not in engine.columns("SELECT * FROM feedback_told"):
        return None
    wards = release.table_path("care_site") if release.tables.get("care_site") else None
    if wards is not None:
        engine.view_parquet("ward_told", wards)
    ward = "coalesce(w.care_site_name, 'not said')" if wards is not None else "'not said'"
    join = " LEFT JOIN ward_told AS w ON w.care_site_id = f.care_site_id" if wards is not None else ""
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE theme_told AS
        SELECT unnest(string_split(coalesce(f.themes, '{NOT_CLASSIFIED}'), '; ')) AS theme,
            coalesce(strftime(f.received_date, '%Y-%m'), 'not said') AS month, {ward} AS ward
        FROM feedback_told AS f{join} WHERE f.comment IS NOT NULL"""
    )
    written = int(engine.one("SELECT count(*) FROM feedback_told WHERE comment IS NOT NULL"))
    classified = int(engine.one("SELECT count(*) FROM feedback_told WHERE themes IS NOT NULL"))
    if not written:
        return None
    alone = _table(engine, "feedback_themes", "Comments by theme", ["theme"], rules, [])
    tables = [alone]
    counts = alone.counts[MEASURE]
    order = sorted(range(len(alone.keys)), key=lambda row: (-int(counts.values[row]), alone.keys[row]))
    most = [alone.keys[row][0] for row in order if not counts.hidden[row]][:MOST_THEMES]
    for other, title in (("month", "Comments by theme and month"), ("ward", "Comments by theme and ward")):
        try:
            made = _table(engine, f"feedback_themes_by_{other}", title, ["theme", other], rules, most)
        except ValueError:
            continue  # it could only be shown by withholding what the themes alone already tell
        if not made.counts[MEASURE].hidden.all():
            tables.append(made)
    return Themes(safe_count(written, rules), safe_count(classified, rules), tables)


def _table(engine: Engine, name: str, title: str, by: list[str], rules: Rules, most: list[str]) -> Table:
    rows = engine.rows(f"SELECT {', '.join(by)}, count(*) FROM theme_told GROUP BY ALL ORDER BY ALL")
    cells: dict[tuple[str, ...], int] = {
        tuple(str(label) for label in row[:-1]): int(row[-1]) for row in rows if not most or row[0] in most
    }
    totals = {}
    if len(by) > 1:
        there = {key[1] for key in cells}
        cells = {(theme, other): cells.get((theme, other), 0) for theme in most for other in sorted(there)}
        for theme in most:
            cells[theme, TOTAL] = sum(cells[theme, other] for other in there)
        totals = {by[1]: TOTAL}
    entry = TableEntry.of_counts(name, title, by, MEASURE, rows=max(1, len(cells)), totals=totals)
    values = np.array(list(cells.values()), dtype=np.int64)
    counts = {MEASURE: Counts(values, np.zeros(len(values), dtype=bool))}
    return repair_table(Table(entry, by, list(cells), counts, {}), rules)


def _chart(table: Table) -> str:
    by = table.dimensions
    x = by[-1]
    spec = ChartEntry(
        kind="chart", name=f"{table.entry.name}_chart", table=table.entry.name, y=MEASURE, x=x,
        mark="line" if x == "month" else "bar", colour="theme" if x == "month" else None,
        title=table.entry.title, x_title=x.capitalize(), y_title="Comments", zero=True,
    )  # fmt: skip
    return render_chart(spec, table)


def write_page(found: Themes, folder: Path) -> dict[str, Any]:
    """Write the tables and charts into the folder of "About the data", and say what the page has."""
    tables = []
    charts = found.charts()
    for table in found.tables:
        name = table.entry.name
        (folder / f"{name}.csv").write_text(write_csv(table), encoding="utf-8")
        (folder / f"{name}.svg").write_text(charts[name], encoding="utf-8")
        tables.append(
            {"name": name, "title": table.entry.title, "by": table.dimensions, "notes": table.entry.done}
        )
    return {**PAGE, "tables": tables}


__all__ = ["Themes", "themes_of", "write_page"]
