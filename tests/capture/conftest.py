"""Small sources to capture, and a way to count what became of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import CaptureResult, batches
from lockgate.engine import Engine
from lockgate.site import Site

UCUM = "http://unitsofmeasure.org"
NHS = "https://fhir.nhs.uk/Id/nhs-number"
Resource = dict[str, Any]


def patient(number: int = 1, **changes: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "name": [{"family": "Example", "given": ["Ada", "May"]}],
        "gender": "female",
        "birthDate": "1970-05-01",
        **changes,
    }


def encounter(number: int = 1, of: str = "Patient/p1", **changes: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"code": "IMP"},
        "subject": {"reference": of},
        "period": {"start": "2024-03-01T08:00:00+00:00", "end": "2024-03-02T08:00:00+00:00"},
        **changes,
    }


def observation(number: int = 1, of: str = "Patient/p1", **changes: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": of},
        "effectiveDateTime": "2024-03-01T09:00:00+00:00",
        "valueQuantity": {"value": 70, "unit": "/min", "system": UCUM, "code": "/min"},
        **changes,
    }


def write(path: Path, *items: Resource | str | bytes) -> Path:
    """Resources, or lines as they are, into an NDJSON file; packed where the name ends in .gz."""
    lines = [
        item if isinstance(item, bytes) else (item if isinstance(item, str) else json.dumps(item)).encode()
        for item in items
    ]
    content = b"".join(line + b"\n" for line in lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def adds_up(result: CaptureResult) -> bool:
    """Whether a result adds up, in all, per type and per file."""
    parts = [
        result.received == result.staged + result.quarantined + result.duplicates,
        sum(result.reasons.values()) == result.quarantined,
    ]
    for table in (result.by_type, result.by_file):
        for name in ("received", "staged", "quarantined", "duplicates"):
            parts.append(sum(counts[name] for counts in table.values()) == getattr(result, name))
    return all(parts)


@pytest.fixture
def rows(site: Site) -> Callable[..., list[tuple[Any, ...]]]:
    """Columns of a staged table over all batches, sorted."""

    def read(table: str, columns: str = "record_id", where: str = "true") -> list[tuple[Any, ...]]:
        files = [path for batch in batches(site) if (path := batch.table(table))]
        if not files:
            return []
        with Engine(threads=1) as engine:
            engine.view_parquet("t", files)
            return engine.rows(f"SELECT {columns} FROM t WHERE {where} ORDER BY ALL")

    return read


@pytest.fixture
def faults(site: Site) -> Callable[[], dict[tuple[str, int], str]]:
    """What is in quarantine now: (file, line) -> reason."""
    from lockgate.capture import list_held

    return lambda: {(item.file, item.line): item.reason for item in list_held(site, limit=10_000)[1]}
