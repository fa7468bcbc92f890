"""Wall clocks that come twice or never, against the zone database of Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lockgate.capture.macros import define
from lockgate.engine import Engine


def flag(clock: datetime, zone: ZoneInfo) -> str | None:
    """PEP 495: the two readings of a fold differ in a gap and in an overlap; only an overlap reads back as said."""
    first, second = (clock.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return None
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return "ambiguous" if back == clock else "nonexistent"


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_time_flag_is_the_zone_databases(zone: str) -> None:
    # Every quarter of an hour of two years: all four changes of each zone, half-hour ones (Lord Howe) too.
    start = datetime(2023, 1, 1)
    clocks = [start + timedelta(minutes=15) * step for step in range(2 * 365 * 96)]
    expected = {clock: told for clock in clocks if (told := flag(clock, ZoneInfo(zone)))}
    with Engine(threads=1) as engine:
        define(engine, "TIMESTAMP '2026-01-01'")
        found = engine.rows(
            f"SELECT x, time_flag(x, '{zone}') AS told FROM (SELECT TIMESTAMP '2023-01-01' + INTERVAL 15 MINUTE * n"
            f" AS x FROM range({len(clocks)}) r(n)) WHERE told IS NOT NULL"
        )
    assert dict(found) == expected
    assert sorted(set(expected.values())) == ([] if zone == "UTC" else ["ambiguous", "nonexistent"])


def test_time_flag_of_nothing_is_nothing() -> None:
    with Engine(threads=1) as engine:
        define(engine, "TIMESTAMP '2026-01-01'")
        assert engine.one("SELECT time_flag(CAST(NULL AS TIMESTAMP), 'Europe/London')") is None
        assert (
            engine.one("SELECT time_flag(TIMESTAMP '2024-03-31 01:00:00', 'Europe/London')") == "nonexistent"
        )
        assert engine.one("SELECT time_flag(TIMESTAMP '2024-10-27 01:59:59', 'Europe/London')") == "ambiguous"
        assert engine.one("SELECT time_flag(TIMESTAMP '2024-10-27 02:00:00', 'Europe/London')") is None
