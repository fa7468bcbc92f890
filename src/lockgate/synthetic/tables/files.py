"""Writes the CSV files and keeps what the truth files need to know of them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints, stream
from lockgate.synthetic.tables import community, wards
from lockgate.synthetic.tables.csvfile import Columns, resent, take, write_csv
from lockgate.synthetic.tables.wards import Shifts, Written
from lockgate.synthetic.world import World

RESENT = {"incidents": 0.004, "tissue": 0.004, "primary_care": 0.002}  # shares of rows sent twice


@dataclass
class Tables:
    """What was written: rows per file, whose records they are, their flaws, and the identifiers in free text."""

    shifts: Shifts
    rows: dict[str, int] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    flaws: dict[str, dict[str, int]] = field(default_factory=dict)
    opted_out: Ints | None = None
    opt_out_kind: Ints | None = None


def write_tables(world: World, folder: Path, chosen: Container[str], until: str = "") -> Tables:
    """Write the chosen CSV files of the hospital's other sources into the folder; the truth of the others is kept too.

    Incidents reported on the day ``until`` or later are left out: another system has them.
    """
    shifts = wards.make_shifts(world)
    result = Tables(shifts=shifts)

    def write(name: str, columns: Columns) -> None:
        if name not in chosen:
            return
        if name == "incidents" and until:
            before = pc.less(columns["reported_at"], pa.scalar(until, pa.large_string()))
            columns = take(columns, np.flatnonzero(before.to_numpy(zero_copy_only=False)))
        folder.mkdir(parents=True, exist_ok=True)
        result.rows[name] = write_csv(folder / f"{name}.csv", columns)

    tables = {
        "incidents": wards.incidents(world, shifts),
        "feedback": wards.feedback(world),
        "tissue": community.tissue(world),
        "primary_care": community.primary_care(world),
        "deaths": community.deaths(world),
    }
    for name, table in tables.items():
        columns, again = table.columns, 0
        if name in RESENT:
            columns, again = resent(columns, stream(world.seed, f"resent {name}"), RESENT[name])
        write(name, columns)
        result.written[name] = table
        result.flaws[name] = {**table.counts, "rows_sent_twice": again}
    write("staffing", wards.staffing(world, shifts))
    objections, result.opted_out, result.opt_out_kind = community.opt_outs(world)
    write("opt_outs", objections)
    write("ai_reads", community.ai_reads(world))
    write("postcodes", community.postcode_lookup())
    return result
