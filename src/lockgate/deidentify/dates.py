"""Dates by policy: exact, to the month, to the year, or shifted by the patient's own secret offset.

Each policy is a pure function on Python values and, under the same name with ``_sql``, an SQL expression, so that a
release, a workspace and a note treat a date alike.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.errors import UsageError

DatePolicy = Literal["exact", "month", "year", "shift"]
BirthPolicy = Literal["year", "month"]
POLICIES: tuple[str, ...] = get_args(DatePolicy)

# The furthest a shift moves a date, in days. A year hides the season too.
LARGEST_SHIFT = 365

When = TypeVar("When", date, datetime)


def _check(policy: str) -> None:
    if policy not in POLICIES:
        raise UsageError(f"there is no date policy {policy!r}", remedy=f"one of: {', '.join(POLICIES)}")


def generalise(value: When, policy: DatePolicy, *, offset: int = 0) -> When:
    """A date or time under a policy: as it is, the first of its month or year, or moved by ``offset`` whole days.

    A shift keeps every interval between two dates of one patient, and the time of day. Dates that a shift would move
    past the calendar's ends stay at the end.
    """
    _check(policy)
    if policy == "exact":
        return value
    if policy == "shift":
        try:
            return value + timedelta(days=offset)
        except OverflowError:
            return type(value).max if offset > 0 else type(value).min
    first = value.replace(day=1) if policy == "month" else value.replace(month=1, day=1)
    return first.replace(hour=0, minute=0, second=0, microsecond=0) if isinstance(first, datetime) else first


def generalise_sql(
    column: str, policy: DatePolicy, *, kind: Literal["DATE", "TIMESTAMP"], offset: str = ""
) -> str:
    """The SQL expression of ``generalise`` for a column of a type; ``offset`` is an SQL integer of days."""
    _check(policy)
    if policy == "exact":
        return column
    if policy == "shift":
        if not offset:
            raise UsageError(
                "the policy 'shift' needs each person's offset", remedy="join the offsets of shift_days"
            )
        return f"CAST({column} + ({offset}) * INTERVAL '1' DAY AS {kind})"
    return f"CAST(date_trunc('{policy}', {column}) AS {kind})"


def shift_days(
    person_keys: pa.Array | npt.NDArray[np.int64], key: bytes, *, largest: int = LARGEST_SHIFT
) -> pa.Array:
    """Each person's offset in days (int32): from -largest to largest, never 0, the same for every run of a key.

    Keyed BLAKE2b of the person key: without the key the offset can't be found, and other projects (other keys) shift
    the same person otherwise.
    """
    if len(key) < 16:
        raise ValueError("a key of at least 16 bytes is needed: take it from Site.key")
    if largest < 1:
        raise ValueError("the largest shift is at least one day")
    started = hashlib.blake2b(key=key, person=b"lockgate-shift", digest_size=8)
    keys = (
        person_keys.to_pylist()
        if isinstance(person_keys, pa.Array | pa.ChunkedArray)
        else person_keys.tolist()
    )
    found: dict[int, int] = {}
    for person in keys:
        if person not in found:
            state = started.copy()
            state.update(int(person).to_bytes(8, "little", signed=True))
            step = int.from_bytes(state.digest(), "little") % (2 * largest)
            found[person] = step - largest if step < largest else step - largest + 1
    return pa.array([found[person] for person in keys], pa.int32())


def birth(value: date, policy: BirthPolicy) -> tuple[int, int | None]:
    """What is kept of a birth date: (year, None) or (year, month). The day never stays."""
    return (value.year, value.month if policy == "month" else None)


def birth_year_sql(column: str, *, reference: str, top_age: int = 90) -> str:
    """The year of birth, top-coded: nobody is shown older than ``top_age`` in the year of ``reference``.

    ``reference`` is an SQL date: the release's date, or the date of death where there is one. So a year of birth alone
    never says that somebody is 103.
    """
    born, shown = (f"CAST(extract(year FROM {value}) AS BIGINT)" for value in (column, reference))
    return f"CASE WHEN {born} < {shown} - {int(top_age)} THEN {shown} - {int(top_age)} ELSE {born} END"


def birth_month_sql(column: str, policy: BirthPolicy, *, reference: str, top_age: int = 90) -> str:
    """The month of birth under the policy; NULL for policy "year" and for people at the top-coded age."""
    if policy == "year":
        return "CAST(NULL AS BIGINT)"
    year = f"extract(year FROM {column})"
    below = f"{year} > extract(year FROM {reference}) - {int(top_age)}"
    return f"CASE WHEN {below} THEN CAST(extract(month FROM {column}) AS BIGINT) END"


def age_in_years(born: date, at: date) -> int:
    """Completed years of age; somebody born on 29 February has their birthday on 1 March in common years."""
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))


def top_coded(age: int, top_age: int = 90) -> int:
    """An age, with everybody at or above ``top_age`` shown as ``top_age``."""
    return min(age, top_age)


def top_coded_sql(age: str, top_age: int = 90) -> str:
    """The SQL expression of ``top_coded``; NULL stays NULL."""
    return f"CASE WHEN {age} > {int(top_age)} THEN {int(top_age)} ELSE {age} END"
