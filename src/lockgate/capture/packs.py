"""What earlier batches of a source hold that a capture looks up, in a few files however many batches there are.

A feed that is captured every minute leaves 1,440 batches a day, and a capture asks each for its content hashes, people,
visits and facts. Batches of like size are therefore copied together, eight to one and those again (a log-structured
merge), into ``staged/.packs/``. A pack is a copy and nothing more: one that names a batch which isn't there is thrown
away, and one that is lost is made again. Whoever holds the capture's lock may use them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lockgate.capture.batches import Batch
from lockgate.capture.sortkeys import without_keys
from lockgate.engine import Engine, literal
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, remove_leftovers

FEW = 8
# Units of fewer items than each of these are of one size; larger ones stay as they are.
SIZES = (1_000, 8_000, 64_000, 512_000)
SEEN = "seen"
# The tables that captures look up, and the order that brings what is asked for together.
TABLES = {
    "patient": "record_id",
    "encounter": "record_id",
    "adt_event": "patient_ref",
    "practitioner": "record_id",
    "organisation": "record_id",
    "location": "record_id",
    "medicine": "record_id",
}
_CAME = "SELECT item_hash, kind FROM read_parquet([{files}])"
_ARRIVED = _CAME + " WHERE outcome <> 'duplicate'"


@dataclass(frozen=True)
class _Unit:
    """A batch, or a pack of several: how many items it is of, and its files."""

    items: int
    batches: frozenset[str]
    seen: Path
    folder: Path
    packed: bool

    def table(self, name: str) -> Path | None:
        path = self.folder / f"{name}.parquet"
        return path if path.exists() else None

    def came(self, files: str) -> str:
        """SQL: the hash and kind of each item that was not a duplicate."""
        return (_CAME if self.packed else _ARRIVED).format(files=files)


def _stamp(batch: Batch) -> str:
    """A batch as a pack names it: one that is staged anew by a later version is another one."""
    return f"{batch.batch_id} {(batch.folder / 'batch.json').stat().st_mtime_ns}"


def _alone(batch: Batch) -> _Unit:
    items = int(batch.facts["received"])
    return _Unit(items, frozenset([_stamp(batch)]), batch.raw, batch.staged, packed=False)


class Packs:
    """The earlier batches of one source as few files."""

    def __init__(
        self, engine: Engine, site: Site, source: str, earlier: Sequence[Batch], *, packing: bool = True
    ) -> None:
        self._engine = engine
        self._folder = site.staged / ".packs" / hashlib.sha256(source.encode()).hexdigest()[:16]
        # A batch that is staged anew sees fewer batches than there are: that is no reason to throw packs away.
        self._units = self._read(earlier if packing else []) or [_alone(batch) for batch in earlier]
        while packing and (group := self._alike()):
            self._pack(group)

    def files(self, table: str) -> list[Path]:
        """The files that hold, together, every row of a staged table in earlier batches."""
        return [path for unit in self._units if (path := unit.table(table))]

    def came(self) -> Iterator[pa.Table]:
        """The ``item_hash`` and ``kind`` of every item that came before; what is small all at once."""
        for packed in (True, False):
            small = [unit for unit in self._units if unit.packed == packed and unit.items < SIZES[-1]]
            for group in ([small] if small else []) + [
                [unit] for unit in self._units if unit.packed == packed and unit.items >= SIZES[-1]
            ]:
                listed = ", ".join(literal(unit.seen) for unit in group)
                yield self._engine.arrow(group[0].came(listed))

    def _read(self, earlier: Sequence[Batch]) -> list[_Unit]:
        """The packs that hold, the largest first, and the batches that are in none."""
        if not earlier:
            return []
        there = {_stamp(batch): batch for batch in earlier}
        found: list[_Unit] = []
        if self._folder.is_dir():
            remove_leftovers(self._folder)
            packs = [self._unit(folder) for folder in sorted(self._folder.iterdir())]
            taken: set[str] = set()
            for unit in sorted(packs, key=lambda unit: -len(unit.batches)):
                if unit.batches and unit.batches <= there.keys() and not unit.batches & taken:
                    taken |= unit.batches
                    found.append(unit)
                else:
                    shutil.rmtree(unit.folder)
            there = {name: batch for name, batch in there.items() if name not in taken}
        return found + [_alone(batch) for batch in there.values()]

    @staticmethod
    def _unit(folder: Path) -> _Unit:
        try:
            facts = json.loads((folder / "pack.json").read_bytes())
            items, names = int(facts["items"]), frozenset(facts["batches"])
        except (OSError, ValueError, KeyError):
            items, names = 0, frozenset()  # no pack of ours: thrown away
        return _Unit(items, names, folder / f"{SEEN}.parquet", folder, packed=True)

    def _alike(self) -> list[_Unit]:
        """Units of one size, when there are enough of them to be one."""
        before = 0
        for size in SIZES:
            group = [unit for unit in self._units if before <= unit.items < size]
            if len(group) >= FEW:
                return group
            before = size
        return []

    def _pack(self, group: Sequence[_Unit]) -> None:
        engine = self._engine
        target = make_dir(self._folder) / secrets.token_hex(8)
        names = sorted(name for unit in group for name in unit.batches)
        items = sum(unit.items for unit in group)
        with atomic_dir(target) as folder:
            parts = [
                unit.came(", ".join(literal(one.seen) for one in group if one.packed == unit.packed))
                for unit in {unit.packed: unit for unit in group}.values()
            ]
            engine.write_parquet(" UNION ALL ".join(parts), folder / f"{SEEN}.parquet", level=1)
            for table, order in TABLES.items():
                files = ", ".join(literal(path) for unit in group if (path := unit.table(table)))
                if files:
                    engine.write_parquet(
                        f"SELECT * FROM {without_keys(files)}",
                        folder / f"{table}.parquet",
                        order_by=order,
                        level=1,
                    )
            (folder / "pack.json").write_text(json.dumps({"items": items, "batches": names}))
        for unit in group:
            if unit.packed:
                shutil.rmtree(unit.folder)
        gone = {id(unit) for unit in group}
        self._units = [unit for unit in self._units if id(unit) not in gone]
        self._units.append(_Unit(items, frozenset(names), target / f"{SEEN}.parquet", target, packed=True))
