"""Governed FHIR capture: hashed, told from duplicates, checked, typed, kept raw and committed; and its replay.

The peer is DuckDB's ``read_json`` of the same file in the same run with the columns named: no hash, no check, no raw
copy, no lineage. Speeds are per second of processor time, all threads summed, the best of ROUNDS; memory is the peak
of a process of its own that captures, for an input and for one ten times as large.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lockgate.bench import hl7v2
from lockgate.bench.core import Measure
from lockgate.bench.latest import latest
from lockgate.capture import capture_fhir, staged_view, status
from lockgate.engine import Engine, literal
from lockgate.site import Site

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "fhir" / "tietai-20-patients"
PEOPLE, STAYS = 20, 200
TARGET, REPLAY_TARGET, RATIO_TARGET, FLAT_TARGET = 60_000, 200_000, 0.1, 1.3
ROUNDS = 3
UCUM = "http://unitsofmeasure.org"
_PEAK = (
    "import sys; from pathlib import Path; from lockgate.site import Site;"
    " from lockgate.bench.core import peak_memory; from lockgate.capture import capture_fhir;"
    " capture_fhir(Site.init(Path(sys.argv[1]), name='Bench'), Path(sys.argv[2]), actor='bench');"
    " print(peak_memory() / 1024)"
)


def run(quick: bool) -> list[Measure]:
    """Each part of the benchmark in turn."""
    return [measure for part in PARTS for measure in part(quick)]


def speed(quick: bool) -> list[Measure]:
    """Capture a folder of Observations with its patients and encounters, again, and read it bare."""
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
        folder = Path(temporary)
        expected = _write(folder / "in", 5_000 if quick else 400_000)
        file = folder / "in" / "Observation.ndjson"
        # Imports and first plans are not measured.
        _capture(Site.init(folder / "warm", name="Warm"), _write_small(folder / "small"))
        taken, again, peer = [], [], []
        correct = repeated = True
        for number in range(1 if quick else ROUNDS):
            site = Site.init(folder / f"site{number}", name="Bench")
            first, seconds = _capture(site, folder / "in")
            replay, replay_seconds = _capture(site, folder / "in")
            bare, bare_seconds = _bare(file)
            taken.append(expected / seconds)
            again.append(expected / replay_seconds)
            peer.append(bare / bare_seconds)
            correct &= (
                first == (expected, expected, 0) and _equal(site, file) and bool(status(site)["adds_up"])
            )
            repeated &= replay == (expected, 0, expected)
        return [
            Measure(
                "governed FHIR capture",
                max(taken),
                "resources per CPU-second",
                target=TARGET,
                peer=(name := "DuckDB read_json, bare"),
                peer_value=max(peer),
                correct=correct,
            ),
            Measure(
                "governed capture as a share of the bare reader",
                max(taken) / max(peer),
                "of its speed",
                target=RATIO_TARGET,
                correct=correct,
            ),
            Measure(
                "replay of a folder already captured",
                max(again),
                "resources per CPU-second",
                target=REPLAY_TARGET,
                peer=name,
                peer_value=max(peer),
                correct=repeated,
            ),
        ]


def memory(quick: bool) -> list[Measure]:
    """The peak of a process that captures, for an input and for ten times as much."""
    count = 300 if quick else 120_000
    peaks = []
    for times in (1, 10):
        with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
            folder = Path(temporary)
            _write(folder / "in", count * times)
            told = subprocess.run(
                [sys.executable, "-c", _PEAK, str(folder / "site"), str(folder / "in")],
                check=True,
                capture_output=True,
                text=True,
            )
            peaks.append(float(told.stdout.split()[-1]))
    said = f"{count * 10:,} Observations"
    return [
        Measure(
            f"peak memory of a capture of {count:,} Observations", peaks[0], "MiB", higher_is_better=False
        ),
        Measure(f"peak memory of a capture of {said}", peaks[1], "MiB", higher_is_better=False),
        Measure(
            "peak memory when the input grows tenfold",
            peaks[1] / peaks[0],
            "times",
            target=FLAT_TARGET,
            higher_is_better=False,
        ),
    ]


# HL7 v2 and other formats add theirs here.
PARTS: list[Callable[[bool], list[Measure]]] = [speed, memory, latest, hl7v2.measures]


def _capture(site: Site, folder: Path) -> tuple[tuple[int, int, int], float]:
    started = time.process_time()
    result = capture_fhir(site, folder, actor="bench")
    return (result.received, result.staged, result.duplicates), time.process_time() - started


def _bare(path: Path) -> tuple[int, float]:
    with Engine() as engine:
        started = time.process_time()
        engine.execute(f"CREATE TABLE bare AS SELECT * FROM {_read_json(path)}")
        seconds = time.process_time() - started
        return int(engine.one("SELECT count(*) FROM bare")), seconds


def _read_json(path: Path) -> str:
    columns = (
        "{id: 'VARCHAR', status: 'VARCHAR', category: 'STRUCT(coding STRUCT(\"system\" VARCHAR, code VARCHAR)[])[]',"
        " code: 'STRUCT(coding STRUCT(\"system\" VARCHAR, code VARCHAR, display VARCHAR)[])',"
        " subject: 'STRUCT(reference VARCHAR)', encounter: 'STRUCT(reference VARCHAR)', effectiveDateTime: 'VARCHAR',"
        " valueQuantity: 'STRUCT(\"value\" DOUBLE, unit VARCHAR, code VARCHAR)'}"
    )
    return f"read_json({literal(path)}, format = 'newline_delimited', columns = {columns})"


def _equal(site: Site, path: Path) -> bool:
    """Whether the staged rows are those of an independent reading of the file.

    Compared for each Observation: id, status, category, code, display, patient, encounter, the clock time sent,
    value and unit (LOINC's code where there are several); and that none came twice or is left out.
    """
    target = "regexp_extract({}.reference, '[^/:]+$')"
    with Engine() as engine:
        staged = staged_view(engine, site, "result")
        ours = (
            "SELECT DISTINCT split_part(record_id, '#', 1) AS id, status, category, patient_ref, encounter_ref,"
            f" strftime(effective_at, '%Y-%m-%dT%H:%M:%S') AS at FROM {staged}"
        )
        theirs = (
            f"SELECT id, status, category[1].coding[1].code, {target.format('subject')}, {target.format('encounter')},"
            f" left(effectiveDateTime, 19) FROM {_read_json(path)}"
        )
        values = (
            "SELECT record_id, code, display, value_number, unit"
            f" FROM {staged} WHERE value_number IS NOT NULL AND parent_ref IS NULL"
        )
        sent = (
            "SELECT id, coding.code, coding.display, valueQuantity.value, coalesce(valueQuantity.unit,"
            " valueQuantity.code) FROM (SELECT *, coalesce(list_filter(code.coding, lambda c: c.system ="
            f" 'http://loinc.org')[1], code.coding[1]) AS coding FROM {_read_json(path)})"
            " WHERE valueQuantity.value IS NOT NULL"
        )
        return all(
            engine.one(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})") == 0
            for one, other in ((ours, theirs), (theirs, ours), (values, sent), (sent, values))
        )


def _write(folder: Path, wanted: int) -> int:
    """The input: real Observations repeated as other people's, in other stays, at other seconds; how many resources.

    Where the real ones are not at hand, generated ones.
    """
    folder.mkdir()
    real = (REAL / "Observation.ndjson").is_file()
    source = REAL if real else _write_small(folder.parent / "generated")
    lines = (source / "Observation.ndjson").read_bytes().splitlines()
    total = wanted
    for name in ("Patient", "Encounter"):
        with (folder / f"{name}.ndjson").open("wb") as stream:
            content = (source / f"{name}.ndjson").read_bytes().splitlines()
            for copy in range(-(-wanted // len(lines))):
                stream.writelines(_renamed(line, copy) + b"\n" for line in content)
                total += len(content)
    second = re.compile(rb"(T\d\d:\d\d:)\d\d(?:\.\d+)?")
    with (folder / "Observation.ndjson").open("wb") as stream:
        for number in range(wanted):
            line = _renamed(lines[number % len(lines)], number // len(lines))
            at = b"\\g<1>%02d.%06d" % (number % 60, number % 999_983)
            stream.write(second.sub(at, line) + b"\n")
    return total


def _renamed(line: bytes, copy: int) -> bytes:
    """A resource as that of another person: ids and references get a number."""
    line = line.replace(b'"id":"', b'"id":"%d-' % copy, 1).replace(b'"urn:uuid:', b'"urn:uuid:%d-' % copy)
    return re.sub(rb'"(Patient|Encounter)/', rb'"\g<1>/%d-' % copy, line)


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
