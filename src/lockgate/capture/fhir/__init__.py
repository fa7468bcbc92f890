"""FHIR R4: NDJSON folders and Bundles, plain or gzip, into staged rows."""

from __future__ import annotations

from pathlib import Path

from lockgate.capture.batches import CaptureResult
from lockgate.capture.fhir.reader import FhirReader
from lockgate.capture.intake import run
from lockgate.capture.lines import find_files, read_chunks
from lockgate.errors import UsageError
from lockgate.site import Site

SUFFIXES = (".ndjson", ".jsonl", ".json")


def capture_fhir(site: Site, path: Path | str, *, source: str = "epr", actor: str) -> CaptureResult:
    """Capture a folder (or one file) of FHIR R4 resources as one batch of ``source``.

    Reads every ``.ndjson``, ``.jsonl`` and ``.json`` below ``path``, plain or ``.gz``. Bad items are quarantined
    with file, line and reason; the rest is staged. Raises UsageError when there is nothing to read.
    """
    files, passed = find_files(Path(path), SUFFIXES)
    if not files:
        raise UsageError(
            "no FHIR file here",
            where=str(path),
            remedy="name a folder with .ndjson, .jsonl or .json files (.gz too)",
        )
    warnings = (
        [f"not read, since their names end in none of {', '.join(SUFFIXES)}: {len(passed)} files"]
        if passed
        else []
    )
    return run(site, FhirReader(), read_chunks(files), source=source, actor=actor, warnings=warnings)


__all__ = ["FhirReader", "capture_fhir"]
