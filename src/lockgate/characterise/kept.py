"""Histograms and pairs as tables of the engine, with concepts, sexes and months as they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.characterise.cells import Ints
from lockgate.characterise.people import UNKNOWN
from lockgate.engine import Engine


def keep(engine: Engine, name: str, columns: Mapping[str, Any]) -> None:
    """Columns as a table."""
    engine.register("blocks", pa.table(dict(columns)))
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM blocks")
    engine.unregister("blocks")


def _columns(names: Sequence[str], rows: Sequence[tuple[Ints, ...]]) -> dict[str, Ints]:
    return {
        each: np.concatenate([row[place] for row in rows]) if rows else np.empty(0, np.int64)
        for place, each in enumerate(names)
    }


def keep_histogram(
    engine: Engine,
    table: str,
    part: str,
    names: Sequence[str],
    rows: Sequence[tuple[Ints, ...]],
    genders: Sequence[int | None],
    first_year: int,
) -> None:
    """``TABLE_PART``: the blocks of a histogram added up. Reads ``TABLE_concepts`` (concept, number)."""
    numbered = pa.table(
        {"number": pa.array(range(len(genders)), pa.int64()), "gender": pa.array(genders, pa.int64())}
    )
    engine.register("genders", numbered)
    engine.register("blocks", pa.table(_columns(names, rows)))
    told = {
        "concept": "c.concept",
        "month": f"(b.month // 12 + {first_year}) * 100 + b.month % 12 + 1",
        "gender": "g.gender",
        "band": f"nullif(b.band, {UNKNOWN})",
        "age": f"nullif(b.age, {UNKNOWN})",
    }
    keys = [each for each in names if each not in ("persons", "records")]
    read = ", ".join(f"{told.get(each, 'b.' + each)} AS {each}" for each in keys)
    sums = ", ".join(f"CAST(sum({each}) AS BIGINT) AS {each}" for each in names if each not in keys)
    sexes = " JOIN genders AS g ON g.number = b.gender" if "gender" in names else ""
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {table}_{part} AS SELECT {read}, {sums} FROM blocks AS b"
        f" JOIN {table}_concepts AS c ON c.number = b.concept{sexes}"
        f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}"
    )
    engine.unregister("blocks")
    engine.unregister("genders")


def keep_pairs(engine: Engine, table: str, rows: Sequence[tuple[Ints, ...]]) -> None:
    """``TABLE_pairs``: which concepts the same people have, each pair both ways round."""
    engine.register("blocks", pa.table(_columns(("one", "other", "persons", "cases"), rows)))
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {table}_pairs AS
        WITH twice AS (
            SELECT one, other, persons, cases FROM blocks UNION ALL SELECT other, one, persons, cases FROM blocks
        )
        SELECT a.concept AS one, b.concept AS other, CAST(sum(persons) AS BIGINT) AS persons,
            CAST(sum(cases) AS BIGINT) AS cases
        FROM twice JOIN {table}_concepts AS a ON a.number = one JOIN {table}_concepts AS b ON b.number = other
        GROUP BY 1, 2"""
    )
    engine.unregister("blocks")
