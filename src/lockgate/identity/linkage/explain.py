"""Why two records were linked or not: the exact steps that hold for them, and the weight of each field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity.linkage import deterministic, reading, records
from lockgate.identity.linkage.fields import fields_of
from lockgate.identity.linkage.model import Model, Scorer
from lockgate.identity.linkage.run import Options, columns_of
from lockgate.identity.waterfall import waterfall


def explain_pair(
    engine: Engine,
    left: Path | pa.Table,
    right: Path | pa.Table | None,
    ident: str,
    mapping: Mapping[str, str],
    pair: tuple[str, str],
    model: Path,
    *,
    mapping_right: Mapping[str, str] | None = None,
    options: Options | None = None,
) -> dict[str, Any]:
    """The exact steps that the pair of ids meets (others with the same key may yet have kept them apart), the weight
    and probability by the model, and its ``waterfall``: a step for each comparison with level, weight and sum so far
    (weights in bits, log2). How common each value is, is counted in the tables. UsageError for an id that isn't there.
    """
    options = options or Options()
    fields = fields_of(mapping, mapping_right or mapping)
    records.prepare(engine)
    sides = ["left"] if right is None else ["left", "right"]
    reading.read(engine, left, "left", ident, fields, "--id", options.encoding)
    if right is not None:
        reading.read(
            engine, right, "right", options.id_right or ident, fields, "--id-right", options.encoding
        )
    declared = {"left": options.date_form, "right": options.date_form_right or options.date_form}
    records.standardise(engine, fields, sides, declared)
    usable, left_out = records.usable(engine, fields)
    columns = columns_of(engine, left_out, {one.field.column for one in usable})
    kept = Model.load(model)
    kept.check(usable, columns)
    chosen = [_record(engine, pair[0], "left"), _record(engine, pair[1], sides[-1])]
    if chosen[0] == chosen[1]:
        raise UsageError("are two rows that are equal in all that is compared", where="--pair")
    if right is None:
        chosen.sort()
    steps = deterministic.run(engine, right is not None, only=(chosen[0], chosen[1]))
    engine.execute(f"CREATE OR REPLACE TABLE link_one AS SELECT {chosen[0]} AS rec_l, {chosen[1]} AS rec_r")
    Scorer(engine, right is not None).score(kept, "link_one", "link_one_scored", gammas=True)
    row = engine.arrow("SELECT * FROM link_one_scored").to_pylist()[0]
    weight = float(row["weight"])
    return {
        "id_l": pair[0],
        "id_r": pair[1],
        "steps": [name for name, held in steps.items() if held],
        "weight": round(weight, 3),
        "probability": round(1 / (1 + 2**-weight), 6),
        "waterfall": waterfall(kept.settings, row),
    }


def _record(engine: Engine, ident: str, side: str) -> int:
    """The record that stands for a row: itself, or of many copies the first."""
    found = engine.rows(
        f"""
        SELECT r.rec FROM link_id_{side} AS i JOIN link_row AS w ON w.n = i.n AND w.side = $2
        JOIN link_record AS r ON r.profile = w.profile AND r.side = w.side AND r.copy = least(w.copy, {records.COPIES})
        WHERE CAST(i.id AS VARCHAR) = $1""",
        [ident, side[0].upper()],
    )
    if not found:
        raise UsageError(
            f"the {side} table has no such id", where="--pair", remedy="give an id of each table: --pair L,R"
        )
    return int(found[0][0])
