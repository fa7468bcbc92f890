"""A thousand faults of some thirty kinds in a whole hospital: each held with its own reason, everything else staged."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from lockgate.capture import batches, capture_fhir, capture_tables
from lockgate.capture.reasons import REASONS
from lockgate.engine import Engine, literal
from lockgate.errors import UsageError
from lockgate.schema.nhs_number import check_digit
from lockgate.site import Site
from lockgate.synthetic import generate

FAULTS = 1000
Place = tuple[str, int]


def outcomes(site: Site, source: str, folder: str) -> dict[Place, tuple[str, str | None]]:
    """What became of each item: (file, line) -> outcome at arrival, reason."""
    found: dict[Place, tuple[str, str | None]] = {}
    with Engine(threads=1) as engine:
        for batch in batches(site):
            if (batch.source == "epr") != (source == "epr"):
                continue
            rows = engine.rows(
                "SELECT r.file, r.line, r.outcome, q.reason"
                f" FROM read_parquet({literal(batch.raw)}) r LEFT JOIN read_parquet({literal(batch.quarantine)}) q"
                " ON q.file = r.file AND q.line = r.line AND q.item_hash = r.item_hash"
            )
            for file, line, outcome, reason in rows:
                place = (f"{folder}/{file}", line)
                assert place not in found
                found[place] = (outcome, reason)
    return found


def mistyped(folder: Path) -> dict[Place, str]:
    """Rows that the hospital's own clerks got wrong, seed or no seed: NHS numbers left out or mistyped."""
    found: dict[Place, str] = {}
    for name in ("primary_care", "deaths", "tissue", "incidents"):
        with (folder / "tables" / f"{name}.csv").open(newline="") as file:
            rows = csv.DictReader(file)
            for row in rows:
                number, place = row["nhs_number"], (f"tables/{name}.csv", rows.line_num)
                if not number and name in ("primary_care", "deaths"):
                    found[place] = "missing-required"
                elif number and str(check_digit(number[:9])) != number[9:]:
                    found[place] = "bad-nhs-number"
    return found


def sent_twice(folder: Path) -> set[Place]:
    """Rows of tables that are there once before, word for word."""
    found: set[Place] = set()
    for path in (folder / "tables").glob("*.csv"):
        before: set[bytes] = set()
        for line, text in enumerate(path.read_bytes().split(b"\n"), 1):
            if text and text in before:
                found.add((f"tables/{path.name}", line))
            before.add(text)
    return found


def test_each_of_a_thousand_faults_has_its_reason_and_every_good_row_is_staged(
    site: Site, tmp_path: Path
) -> None:
    summary = generate(tmp_path / "h", patients=60, seed=11, seeded=FAULTS)
    lines = (tmp_path / "h" / "truth" / "faults.jsonl").read_text().splitlines()
    planted = {(one["file"], one["line"]): one["reason"] for one in map(json.loads, lines)}
    assert len(lines) == len(planted) == FAULTS
    assert len({json.loads(line)["kind"] for line in lines}) >= 30
    assert len(set(planted.values())) >= 20 and set(planted.values()) <= REASONS.keys()
    always = {(one["file"], one["line"]): one["reason"] for one in summary.faults}
    assert not always.keys() & planted.keys()

    fhir = capture_fhir(site, tmp_path / "h" / "fhir", actor="test")
    tables = capture_tables(site, tmp_path / "h" / "tables", actor="test")
    for result in (fhir, *tables):
        assert result.received == result.staged + result.quarantined + result.duplicates
        assert sum(result.reasons.values()) == result.quarantined
    found = outcomes(site, "epr", "fhir") | outcomes(site, "tables", "tables")
    assert len(found) == fhir.received + sum(result.received for result in tables)

    held = {place: reason for place, (outcome, reason) in found.items() if outcome == "quarantined"}
    expected = (
        planted
        | mistyped(tmp_path / "h")
        | {place: reason for place, reason in always.items() if reason != "duplicate"}
    )
    assert held == expected
    repeats = {place for place, reason in always.items() if reason == "duplicate"} | sent_twice(
        tmp_path / "h"
    )
    assert {place for place, (outcome, _) in found.items() if outcome == "duplicate"} == repeats
    good = found.keys() - held.keys() - repeats
    assert Counter(found[place][0] for place in good) == {"staged": len(found) - len(held) - len(repeats)}


def test_the_same_seed_plants_the_same_faults(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate(tmp_path / name, patients=50, seed=5, seeded=60)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_too_few_faults_for_every_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not between"):
        generate(tmp_path / "h", patients=50, seed=5, seeded=3)
    assert not (tmp_path / "h").exists()
