"""Faults by the number, planted among the sound lines of a hospital that is written: what a proof of capture needs.

Each planted line is a copy of the sound one before it, under an id of its own, with one thing wrong. Which kinds, where
and in what order follows from the seed; ``truth/faults.jsonl`` names every one with its file, its line and the reason
for which capture must hold it.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lockgate.errors import UsageError
from lockgate.schema.nhs_number import check_digit
from lockgate.synthetic.fhir.common import NHS_NUMBER, UCUM

MOST = 100_000
Resource = dict[str, Any]
Change = Callable[[Resource], "Resource | bytes"]
Shifts = dict[str, list[int]]  # file -> the lines (as first written) behind which something was planted


@dataclass(frozen=True, slots=True)
class Planted:
    """One faulty item: its file below the hospital's folder, its line, what was done to it, and capture's reason."""

    file: str
    line: int
    kind: str
    reason: str


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _with(**changes: object) -> Change:
    return lambda resource: resource | changes


def _without(name: str) -> Change:
    return lambda resource: {key: value for key, value in resource.items() if key != name}


def _broken(resource: Resource) -> bytes:
    return _dumps(resource).replace(b'":', b'" ', 1)


def _cut(resource: Resource) -> bytes:
    line = _dumps(resource)
    return line[: len(line) * 2 // 3]


def _latin(resource: Resource) -> bytes:
    return _dumps(resource | {"language": "caf@"}).replace(b"caf@", "café".encode("latin-1"))


def _null_byte(resource: Resource) -> bytes:
    return _dumps(resource)[:-1] + b"\x00}"


def _quantity(**changes: object) -> Change:
    return _with(valueQuantity={"value": 78, "unit": "/min", "system": UCUM, "code": "/min"} | changes)


def _endless(resource: Resource) -> bytes:
    return _dumps(resource | {"valueQuantity": {"value": 12345.5}}).replace(b"12345.5", b"1e400")


def _number(ninth: int, *, right: bool) -> str:
    nine = f"999{ninth % 1_000_000:06d}"
    digit = check_digit(nine)
    while digit is None:
        ninth += 1
        nine = f"999{ninth % 1_000_000:06d}"
        digit = check_digit(nine)
    return nine + str(digit if right else (digit + 1) % 10)


def _numbered(*right: bool) -> Change:
    def change(resource: Resource) -> Resource:
        first = int(resource["id"].rpartition("-")[2]) * 7
        values = [_number(first + place * 11, right=one) for place, one in enumerate(right)]
        return resource | {"identifier": [{"system": NHS_NUMBER, "value": value} for value in values]}

    return change


_SECOND_PART_WRONG = [
    {"code": {"text": "first"}, "valueInteger": 1},
    {"code": {"text": "second"}, "valueQuantity": {"value": "78"}},
]
_NOBODY = "Patient/nobody-of-this-name"
# What is done -> (capture's reason, the file it is planted in, how).
FHIR: dict[str, tuple[str, str, Change]] = {
    "a colon is missing": ("not-json", "Observation", _broken),
    "the line is cut": ("not-json", "Condition", _cut),
    "a byte is Latin-1": ("not-utf8", "Condition", _latin),
    "a null byte": ("not-utf8", "Observation", _null_byte),
    "a list, no object": ("not-an-object", "Encounter", lambda resource: _dumps([resource])),
    "no resourceType": ("no-resource-type", "Observation", _without("resourceType")),
    "a type FHIR has not": ("unknown-resource-type", "Observation", _with(resourceType="Observatory")),
    "a type not staged": ("not-staged-yet", "Condition", _with(resourceType="Goal")),
    "no id": ("no-id", "Observation", lambda resource: resource | {"id": "", "language": resource["id"]}),
    "a Bundle of nothing": (
        "empty-bundle",
        "Observation",
        lambda resource: {"resourceType": "Bundle", "id": resource["id"], "type": "batch", "entry": []},
    ),
    "no status": ("missing-required", "Observation", _without("status")),
    "no subject": ("missing-required", "Condition", _without("subject")),
    "a code that is a number": ("wrong-type", "Condition", _with(code={"coding": [{"code": 44054006}]})),
    "a code in the second coding that is a number": (
        "wrong-type",
        "Observation",
        _with(code={"coding": [{"code": "8867-4"}, {"code": 7}]}),
    ),
    "a coding that is no list": ("wrong-type", "Encounter", _with(type=[{"coding": {"code": "1"}}])),
    "a value that is text, in the second component": (
        "wrong-type",
        "Observation",
        _with(component=_SECOND_PART_WRONG),
    ),
    "a number of 400 digits": ("impossible-number", "Observation", _endless),
    "30 February": ("impossible-date", "Condition", _with(onsetDateTime="2023-02-30")),
    "an end before its start": (
        "impossible-date",
        "Encounter",
        _with(period={"start": "2024-03-02T08:00:00Z", "end": "2024-03-01T08:00:00Z"}),
    ),
    "born in the future": ("impossible-date", "Patient", _with(birthDate="2999-01-01")),
    "a wrong check digit": ("bad-nhs-number", "Patient", _numbered(False)),
    "two NHS numbers": ("two-nhs-numbers", "Patient", _numbered(True, True)),
    "furlongs": ("unknown-unit", "Observation", _quantity(code="furlong")),
    "a patient nobody sent": ("missing-reference", "Observation", _with(subject={"reference": _NOBODY})),
    "an encounter nobody sent": (
        "missing-reference",
        "Condition",
        _with(encounter={"reference": "Encounter/none-of-this-name"}),
    ),
    "a group of people": ("not-a-patient", "Condition", _with(subject={"reference": "Group/P0000001"})),
    "a modifier nobody knows": (
        "unknown-modifier",
        "Observation",
        _with(modifierExtension=[{"url": "https://lockgate.example/not-really", "valueBoolean": True}]),
    ),
}
# Tables: what is done -> (reason, table, column, value). No column: a value too many.
TABLES: dict[str, tuple[str, str, str, str]] = {
    "a wrong check digit in a table": ("bad-nhs-number", "incidents", "nhs_number", "9990000017"),
    "no date in a table": ("missing-required", "incidents", "reported_at", ""),
    "31 April in a table": ("impossible-date", "incidents", "occurred_at", "2024-04-31T10:00:00+01:00"),
    "a code of no list in a table": ("bad-code", "incidents", "harm", "catastrophic"),
    "a value too many in a table": ("wrong-columns", "staffing", "", ""),
    "hours that are words in a table": ("wrong-type", "staffing", "planned_rn_hours", "many"),
    "a shift of no list in a table": ("bad-code", "staffing", "shift", "teatime"),
}
_NAMED = {"incidents": "incident_id", "staffing": "ward_code"}
# Whole files, once each.
FILES = 2
ENDING = 12


def plant(out: Path, count: int, seed: int) -> tuple[list[Planted], Shifts]:
    """Plant ``count`` faults into the hospital in ``out`` and write ``truth/faults.jsonl``; needs its files whole.

    Returns what was planted, and where lines moved. Raises UsageError for a number that does not fit every kind once.
    """
    kinds = [*FHIR, *TABLES]
    least = len(kinds) + FILES
    if not least <= count <= MOST:
        raise UsageError(
            f"{count} faults is not between {least} and {MOST}",
            remedy=f"there are {least} kinds, each is planted at least once: choose --faults",
        )
    draw = random.Random(f"faults/{seed}")  # noqa: S311 - no secret
    chosen = kinds + draw.choices(kinds, k=count - least)
    draw.shuffle(chosen)
    planted: list[Planted] = []
    shifts: Shifts = {}
    numbered = list(enumerate(chosen))
    for name in sorted({file for _, file, _ in FHIR.values()}):
        mine = [(number, kind) for number, kind in numbered if kind in FHIR and FHIR[kind][1] == name]
        path = f"fhir/{name}.ndjson.gz"
        planted += _among_lines(out, path, mine, draw, shifts.setdefault(path, []))
    for name in sorted({table for _, table, _, _ in TABLES.values()}):
        mine = [(number, kind) for number, kind in numbered if kind in TABLES and TABLES[kind][1] == name]
        planted += _at_the_end(out, f"tables/{name}.csv", mine)
    planted += _whole_files(out)
    planted.sort(key=lambda one: (one.file, one.line))
    lines = "".join(json.dumps(asdict(one)) + "\n" for one in planted)
    (out / "truth" / "faults.jsonl").write_text(lines, encoding="utf-8")
    return planted, shifts


def _among_lines(
    out: Path, name: str, mine: list[tuple[int, str]], draw: random.Random, behind: list[int]
) -> Iterator[Planted]:
    """Rewrite a file line by line with faults between; ``behind`` gets the lines they stand behind."""
    path, part = out / name, out / f"{name}.part"
    with gzip.open(path, "rb") as stream:
        total = sum(1 for _ in stream)
    # not among the last lines: what stands there is faulty or a repeat already
    places = sorted(draw.choices(range(1, max(2, total - ENDING)), k=len(mine)))
    waiting = list(zip(places, mine, strict=True))[::-1]
    found: list[Planted] = []
    with gzip.open(path, "rb") as source, part.open("wb") as file:
        target = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0, compresslevel=3)
        written, sound = 0, b""
        for line, text in enumerate(source, 1):
            target.write(text)
            written += 1
            sound = text if _is_sound(text) else sound
            while waiting and waiting[-1][0] == line:
                _, (number, kind) = waiting.pop()
                target.write(_faulty(kind, sound, number) + b"\n")
                written += 1
                behind.append(line)
                found.append(Planted(name, written, kind, FHIR[kind][0]))
        target.close()
    part.replace(path)
    return iter(found)


def _is_sound(text: bytes) -> bool:
    try:
        resource = json.loads(text)
    except ValueError:
        return False
    return "id" in resource and resource.get("status") != "entered-in-error"


def _faulty(kind: str, sound: bytes, number: int) -> bytes:
    changed = FHIR[kind][2](json.loads(sound) | {"id": f"fault-{number}"})
    return changed if isinstance(changed, bytes) else _dumps(changed)


def _at_the_end(out: Path, name: str, mine: list[tuple[int, str]]) -> Iterator[Planted]:
    """Append faulty rows to a table: its first row, with one value changed."""
    path = out / name
    content = path.read_bytes()
    head, first = content.decode("utf-8").splitlines()[:2]
    names, values = head.split(","), first.split(",")
    if len(names) != len(values):
        raise AssertionError(f"the first row of {name} has a value in quotes")
    line = content.count(b"\n") + (not content.endswith(b"\n"))
    added, found = [], []
    for number, kind in mine:
        reason, table, column, value = TABLES[kind]
        row = dict(zip(names, values, strict=True)) | {_NAMED[table]: f"XF{number:06d}"}
        row |= {column: value} if column else {}
        line += 1
        added.append(",".join([*row.values(), *([] if column else ["one too many"])]))
        found.append(Planted(name, line, kind, reason))
    path.write_bytes(
        content + (b"" if content.endswith(b"\n") else b"\n") + "".join(f"{row}\n" for row in added).encode()
    )
    return iter(found)


def _whole_files(out: Path) -> list[Planted]:
    """A gzip file that breaks off, with sound lines before the break; and one that is none."""
    noise = random.Random("a file that breaks off")  # noqa: S311 - no secret
    places = b"".join(
        _dumps(
            {
                "resourceType": "Location",
                "id": f"broken-{number}",
                "name": f"Room {number}",
                "description": noise.randbytes(60).hex(),
            }
        )
        + b"\n"
        for number in range(2000)
    )
    packed = gzip.compress(places, mtime=0)
    packed = packed[: len(packed) // 2]
    (out / "fhir" / "Broken.ndjson.gz").write_bytes(packed)
    whole = zlib.decompressobj(wbits=31).decompress(packed).count(b"\n")
    (out / "fhir" / "NoGzip.ndjson.gz").write_bytes(b"this was never packed\n")
    return [
        Planted("fhir/Broken.ndjson.gz", whole + 1, "a packed file that breaks off", "truncated-file"),
        Planted(
            "fhir/NoGzip.ndjson.gz", 0, "a file that is not packed, though it says so", "unreadable-file"
        ),
    ]


def moved(line: int, behind: list[int]) -> int:
    """Where a line stands now."""
    return line + sum(1 for place in behind if place < line)
