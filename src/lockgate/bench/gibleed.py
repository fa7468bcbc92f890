"""The GiBleed set multiplied: every person and event as many times over, with ids of their own; the vocabulary once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq

from lockgate.engine import Engine, literal, quote

SOURCE = Path(__file__).resolve().parents[4] / "shared" / "data" / "omop" / "gibleed_omop53"
MILLION = 371  # copies: 999,474 people, 127 M rows
_APART = 100_000_000  # between the ids of two copies; above every id of the set


def multiply(folder: Path, copies: int, source: Path = SOURCE, *, memory_limit: str = "2GB") -> int:
    """Write ``source`` ``copies`` times over into ``folder`` as Parquet and return how many rows of people there are.

    Ids that are not concepts are moved apart by copy, so every count of people or events is ``copies`` times the
    source's. A table that is there already is left as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = 0
    with Engine(memory_limit=memory_limit, threads=2, temp_dir=folder) as engine:
        engine.execute("SET preserve_insertion_order = false")
        for path in sorted(source.glob("*.parquet")):
            names = pq.read_schema(path).names
            there = folder / path.name
            if "person_id" not in names:
                if not there.is_file():
                    shutil.copyfile(path, there)
                continue
            if not there.is_file():
                moved = ", ".join(
                    f"{quote(name)} + copy * {_APART} AS {quote(name)}"
                    for name in names
                    if name.endswith("_id") and not name.endswith("concept_id")
                )
                engine.write_parquet(
                    f"SELECT * EXCLUDE (copy) REPLACE ({moved}) "
                    f"FROM range({copies}) AS r (copy) CROSS JOIN read_parquet({literal(path)})",
                    there,
                    level=1,
                )
            rows += pq.read_metadata(there).num_rows
    return rows
