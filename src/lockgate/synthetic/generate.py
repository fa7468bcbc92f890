"""Writes a whole synthetic hospital into a folder: FHIR, tables of other sources, truth."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lockgate.errors import UsageError
from lockgate.synthetic.faults import faults, resent_lines
from lockgate.synthetic.fhir import resources
from lockgate.synthetic.letters import SETS
from lockgate.synthetic.ndjson import write_lines
from lockgate.synthetic.seeded import moved, plant
from lockgate.synthetic.sources import DEFAULT, Sources, choose_sources, write_sources
from lockgate.synthetic.sources.community import LFPSE_FROM
from lockgate.synthetic.sources.write import write_linkage, write_planted
from lockgate.synthetic.strings import dates
from lockgate.synthetic.tables import write_tables
from lockgate.synthetic.truth import write_effects, write_identifiers, write_people
from lockgate.synthetic.world import World, make_world

FEWEST, MOST = 50, 900_000  # the test range of NHS numbers holds some 909,000


@dataclass(frozen=True)
class Summary:
    """What was written: lines per FHIR file, rows per table, messages per feed, lines of truth, faults planted."""

    out: Path
    patients: int
    seed: int
    fhir: dict[str, int]
    tables: dict[str, int]
    truth: dict[str, int]
    faults: list[dict[str, Any]]
    seconds: float
    hl7v2: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The summary as one JSON object."""
        return {**asdict(self), "out": str(self.out)}


def generate(
    out: Path,
    patients: int = 2000,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
    *,
    force: bool = False,
    seeded: int = 0,
    sources: str = "default",
    letters: str = "",
) -> Summary:
    """Write a synthetic hospital of ``patients`` people into ``out``; the same seed writes the same bytes.

    ``seeded`` faults more are planted all over its files, each told in ``truth/faults.jsonl``. ``sources`` says what is
    written: ``default`` (FHIR and the demo's tables), ``all``, or names of ``sources.CHOICES`` parted by commas; the
    people and events are the same, as they are with ``letters`` (a name in ``letters.SETS``): then the notes are in the
    styles of that set's houses.

    ``out`` appears only when it is whole. A folder that is there already is refused, unless ``force`` is given and
    it is a synthetic hospital. Raises UsageError for a number of patients outside what the test range of NHS
    numbers allows.
    """
    started = time.perf_counter()
    if not FEWEST <= patients <= MOST:
        raise UsageError(
            f"{patients} patients is not between {FEWEST} and {MOST}", remedy="choose --patients"
        )
    chosen = choose_sources(sources)
    if seeded and not chosen >= set(DEFAULT):
        raise UsageError("faults are planted in the default sources", remedy="add default to --sources")
    if letters and letters not in SETS:
        raise UsageError(f"there is no set of letters {letters!r}", remedy=f"choose of {', '.join(SETS)}")
    _clear(out, force)
    say = progress or (lambda text: None)
    world = make_world(patients, seed, say, letters=letters)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        (part / "truth").mkdir(parents=True)
        lines: dict[str, int] = {}
        planted: list[dict[str, Any]] = []
        if "fhir" in chosen:
            say("FHIR files")
            (part / "fhir").mkdir()
            lines, planted = _write_fhir(world, part / "fhir")
        say("tables")
        until = dates([LFPSE_FROM])[0].as_py() if "lfpse" in chosen else ""
        tables = write_tables(world, part / "tables", chosen, until)
        more = Sources()
        if chosen - set(DEFAULT):
            say("other sources")
            more = write_sources(world, tables, part, chosen)
        told = 0
        if seeded:
            say("faults")
            told, lines, planted = _plant(part, seeded, seed, lines, planted)
        say("truth")
        truth = write_people(world, tables, part / "truth")
        truth["identifiers"] = write_identifiers(world, tables, part / "truth" / "identifiers.jsonl")
        truth["linkage"] = write_linkage(world, tables, more, chosen, part / "truth")
        if more.rows or more.messages:
            truth["planted"] = write_planted(more, part / "truth")
        if told:
            truth["faults"] = told
        write_effects(world, tables, planted, part / "truth" / "effects.json")
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    seconds = round(time.perf_counter() - started, 2)
    rows = {**tables.rows, **more.rows}
    return Summary(out, patients, seed, lines, rows, truth, planted, seconds, more.messages)


def _plant(
    part: Path, count: int, seed: int, lines: dict[str, int], first: list[dict[str, Any]]
) -> tuple[int, dict[str, int], list[dict[str, Any]]]:
    """Plant faults; how many, and the lines of the files and of what was planted before, as they are now."""
    found, shifts = plant(part, count, seed)
    first = [{**one, "line": moved(one["line"], shifts.get(one["file"], []))} for one in first]
    lines = {kind: number + len(shifts.get(f"fhir/{kind}.ndjson.gz", [])) for kind, number in lines.items()}
    return len(found), lines, first


def _clear(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError("there is a file of that name", where=str(out), remedy="name a new folder")
    if not any(out.iterdir()):
        return
    ours = (out / "truth" / "effects.json").is_file() and (out / "truth" / "people.parquet").is_file()
    if not (force and ours):
        remedy = "--force replaces it" if ours else "name a new folder"
        raise UsageError("the folder is not empty", where=str(out), remedy=remedy)


def _write_fhir(world: World, folder: Path) -> tuple[dict[str, int], list[dict[str, Any]]]:
    lines: dict[str, int] = {}
    planted: list[dict[str, Any]] = []
    wrong = faults()
    for kind, blocks in resources(world).items():
        extra = [fault.line for fault in wrong if fault.kind == kind]
        again = resent_lines(blocks[0]) if kind == "Observation" else []
        name = f"{kind}.ndjson.gz"
        lines[kind] = write_lines(folder / name, blocks, [*extra, *again])
        first = lines[kind] - len(extra) - len(again) + 1
        reasons = [(fault.reason, fault.detail) for fault in wrong if fault.kind == kind]
        reasons += [("duplicate", "sent a second time, unchanged")] * len(again)
        planted += [
            {"file": f"fhir/{name}", "line": first + place, "reason": reason, "detail": detail}
            for place, (reason, detail) in enumerate(reasons)
        ]
    return lines, planted
