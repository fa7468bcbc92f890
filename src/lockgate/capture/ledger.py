"""The ledger of one capture: every raw item that arrived, once, with what became of it at the arrival.

It grows portion by portion (``Spool``). What is wrong with items is in the engine's table ``fault`` (``add_faults``);
a fault that is only found at the end (a reference to nobody) enters its item anew as quarantined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.capture.batches import OUTCOMES
from lockgate.capture.seen import Codes
from lockgate.capture.spool import LEDGER, Spool, conform, words
from lockgate.engine import Engine, literal

RAW = "raw"
Flags = npt.NDArray[np.bool_]


class Ledger:
    """What has arrived, and the faults of it."""

    def __init__(self, engine: Engine, spool: Spool) -> None:
        self._engine, self._spool = engine, spool
        self._faults_entered = 0
        engine.execute(
            "CREATE TEMP TABLE fault (item_hash VARCHAR, reason VARCHAR, detail VARCHAR, waits_for VARCHAR)"
        )

    def add_faults(self, faults: Iterable[tuple[str, str, str | None]]) -> None:
        """What is wrong with items: (item_hash, reason, detail) each."""
        rows = list(faults)
        if rows:
            columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            self._engine.register("found", pa.table(columns, names=["item_hash", "reason", "detail"]))
            self._engine.execute("INSERT INTO fault SELECT item_hash, reason, detail, NULL FROM found")
            self._engine.unregister("found")

    def enter(
        self,
        chunk: pa.Table,
        codes: Codes,
        kinds: Sequence[str | None],
        ids: pa.Array,
        duplicate: Flags,
        received_at: datetime,
    ) -> None:
        """Write a chunk of raw items (``lines.SCHEMA``), as far as its outcome is known now.

        ``codes`` are places in ``kinds``, the resource types or table names; the first stands for none.
        """
        count = chunk.num_rows
        if not count:
            return
        outcome = np.where(duplicate, OUTCOMES.index("duplicate"), OUTCOMES.index("staged")).astype(np.int32)
        faults = self._engine.one("SELECT count(*) FROM fault")
        if faults:
            held = pc.is_in(chunk.column("item_hash"), value_set=self._held()).to_numpy()
            outcome[held & ~duplicate] = OUTCOMES.index("quarantined")
        self._faults_entered = faults
        raw = chunk.column("raw")
        if duplicate.all():
            raw = pa.nulls(count, pa.large_string())
        elif duplicate.any():
            raw = pc.if_else(pa.array(duplicate), pa.scalar(None, pa.large_string()), raw)
        received = received_at.astimezone(UTC).replace(tzinfo=None)
        columns = [
            chunk.column("item_hash"),
            chunk.column("file").combine_chunks().dictionary_encode(),
            chunk.column("line"),
            words(codes.astype(np.int32) - 1, kinds[1:]),
            ids,
            words(outcome, OUTCOMES),
            pa.repeat(pa.scalar(received, pa.timestamp("us")), count),
            raw,
        ]
        self._spool.write(RAW, pa.Table.from_arrays(columns, schema=LEDGER))

    def _held(self) -> pa.Array:
        return self._engine.arrow("SELECT DISTINCT item_hash FROM fault").column("item_hash").combine_chunks()

    def rows(self) -> str:
        """SQL to select from: what has been entered."""
        if not self._spool.paths(RAW):
            self._spool.write(RAW, LEDGER.empty_table())
        return f"read_parquet([{', '.join(literal(path) for path in self._spool.paths(RAW))}])"

    def deliver(self, target: Path) -> None:
        """Move it to its place as one file, late faults entered."""
        self._hold_late()
        self.rows()
        self._spool.deliver(self._engine, RAW, target)

    def _hold_late(self) -> None:
        """Items whose fault was found after they had been entered: enter them anew as quarantined."""
        ledger = self.rows()
        if self._engine.one("SELECT count(*) FROM fault") == self._faults_entered or not self._engine.one(
            f"SELECT count(*) FROM {ledger} SEMI JOIN fault USING (item_hash) WHERE outcome = 'staged'"
        ):
            return
        held, files = self._held(), list(self._spool.paths(RAW))

        def entered() -> Iterator[pa.Table]:
            for path in files:
                file = pq.ParquetFile(path)
                for number in range(file.num_row_groups):
                    table = conform(file.read_row_group(number), LEDGER)
                    late = pc.is_in(table.column("item_hash"), value_set=held)
                    late = pc.and_(late, pc.equal(table.column("outcome").cast(pa.string()), "staged"))
                    outcome = pc.if_else(late, "quarantined", table.column("outcome").cast(pa.string()))
                    place = LEDGER.get_field_index("outcome")
                    column = outcome.combine_chunks().dictionary_encode()
                    yield table.set_column(place, LEDGER.field(place), column)

        self._spool.rewrite_groups(RAW, entered())
