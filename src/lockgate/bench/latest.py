"""Latest state per key: the view every release reads, over versions that came in no order."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.bench.core import Measure
from lockgate.capture import latest_view
from lockgate.engine import Engine
from lockgate.site import Site

TARGET = 2_000_000
ROUNDS = 3
BATCHES = 5


def latest(quick: bool) -> list[Measure]:
    """Rows of staged conditions, 2.5 versions a record in shuffled order, to the one that counts, if any does."""
    count = 100_000 if quick else 5_000_000
    with tempfile.TemporaryDirectory(prefix="lockgate-bench-") as temporary:
        site = Site.init(Path(temporary) / "site", name="Bench")
        expected = _write(site, count)
        best, correct = float("inf"), True
        for _ in range(1 if quick else ROUNDS):
            with Engine() as engine:
                view = latest_view(engine, site, "allergy")
                started = time.process_time()
                found = engine.arrow(f"SELECT record_id, version_at FROM {view}")
                best = min(best, time.process_time() - started)
            correct &= _sum(found) == expected
    return [
        Measure("latest state per key", count / best, "rows per CPU-second", target=TARGET, correct=correct)
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
    names = pa.array(np.char.add("r", np.arange(keys).astype(str)))
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
            "item_hash": pa.array(np.char.zfill(rows.astype(str), 32)),
            "batch_id": pa.repeat(batch, len(rows)),
        }
        pq.write_table(pa.table(table), site.staged / batch / "allergy.parquet", compression="zstd")
    return len(living), int((record[living] * version[living] % 1_000_003).sum())


def _sum(found: pa.Table) -> tuple[int, int]:
    record = np.array([int(name[1:]) for name in found.column("record_id").to_pylist()], np.int64)
    version = found.column("version_at").cast(pa.int64()).to_numpy() // 1_000_000
    return found.num_rows, int((record * version % 1_000_003).sum())
