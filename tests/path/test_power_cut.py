"""A power cut at any point of a capture or a build: nothing lost, nothing doubled, nothing half visible."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture import batches, status
from lockgate.curate import list_releases, verify_release
from lockgate.engine import Engine
from lockgate.schema import STAGED
from lockgate.site import Site
from lockgate.site.files import sha256_file

Trial = Callable[..., dict[str, Any]]
PATIENT = {"resourceType": "Patient", "gender": "female", "birthDate": "1970-05-01"}
SEEN = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "effectiveDateTime": "2024-03-01T09:00:00+00:00",
    "valueQuantity": {"value": 70, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
}


def _meta(hour: int) -> dict[str, str]:
    return {"lastUpdated": f"2024-03-01T{hour:02}:00:00Z"}


def _observation(number: int, hour: int = 1, **changes: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/p{number % 3}"}
    return {**SEEN, "id": f"o{number}", "subject": subject, "meta": _meta(hour), **changes}


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    """Ask the forking process for one trial."""
    program = [sys.executable, str(Path(__file__).with_name("power_cut.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(
            site: Path, *args: str, kill_at: int | None = None, keep: str | None = None
        ) -> dict[str, Any]:
            assert process.stdin is not None
            assert process.stdout is not None
            asked = {"args": ["--site", str(site), *args], "kill_at": kill_at, "keep": keep}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        yield ask
        process.stdin.close()


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, trial: Trial) -> Path:
    """A site that has some: a patient, and an observation that waits for another."""
    folder = tmp_path_factory.mktemp("power")
    site = Site.init(folder / "site", name="Test Hospital", seed="power")
    first = [{**PATIENT, "id": "p0", "meta": _meta(0)}, _observation(0), _observation(1)]
    (folder / "first.ndjson").write_text("".join(json.dumps(item) + "\n" for item in first))
    assert trial(site.path, "capture", "fhir", str(folder / "first.ndjson"))["code"] == 0
    items = [
        {**PATIENT, "id": "p1", "meta": _meta(0)},
        _observation(0, 2, status="entered-in-error"),
        _observation(3),
        _observation(4),  # held back: its patient never comes
        first[1],  # a duplicate
    ]
    lines = "".join(json.dumps(item) + "\n" for item in items)
    (folder / "second.ndjson").write_text(lines + "{broken\n")
    (folder / "postcodes.csv").write_text("pcds,lsoa21\nZZ99 3WZ,E01000001\nZZ99 3XZ,E01000002\n")
    return folder


def _state(path: Path) -> dict[str, Any]:
    """All that must be the same after a cut and a second run, by content; and the ledger adds up on the way."""
    site = Site.open(path)
    assert status(site)["adds_up"]
    state: dict[str, Any] = {}
    with Engine(threads=1) as engine:
        for table in STAGED:
            files = [file for batch in batches(site) if (file := batch.table(table))]
            if files:
                engine.view_parquet("t", files)
                # a table without a version column goes by the time of capture
                columns = "batch_id, version_at" if table == "postcode" else "batch_id"
                state[table] = engine.rows(f"SELECT * EXCLUDE ({columns}) FROM t ORDER BY ALL")
        raw = [str(batch.raw) for batch in batches(site)]
        kept = (
            "SELECT item_hash, file, line, raw FROM read_parquet(?) WHERE outcome <> 'duplicate' ORDER BY ALL"
        )
        state["raw"] = engine.rows(kept, [raw])
        now = status(site)
        state["counts"] = {name: now[name] for name in ("staged", "superseded", "cancelled", "quarantined")}
    return state


def _nothing_is_left(path: Path) -> None:
    site = Site.open(path)
    assert site.audit.verify() == []
    for zone in (site.landing, site.staged, site.staged / "index", site.releases):
        if zone.is_dir():
            assert not list(zone.glob(".*.partial"))
            assert not list((zone / ".spill").glob("*"))
    assert {one.name for one in site.staged.glob("2*Z-*")} <= {one.batch_id for one in batches(site)}
    entered = [entry.detail["batch"] for entry in site.audit.entries("capture.batch")]
    assert sorted(entered) == [batch.batch_id for batch in batches(site)]


def _copy(before: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(before, to))


def _points(steps: int, wanted: int) -> list[int]:
    """Points spread over all steps, the last ones among them: there things become visible.

    Every point there is where LOCKGATE_POWER_CUTS=every.
    """
    if os.environ.get("LOCKGATE_POWER_CUTS") == "every":
        return list(range(1, steps + 1))
    last = {steps - back for back in range(min(4, steps))}
    return sorted(last | {1 + (steps - 1) * n // wanted for n in range(wanted)})


@pytest.mark.parametrize(
    ("args", "wanted"), [(("fhir", "second.ndjson"), 4), (("table", "postcodes.csv"), 2)]
)
def test_a_capture_survives_a_cut_at_any_point(
    trial: Trial, before: Path, tmp_path: Path, args: tuple[str, ...], wanted: int
) -> None:
    command = ("capture", *args[:-1], str(before / args[-1]))
    whole = _copy(before / "site", tmp_path / "whole")
    told = trial(whole, *command)
    assert told["code"] == 0
    expected = _state(whole)
    arrived = len(batches(Site.open(before / "site")))
    assert len(batches(Site.open(whole))) == arrived + 1
    for point in _points(told["steps"], wanted):
        cut = _copy(before / "site", tmp_path / "cut")
        assert trial(cut, *command, kill_at=point)["code"] == -signal.SIGKILL
        if len(batches(Site.open(cut))) > arrived:  # else only what was there before can be seen
            assert _state(cut) == expected, f"half a batch is visible after a cut at step {point}"
        assert trial(cut, *command)["code"] == 0
        assert _state(cut) == expected, f"after a cut at step {point}"
        _nothing_is_left(cut)


def _released(path: Path) -> dict[str, str]:
    """The newest release: table -> SHA-256 of its file; every release that can be seen is whole."""
    site = Site.open(path)
    every = list_releases(site)
    for release in every:
        assert verify_release(site, release.number) == []
    if not every:
        return {}
    tables = every[-1].manifest["tables"]
    return {name: tables[name]["sha256"] for name in sorted(tables) if name != "cdm_source"}


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _visible(site: Path) -> str:
    """A digest of every file of a site that isn't hidden, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(site.rglob("*")):
        if path.is_file() and not _hidden(path.relative_to(site)):
            digest.update(f"{path.relative_to(site)} {sha256_file(path)}\n".encode())
    return digest.hexdigest()


