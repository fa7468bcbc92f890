"""Charts: drawn from the checked table only, with gaps where figures are withheld, and readable without eyes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate import outputs
from lockgate.disclosure import describe, prepare, render_chart, repair
from lockgate.disclosure.charts import chart_rows
from lockgate.disclosure.gate import check
from lockgate.disclosure.manifest import ChartEntry
from lockgate.disclosure.results import table_html
from lockgate.disclosure.tables import Table

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawn(job: Path) -> tuple[ChartEntry, Table]:
    people = {
        "id": list(range(400)),
        "decile": [i % 10 + 1 if i % 40 else None for i in range(400)],
        "age": [40.0 + i % 10 + i % 7 for i in range(400)],
    }
    for i in range(400):
        if people["decile"][i] == 5 and i > 60:
            people["decile"][i] = 6
        if people["decile"][i] == 3 and i > 60:
            people["decile"][i] = 4
    outputs.summary(people, "by", title="Age", by=["decile"], value="age", unit="id")
    outputs.chart(
        "by", "line", kind="line", x="decile", y="mean", band=("low", "high"), title="Age <by> decile"
    )
    repair(job, job.parent / "safe")
    done = check(job.parent / "safe")
    assert done.record is not None
    spec = next(e for e in done.record.outputs if isinstance(e, ChartEntry))
    return spec, done.tables["by"]


def test_withheld_points_are_gaps(drawn: tuple[ChartEntry, Table]) -> None:
    rows = chart_rows(*drawn)
    withheld = {r["x"] for r in rows if r["withheld"]}
    assert {"3", "5"} <= withheld
    segments = {r["x"]: r["segment"] for r in rows}
    assert segments["2"] != segments["4"]
    assert segments["10"] != segments["Not stated"]
    assert "All" not in segments
    assert all(r["low"] is None for r in rows if r["withheld"])


def test_svg_is_well_formed_and_accessible(drawn: tuple[ChartEntry, Table]) -> None:
    svg = render_chart(*drawn)
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    title, words = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None and title.text == "Age <by> decile"
    assert words is not None and words.text == describe(*drawn)
    assert "withheld" in describe(*drawn)
    assert "[c]" in svg
    assert render_chart(*drawn) == svg


def test_table_beside_the_chart(drawn: tuple[ChartEntry, Table]) -> None:
    page = table_html(drawn[1], caption="A & B")
    assert "<caption>A &amp; B</caption>" in page
    assert page.count('scope="row"') == len(drawn[1].keys)
    assert "withheld to protect confidentiality" in page


def test_bars_with_groups(job: Path, tmp_path: Path) -> None:
    frame = {"ward": ["a", "a", "b", "b"], "sex": ["F", "M", "F", "M"], "n": [50, 60, 4, 70]}
    outputs.table(frame, "t", title="t", dimensions=["ward", "sex"], counts=["n"])
    outputs.chart("t", "bars", kind="bar", x="ward", y="n", colour="sex", title="People")
    repair(job, tmp_path / "safe")
    files = prepare(tmp_path / "safe", tmp_path / "public")
    svg: Callable[[], str] = next(f for f in files if f.suffix == ".svg").read_text
    ET.fromstring(svg())
    assert "[c]" in svg()
