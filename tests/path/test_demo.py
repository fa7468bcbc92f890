"""The demonstration walks through every gate, and every gate refuses what it should."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lockgate.curate import verify_release
from lockgate.demo import project
from lockgate.demo.story import Story
from lockgate.errors import Refused
from lockgate.workspace.scope import load


def test_every_act_is_walked(demo) -> None:
    assert demo.facts["acts"] == [
        "Hospital",
        "Site",
        "Capture",
        "Release",
        "Application",
        "Scope",
        "Twin",
        "Job",
        "Airlock",
        "Register",
    ]
    assert demo.facts["Twin"]["people"] == 1_000, "the study was tried on data of nobody first"


def test_capture_counts_add_up(demo) -> None:
    counts = demo.facts["Capture"]
    assert counts["received"] == counts["staged"] + counts["quarantined"] + counts["duplicates"]
    assert counts["quarantined"] == sum(counts["reasons"].values()) > 0


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("Capture", "not-json"),
        ("Release", "none of them is in any table"),
        ("Release", "person.parquet"),
        ("Application", "data protection office or research centre missing"),
        ("Scope", "expired"),
        ("Scope", "altered after it was signed"),
        ("Job", "unreachable"),
        ("Airlock", "threshold"),
    ],
)
def test_gate_refuses_with_its_reason(demo, act: str, words: str) -> None:
    said = " ".join(reason for refusal in demo.refusals(act) for reason in refusal["reasons"]).lower()
    assert words in said


def test_site_is_left_whole(demo) -> None:
    assert demo.site.audit.verify() == []
    assert verify_release(demo.site, demo.facts["Release"]["release"]) == []
    scope = load(demo.site, demo.facts["Scope"]["scope"].rsplit("-v", 1)[0])
    assert scope.scope_id == demo.facts["Scope"]["scope"]


def test_scope_of_one_project_opens_no_other(demo) -> None:
    with pytest.raises(Refused):
        load(demo.site, "another-project")


def test_published_table_holds_no_small_or_unrounded_count(demo) -> None:
    tables = [Path(path) for path in demo.facts["Register"]["results"] if path.endswith(".csv")]
    assert tables
    seen = 0
    for path in tables:
        for row in csv.DictReader(path.open(encoding="utf-8")):
            for column in ("n", "people", "count"):
                if (row.get(column) or "").isdigit():
                    count = int(row[column])
                    assert count == 0 or count >= 10, (path.name, row)
                    assert count % 5 == 0, (path.name, row)
                    seen += 1
    assert seen > 10


def test_planted_effect_is_in_the_published_table(demo) -> None:
    path = next(
        Path(path) for path in demo.facts["Register"]["results"] if path.endswith("age_by_decile.csv")
    )
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    means = [float(row["mean"]) for row in rows if row["imd2025_decile"].isdigit() and row["mean"] != "[c]"]
    assert len(means) >= 8
    assert sum(means[-3:]) / 3 - sum(means[:3]) / 3 > 3


def test_chart_is_drawn(demo) -> None:
    chart = Path(demo.facts["Register"]["chart"]).read_text(encoding="utf-8")
    assert chart.startswith("<svg")


def test_second_walk_replaces_the_first_and_spares_other_folders(
    demo, tmp_path: Path, lockgate: Callable
) -> None:
    (tmp_path / "precious").write_text("mine")
    refused = lockgate("demo", tmp_path, "--patients", "200", "--json")
    assert refused.returncode == 1
    assert "no demonstration" in json.loads(refused.stdout)["error"]
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize(("patients", "goes_on"), [(200, True), (2000, False)])
def test_only_a_small_hospital_may_be_without_a_twin(
    monkeypatch: pytest.MonkeyPatch, patients: int, goes_on: bool
) -> None:
    """The noise may leave nobody of few people: the demonstration says so and goes on. Of many it would be a fault."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("the recipe tells of nobody")

    monkeypatch.setattr("lockgate.twin.making.make_twin", refuse)
    monkeypatch.setattr("lockgate.workspace.scope.load", lambda *_: None)
    monkeypatch.setattr(project, "open_release", lambda _: SimpleNamespace(tables={"person": patients}))
    story, site = Story(None), SimpleNamespace()
    if goes_on:
        project.try_on_twin(story, site, SimpleNamespace(slug="lg-2026-0001"))
        assert "tells of nobody" in story.facts["Twin"]["refused"]
    else:
        with pytest.raises(Refused):
            project.try_on_twin(story, site, SimpleNamespace(slug="lg-2026-0001"))
