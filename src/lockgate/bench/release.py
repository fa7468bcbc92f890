"""``lockgate bench release``: a synthetic hospital from its staged rows to a verified release.

The peer is the least that any curation must do: reading every staged row and writing it to Parquet again.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from lockgate.bench.core import Measure
from lockgate.capture import capture_fhir, capture_tables, latest_view
from lockgate.curate import Release, build_release, open_release, verify_release
from lockgate.engine import Engine
from lockgate.schema import STAGED
from lockgate.site import Site
from lockgate.synthetic import generate

# Shares of the people of whom a batch tells something new.
SHARES = (0.001, 0.01, 0.1)


def run(quick: bool) -> list[Measure]:
    """Build and verify a release of 200 people (quick) or 2,000, then after small batches, incremental and in full."""
    people = 200 if quick else 2000
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as folder:
        files = Path(folder) / "hospital"
        generate(files, people, 1)
        site = Site.init(Path(folder) / "site", name="Bench", seed="bench")
        capture_fhir(site, files / "fhir", actor="bench")
        capture_tables(site, files / "tables", actor="bench")
        copied, copy_seconds = _copy(site, Path(folder))
        started = time.process_time()
        result = build_release(site, actor="bench")
        build_seconds = time.process_time() - started
        release = open_release(site, result.release)
        started = time.perf_counter()
        problems = verify_release(site, release.number)
        verify_seconds = time.perf_counter() - started
        small = [_incremental(site, Path(folder), people, share) for share in SHARES]
    received = sum(account["in"] for account in release.manifest["accounting"].values())
    return [
        Measure(
            f"staged rows curated per CPU-second ({people} people, free text scrubbed)",
            round(received / build_seconds),
            "rows/CPU-s",
            peer="read and write the same rows, nothing else",
            peer_value=round(copied / copy_seconds),
            correct=copied == _live(release),
        ),
        Measure(
            f"build of a release of {people} people", round(build_seconds, 1), "CPU-s", higher_is_better=False
        ),
        *small,
        Measure("verify it", round(verify_seconds, 3), "s", higher_is_better=False, correct=not problems),
    ]


def _copy(site: Site, folder: Path) -> tuple[int, float]:
    started = time.process_time()
    rows = 0
    with Engine() as engine:
        for table in STAGED:
            view = latest_view(engine, site, table)
            rows += engine.write_parquet(f"SELECT * FROM {view}", folder / f"{table}.parquet")
    return rows, time.process_time() - started


def _live(release: Release) -> int:
    """Rows that were neither superseded nor deleted: what the copy must have copied."""
    return sum(
        account["in"] - account["superseded"] - account["deleted"]
        for account in release.manifest["accounting"].values()
    )


def _incremental(site: Site, folder: Path, people: int, share: float) -> Measure:
    """A batch with something new of a share of the people, then a release of it, held against one built in full."""
    chosen = max(1, round(people * share))
    with Engine() as engine:
        view = latest_view(engine, site, "patient")
        refs = engine.rows(
            f"SELECT record_id FROM {view} WHERE source = 'epr' ORDER BY record_id LIMIT {chosen}"
        )
    batch = folder / f"batch-{chosen}"
    batch.mkdir()
    lines = [
        {
            "resourceType": "Observation",
            "id": f"bench-{chosen}-{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": f"Patient/{ref}"},
            "effectiveDateTime": "2025-06-01T10:00:00Z",
            "valueQuantity": {
                "value": 70 + number % 20,
                "system": "http://unitsofmeasure.org",
                "code": "/min",
            },
        }
        for number, (ref,) in enumerate(refs)
    ]
    (batch / "Observation.ndjson").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    capture_fhir(site, batch, actor="bench")
    started = time.process_time()
    small = build_release(site, actor="bench")
    seconds = time.process_time() - started
    started = time.process_time()
    whole = build_release(site, actor="bench", full=True)
    in_full = time.process_time() - started
    tables = (
        {name: table["sha256"] for name, table in made.manifest["tables"].items()} for made in (small, whole)
    )
    first, second = tables
    # the build in full keeps a state too: what the next batch goes on from is the same either way
    return Measure(
        f"release after a batch of {share:.1%} of {people} people",
        round(seconds, 2),
        "CPU-s",
        higher_is_better=False,
        peer="the same in full",
        peer_value=round(in_full, 2),
        correct=small.way == "incremental" and first == second,
    )
