"""Place policies: what is kept of a postcode and of a small area, in Python and in SQL."""

from __future__ import annotations

import pytest

from lockgate.deidentify import places
from lockgate.engine import Engine
from lockgate.errors import UsageError

POSTCODES = [
    # as written, key, outward, area
    ("BS1 4DJ", "BS14DJ", "BS1", "BS"),
    ("bs14dj", "BS14DJ", "BS1", "BS"),
    ("SW1A 1AA", "SW1A1AA", "SW1A", "SW"),
    ("M1 1AE", "M11AE", "M1", "M"),
    ("W1A 0AX", "W1A0AX", "W1A", "W"),
    ("EC1A\u00a01BB", "EC1A1BB", "EC1A", "EC"),
    ("ZZ99 3VZ", None, None, None),  # inward code with a letter that Royal Mail does not use
    ("ZZ99 3WZ", "ZZ993WZ", None, None),
    ("BS1", None, None, None),
    ("", None, None, None),
    (None, None, None, None),
]


@pytest.mark.parametrize(("written", "key", "outward", "area"), POSTCODES)
def test_postcodes(written: str | None, key: str | None, outward: str | None, area: str | None) -> None:
    assert places.postcode_key(written) == key
    assert places.postcode(written, "outward") == outward
    assert places.postcode(written, "area") == area
    assert places.postcode(written, "none") is None


def test_sql_agrees_with_python() -> None:
    with Engine(threads=1) as engine:
        engine.execute("CREATE TABLE t AS SELECT unnest(?) AS pc", [[row[0] for row in POSTCODES]])
        selects = [places.postcode_key_sql("pc")]
        selects += [places.postcode_sql("pc", policy) for policy in ("outward", "area", "none")]
        found = engine.rows(f"SELECT {', '.join(selects)} FROM t")
    assert found == [(key, outward, area, None) for _, key, outward, area in POSTCODES]


def test_areas() -> None:
    assert places.nation("E01000001") == "England"
    assert places.nation("95AA01S1") == "Northern Ireland"
    assert places.nation(None) is None
    with Engine(threads=1) as engine:
        engine.execute("CREATE TABLE t AS SELECT 'W01000003' AS lsoa, 4 AS imd")
        kept = [
            places.area_sql(policy, lsoa="lsoa", decile="imd")
            for policy in ("none", "nation", "decile", "lsoa")
        ]
        assert engine.rows(f"SELECT {', '.join(kept)} FROM t") == [(None, "Wales", "4", "W01000003")]


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(UsageError, match="no place policy"):
        places.postcode("BS1 4DJ", "street")
    with pytest.raises(UsageError, match="decile"):
        places.area_sql("decile", lsoa="lsoa")
