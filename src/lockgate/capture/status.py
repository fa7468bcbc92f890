"""What has arrived so far and what became of it: per batch, source and type, and in all, adding up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lockgate.capture.batches import EMPTY, Batch, batches, spill_dir
from lockgate.capture.outcomes import DISPOSITIONS, outcomes_view
from lockgate.capture.quarantine import held
from lockgate.capture.tabular.load import known_contracts
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.schema import STAGED
from lockgate.site import Site

COUNTS = ("received", "staged", "superseded", "duplicates", "cancelled", "quarantined")
_NAMES = {"duplicate": "duplicates"}
_ARRIVED = ("received", "staged", "quarantined", "duplicates")


def status(site: Site, *, batch: str = "") -> dict[str, Any]:
    """Counts of raw items as they stand now: of one batch where named, else of all.

    Every item is one of staged, superseded, duplicate, cancelled and quarantined (see ``capture.outcomes``); an item
    that left quarantine counts as what its rows are, and ``recovered_later`` says how many of a batch did.
    ``adds_up`` is true when the five make ``received`` in each batch and in all, the counts that batch.json took down
    at the arrival are those of the raw items on disk, and the quarantine holds as many items as are counted in it.
    ``flagged_times`` counts staged rows whose clock time comes twice or never, ``empty`` names the batches whose file
    held no row though its contract does not say that it may, ``objections_held`` counts what waits in quarantine of
    the kinds of item that may say that somebody objects. UsageError where there is no such batch.
    """
    visible = batches(site)
    shown = [one for one in visible if not batch or one.batch_id == batch]
    if batch and not shown:
        raise UsageError(
            "there is no such batch", where=batch, remedy="`lockgate capture status` lists every batch"
        )
    config = site.config.engine
    with Engine(
        memory_limit=config.memory_limit or None,
        threads=config.threads or None,
        temp_dir=spill_dir(site) if visible else None,
    ) as engine:
        view = outcomes_view(engine, site, visible)
        where = "WHERE batch_id = ?" if batch else ""
        counted = engine.rows(
            f"SELECT batch_id, coalesce(kind, 'unknown'), disposition, count(*), count(*) FILTER (rowless) FROM {view}"
            f" {where} GROUP BY ALL ORDER BY ALL",
            [batch] if batch else None,
        )
        waiting = dict(engine.rows(f"SELECT batch_id, count(*) FROM ({held(visible)}) GROUP BY batch_id"))
        arrived = _arrived(engine, shown)
        flagged = flagged_times(engine, [batch] if batch else [])
        objections = objections_held(engine, site, shown)
    of: dict[str, list[tuple[Any, ...]]] = {}
    for row in counted:
        of.setdefault(row[0], []).append(row)
    rows = [_batch(one, of.get(one.batch_id, [])) for one in shown]
    sources = {}
    for name in sorted({one.source for one in shown}):
        sources[name] = _sum(row for row in rows if row["source"] == name)
    total = _sum(rows)
    agrees = all(
        arrived.get(one.batch_id, (0, 0, 0, 0)) == tuple(one.facts[name] for name in _ARRIVED)
        for one in shown
    )
    held_alike = all(row["quarantined"] == waiting.get(row["batch"], 0) for row in rows)
    return {
        **total,
        "adds_up": agrees and held_alike and all(row["adds_up"] for row in [total, *rows]),
        "by_type": _by_type((row[1], row[2], row[3]) for row in counted),
        "rowless": sum(row[4] for row in counted),
        "flagged_times": flagged,
        "empty": [
            {"batch": one.batch_id, "source": one.source}
            for one in shown
            if any(warning.startswith(EMPTY) for warning in one.facts.get("warnings", ()))
        ],
        "objections_held": objections,
        "sources": sources,
        "batches": rows,
    }


def objections_held(engine: Engine, site: Site, visible: Sequence[Batch]) -> int:
    """How many items wait in quarantine that may say that somebody objects: none of them is obeyed while it waits.

    They are Consents, and the rows of every contract that stages objections (opt-outs, withdrawals of a tissue bank);
    of a row that can't be read nobody can tell whether it said so.
    """
    tables = set()
    if any(batch.format.startswith("table:") for batch in visible):  # to read every contract takes a while
        loaded = known_contracts(site).items()
        tables = {f"table:{name}" for name, one in loaded if "objection" in one.tables()}
    lists = [batch for batch in visible if batch.facts.get("format") in tables]
    consents = [batch for batch in visible if batch.facts.get("format") == "fhir"]
    return int(
        engine.one(
            f"SELECT (SELECT count(*) FROM ({held(lists)}))"
            f" + (SELECT count(*) FROM ({held(consents)}) WHERE kind = 'Consent')"
        )
    )


def flagged_times(engine: Engine, batch_ids: Sequence[str] = ()) -> dict[str, int]:
    """Rows of the views ``staged_<table>`` whose clock time exists twice or never: flag -> rows."""
    tables = [name for name, columns in STAGED.items() if any(c.name == "time_flag" for c in columns)]
    views = {name for (name,) in engine.rows("SELECT view_name FROM duckdb_views()")}
    tables = [name for name in tables if f"staged_{name}" in views]
    if not tables:
        return {}
    among = f" AND batch_id IN ({', '.join('?' * len(batch_ids))})" if batch_ids else ""
    parts = [
        f"SELECT time_flag, count(*) AS n FROM staged_{name} WHERE time_flag IS NOT NULL{among} GROUP BY 1"
        for name in tables
    ]
    found = engine.rows(
        f"SELECT time_flag, sum(n) FROM ({' UNION ALL '.join(parts)}) GROUP BY 1 ORDER BY 1",
        list(batch_ids) * len(tables),
    )
    return {str(flag): int(count) for flag, count in found}


def _batch(batch: Batch, counted: list[tuple[Any, ...]]) -> dict[str, Any]:
    """One line of the table: counts of a batch now, held against what it received."""
    counts = dict.fromkeys(COUNTS, 0)
    counts["received"] = int(batch.facts["received"])
    for _, _, disposition, count, _ in counted:
        counts[_NAMES.get(disposition, disposition)] += count
    return {
        "batch": batch.batch_id,
        "source": batch.source,
        "format": batch.format,
        "received_at": batch.facts["received_at"],
        **counts,
        "recovered_later": int(batch.facts["quarantined"]) - counts["quarantined"],
        "adds_up": _adds_up(counts),
        "by_type": _by_type((row[1], row[2], row[3]) for row in counted),
    }


def _adds_up(counts: dict[str, Any]) -> bool:
    return bool(counts["received"] == sum(counts[_NAMES.get(name, name)] for name in DISPOSITIONS))


def _sum(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    listed = list(rows)
    total: dict[str, Any] = {name: sum(row[name] for row in listed) for name in COUNTS}
    return {**total, "adds_up": _adds_up(total)}


def _by_type(counted: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    tally: dict[str, dict[str, int]] = {}
    for kind, disposition, count in counted:
        entry = tally.setdefault(kind, dict.fromkeys(COUNTS, 0))
        entry["received"] += count
        entry[_NAMES.get(disposition, disposition)] += count
    return dict(sorted(tally.items()))


def _arrived(engine: Engine, shown: Sequence[Batch]) -> dict[str, tuple[int, ...]]:
    """What the raw items on disk say they were at their arrival, by batch."""
    if not shown:
        return {}
    counted = engine.rows(
        "SELECT split_part(filename, '/', -2), count(*), count(*) FILTER (outcome = 'staged'),"
        " count(*) FILTER (outcome = 'quarantined'), count(*) FILTER (outcome = 'duplicate')"
        " FROM read_parquet(?, filename = true) GROUP BY 1",
        [[str(batch.raw) for batch in shown if batch.raw.exists()]],
    )
    return {row[0]: row[1:] for row in counted}
