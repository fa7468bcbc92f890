"""Governed FHIR capture: hashed, told from duplicates, checked, typed, kept raw and committed; and its replay.

The peer is DuckDB's ``read_json`` of the same file in the same run with the columns named: no hash, no check, no raw
copy, no lineage. Speeds are per second of processor time, all threads summed.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lockgate.bench.core import Measure
from lockgate.capture import capture_fhir, staged_view, status
from lockgate.engine import Engine, literal
from lockgate.site import Site

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "fhir" / "tietai-20-patients"
PEOPLE, STAYS = 20, 200
TARGET, REPLAY_TARGET, RATIO_TARGET = 60_000, 200_000, 0.1
UCUM = "http://unitsofmeasure.org"


def run(quick: bool) -> list[Measure]:
    """Capture a folder of Observations with its patients and encounters, twice, and read it bare."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
        folder = Path(temporary)
        expected = _write(folder / "in", 20_000 if quick else 400_000)
        _capture_once(
            folder / "warm", _write_small(folder / "small")
        )  # imports and first plans are not measured
        site = Site.init(folder / "site", name="Bench")
        first, seconds = _capture(site, folder / "in")
        again, replay_seconds = _capture(site, folder / "in")
        bare, bare_seconds = _bare(folder / "in" / "Observation.ndjson")
        with Engine() as engine:
            view = staged_view(engine, site, "result")
            staged, whole = engine.rows(
                f"SELECT count(DISTINCT split_part(record_id, '#', 1)),"
                f" count(*) FILTER (patient_ref IS NOT NULL AND code IS NOT NULL) = count(*) FROM {view}"
            )[0]
        correct = (
            (first == (expected, expected, 0)) and staged == bare and bool(whole) and status(site)["adds_up"]
        )
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        peer = "DuckDB read_json, bare"
        return [
            Measure(
                "governed FHIR capture",
                expected / seconds,
                "resources per CPU-second",
                target=TARGET,
                peer=peer,
                peer_value=bare / bare_seconds,
                correct=correct,
            ),
            Measure(
                "governed capture as a share of the bare reader",
                (expected / seconds) / (bare / bare_seconds),
                "of its speed",
                target=RATIO_TARGET,
                correct=correct,
            ),
            Measure(
                "replay of a folder already captured",
                expected / replay_seconds,
                "resources per CPU-second",
                target=REPLAY_TARGET,
                peer=peer,
                peer_value=bare / bare_seconds,
                correct=again == (expected, 0, expected),
            ),
            Measure("peak memory", memory, "MiB", higher_is_better=False),
        ]


def _capture(site: Site, folder: Path) -> tuple[tuple[int, int, int], float]:
    started = time.process_time()
    result = capture_fhir(site, folder, actor="bench")
    return (result.received, result.staged, result.duplicates), time.process_time() - started


def _capture_once(site: Path, folder: Path) -> None:
    capture_fhir(Site.init(site, name="Warm"), folder, actor="bench")


def _bare(path: Path) -> tuple[int, float]:
    columns = (
        "{id: 'VARCHAR', status: 'VARCHAR', category: 'STRUCT(coding STRUCT(\"system\" VARCHAR, code VARCHAR)[])[]',"
        " code: 'STRUCT(coding STRUCT(\"system\" VARCHAR, code VARCHAR, display VARCHAR)[])',"
        " subject: 'STRUCT(reference VARCHAR)', encounter: 'STRUCT(reference VARCHAR)', effectiveDateTime: 'VARCHAR',"
        " valueQuantity: 'STRUCT(\"value\" DOUBLE, unit VARCHAR, code VARCHAR)'}"
    )
    with Engine() as engine:
        started = time.process_time()
        engine.execute(
            f"CREATE TABLE bare AS SELECT * FROM read_json({literal(path)}, format = 'newline_delimited',"
            f" columns = {columns})"
        )
        seconds = time.process_time() - started
        return int(engine.one("SELECT count(*) FROM bare")), seconds


def _write(folder: Path, wanted: int) -> int:
    """The input: real Observations repeated under new ids where they are at hand, else generated ones."""
    folder.mkdir()
    real = (REAL / "Observation.ndjson").is_file()
    source = REAL if real else _write_small(folder.parent / "generated")
    total = 0
    for name in ("Patient", "Encounter"):
        content = (source / f"{name}.ndjson").read_bytes()
        (folder / f"{name}.ndjson").write_bytes(content)
        total += content.count(b"\n") + (not content.endswith(b"\n"))
    lines = (source / "Observation.ndjson").read_bytes().splitlines()
    with (folder / "Observation.ndjson").open("wb") as stream:
        for number in range(wanted):
            line = lines[number % len(lines)]
            stream.write(line.replace(b'"id":"', b'"id":"%d-' % (number // len(lines)), 1) + b"\n")
    return total + wanted


def _write_small(folder: Path) -> Path:
    folder.mkdir()
    for name, resources in (("Patient", _people()), ("Encounter", _stays()), ("Observation", _seen())):
        text = "".join(json.dumps(resource, separators=(",", ":")) + "\n" for resource in resources)
        (folder / f"{name}.ndjson").write_text(text)
    return folder


def _people() -> Iterator[dict[str, object]]:
    for number in range(PEOPLE):
        yield {"resourceType": "Patient", "id": f"p{number}", "gender": "female", "birthDate": "1960-01-01"}


def _stays() -> Iterator[dict[str, object]]:
    for number in range(STAYS):
        yield {
            "resourceType": "Encounter",
            "id": f"e{number}",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/p{number % PEOPLE}"},
        }


def _seen() -> Iterator[dict[str, object]]:
    for number in range(2000):
        stay = number % STAYS
        yield {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "category": [
                {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                            "code": "vital-signs",
                        }
                    ]
                }
            ],
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
            "subject": {"reference": f"Patient/p{stay % PEOPLE}"},
            "encounter": {"reference": f"Encounter/e{stay}"},
            "effectiveDateTime": "2024-01-01T00:00:00+00:00",
            "valueQuantity": {"value": 60 + number % 40, "unit": "/min", "system": UCUM, "code": "/min"},
        }
