"""``lockgate bench release``: a synthetic hospital from its staged rows to a verified release.

The peer is the least that any curation must do: reading every staged row and writing it to Parquet again.
"""

from __future__ import annotations

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


def run(quick: bool) -> list[Measure]:
    """Build and verify a release of 200 people (quick) or 2,000."""
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
