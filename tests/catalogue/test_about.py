"""What is published about a release: nothing small, nothing that gives it away, and nobody who objects."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.catalogue import list_abouts, open_about, publish_about
from lockgate.catalogue.changes import changed, told_once
from lockgate.cli import run
from lockgate.errors import Refused, UsageError
from lockgate.site import Site

GALLSTONES, RARE, MALE, FEMALE = 196456, 4242, 8507, 8532
CONCEPTS = [
    {
        "concept_id": GALLSTONES,
        "concept_name": "Gallstones",
        "vocabulary_id": "SNOMED",
        "concept_code": "235919008",
    },
    {"concept_id": RARE, "concept_name": "", "vocabulary_id": "ICD10", "concept_code": "E75.2"},
]


def make_release(site: Site, number: str, people: int, rare: int = 3) -> None:
    """So many people, every second with gallstones in 2024, a few with something rare; two of no stated sex."""
    folder = site.releases / number / "omop"
    folder.mkdir(parents=True)
    tables: dict[str, list[dict[str, Any]]] = {
        "person": [
            {
                "person_id": i,
                "gender_concept_id": 0 if i < 2 else (MALE, FEMALE)[i % 2],
                "year_of_birth": 1950 + i % 40,
                "race_source_value": "A",
            }
            for i in range(people)
        ],
        "observation_period": [
            {
                "person_id": i,
                "observation_period_start_date": date(2020, 1, 1),
                "observation_period_end_date": date(2025, 12, 31),
            }
            for i in range(people)
        ],
        "condition_occurrence": [
            {"person_id": i, "condition_concept_id": concept, "condition_start_date": date(2024, 5, 1)}
            for concept, who in (
                (GALLSTONES, [i for i in range(people) if i % 4 < 2]),
                (RARE, [i for i in range(people) if i % 4 < 2][:rare]),
            )
            for i in who
        ],
        "concept": CONCEPTS,
    }
    described = {}
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
        described[name] = {"file": f"omop/{name}.parquet", "rows": len(rows)}
    manifest = {"tables": described, "created_at": "2026-01-05T00:00:00+00:00"}
    (folder.parent / "manifest.json").write_text(json.dumps(manifest))


def figures(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                yield path.stem, row


def test_what_is_published_is_rounded_and_never_small(site: Site) -> None:
    make_release(site, "2026.1", 203)
    about = publish_about(site, actor="test")
    told = list(figures(about.path))
    assert about.facts["people"] == 205
    assert {page["name"] for page in about.facts["pages"]} >= {"people", "time", "records", "conditions"}
    for name, row in told:
        assert row["people"] == "[c]" or (int(row["people"]) % 5 == 0 and int(row["people"]) != 5), (
            name,
            row,
        )
    commonest = {row["concept"]: row for name, row in told if name == "condition_commonest"}
    # 102 people of 203, each rounded, and the rate from the rounded figures
    assert commonest["Gallstones"] == {"concept": "Gallstones", "people": "100", "per_1000": "487.8"}
    assert commonest["ICD10 E75.2"]["people"] == commonest["ICD10 E75.2"]["per_1000"] == "[c]"
    # two people of no stated sex
    sexes = {
        row["sex"]: row["people"]
        for name, row in told
        if name == "people_by_birth" and row["born"] == "Total"
    }
    assert sexes == {"Female": "100", "Male": "100", "Not stated": "[c]", "Total": "205"}
    for table in (t for page in about.facts["pages"] for t in page["tables"]):
        svg = (about.path / f"{table['name']}.svg").read_text(encoding="utf-8")
        assert 'role="img"' in svg and "<desc" in svg
    assert open_about(site).release == "2026.1"


def test_too_few_people_are_not_described(site: Site) -> None:
    make_release(site, "2026.1", 9)
    with pytest.raises(Refused, match="too few people"):
        publish_about(site, actor="test")
    assert list_abouts(site) == []
    with pytest.raises(UsageError, match="nothing is published"):
        open_about(site)


def test_two_releases_are_compared_by_what_is_public(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.catalogue.about.render_chart", lambda *_: "<svg></svg>")
    make_release(site, "2026.1", 200, rare=3)
    make_release(site, "2026.2", 260, rare=40)
    assert run(["--site", str(site.path), "characterise", "--release", "2026.1"]) == 0
    assert run(["--site", str(site.path), "characterise", "--release", "2026.2"]) == 0
    found = {(c.table, c.labels): c for c in changed(open_about(site, "2026.1"), open_about(site, "2026.2"))}
    rose = found["condition_commonest", "Gallstones"]
    assert (rose.change, rose.before, rose.after) == ("rose", 100, 130)
    # the first release withholds it: that it grew isn't told
    assert ("condition_commonest", "ICD10 E75.2") not in found
    # the first release has no table of it: that isn't a rise from nothing
    assert not [c for (table, _), c in found.items() if table.startswith(f"condition_{RARE}_by_")]
    once = told_once(open_about(site, "2026.1"), open_about(site, "2026.2"))
    assert once and {release for release, _ in once} == {"2026.2"}
    capsys.readouterr()
    assert run(["--site", str(site.path), "--json", "characterise", "compare", "2026.1", "2026.2"]) == 0
    assert len(json.loads(capsys.readouterr().out)["changes"]) == len(found)