def _leftovers(site: Path) -> tuple[str, ...]:
    """The places of what is hidden: all of it that a reader of releases comes by."""
    folders = (site, site / "releases", *(site / "releases").glob("*"))
    return tuple(
        str(path.relative_to(site))
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.glob(".*"))
    )


def _only_leftovers_are_hidden(site: Path) -> None:
    """What is hidden is what the next build clears without looking into it, or a lock."""
    for path in site.rglob("*"):
        parts = path.relative_to(site).parts
        hidden = [part for part in parts if part.startswith(".")]
        assert not hidden or hidden[0] in (".spill", ".lock") or hidden[0].endswith(".partial"), path


@pytest.mark.parametrize("batch", [False, True], ids=["the first release", "a release after a batch"])
def test_a_release_survives_a_cut_at_any_point(
    trial: Trial, before: Path, tmp_path: Path, batch: bool
) -> None:
    """At every step, not at some: what a death leaves on the disk is kept before each one, and all of it is looked at.

    The build is run again from each state that differs in a file which isn't hidden: what is hidden is cleared by the
    next build, whatever it holds (the fullest of each kind is taken to show that). From one in eight of these states,
    that is; from all of them with LOCKGATE_POWER_CUTS=every.
    """
    command = ("release", "build")
    start = _copy(before / "site", tmp_path / "start")
    if batch:
        others = [{**PATIENT, "id": f"q{number}", "meta": _meta(0)} for number in range(6)]
        (tmp_path / "others.ndjson").write_text("".join(json.dumps(item) + "\n" for item in others))
        assert trial(start, "capture", "fhir", str(tmp_path / "others.ndjson"))["code"] == 0
        assert trial(start, *command)["code"] == 0
        assert trial(start, "capture", "fhir", str(before / "second.ndjson"))["code"] == 0
    known = _released(start)
    whole, keep = _copy(start, tmp_path / "whole"), tmp_path / "kept"
    told = trial(whole, *command, keep=str(keep))
    assert told["code"] == 0
    expected = _released(whole)
    assert "measurement" in expected
    assert expected != known
    if batch:
        linked = [path for path in (whole / "releases").rglob("*.parquet") if path.stat().st_nlink > 1]
        assert linked, "the second build was not incremental"
    index = (whole / "staged" / "index" / "person_index.parquet").read_bytes()
    kinds: dict[str, Path] = {}
    looked: set[tuple[str, tuple[str, ...]]] = set()
    for cut in sorted(keep.iterdir()):
        _only_leftovers_are_hidden(cut)
        kind = _visible(cut)
        if (kind, _leftovers(cut)) not in looked:
            looked.add((kind, _leftovers(cut)))
            assert _released(cut) in (known, expected), (
                f"half a release is visible after a cut at step {cut.name}"
            )
        fullest = kinds.get(kind, cut)
        kinds[kind] = max(fullest, cut, key=lambda site: sum(1 for _ in site.rglob("*")))
    assert len(kinds) > 5
    every = list(kinds.values())
    if os.environ.get("LOCKGATE_POWER_CUTS") != "every":
        every = [*every[::8], every[-1]]
    for cut in every:
        assert trial(cut, *command)["code"] == 0
        assert _released(cut) == expected, f"after a cut at step {cut.name}"
        assert (cut / "staged" / "index" / "person_index.parquet").read_bytes() == index
        _nothing_is_left(cut)
        site = Site.open(cut)
        entered = [entry.detail["release"] for entry in site.audit.entries("release.built")]
        assert sorted(entered) == [release.number for release in list_releases(site)]


def test_a_capture_survives_being_killed_from_outside(before: Path, trial: Trial, tmp_path: Path) -> None:
    """Whatever it is doing: the points that no counter of calls knows, such as the middle of a write."""
    command = ["capture", "fhir", str(before / "second.ndjson")]
    whole = _copy(before / "site", tmp_path / "whole")
    assert trial(whole, *command)["code"] == 0
    expected = _state(whole)
    for seconds in (0.5 + random.Random(4).random(),):
        cut = _copy(before / "site", tmp_path / "cut")
        program = [
            sys.executable,
            "-c",
            "from lockgate.cli import main; main()",
            "--site",
            str(cut),
            *command,
        ]
        with subprocess.Popen(program, stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        assert trial(cut, *command)["code"] == 0
        assert _state(cut) == expected
        _nothing_is_left(cut)
