"""A site whose staged rows a test writes itself, as capture would leave them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from lockgate.engine import Engine, literal, quote
from lockgate.schema import STAGED_LAYOUT, staged_columns
from lockgate.site import Site
from lockgate.site.files import make_dir

Stage = Callable[[str, list[dict[str, Any]]], None]


@pytest.fixture
def stage(site: Site) -> Stage:
    """``stage(table, rows)`` adds a batch with the rows; each call is a later version of what it repeats."""
    batches = 0

    def write(table: str, rows: list[dict[str, Any]]) -> None:
        nonlocal batches
        batches += 1
        batch = f"20260101T00000000{batches}Z-0000000{batches}"
        landed = make_dir(site.landing / batch)
        (landed / "batch.json").write_text(
            json.dumps({"source": "epr", "format": "fhir", "layout": STAGED_LAYOUT})
        )
        folder = make_dir(site.staged / batch)
        columns = staged_columns(table)
        with Engine(threads=1) as engine:
            shape = ", ".join(f"{quote(column.name)} {column.type}" for column in columns)
            engine.execute(f"CREATE TABLE t ({shape})")
            for number, row in enumerate(rows):
                common = {
                    "source": "epr",
                    "version_at": datetime(2026, 1, batches),
                    "deleted": False,
                    "item_hash": f"{batches:016d}{number:016d}",
                    "batch_id": batch,
                }
                values = common | row
                names = ", ".join(map(quote, values))
                engine.execute(
                    f"INSERT INTO t ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
                )
            engine.execute(f"COPY t TO {literal(folder / f'{table}.parquet')} (FORMAT parquet)")

    return write
