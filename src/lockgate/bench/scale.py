"""Two registers of 1.0 M and 0.6 M people linked in a process of its own, and the public sets of the field.

``python -m lockgate.bench.scale FOLDER nhs`` links left.parquet and right.parquet of a folder and prints what it took.
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

from lockgate.bench.core import Measure, environment, peak_memory
from lockgate.bench.population import COLUMNS, population_files
from lockgate.engine import Engine
from lockgate.identity.linkage import link_tables, parse_map

PUBLIC = Path(__file__).resolve().parents[4] / "shared" / "data" / "linkage"
EXACT = "nhs_number+birth_date"
_FEBRL = (
    "given_name=given_name,family_name=surname,birth_date=date_of_birth,postcode=postcode,address=address_1,"
    "city=suburb,state=state,street_number=street_number"
)
_FAKE = "given_name=first_name,family_name=surname,birth_date=dob,city=city,email=email"
# The toolkit's own worked example of febrl4: its block, comparisons and unsupervised classifier.
_TOOLKIT = """
import json, sys
import pandas as pd, recordlinkage
a, b = (pd.read_csv(p, index_col="rec_id", sep=",", engine="c", skipinitialspace=True, dtype=str) for p in sys.argv[1:])
index = recordlinkage.Index()
index.block("given_name")
compare = recordlinkage.Compare()
compare.exact("given_name", "given_name", label="given_name")
compare.string("surname", "surname", method="jarowinkler", threshold=0.85, label="surname")
compare.exact("date_of_birth", "date_of_birth", label="date_of_birth")
compare.exact("suburb", "suburb", label="suburb")
compare.exact("state", "state", label="state")
compare.string("address_1", "address_1", threshold=0.85, label="address_1")
features = compare.compute(index.index(a, b), a, b)
found = recordlinkage.ECMClassifier().fit_predict(features)
print(json.dumps([list(pair) for pair in found]))
"""


def child(folder: Path, with_numbers: bool) -> dict[str, Any]:
    """Link the two files and hold the links against the truth (the number after the first letter of the id)."""
    columns = [name for name in COLUMNS if with_numbers or name != "nhs_number"]
    out = folder / "links.parquet"
    started = time.perf_counter()
    with Engine(memory_limit="2GB", temp_dir=folder) as engine:
        report = link_tables(
            engine,
            folder / "left.parquet",
            folder / "right.parquet",
            "id",
            parse_map(",".join(f"{name}={name}" for name in columns)),
            out,
        ).as_dict()
        wall = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_SELF)
        steps = engine.rows(
            "SELECT step, count(*), count(*) FILTER (substr(id_l, 2) = substr(id_r, 2)) "
            "FROM read_parquet($1) GROUP BY 1",
            [str(out)],
        )
    return {
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_gib": peak_memory() / 2**20,
        "steps": {str(step): [int(found), int(right)] for step, found, right in steps},
        "pairs_compared": report["pairs_compared"],
    }


def population_measures(quick: bool) -> list[Measure]:
    """1.0 M x 0.6 M with and without NHS numbers; F1, time (wall and CPU, with the load at the start) and memory."""
    measures: list[Measure] = []
    left, right = (1_500, 900) if quick else (1_000_000, 600_000)
    size = f"{left:,} x {right:,} people"
    with tempfile.TemporaryDirectory() as name:
        made = population_files(Path(name), left, right)
        for label, how, target in (
            ("with NHS numbers", "nhs", 0.997),
            ("without NHS numbers", "without", 0.99),
        ):
            load = os.getloadavg()[0]
            done = subprocess.run(
                [sys.executable, "-m", "lockgate.bench.scale", name, how],
                capture_output=True,
                text=True,
                check=True,
            )
            took = json.loads(done.stdout.splitlines()[-1])
            found, true = (sum(counts[place] for counts in took["steps"].values()) for place in (0, 1))
            measures.append(
                Measure(f"{size} {label}, pair F1", 2 * true / max(1, found + made.shared), "", target)
            )
            if EXACT in took["steps"]:
                linked, right_ones = took["steps"][EXACT]
                measures.append(
                    Measure(
                        "NHS number + birth date step, precision",
                        right_ones / max(1, linked),
                        "",
                        1.0,
                        correct=right_ones == linked,
                    )
                )
            timed = f"{size} {label}, wall time (load {load:.1f} at the start)"
            measures += [
                Measure(timed, took["wall"], "s", None if quick else 90.0, False),
                Measure(f"{size} {label}, CPU time", took["cpu"], "s", None, False),
                Measure(
                    f"{size} {label}, peak memory", took["peak_gib"], "GiB", None if quick else 3.0, False
                ),
            ]
    return measures


def public_measures(quick: bool = False) -> list[Measure]:
    """febrl4 and fake_1000 where they are to hand; febrl4 beside the Record Linkage Toolkit's worked example.

    Quick: febrl4 with its number only, and no peer.
    """
    if not PUBLIC.is_dir():
        return []
    measures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        a, b = (PUBLIC / "febrl" / f"dataset4{half}.csv" for half in "ab")
        without = f"recordlinkage: {'not run' if quick else 'not to be had'}"
        peer = None if quick else _toolkit(folder, a, b)
        for label, mapping in (
            ("febrl4, pair F1", f"{_FEBRL},other_id=soc_sec_id"),
            *([] if quick else [("febrl4 without its number, pair F1", _FEBRL)]),
        ):
            with Engine() as engine:
                link_tables(engine, a, b, "rec_id", parse_map(mapping), folder / "links.parquet")
                pairs = engine.rows(
                    "SELECT id_l, id_r FROM read_parquet($1)", [str(folder / "links.parquet")]
                )
            measures.append(
                Measure(
                    label, _febrl_f1(pairs), "", 0.999,
                    peer="recordlinkage 0.16, its example" if peer else without, peer_value=peer,
                )
            )  # fmt: skip
        if quick:
            return measures
        with Engine() as engine:
            link_tables(
                engine,
                PUBLIC / "fake_1000.csv",
                None,
                "unique_id",
                parse_map(_FAKE),
                folder / "links.parquet",
            )
            found, right, true = engine.rows(
                f"""
                WITH person AS (SELECT unique_id, cluster FROM read_csv('{PUBLIC / "fake_1000.csv"}'))
                SELECT count(*), count(*) FILTER (l.cluster = r.cluster), (
                    SELECT count(*) FROM person AS a JOIN person AS b
                      ON a.cluster = b.cluster AND a.unique_id < b.unique_id)
                FROM read_parquet($1) AS p JOIN person AS l ON l.unique_id = p.id_l
                JOIN person AS r ON r.unique_id = p.id_r""",
                [str(folder / "links.parquet")],
            )[0]
        measures.append(Measure("fake_1000, clustered pair F1", 2 * right / max(1, found + true), ""))
    return measures


def _febrl_f1(pairs: list[tuple[Any, ...]]) -> float:
    right = sum(str(a).strip().split("-")[1] == str(b).strip().split("-")[1] for a, b in pairs)
    return 2 * right / (len(pairs) + 5000)


def _toolkit(folder: Path, a: Path, b: Path) -> float | None:
    """F1 of the toolkit's worked example on the same files, in an environment of its own; None if it can't be had."""
    python = environment(folder / "toolkit", ["recordlinkage==0.16"])
    if python is None:
        return None
    done = subprocess.run([str(python), "-c", _TOOLKIT, str(a), str(b)], capture_output=True, text=True)
    if done.returncode:
        return None
    return _febrl_f1([tuple(pair) for pair in json.loads(done.stdout)])


if __name__ == "__main__":
    print(json.dumps(child(Path(sys.argv[1]), sys.argv[2] == "nhs")))
