"""One capture, from raw items to a visible batch: duplicates, typed rows, references, retries, commit.

The formats (FHIR, tables) bring a ``Reader``; everything that is the same for all of them is here. Counts come
from the ledger's own table of arrivals, so they add up by construction.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture import lines
from lockgate.capture.batches import (
    Batch,
    CaptureResult,
    batches,
    capture_lock,
    new_batch_id,
    record,
    require_current,
    spill_dir,
    tally,
)
from lockgate.capture.containers import HoldsContainers
from lockgate.capture.ledger import Ledger
from lockgate.capture.packs import Packs
from lockgate.capture.quarantine import raw_of
from lockgate.capture.readers import DirectReader, Reader, Renews
from lockgate.capture.references import References
from lockgate.capture.seen import NEVER, Codes, Seen, keys_of
from lockgate.capture.spool import (
    Spool,
    conform,
    parquet_or_nothing,
    scattered,
    staged_schema,
)
from lockgate.engine import Engine, literal, quote
from lockgate.schema import STAGED, STAGED_LAYOUT, staged_columns
from lockgate.site import Site
from lockgate.site.files import atomic_dir, write_atomic

MEMORY_LIMIT = "2GB"
_STILL_SOUND = "item_hash NOT IN (SELECT item_hash FROM fault)"


class Intake:
    """The state of one capture: an engine for the readers, and the files that grow as they read."""

    def __init__(
        self,
        engine: Engine,
        site: Site,
        source: str,
        reader: Reader | DirectReader,
        received_at: datetime,
        folder: Path,
        *,
        again: Batch | None = None,
    ) -> None:
        """``again`` is the batch that is staged anew, under its own name and against those that came before it."""
        self.engine = engine
        self.site = site
        self.source = source
        self.reader = reader
        self.received_at = received_at
        self.batch_id = again.batch_id if again else new_batch_id(received_at)
        self.earlier: list[Batch] = [
            one for one in batches(site, source) if again is None or one.batch_id < again.batch_id
        ]
        self.packs = Packs(engine, site, source, self.earlier, packing=again is None)
        self.warnings: Counter[str] = Counter()
        self.spool = Spool(folder)
        self.seen = Seen()
        self.unpacked = False  # whether containers of the portion in hand have been opened
        self.ledger = Ledger(engine, self.spool)
        self._make_tables()
        reader.prepare(self)
        self.references = References(self)

    @property
    def received_sql(self) -> str:
        """The time of capture, as an SQL literal in UTC."""
        return f"TIMESTAMP '{self.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"

    def _make_tables(self) -> None:
        if not isinstance(self.reader, DirectReader):
            for table in STAGED:
                columns = ", ".join(f"{quote(c.name)} {c.type}" for c in staged_columns(table))
                self.engine.execute(f"CREATE TEMP TABLE {quote('staged_' + table)} ({columns})")
        self.engine.execute("CREATE TEMP TABLE retried (item_hash VARCHAR, batch_id VARCHAR)")
        for came in self.packs.came():
            self.seen.add(keys_of(came.column("item_hash")), self.seen.codes_of(came.column("kind")))
        for batch in self.earlier:
            if batch.renamed.exists():
                now = self.engine.arrow(f"SELECT hash_now, kind FROM read_parquet({literal(batch.renamed)})")
                self.seen.add(keys_of(now.column("hash_now")), self.seen.codes_of(now.column("kind")))

    def take(self, chunk: pa.Table) -> None:
        """One chunk of raw items (``lines.SCHEMA``): tell duplicates, type the rest, write both down."""
        self.unpacked = False
        if not isinstance(self.reader, DirectReader):
            chunk = self._unpacked(chunk)
        try:
            self._take(chunk)
        except HoldsContainers:
            self._take(self._unpacked(chunk))

    def _unpacked(self, chunk: pa.Table) -> pa.Table:
        self.unpacked = True
        self.engine.register("chunk", chunk)
        if self.reader.unpack(self):
            chunk = self.engine.arrow("SELECT * FROM chunk ORDER BY file, line").cast(lines.SCHEMA)
        self.engine.connection.unregister("chunk")
        return chunk

    def _take(self, chunk: pa.Table) -> None:
        keys = keys_of(chunk.column("item_hash"))
        before = self.seen.find(keys)
        if not self.unpacked:
            # What is kept as a Bundle was an entry of another one; on a line of its own it is opened.
            before[before == self.seen.code("Bundle")] = NEVER
        first = keys.first_places()
        duplicate = (before >= 0) | (first != np.arange(len(keys)))
        fresh = ~duplicate
        codes = before.copy()
        ids: pa.Array = pa.nulls(chunk.num_rows, pa.string())
        if fresh.any():
            kinds, read = self._read(chunk if fresh.all() else chunk.filter(pa.array(fresh)))
            codes[fresh] = kinds
            codes[duplicate & (before < 0)] = codes[first[duplicate & (before < 0)]]
            ids = read if fresh.all() else scattered(read, fresh)
            self.seen.add(keys.where(fresh), codes[fresh])
        self.ledger.enter(chunk, codes, self.seen.kinds, ids, duplicate, self.received_at)

    def _read(self, items: pa.Table) -> tuple[Codes, pa.StringArray]:
        """Stage items or find their faults; the kind (its code) and record_id of each."""
        one = self.reader
        read = one.read(self, items) if isinstance(one, DirectReader) else self._read_by_sql(one, items)
        if items.column("fault").null_count < items.num_rows:
            broken = items.filter(pc.is_valid(items.column("fault")))
            self.add_faults(
                zip(
                    *(broken.column(n).to_pylist() for n in ("item_hash", "fault", "fault_detail")),
                    strict=True,
                )
            )
        return read

    def _read_by_sql(self, reader: Reader, items: pa.Table) -> tuple[Codes, pa.StringArray]:
        engine = self.engine
        engine.register("arriving", items.append_column("place", pa.array(np.arange(items.num_rows))))
        engine.execute(f"""
            CREATE OR REPLACE TEMP TABLE fresh AS
            SELECT item_hash, file, line, head[1] AS kind, head[2] AS record_id, head[3] AS updated,
                head[4] AS version, fault, raw, place
            FROM (SELECT *, CASE WHEN fault IS NULL THEN {reader.head} END AS head FROM arriving)""")
        engine.connection.unregister("arriving")
        reader.digest(self)
        self._take_staged()
        heads = engine.arrow("SELECT kind, record_id FROM fresh ORDER BY place")
        return self.seen.codes_of(heads.column("kind")), heads.column("record_id").combine_chunks()

    def _take_staged(self) -> None:
        """Write down what an SQL reader has put into staged_<table>, and empty it; what another one still holds."""
        if isinstance(self.reader, DirectReader):
            self.reader.flush(self)
            return
        counts = " UNION ALL ".join(
            f"SELECT {literal(table)}, count(*) AS n FROM {quote('staged_' + table)}" for table in STAGED
        )
        for table, _ in self.engine.rows(f"SELECT * FROM ({counts}) WHERE n > 0"):
            name = quote("staged_" + table)
            self.stage(table, self.engine.arrow(f"SELECT * FROM {name}"))
            self.engine.execute(f"DELETE FROM {name}")

    def stage(self, table: str, rows: pa.Table) -> None:
        """Add rows to a staged table; columns by name."""
        if rows.num_rows:
            schema = staged_schema(table)
            self.spool.write(table, rows if rows.schema == schema else conform(rows, schema))

    def come(self, table: str) -> str:
        """SQL to select from: the rows of a staged table that this capture has staged so far."""
        return parquet_or_nothing(self.spool.paths(table), staged_columns(table))

    def add_faults(self, faults: Iterable[tuple[str, str, str | None]]) -> None:
        """What is wrong with items: (item_hash, reason, detail) each."""
        self.ledger.add_faults(faults)

    def settle(self) -> None:
        """When everything has come: references, then what only the reader can tell."""
        columns = "item_hash, file, line, kind, record_id, outcome = 'duplicate' AS duplicate, raw"
        self._take_staged()
        self.references.settle()
        self.engine.execute(
            f"CREATE OR REPLACE TEMP VIEW arrival AS SELECT {columns} FROM {self.ledger.rows()}"
        )
        self.reader.finish(self)
        self._take_staged()

    def retake(self, items: pa.Table) -> int:
        """Items of earlier batches that were in quarantine, once more; how many there were.

        ``items`` has the columns item_hash, batch_id, file, line, raw.
        """
        if items.num_rows == 0:
            return 0
        self.engine.register("retake", items)
        self.engine.execute("INSERT INTO retried SELECT item_hash, batch_id FROM retake")
        self.engine.connection.unregister("retake")
        self.unpacked = True
        if isinstance(self.reader, Renews):
            items = self.reader.renew(items)
        nothing = pa.nulls(items.num_rows, pa.string())
        items = items.append_column("fault", nothing).append_column("fault_detail", nothing)
        # Where the source says no version, the time at which the item arrived counts, not that of its return: what
        # was deleted in between stays deleted.
        now, arrived = self.received_at, {one.batch_id: one.facts["received_at"] for one in self.earlier}
        try:
            for batch in sorted(pc.unique(items.column("batch_id")).to_pylist()):
                self.received_at = datetime.fromisoformat(arrived[batch])
                some = items.filter(pc.equal(items.column("batch_id"), batch))
                self._read(some.select(lines.SCHEMA.names).cast(lines.SCHEMA))
        finally:
            self.received_at = now
        self._take_staged()
        return int(items.num_rows)

    def read_again(self, items: pa.Table) -> None:
        """Stage items (``lines.SCHEMA``) that this batch staged before; their arrival is in the ledger already."""
        self.unpacked = True
        if isinstance(self.reader, Renews):
            items = self.reader.renew(items).select(lines.SCHEMA.names)
        self._read(items)
        lines.release_memory()

    def settle_again(self) -> None:
        """``settle`` for a batch that is staged anew: what waits stays where it is, and nothing more is held back."""
        self._take_staged()
        self.references.resolve()
        self.reader.finish(self)
        self._take_staged()

    def commit(self, actor: str, *, only_if_moved: bool = False) -> CaptureResult:
        """Write the batch: staged tables first, then landing, each renamed into place; then the audit entry."""
        if only_if_moved and not self.engine.one(f"SELECT count(*) FROM retried WHERE {_STILL_SOUND}"):
            return CaptureResult("", self.source, 0, 0, 0, 0)
        with atomic_dir(self.site.landing / self.batch_id) as landing:
            with atomic_dir(self.site.staged / self.batch_id) as staged:
                rows = {
                    table: self.spool.deliver(self.engine, table, staged / f"{table}.parquet")
                    for table in STAGED
                    if table in self.spool.names
                }
            result = self._write_landing(landing, rows)
            write_atomic(
                landing / "batch.json", (json.dumps(self._facts(result, actor), indent=1) + "\n").encode()
            )
        record(self.site, result.as_dict(), actor)
        return result

    def _write_landing(self, folder: Path, rows: dict[str, int]) -> CaptureResult:
        engine = self.engine
        self.ledger.deliver(folder / "raw.parquet")
        engine.write_parquet(
            "SELECT a.item_hash, a.file, a.line, a.kind, a.record_id, f.reason, f.detail, f.waits_for"
            f" FROM read_parquet({literal(folder / 'raw.parquet')}) a JOIN fault f USING (item_hash)"
            " WHERE a.outcome <> 'duplicate'",
            folder / "quarantine.parquet",
            order_by="file, line, item_hash",
        )
        recovered = engine.one(f"SELECT count(*) FROM retried WHERE {_STILL_SOUND}")
        if recovered:
            engine.write_parquet(
                f"SELECT item_hash, batch_id FROM retried WHERE {_STILL_SOUND}",
                folder / "recovered.parquet",
                order_by="ALL",
            )
        return self._result(folder / "raw.parquet", folder / "quarantine.parquet", rows, recovered)

    def _result(self, raw: Path, quarantine: Path, rows: dict[str, int], recovered: int) -> CaptureResult:
        counted = self.engine.rows(
            f"SELECT coalesce(kind, 'unknown'), file, outcome, count(*) FROM read_parquet({literal(raw)})"
            " GROUP BY ALL ORDER BY ALL"
        )
        reasons = self.engine.rows(
            f"SELECT reason, count(*) FROM read_parquet({literal(quarantine)}) GROUP BY ALL ORDER BY ALL"
        )
        return CaptureResult(
            batch_id=self.batch_id,
            source=self.source,
            received=sum(row[3] for row in counted),
            staged=sum(row[3] for row in counted if row[2] == "staged"),
            quarantined=sum(row[3] for row in counted if row[2] == "quarantined"),
            duplicates=sum(row[3] for row in counted if row[2] == "duplicate"),
            recovered=recovered,
            by_type=tally((row[0], row[2], row[3]) for row in counted),
            by_file=tally((row[1], row[2], row[3]) for row in counted),
            reasons=dict(reasons),
            rows=rows,
            warnings=[
                f"{text} ({count})" if count > 1 else text for text, count in sorted(self.warnings.items())
            ],
        )

    def _facts(self, result: CaptureResult, actor: str) -> dict[str, object]:
        return {
            "schema": "lockgate.batch/1",
            "layout": STAGED_LAYOUT,
            "format": self.reader.format,
            "received_at": self.received_at.astimezone(UTC).isoformat(),
            "actor": actor,
            **result.as_dict(),
        }


def run(
    site: Site,
    reader: Reader | DirectReader,
    chunks: Iterable[pa.Table],
    *,
    source: str,
    actor: str,
    warnings: Iterable[str] = (),
    retry: Callable[[Sequence[Batch]], str] | None = None,
) -> CaptureResult:
    """Capture ``chunks`` (tables of ``lines.SCHEMA``) as one batch of ``source``.

    ``retry`` makes, of the source's earlier batches, SQL that names (item_hash, batch_id) of quarantined items to take
    again besides those whose references have come. A retry that moves nothing leaves no batch. Raises Refused where
    batches of an earlier version wait for ``lockgate upgrade``.
    """
    require_current(site)
    config = site.config.engine
    with (
        capture_lock(site),
        lines.few_collections(),
        tempfile.TemporaryDirectory(prefix="spool-", dir=spill_dir(site)) as folder,
        Engine(
            memory_limit=config.memory_limit or MEMORY_LIMIT,
            threads=config.threads or None,
            temp_dir=spill_dir(site),
        ) as engine,
    ):
        intake = Intake(engine, site, source, reader, datetime.now(UTC), Path(folder))
        for chunk in chunks:
            intake.take(chunk)
            del chunk  # or it would be held while the next one is read
            lines.release_memory()
        intake.warnings.update(warnings)  # reading the files may have added to them
        if retry is not None:
            intake.retake(raw_of(engine, intake.earlier, retry(intake.earlier)))
        intake.settle()
        return intake.commit(actor, only_if_moved=retry is not None)
