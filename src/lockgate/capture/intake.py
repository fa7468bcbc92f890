"""One capture, from raw items to a visible batch: duplicates, typed rows, references, retries, commit.

The formats (FHIR, tables) bring a ``Reader``; everything that is the same for all of them is here. Counts come
from the ledger's own table of arrivals, so they add up by construction.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.batches import (
    Batch,
    CaptureResult,
    batches,
    capture_lock,
    new_batch_id,
    record,
    spill_dir,
)
from lockgate.capture.quarantine import raw_of
from lockgate.capture.references import References
from lockgate.engine import Engine, literal, quote
from lockgate.schema import STAGED, staged_columns
from lockgate.site import Site
from lockgate.site.files import atomic_dir, write_atomic

MEMORY_LIMIT = "2GB"
_STILL_SOUND = "item_hash NOT IN (SELECT item_hash FROM fault)"


class Reader(Protocol):
    """How a format turns raw items into typed rows."""

    format: str  # as batch.json keeps it: "fhir", or "table:<contract>"
    head: str  # SQL over `raw`: the list [kind, record_id, updated, version]; NULL where raw can't be read

    def prepare(self, intake: Intake) -> None:
        """Define macros and the like, once."""

    def unpack(self, intake: Intake) -> bool:
        """Replace containers (a Bundle) in ``chunk`` by what they contain; whether there were any."""

    def digest(self, intake: Intake) -> None:
        """Add typed rows of the items in ``fresh`` to staged_<table>, and what is wrong with others to ``fault``."""

    def finish(self, intake: Intake) -> None:
        """What can only be told when everything has come; after it the batch is written."""


class Intake:
    """The state of one capture: an engine with the tables the readers fill."""

    def __init__(
        self, engine: Engine, site: Site, source: str, reader: Reader, received_at: datetime
    ) -> None:
        self.engine = engine
        self.site = site
        self.source = source
        self.reader = reader
        self.received_at = received_at
        self.batch_id = new_batch_id(received_at)
        self.earlier: list[Batch] = batches(site, source)
        self.warnings: Counter[str] = Counter()
        self.portion = 0
        self._make_tables()
        reader.prepare(self)
        self.references = References(self)

    @property
    def received_sql(self) -> str:
        """The time of capture, as an SQL literal in UTC."""
        return f"TIMESTAMP '{self.received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"

    def _make_tables(self) -> None:
        self.engine.execute("SET preserve_insertion_order = false")
        for table in STAGED:
            columns = ", ".join(f"{quote(c.name)} {c.type}" for c in staged_columns(table))
            self.engine.execute(f"CREATE TEMP TABLE {quote('staged_' + table)} ({columns})")
        self.engine.execute(
            "CREATE TEMP TABLE arrival (item_hash VARCHAR, file VARCHAR, line BIGINT, kind VARCHAR, record_id VARCHAR,"
            " updated VARCHAR, version VARCHAR, fault VARCHAR, duplicate BOOLEAN, portion INTEGER, raw VARCHAR)"
        )
        self.engine.execute("CREATE TEMP TABLE retried (item_hash VARCHAR, batch_id VARCHAR)")
        self.engine.execute(
            "CREATE TEMP TABLE fault (item_hash VARCHAR, reason VARCHAR, detail VARCHAR, waits_for VARCHAR)"
        )
        self.engine.execute("CREATE TEMP TABLE seen (item_hash VARCHAR, kind VARCHAR)")
        raw = ", ".join(literal(batch.raw) for batch in self.earlier)
        if raw:
            self.engine.execute(
                f"INSERT INTO seen SELECT item_hash, kind FROM read_parquet([{raw}]) WHERE outcome <> 'duplicate'"
            )

    def take(self, chunk: pa.Table) -> None:
        """One chunk of raw items (``lines.SCHEMA``): tell duplicates, type the rest."""
        engine = self.engine
        self.portion += 1
        engine.register("chunk", chunk)
        if self._replayed(chunk.num_rows):
            engine.connection.unregister("chunk")
            return
        twins = (
            self.reader.unpack(self) or pc.count_distinct(chunk.column("item_hash")).as_py() < chunk.num_rows
        )
        first = "row_number() OVER (PARTITION BY item_hash ORDER BY file, line) > 1" if twins else "false"
        engine.execute(f"""
            INSERT INTO arrival
            SELECT item_hash, file, line,
                CASE WHEN duplicate THEN seen_kind ELSE head[1] END, head[2], head[3], head[4],
                fault, duplicate, {self.portion}, CASE WHEN NOT duplicate THEN raw END
            FROM (
                SELECT *, CASE WHEN NOT duplicate AND fault IS NULL THEN {self.reader.head} END AS head
                FROM (
                    SELECT c.*, s.kind AS seen_kind, s.item_hash IS NOT NULL OR {first} AS duplicate
                    FROM chunk c LEFT JOIN seen s USING (item_hash)))""")
        if chunk.column("fault").null_count < chunk.num_rows or twins:
            engine.execute("""
                INSERT INTO fault SELECT item_hash, any_value(fault), any_value(fault_detail), NULL
                FROM chunk WHERE fault IS NOT NULL AND item_hash NOT IN (SELECT item_hash FROM seen)
                GROUP BY item_hash""")
        if twins:
            engine.execute(f"""
                UPDATE arrival SET kind = first.kind FROM arrival first WHERE arrival.portion = {self.portion}
                AND arrival.duplicate AND arrival.kind IS NULL AND NOT first.duplicate
                AND first.item_hash = arrival.item_hash""")
        here = f"FROM arrival WHERE portion = {self.portion} AND NOT duplicate"
        if engine.one(f"SELECT count(*) {here}"):
            engine.execute(f"CREATE OR REPLACE TEMP VIEW fresh AS SELECT * {here}")
            self.reader.digest(self)
            engine.execute(f"INSERT INTO seen SELECT item_hash, kind {here}")
        engine.connection.unregister("chunk")

    def _replayed(self, count: int) -> bool:
        """Enter the chunk as duplicates if every item came before: then no text is read. Whether it was so."""
        # What is kept as a Bundle was an entry of another one; on a line of its own it is opened.
        before = "SELECT item_hash FROM seen WHERE kind IS DISTINCT FROM 'Bundle'"
        if self.engine.one(f"SELECT count(*) FROM chunk SEMI JOIN ({before}) USING (item_hash)") < count:
            return False
        self.engine.execute(f"""
            INSERT INTO arrival
            SELECT c.item_hash, c.file, c.line, s.kind, NULL, NULL, NULL, c.fault, true, {self.portion}, NULL
            FROM chunk c JOIN (SELECT item_hash, any_value(kind) AS kind FROM seen
                SEMI JOIN chunk USING (item_hash) GROUP BY item_hash) s USING (item_hash)""")
        return True

    def retake(self, items: pa.Table) -> int:
        """Items of earlier batches that were in quarantine, once more; how many there were.

        ``items`` has the columns item_hash, batch_id, file, line, raw.
        """
        if items.num_rows == 0:
            return 0
        self.engine.register("retake", items)
        self.engine.execute("INSERT INTO retried SELECT item_hash, batch_id FROM retake")
        self.engine.execute("DROP VIEW IF EXISTS fresh")
        self.engine.execute(f"""
            CREATE OR REPLACE TEMP TABLE again AS
            SELECT item_hash, head[1] AS kind, head[2] AS record_id, head[3] AS updated, head[4] AS version,
                CAST(NULL AS VARCHAR) AS fault, raw
            FROM (SELECT *, {self.reader.head} AS head FROM retake)""")
        self.engine.execute("CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM again")
        self.engine.connection.unregister("retake")
        self.reader.digest(self)
        return int(items.num_rows)

    def commit(self, actor: str, *, only_if_moved: bool = False) -> CaptureResult:
        """Write the batch: staged tables first, then landing, each renamed into place; then the audit entry."""
        if only_if_moved and not self.engine.one(f"SELECT count(*) FROM retried WHERE {_STILL_SOUND}"):
            return CaptureResult("", self.source, 0, 0, 0, 0)
        with atomic_dir(self.site.landing / self.batch_id) as landing:
            with atomic_dir(self.site.staged / self.batch_id) as staged:
                rows = self._write_staged(staged)
            result = self._write_landing(landing, rows)
            write_atomic(
                landing / "batch.json", (json.dumps(self._facts(result, actor), indent=1) + "\n").encode()
            )
        record(self.site, result.as_dict(), actor)
        return result

    def _write_staged(self, folder: Path) -> dict[str, int]:
        rows = {}
        for table in STAGED:
            name = quote("staged_" + table)
            if self.engine.one(f"SELECT count(*) FROM {name}"):
                rows[table] = self.engine.write_parquet(f"SELECT * FROM {name}", folder / f"{table}.parquet")
        return rows

    def _write_landing(self, folder: Path, rows: dict[str, int]) -> CaptureResult:
        engine = self.engine
        faults = engine.one("SELECT count(*) FROM fault")
        outcome = (
            "CASE WHEN a.duplicate THEN 'duplicate' WHEN f.item_hash IS NOT NULL THEN 'quarantined' ELSE 'staged' END"
            if faults
            else "CASE WHEN a.duplicate THEN 'duplicate' ELSE 'staged' END"
        )
        join = "LEFT JOIN (SELECT DISTINCT item_hash FROM fault) f USING (item_hash)" if faults else ""
        engine.write_parquet(
            f"SELECT a.item_hash, a.file, a.line, a.kind, a.record_id, {outcome} AS outcome,"
            f" {self.received_sql} AS received_at, a.raw FROM arrival a {join}",
            folder / "raw.parquet",
            level=1,
        )
        engine.write_parquet(
            "SELECT a.item_hash, a.file, a.line, a.kind, a.record_id, f.reason, f.detail, f.waits_for"
            " FROM arrival a JOIN fault f USING (item_hash) WHERE NOT a.duplicate",
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
            by_type=_tally((row[0], row[2], row[3]) for row in counted),
            by_file=_tally((row[1], row[2], row[3]) for row in counted),
            reasons=dict(reasons),
            rows=rows,
            warnings=[
                f"{text} ({count})" if count > 1 else text for text, count in sorted(self.warnings.items())
            ],
        )

    def _facts(self, result: CaptureResult, actor: str) -> dict[str, object]:
        return {
            "schema": "lockgate.batch/1",
            "format": self.reader.format,
            "received_at": self.received_at.astimezone(UTC).isoformat(),
            "actor": actor,
            **result.as_dict(),
        }


def _tally(counted: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    names = {"staged": "staged", "quarantined": "quarantined", "duplicate": "duplicates"}
    tally: dict[str, dict[str, int]] = {}
    for key, outcome, count in counted:
        entry = tally.setdefault(key, {"received": 0, "staged": 0, "quarantined": 0, "duplicates": 0})
        entry["received"] += count
        entry[names[outcome]] += count
    return tally


def run(
    site: Site,
    reader: Reader,
    chunks: Iterable[pa.Table],
    *,
    source: str,
    actor: str,
    warnings: Iterable[str] = (),
    retry: Callable[[Sequence[Batch]], str] | None = None,
) -> CaptureResult:
    """Capture ``chunks`` (tables of ``lines.SCHEMA``) as one batch of ``source``.

    ``retry`` makes, of the source's earlier batches, SQL that names (item_hash, batch_id) of quarantined items to
    take again besides those whose references have come. A retry that moves nothing leaves no batch.
    """
    config = site.config.engine
    with (
        capture_lock(site),
        Engine(
            memory_limit=config.memory_limit or MEMORY_LIMIT,
            threads=config.threads or None,
            temp_dir=spill_dir(site),
        ) as engine,
    ):
        intake = Intake(engine, site, source, reader, datetime.now(UTC))
        intake.warnings.update(warnings)
        for chunk in chunks:
            intake.take(chunk)
        if retry is not None:
            intake.retake(raw_of(engine, intake.earlier, retry(intake.earlier)))
        intake.references.settle()
        reader.finish(intake)
        return intake.commit(actor, only_if_moved=retry is not None)
