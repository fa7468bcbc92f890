"""Coverage over time: how many people each source tells of, table by table, month by month; as tables and charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lockgate.catalogue.counts import willing_view
from lockgate.curate import Release
from lockgate.curate.coverage import FILE
from lockgate.disclosure import Rules, render_chart
from lockgate.disclosure.manifest import ChartEntry
from lockgate.disclosure.safe import safe_table
from lockgate.disclosure.tables import Table
from lockgate.engine import Engine, literal

# The longest series drawn by month, then by quarter; a longer one is drawn by year. In months.
BY_MONTH, BY_QUARTER = 60, 160
STEP = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Coverage:
    """One table's coverage: by ``step`` (month, quarter, year), as a safe table and its chart."""

    table: str
    step: str
    measure: str  # "people", or "rows" where a table is about nobody
    safe: Table
    svg: str


def cover(engine: Engine, release: Release, rules: Rules) -> Iterator[Coverage]:
    """The coverage of each table of a release that has dated rows, in the order of the tables."""
    path = release.path / FILE
    if not path.exists():
        return
    willing_view(engine, "coverage", path)
    spans = engine.rows(
        'SELECT "table", min(month), max(month), count(person_id) > 0 FROM coverage'
        ' WHERE month IS NOT NULL GROUP BY "table"'
    )
    order = {name: place for place, name in enumerate(release.tables)}
    for table, first, last, personal in sorted(spans, key=lambda row: order.get(row[0], 0)):
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        step = "month" if months <= BY_MONTH else "quarter" if months <= BY_QUARTER else "year"
        yield _coverage(engine, str(table), step, bool(personal), rules)


def _coverage(engine: Engine, table: str, step: str, personal: bool, rules: Rules) -> Coverage:
    measure = "people" if personal else "rows"
    counted = "count(DISTINCT person_id)" if personal else "sum(rows)"
    rows = engine.rows(
        f"SELECT source, CAST(date_trunc('{step}', month) AS DATE) AS period, CAST({counted} AS BIGINT)"
        f' FROM coverage WHERE "table" = {literal(table)} AND month IS NOT NULL GROUP BY ALL ORDER BY ALL'
    )
    there = {(str(source), period): int(n) for source, period, n in rows}
    sources = sorted({source for source, _ in there})
    first, last = min(p for _, p in there), max(p for _, p in there)
    # a period without a record is a nought of its own: gaps are what coverage is looked at for
    cells: dict[tuple[str, ...], int] = {
        (source, _label(period, step)): there.get((source, period), 0)
        for source in sources
        for period in _periods(first, last, STEP[step])
    }
    name = f"coverage_{table}"
    title = f"{table}: {measure} with a row, by {step} and source"
    safe = safe_table(name, title, ["source", step], cells, rules, measure=measure)
    spec = ChartEntry(
        kind="chart",
        name=f"{name}_chart",
        table=name,
        mark="line",
        x=step,
        y=measure,
        colour="source",
        title=title,
        x_title=step.capitalize(),
        y_title=measure.capitalize(),
        zero=True,
    )
    return Coverage(table, step, measure, safe, render_chart(spec, safe))


def _periods(first: date, last: date, months: int) -> Iterator[date]:
    at = first
    while at <= last:
        yield at
        month = at.month - 1 + months
        at = date(at.year + month // 12, month % 12 + 1, 1)


def _label(period: date, step: str) -> str:
    if step == "year":
        return str(period.year)
    return f"{period:%Y-%m}" if step == "month" else f"{period.year} Q{(period.month + 2) // 3}"
