"""Date policies: what they keep, and that SQL and Python say the same."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.deidentify import dates
from lockgate.engine import Engine
from lockgate.errors import UsageError

KEY = bytes(range(32))
times = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(times, times, st.integers(-365, 365))
def test_a_shift_keeps_every_interval_and_the_time_of_day(
    first: datetime, second: datetime, offset: int
) -> None:
    a, b = (dates.generalise(value, "shift", offset=offset) for value in (first, second))
    assert b - a == second - first
    assert a.time() == first.time()
    day = dates.generalise(first.date(), "shift", offset=offset)
    assert day == first.date() + timedelta(days=offset)


@given(times)
def test_month_and_year_keep_only_that(value: datetime) -> None:
    assert dates.generalise(value, "month") == datetime(value.year, value.month, 1)
    assert dates.generalise(value.date(), "year") == date(value.year, 1, 1)
    assert dates.generalise(value, "exact") == value


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(times, st.integers(-365, 365)), min_size=1, max_size=30))
def test_sql_agrees_with_python(rows: list[tuple[datetime, int]]) -> None:
    with Engine(threads=1) as engine:
        engine.execute("CREATE TABLE t (n INTEGER, seen TIMESTAMP, day DATE, off INTEGER)")
        for n, (at, offset) in enumerate(rows):
            engine.execute("INSERT INTO t VALUES (?, ?, ?, ?)", [n, at, at.date(), offset])
        for policy in dates.POLICIES:
            at_sql = dates.generalise_sql("seen", policy, kind="TIMESTAMP", offset="off")
            day_sql = dates.generalise_sql("day", policy, kind="DATE", offset="off")
            found = engine.rows(f"SELECT {at_sql}, {day_sql} FROM t ORDER BY n")
            expected = [
                (dates.generalise(at, policy, offset=off), dates.generalise(at.date(), policy, offset=off))
                for at, off in rows
            ]
            assert found == expected


def test_offsets_are_stable_by_person_and_key_and_never_nought() -> None:
    people = np.arange(1, 20_001)
    ours = dates.shift_days(people, KEY).to_numpy()
    assert (ours == dates.shift_days(people, KEY).to_numpy()).all()
    theirs = dates.shift_days(people, bytes(32)).to_numpy()
    assert (ours == theirs).mean() < 0.01
    assert not (ours == 0).any()
    assert (ours.min(), ours.max()) == (-365, 365)
    assert abs(ours.mean()) < 6
    assert set(dates.shift_days(people, KEY, largest=1).to_pylist()) == {-1, 1}


def test_an_end_of_the_calendar_is_not_an_error() -> None:
    assert dates.generalise(date.max, "shift", offset=3) == date.max
    assert dates.generalise(date.min, "shift", offset=-3) == date.min


def test_birth_dates_lose_their_day_and_the_oldest_their_year() -> None:
    born = date(1950, 7, 14)
    assert dates.birth(born, "year") == (1950, None)
    assert dates.birth(born, "month") == (1950, 7)
    year = dates.birth_year_sql("b", reference="DATE '2026-06-30'")
    month = dates.birth_month_sql("b", "month", reference="DATE '2026-06-30'")
    births = [born, date(1936, 1, 1), date(1921, 5, 5), None]
    with Engine(threads=1) as engine:
        engine.execute("CREATE TABLE t AS SELECT unnest(?) b", [births])
        assert engine.rows(f"SELECT {year}, {month} FROM t") == [
            (1950, 7),
            (1936, None),
            (1936, None),
            (None, None),
        ]
        assert engine.rows(f"SELECT {dates.birth_month_sql('b', 'year', reference='b')} FROM t LIMIT 1") == [
            (None,)
        ]


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.dates(date(1900, 1, 1), date(2026, 1, 1)))
def test_age_counts_birthdays(born: date, at: date) -> None:
    if at < born:
        return
    birthdays = sum(
        1
        for year in range(born.year + 1, at.year + 1)
        if (at.year, at.month, at.day) >= (year, born.month, born.day)
    )
    assert dates.age_in_years(born, at) == birthdays


def test_top_coding() -> None:
    assert [dates.top_coded(age) for age in (0, 89, 90, 104)] == [0, 89, 90, 90]
    with Engine(threads=1) as engine:
        sql = f"SELECT {dates.top_coded_sql('a')} FROM (SELECT unnest([0, 89, 90, 104, NULL]) AS a)"
        assert [row[0] for row in engine.rows(sql)] == [0, 89, 90, 90, None]


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(UsageError, match="no date policy"):
        dates.generalise(date(2020, 1, 1), "decade")
    with pytest.raises(UsageError, match="offset"):
        dates.generalise_sql("d", "shift", kind="DATE")
