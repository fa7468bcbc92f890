"""Batches that an earlier version captured, brought to today's staged model: each is staged anew from its raw items.

What was staged then lacks today's columns, and what today's readers make of an item besides (who was merged with
whom, say). Leaving that empty would read as "the source never said so". So an old batch is read again, oldest first,
against the batches before it, as it was when it came: the ledger, the times of arrival and the ids stay. An item that
today's rules would hold back keeps the rows it had, and is counted. ``batch.json`` says which layout a batch has, and
is written last: an upgrade that was cut short goes on where it stopped.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.capture import lines
from lockgate.capture.batches import (
    Batch,
    capture_lock,
    layout,
    outdated,
    require_current,
    spill_dir,
)
from lockgate.capture.held import reader_of
from lockgate.capture.intake import MEMORY_LIMIT, Intake
from lockgate.capture.quarantine import raw_of
from lockgate.capture.readers import Renews
from lockgate.capture.spool import conform, staged_schema
from lockgate.engine import Engine, literal
from lockgate.schema import STAGED, STAGED_LAYOUT
from lockgate.site import Site
from lockgate.site.files import PRIVATE_FILE, make_dir, put_in_place, write_atomic

PORTION = 50_000
STARTED, DONE = "site.upgrade.started", "site.upgraded"


@dataclass(frozen=True)
class Restaged:
    """What an upgrade did to one batch: items read again, rows before and after, and of how many the old rows stay.

    ``kept`` counts them by the reason for which today's rules would hold them back.
    """

    batch: str
    source: str
    items: int
    rows_before: int
    rows: int
    kept: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def upgrade(site: Site, *, actor: str, tell: Callable[[str], None] = lambda text: None) -> list[Restaged]:
    """Bring every batch of an earlier layout to today's; what was done to each. Run again, it does nothing.

    Raises Refused when a batch is of a later layout or another capture runs, UsageError when a contract is gone.
    """
    old = outdated(site)
    if any(layout(batch) > STAGED_LAYOUT for batch in old):
        require_current(site)
    if not old:
        return []
    for batch in old:
        reader_of(batch.format, site)
    done = []
    with capture_lock(site):
        site.audit.append(STARTED, actor=actor, batches=len(old), layout=STAGED_LAYOUT)
        for number, batch in enumerate(old, 1):
            tell(f"batch {number} of {len(old)}: {batch.source}, {batch.facts['received']:,} items")
            done.append(_restage(site, batch))
        site.audit.append(
            DONE,
            actor=actor,
            layout=STAGED_LAYOUT,
            batches={one.batch: {"items": one.items, "rows": one.rows, "kept": one.kept} for one in done},
        )
    return done


def _restage(site: Site, batch: Batch) -> Restaged:
    config = site.config.engine
    spill = spill_dir(site)
    with (
        tempfile.TemporaryDirectory(prefix="upgrade-", dir=spill) as folder,
        Engine(
            memory_limit=config.memory_limit or MEMORY_LIMIT, threads=config.threads or None, temp_dir=spill
        ) as engine,
    ):
        arrived = datetime.fromisoformat(batch.facts["received_at"])
        intake = Intake(
            engine, site, batch.source, reader_of(batch.format, site), arrived, Path(folder), again=batch
        )
        items = _read_again(intake, batch)
        kept = dict(
            engine.rows(
                "SELECT reason, count(*) FROM (SELECT item_hash, min(reason) AS reason FROM fault GROUP BY item_hash)"
                " GROUP BY reason ORDER BY reason"
            )
        )
        before = _keep_rows(intake, batch) if kept else _count(batch)
        fresh = make_dir(Path(folder) / "staged")
        rows = {
            table: intake.spool.deliver(engine, table, fresh / f"{table}.parquet")
            for table in STAGED
            if table in intake.spool.names
        }
        _note_hashes(intake, batch)
        _replace(site, batch, fresh, rows, kept)
    return Restaged(batch.batch_id, batch.source, items, before, sum(rows.values()), kept)


def _read_again(intake: Intake, batch: Batch) -> int:
    """Read the batch's items again, and those that left quarantine in it, and settle what hangs on others."""
    count = 0
    for items in _staged_items(batch):
        count += items.num_rows
        intake.read_again(items)
    if batch.recovered.exists():
        wanted = f"SELECT item_hash, batch_id FROM read_parquet({literal(batch.recovered)})"
        count += intake.retake(raw_of(intake.engine, intake.earlier, wanted))
    intake.engine.execute(
        "CREATE OR REPLACE TEMP VIEW arrival AS SELECT item_hash, file, line, kind, record_id,"
        f" outcome = 'duplicate' AS duplicate, raw FROM read_parquet({literal(batch.raw)})"
    )
    intake.settle_again()
    return count


