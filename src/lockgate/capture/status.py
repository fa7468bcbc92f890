"""What has arrived so far and where it is now: per batch, per source and in all, adding up."""

from __future__ import annotations

from typing import Any

from lockgate.capture.batches import Batch, batches
from lockgate.engine import Engine, literal
from lockgate.site import Site

COUNTS = ("received", "staged", "quarantined", "duplicates")


def status(site: Site) -> dict[str, Any]:
    """Counts of raw items, as they stand now.

    In all and per source, an item that left quarantine counts as staged; per batch, ``recovered_later`` says how
    many of its quarantined items did. ``adds_up`` holds the counts of batch.json against the raw items on disk.
    """
    visible = batches(site)
    left = _left(visible)
    rows = []
    for batch in visible:
        later = left.get(batch.batch_id, 0)
        rows.append(
            {
                "batch": batch.batch_id,
                "source": batch.source,
                "format": batch.format,
                "received_at": batch.facts["received_at"],
                **{name: batch.facts[name] for name in COUNTS},
                "recovered_later": later,
                "in_quarantine": batch.facts["quarantined"] - later,
            }
        )
    sources = {}
    for name in sorted({batch.source for batch in visible}):
        sources[name] = _sum([row for row in rows if row["source"] == name])
    total = _sum(rows)
    return {**total, "adds_up": total["adds_up"] and _agrees(visible), "sources": sources, "batches": rows}


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    later = sum(row["recovered_later"] for row in rows)
    total = {name: sum(row[name] for row in rows) for name in COUNTS}
    total["staged"] += later
    total["quarantined"] -= later
    return {
        **total,
        "adds_up": total["received"] == total["staged"] + total["quarantined"] + total["duplicates"],
    }


def _left(visible: list[Batch]) -> dict[str, int]:
    """How many items of each batch later batches took out of quarantine."""
    files = ", ".join(literal(batch.recovered) for batch in visible if batch.recovered.exists())
    if not files:
        return {}
    with Engine(threads=1) as engine:
        return dict(engine.rows(f"SELECT batch_id, count(*) FROM read_parquet([{files}]) GROUP BY batch_id"))


def _agrees(visible: list[Batch]) -> bool:
    """Whether every batch.json says what its raw.parquet holds."""
    if not visible:
        return True
    files = ", ".join(literal(batch.raw) for batch in visible)
    with Engine(threads=1) as engine:
        counted = engine.rows(
            "SELECT split_part(filename, '/', -2), count(*), count(*) FILTER (outcome = 'staged'),"
            " count(*) FILTER (outcome = 'quarantined'), count(*) FILTER (outcome = 'duplicate')"
            f" FROM read_parquet([{files}], filename = true) GROUP BY 1"
        )
    found = {row[0]: row[1:] for row in counted}
    return all(
        found.get(batch.batch_id, (0, 0, 0, 0)) == tuple(batch.facts[name] for name in COUNTS)
        for batch in visible
    )
