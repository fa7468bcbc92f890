"""The view of the latest versions, worked out by sorting keys, held against the order that defines it."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.capture import latest_view, newest, sortkeys, staged_view
from lockgate.capture.sortkeys import CHECK, KEY, PARTS, keys_of_rows, with_keys
from lockgate.capture.spool import conform, staged_schema
from lockgate.capture.views import newest_first
from lockgate.engine import Engine
from lockgate.site import Site

# Few, so that many rows share one; the ends are no times that arithmetic can hold; None: unknown.
TIMES = [0, 1, -1, 10**15, -(10**15), 2**63 - 1, -(2**63) + 1, 9_223_372_036_854_775_000, None]


def rows(rng: random.Random, parts: bool) -> list[dict[str, object]]:
    made = []
    for _ in range(rng.randrange(1, 60)):
        record = rng.choice("abcé")
        made.append(
            {
                "source": rng.choice(["epr", "lab"]),
                "record_id": record + (rng.choice(["", "#1", "#2"]) if parts else ""),
                "version_at": rng.choice(TIMES[: rng.choice([2, 5, len(TIMES)])]),
                "deleted": rng.random() < 0.2,
                "item_hash": f"{rng.randrange(4):032d}",
                "patient_ref": str(rng.randrange(10**6)),
            }
        )
    return made


def write(site: Site, table: str, number: int, made: list[dict[str, object]]) -> None:
    batch = f"20260101T00000000{number}Z-00000000"
    for zone in (site.landing, site.staged):
        (zone / batch).mkdir(parents=True)
    (site.landing / batch / "batch.json").write_text(json.dumps({"source": "epr", "format": "fhir"}))
    columns = {name: [row[name] for row in made] for name in made[0]}
    times = pa.array(columns.pop("version_at"), pa.timestamp("us"))
    rows = pa.table({**columns, "version_at": times, "batch_id": [batch] * len(made)})
    rows = conform(rows, staged_schema(table))
    if number % 2:  # others are of before there were keys, or were hashed otherwise
        rows = with_keys(table, rows)
    elif number:
        rows = rows.append_column("sort0_key", pa.array([7] * len(made), pa.int64()))
    pq.write_table(rows, site.staged / batch / f"{table}.parquet", row_group_size=7)


@pytest.mark.parametrize("table", ["allergy", "condition", "death", "encounter"])
def test_keys_choose_the_rows_that_the_order_puts_first(table: str, tmp_path: Path) -> None:
    _hold(table, tmp_path, 12)


@pytest.mark.parametrize("table", ["allergy", "condition"])
def test_records_that_share_a_key_are_told_apart(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few(table: str, rows: pa.Table) -> dict[str, np.ndarray]:
        found = keys_of_rows(table, rows)
        return found | {KEY: (found[CHECK] >> np.uint64(1)) % np.uint64(3)}

    for module in (newest, sortkeys):
        monkeypatch.setattr(module, "keys_of_rows", few)
    _hold(table, tmp_path, 4)


@pytest.mark.parametrize("table", ["allergy", "condition"])
def test_a_share_of_the_records_at_a_time(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "ROWS", 7)
    monkeypatch.setattr(newest, "AT_ONCE", 5)
    monkeypatch.setattr(newest, "IN_CACHE", 2)
    _hold(table, tmp_path, 4)


def _hold(table: str, tmp_path: Path, seeds: int) -> None:
    for seed in range(seeds):
        rng = random.Random(f"{table} {seed}")
        site = Site.init(tmp_path / str(seed), name="Test")
        for number in range(rng.randrange(1, 4)):
            write(site, table, number, rows(rng, parts=PARTS.get(table) == table))
        with Engine(threads=1) as engine:
            view, staged = latest_view(engine, site, table), staged_view(engine, site, table)
            whole = PARTS.get(table) != table
            record = "record_id" if whole else "split_part(record_id, '#', 1)"
            # dense_rank on both: rows that one item says twice of one record are alike in all that orders them
            ranked = (
                f"SELECT *, dense_rank() OVER (PARTITION BY source, {record} ORDER BY {newest_first(table)}) AS newest"
                f" FROM {staged}"
            )
            told = "source, record_id, version_at, item_hash, batch_id"
            expected = engine.rows(
                f"SELECT {'DISTINCT' if whole else ''} {told} FROM ({ranked}) WHERE newest = 1 AND NOT deleted"
                " ORDER BY ALL"
            )
            assert engine.rows(f"SELECT {told} FROM {view} ORDER BY ALL") == expected, seed
            assert engine.columns(f"SELECT * FROM {view}") == engine.columns(f"SELECT * FROM {staged}")
