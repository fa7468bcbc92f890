"""Raw items by their hash or place, and the staged rows that came of them: what tracing reads."""

from __future__ import annotations

import re
from typing import Any

from lockgate.capture.batches import Batch, batches
from lockgate.capture.outcomes import outcomes_view
from lockgate.engine import Engine, literal
from lockgate.errors import UsageError
from lockgate.site import Site

_PLACE = re.compile(r"(.+):([0-9]+)")
_HASH = re.compile(r"[0-9a-f]{6,32}")
STATES = ("current", "superseded", "cancelled")


def find_items(engine: Engine, site: Site, named: str) -> list[dict[str, Any]]:
    """Every arrival of a raw item, by the first six or more digits of its hash or as FILE:LINE; with its outcome.

    Makes the views ``outcome`` and ``row_state``. UsageError when nothing, or items of several hashes, are named so.
    """
    view = outcomes_view(engine, site, batches(site))
    place = _PLACE.fullmatch(named)
    if place:
        where, values = "file = ? AND line = ?", [place[1], int(place[2])]
    elif _HASH.fullmatch(named):
        where, values = "starts_with(item_hash, ?)", [named]
    else:
        raise UsageError(
            "an item is named by at least six digits of its hash, or as FILE:LINE", where=named[:80]
        )
    names = ("item_hash", "source", "batch", "file", "line", "kind", "received_at", "outcome")
    rows = engine.rows(
        "SELECT item_hash, source, batch_id, file, line, kind, received_at, disposition"
        f" FROM {view} WHERE {where} ORDER BY batch_id, file, line LIMIT 1000",
        values,
    )
    if not rows:
        raise UsageError("no such item has arrived", where=named[:80])
    if not place and len({row[0] for row in rows}) > 1:
        raise UsageError("several items begin so", where=named, remedy="give more digits")
    return [dict(zip(names, row, strict=True)) for row in rows]


def origin(engine: Engine, visible: list[Batch], source: str, item_hash: str) -> dict[str, Any] | None:
    """Where an item of a source first arrived: batch, file, line, received_at, kind and its raw text."""
    files = [literal(batch.raw) for batch in visible if batch.source == source and batch.raw.exists()]
    if not files:
        return None
    rows = engine.rows(
        "SELECT split_part(filename, '/', -2), file, line, received_at, kind, raw"
        f" FROM read_parquet([{', '.join(files)}], filename = true)"
        " WHERE item_hash = ? AND outcome <> 'duplicate' ORDER BY 1 LIMIT 1",
        [item_hash],
    )
    names = ("batch", "file", "line", "received_at", "kind", "raw")
    return dict(zip(names, rows[0], strict=True)) if rows else None