def _staged_items(batch: Batch) -> Iterator[pa.Table]:
    """The raw items that were staged when the batch came, a portion at a time."""
    if not batch.raw.exists():
        return
    file = pq.ParquetFile(batch.raw)
    columns = ["item_hash", "file", "line", "raw", "outcome"]
    for part in file.iter_batches(PORTION, columns=columns):
        table = pa.Table.from_batches([part])
        table = table.filter(pc.equal(table.column("outcome").cast(pa.string()), "staged")).drop_columns(
            ["outcome"]
        )
        if not table.num_rows:
            continue
        nothing = pa.nulls(table.num_rows, pa.string())
        yield table.append_column("fault", nothing).append_column("fault_detail", nothing).cast(lines.SCHEMA)


def _note_hashes(intake: Intake, batch: Batch) -> None:
    """Under which hash the batch's rows would come today, where it is another: so that a file sent again is known."""
    if not isinstance(intake.reader, Renews) or not batch.raw.exists():
        return
    found = []
    for part in pq.ParquetFile(batch.raw).iter_batches(
        PORTION, columns=["item_hash", "kind", "raw", "outcome"]
    ):
        table = pa.Table.from_batches([part])
        table = table.filter(pc.not_equal(table.column("outcome").cast(pa.string()), "duplicate"))
        table = intake.reader.renew(table)
        other = pc.fill_null(pc.not_equal(table.column("hash_now"), table.column("item_hash")), False)
        found.append(table.filter(other).select(["item_hash", "hash_now", "kind"]))
    if any(table.num_rows for table in found):
        fresh = batch.folder / ".renamed.parquet"
        pq.write_table(pa.concat_tables(found), fresh, compression="zstd")
        fresh.chmod(PRIVATE_FILE)
        put_in_place(fresh, batch.renamed)


def _count(batch: Batch) -> int:
    return sum(pq.read_metadata(path).num_rows for name in STAGED if (path := batch.table(name)))


def _keep_rows(intake: Intake, batch: Batch) -> int:
    """The old rows of items that today's rules would hold back, beside the new rows of all others."""
    held = intake.engine.arrow("SELECT DISTINCT item_hash FROM fault").column("item_hash").combine_chunks()
    for table in intake.spool.names:
        come = intake.come(table)
        if table in STAGED and intake.engine.one(
            f"SELECT count(*) FROM {come} SEMI JOIN fault USING (item_hash)"
        ):
            intake.spool.rewrite(
                intake.engine, table, f"SELECT * FROM {come} ANTI JOIN fault USING (item_hash)"
            )
    for name in STAGED:
        if path := batch.table(name):
            rows = pq.read_table(path)
            rows = rows.filter(
                pc.is_in(rows.column("item_hash").cast(pa.string()), value_set=held.cast(pa.string()))
            )
            if rows.num_rows:
                intake.stage(name, conform(rows, staged_schema(name)))
    return _count(batch)


def _replace(site: Site, batch: Batch, fresh: Path, rows: dict[str, int], kept: dict[str, int]) -> None:
    """File by file in place of the old ones, then the batch's own facts: until then it counts as old."""
    make_dir(batch.staged)
    for path in sorted(fresh.iterdir()):
        path.chmod(PRIVATE_FILE)
        put_in_place(path, batch.staged / path.name)
    for name in STAGED:
        gone = batch.table(name)
        if name not in rows and gone:
            gone.unlink()
    facts = {**batch.facts, "rows": rows, "layout": STAGED_LAYOUT}
    past = {"at": datetime.now(UTC).isoformat(), "from_layout": layout(batch), "kept": kept}
    facts["upgrades"] = [*batch.facts.get("upgrades", []), past]
    write_atomic(batch.folder / "batch.json", (json.dumps(facts, indent=1) + "\n").encode())
