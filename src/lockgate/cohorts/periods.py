"""Periods of observation as days, with each person's place among those who are observed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lockgate.cohorts.events import day
from lockgate.cohorts.scratch import Scratch

PERIODS = "observed_periods"


def observed(scratch: Scratch) -> None:
    """The table ``PERIODS``: person_id, first_day, last_day (days since 1970-01-01); with arrays also place, and the
    scratch knows the people, the days that they are observed on, and whether periods of a person overlap."""
    first, last = day("observation_period_start_date"), day("observation_period_end_date")
    sql = (
        f"SELECT person_id, {first} AS first_day, {last} AS last_day FROM observation_period "
        "WHERE person_id IS NOT NULL AND observation_period_start_date <= observation_period_end_date"
    )
    if not scratch.arrays:
        scratch.create(PERIODS, sql)
        return
    rows = scratch.arrow(sql)
    person, began, ended = (rows.column(name).to_numpy() for name in ("person_id", "first_day", "last_day"))
    scratch.people, place = np.unique(person, return_inverse=True)
    scratch.several, scratch.overlapping = scratch.people.size < person.size, False
    if scratch.several:
        order = np.lexsort((began, place))
        again = place[order][1:] == place[order][:-1]
        scratch.overlapping = bool(np.any(again & (began[order][1:] <= ended[order][:-1])))
    if person.size:
        scratch.days = int(began.min()), int(ended.max())
    told = scratch.register(rows.append_column("place", _ints(place)))
    scratch.create(PERIODS, f"SELECT * FROM {told}")


def _ints(values: np.ndarray) -> pa.Array:
    return pa.Array.from_buffers(pa.int32(), values.size, [None, pa.py_buffer(values.astype(np.int32))])
