"""Latest state per key: the view every release reads, over versions that came in no order."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.bench.core import Measure
from lockgate.capture import latest_view
from lockgate.capture.spool import Spool, conform, staged_schema
from lockgate.engine import Engine
from lockgate.site import Site

TARGET = 2_000_000
ROUNDS = 3
BATCHES = 5
STATE = "source, record_id, version_at, item_hash, batch_id"
COLUMNS = (STATE, "*")


def latest(quick: bool) -> list[Measure]:
    """Rows of a staged table, 2.5 versions a record in shuffled order, to the one that counts, if any does."""
    count = 20_000 if quick else 5_000_000
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
        site = Site.init(Path(temporary) / "site", name="Bench")
        expected = _write(site, count)
        best, correct = dict.fromkeys(COLUMNS, float("inf")), True
        for _ in range(1 if quick else ROUNDS):
            for columns in COLUMNS:
                with Engine() as engine:
                    started = time.process_time()
                    view = latest_view(engine, site, "allergy")
                    engine.execute(f"CREATE TEMP TABLE latest AS SELECT {columns} FROM {view}")
                    best[columns] = min(best[columns], time.process_time() - started)
                    found = engine.arrow("SELECT record_id, version_at FROM latest")
                correct &= _sum(found) == expected
    return [
        Measure(
            "latest state per key (record, version, item)",
            count / best[STATE],
            "rows per CPU-second",
            target=TARGET,
            correct=correct,
        ),
        Measure(
            "latest state per key, every column read and written",
            count / best["*"],
            "rows per CPU-second",
            correct=correct,
        ),
    ]


def _write(site: Site, count: int) -> tuple[int, int]:
    """Staged batches; what a plain reading of the rule makes of them: how many records live, and a sum of which."""
    rng = np.random.default_rng(20_261_122)
    keys = count * 2 // 5
    record = np.concatenate([np.arange(keys), rng.integers(0, keys, count - keys)])
    rng.shuffle(record)
    version = rng.permutation(count)  # no two alike: which wins is never in doubt
    deleted = rng.random(count) < 0.05
    order = np.argsort(version)
    winner = np.empty(keys, np.int64)
    winner[record[order]] = order  # the last write, the greatest version, stays
    living = winner[~deleted[winner]]
    names = pc.binary_join_element_wise("r", pa.array(np.arange(keys)).cast(pa.string()), "")
    for number, rows in enumerate(np.array_split(np.arange(count), BATCHES)):
        batch = f"20260101T00000000{number}Z-00000000"
        for zone in (site.landing, site.staged):
            (zone / batch).mkdir(parents=True)
        (site.landing / batch / "batch.json").write_text(json.dumps({"source": "epr", "format": "fhir"}))
        table = {
            "source": pa.repeat("epr", len(rows)),
            "record_id": names.take(pa.array(record[rows])),
            "version_at": pa.array(version[rows] * 1_000_000, pa.timestamp("us")),
            "deleted": pa.array(deleted[rows]),
            "item_hash": pc.utf8_lpad(pa.array(rows).cast(pa.string()), 32, "0"),
            "batch_id": pa.repeat(batch, len(rows)),
            "patient_ref": names.take(pa.array(record[rows] // 10)),
            "code_system": pa.repeat("SNOMED", len(rows)),
            "code": pa.array(record[rows] % 500).cast(pa.string()),
        }
        spool = Spool(site.staged / batch)  # as a capture writes it
        spool.write("allergy", conform(pa.table(table), staged_schema("allergy")))
        spool.paths("allergy")[0].rename(site.staged / batch / "allergy.parquet")
    return len(living), int((record[living] * version[living] % 1_000_003).sum())


def _sum(found: pa.Table) -> tuple[int, int]:
    record = np.array([int(name[1:]) for name in found.column("record_id").to_pylist()], np.int64)
    version = found.column("version_at").cast(pa.int64()).to_numpy() // 1_000_000
    return found.num_rows, int((record * version % 1_000_003).sum())
