"""Characterisation of GiBleed multiplied to 1.0 M people, beside duckcdm's Achilles on a fraction of it.

``python -m lockgate.bench.characterise FOLDER OUT`` characterises a folder and prints what that took. Counts are held
against the golden of the set that was multiplied: each must be as many times what it was there.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.bench.core import Measure, environment, peak_memory
from lockgate.bench.gibleed import MILLION, SOURCE, multiply
from lockgate.characterise.catalogue import catalogue
from lockgate.characterise.run import STRATA, characterise, write_results
from lockgate.engine import Engine
from lockgate.errors import UsageError

GOLDEN = SOURCE.parent / "goldens" / f"achilles_{SOURCE.name}.parquet"
FRACTION = 20  # copies for the peer: 53,880 people, 6.9 M rows
PEER = ["duckcdm==0.4.7", "duckdb==2.0.0"]
_RAN = """
import json, sys, time, duckdb
from duckcdm.achilles import analysis_details, run_achilles
from duckcdm.omop import create_parquet_views
con = duckdb.connect(sys.argv[2])
con.execute("SET threads = 2; SET memory_limit = '4GB'")
create_parquet_views(con, sys.argv[1], versions=("5.3",), log=None, materialize=True)
wall, cpu = time.perf_counter(), time.process_time()
done, failed = run_achilles(
    con, cdm_version="5.3", analysis_ids=list(analysis_details()), small_cell_count=0, log=None)
print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "done": len(done),
                  "failed": len(failed)}))
"""


def run(quick: bool) -> list[Measure]:
    """Characterisation alone, on GiBleed multiplied for it."""
    if not SOURCE.is_dir():
        raise UsageError("the shared data isn't there", where=str(SOURCE), remedy="put it beside the clone")
    copies = 2 if quick else MILLION
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as name:
        multiply(Path(name) / "omop", copies)
        return measures(Path(name) / "omop", copies, quick)


def measures(folder: Path, copies: int = MILLION, quick: bool = False) -> list[Measure]:
    """Characterise ``folder`` (GiBleed ``copies`` times over) and the fraction, and run the peer on the fraction.

    The peer's time is carried to the whole by the number of rows: it grows faster than that (43 CPU-seconds for 10
    copies, 166 for 37), so the ratio is on the low side.
    """
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        fraction = 1 if quick else FRACTION
        small = here / "fraction"
        multiply(small, fraction)
        ours = _child(folder, here / "ours.parquet")
        part = _child(small, here / "part.parquet")
        right = _right(here / "ours.parquet", copies) and _right(here / "part.parquet", fraction)
        theirs = None if quick else _peer(here, small)
    scale = copies / fraction
    size = f"{copies * 2694:,} people"
    without = "duckcdm: not run" if quick else "duckcdm: not to be had"
    peer = f"duckcdm 0.4.7, {fraction} of {copies} copies, by rows" if theirs else without
    load = os.getloadavg()[0]
    told = f"characterisation, {size}, 294 analyses"
    against = [
        Measure(
            "characterisation, times faster than duckcdm's Achilles (CPU time)",
            theirs["cpu"] * scale / ours["cpu"], "x", 20.0, correct=right,
        )
    ] if theirs else []  # fmt: skip
    return [
        *against,
        Measure(
            f"{told}, CPU time", ours["cpu"], "s", None, False, peer,
            theirs["cpu"] * scale if theirs else None, right,
        ),
        Measure(
            f"{told}, wall time (load {load:.1f} at the end)", ours["wall"], "s", None, False, peer,
            theirs["wall"] * scale if theirs else None, right,
        ),
        Measure(
            f"characterisation of {fraction * 2694:,} people, CPU time", part["cpu"], "s", None, False,
            peer.partition(",")[0], theirs["cpu"] if theirs else None, right,
        ),
        Measure(f"characterisation, {size}, peak memory", ours["peak_gib"], "GiB", None if quick else 6.0, False),
    ]  # fmt: skip


def _child(folder: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "lockgate.bench.characterise", str(folder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return took


def _peer(folder: Path, small: Path) -> dict[str, Any] | None:
    python = environment(folder / "peer", PEER)
    if python is None:
        return None
    done = subprocess.run(
        [str(python), "-c", _RAN, str(small), str(folder / "peer.duckdb")], capture_output=True, text=True
    )
    if done.returncode:
        return None
    took: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return took


def _right(results: Path, copies: int) -> bool:
    """Whether every count is ``copies`` times the golden's, and shares and pairs are as they must be."""
    names = catalogue()
    # not counts of rows or people: shares are told with a count of 1; ranks go by people, told in strata
    odd = [n for n, each in names.items() if "Proportion" in each.strata or "ranking" in each.strata]
    odd += [0, 1833]  # the source's name; a share whose parts are strata
    ours, golden = pq.read_table(results), pq.read_table(GOLDEN)
    plain = ours.filter(pc.is_null(ours["min_value"]))
    return _counts(plain, odd) == {key: n * copies for key, n in _counts(golden, odd).items()}


def _counts(rows: pa.Table, but: list[int]) -> dict[tuple[Any, ...], int]:
    kept = rows.filter(pc.invert(pc.is_in(rows["analysis_id"], pa.array(but, pa.int32()))))
    keys = zip(*(kept.column(name).to_pylist() for name in ("analysis_id", *STRATA)), strict=True)
    return dict(zip(keys, kept.column("count_value").to_pylist(), strict=True))


def main(folder: Path, out: Path) -> None:
    """Characterise a folder; print seconds and memory as JSON."""
    started = time.perf_counter()
    with Engine(memory_limit="3GB", threads=2, temp_dir=out.parent) as engine:
        write_results(characterise(engine, folder).rows, out)
    used = resource.getrusage(resource.RUSAGE_SELF)
    took = {
        "wall": time.perf_counter() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_gib": peak_memory() / 2**20,
    }
    sys.stdout.write(json.dumps(took) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
