"""``lockgate bench release``: a synthetic hospital from its staged rows to a verified release.

The peer is the least that any curation must do: reading every staged row and writing it to Parquet again. Then
releases after small batches, incremental, each held against the same release built in full. LOCKGATE_BENCH_PEOPLE sets
the number of people; above 2,000 only the last one is also built in full: it goes on from those before.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from lockgate.bench.core import Measure
from lockgate.capture import capture_fhir, capture_tables, latest_view
from lockgate.curate import Release, build_release, open_release, verify_release
from lockgate.engine import Engine
from lockgate.schema import STAGED
from lockgate.site import Site
from lockgate.synthetic import generate

# Shares of the people of whom a batch tells something new.
SHARES = (0.001, 0.01, 0.1)
PEOPLE = 2000


def run(quick: bool) -> list[Measure]:
    """Build and verify a release of 2,000 people, then after small batches, incremental and in full.

    ``quick``: of 60 people, and after one batch.
    """
    people = 60 if quick else int(os.environ.get("LOCKGATE_BENCH_PEOPLE", PEOPLE))
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
        small = []
        for share in SHARES[1:2] if quick else SHARES:
            checked = people <= PEOPLE or share == SHARES[-1]
            small.append(_incremental(site, Path(folder), people, share, None if checked else build_seconds))
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


def _incremental(site: Site, folder: Path, people: int, share: float, in_full: float | None) -> Measure:
    """A batch with something new of a share of the people, then a release of it, held against one built in full.

    With ``in_full``, what the first build in full took, it is held against that alone.
    """
    capture_fhir(site, _batch(site, folder, max(1, round(people * share))), actor="bench")
    started = time.process_time()
    small = build_release(site, actor="bench")
    seconds = time.process_time() - started
    same = None
    if in_full is None:
        started = time.process_time()
        whole = build_release(site, actor="bench", full=True)
        in_full = time.process_time() - started
        first, second = (
            {name: table["sha256"] for name, table in made.manifest["tables"].items()}
            for made in (small, whole)
        )
        same = first == second
    # the build in full keeps a state too: what the next batch goes on from is the same either way
    return Measure(
        f"release after a batch of {share:.1%} of {people} people ({seconds / in_full:.1%} of a full one)",
        round(seconds, 2),
        "CPU-s",
        higher_is_better=False,
        peer="the same in full",
        peer_value=round(in_full, 2),
        correct=small.way == "incremental" and same is not False,
    )


def _batch(site: Site, folder: Path, chosen: int) -> Path:
    """Of some people a visit, with a diagnosis, a result and a note, as FHIR."""
    with Engine() as engine:
        view = latest_view(engine, site, "patient")
        refs = engine.rows(
            f"SELECT record_id FROM {view} WHERE source = 'epr' ORDER BY md5(record_id) LIMIT {chosen}"
        )
    batch = folder / f"batch-{chosen}"
    batch.mkdir()
    when = "2025-06-01T10:00:00Z"
    for kind, more in _RESOURCES.items():
        lines: list[dict[str, Any]] = []
        for number, (ref,) in enumerate(refs):
            visit = f"bench-{chosen}-{number}"
            subject: dict[str, Any] = {"subject": {"reference": f"Patient/{ref}"}}
            if kind != "Encounter":
                visit_ref = {"reference": f"Encounter/{visit}"}
                subject |= (
                    {"context": {"encounter": [visit_ref]}}
                    if kind == "DocumentReference"
                    else {"encounter": visit_ref}
                )
            lines.append(
                {"resourceType": kind, "id": visit, "meta": {"lastUpdated": when}, **subject, **more}
            )
        (batch / f"{kind}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return batch


_NOTE = base64.b64encode(b"Seen today, feeling well. No change to the plan.").decode()
_RESOURCES: dict[str, dict[str, Any]] = {
    "Encounter": {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "period": {"start": "2025-06-01T09:30:00Z", "end": "2025-06-01T10:30:00Z"},
    },
    "Condition": {
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
        "onsetDateTime": "2025-06-01",
    },
    "Observation": {
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "effectiveDateTime": "2025-06-01T10:00:00Z",
        "valueQuantity": {"value": 72, "system": "http://unitsofmeasure.org", "code": "/min"},
    },
    "DocumentReference": {
        "status": "current",
        "type": {"text": "Clinic letter"},
        "date": "2025-06-01T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": _NOTE}}],
    },
}
