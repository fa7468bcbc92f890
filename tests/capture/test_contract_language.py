"""What a contract may say, each by a small table of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from lockgate.capture import CaptureResult, capture_table, retry_held
from lockgate.capture.tabular.load import read_contract
from lockgate.capture.views import latest_view
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError
from lockgate.site import Site

from .conftest import adds_up

COMMON = "source, record_id, version_at, deleted, item_hash, batch_id"
Capture = Callable[..., CaptureResult]


@pytest.fixture
def capture(site: Site, tmp_path: Path) -> Capture:
    """Capture text by a contract made of the given keys and SELECTs."""

    def run(text: str | bytes, selects: dict[str, str], name: str = "t.csv", **keys: Any) -> CaptureResult:
        folder = site.path / "contracts" / "own"
        folder.mkdir(parents=True, exist_ok=True)
        whole = {
            "contract": "lockgate.contract/1",
            "name": "own",
            "title": "T",
            "owner": "o",
            "legal_basis": "l",
            **keys,
        }
        (folder / "contract.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
        for table, select in selects.items():
            (folder / f"{table}.sql").write_text(select.replace("COMMON", COMMON), encoding="utf-8")
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = capture_table(site, "own", path, actor="test")
        assert adds_up(result)
        return result

    return run


def latest(site: Site, table: str, columns: str) -> list[tuple[Any, ...]]:
    with Engine(threads=1) as engine:
        return engine.rows(f"SELECT {columns} FROM {latest_view(engine, site, table)} ORDER BY ALL")


FEEDBACK = {
    "feedback": "SELECT COMMON, service, received_on, received_on_flag AS date_flag, comment FROM item"
}
BY_TRUST = {
    "received_on": {
        "type": "date",
        "date_formats": {"by": "service", "formats": {"A": ["dmy"], "B": ["dmy", "mdy"], "C": ["%d-%b-%y"]}},
    },
    "id": {},
    "service": {},
    "comment": {},
}
DATED = (
    "id,service,received_on,comment\n1,A,03/04/2024,\n2,B,03/04/2024,\n3,B,13/04/2024,\n4,B,4/13/2024,\n5,B,04/04/2024,\n"
    "6,C,05-Mar-24,\n7,A,04/13/2024,\n8,D,13/04/2024,\n9,A,2024-04-03,\n10,B,3.4.2024,\n"
)


def test_ambiguous_dates_are_flagged_and_none_is_guessed(capture: Capture, rows, faults) -> None:
    result = capture(DATED, FEEDBACK, key=["id"], ambiguous="flag", columns=BY_TRUST)
    assert rows("feedback", "record_id::INT AS n, received_on::VARCHAR, date_flag") == [
        (1, "2024-04-03", None),
        (2, None, "ambiguous-date"),
        (3, "2024-04-13", None),
        (4, "2024-04-13", None),
        (5, "2024-04-04", None),
        (6, "2024-03-05", None),
        (9, "2024-04-03", None),
        (10, None, "ambiguous-date"),
    ]
    assert faults() == {("t.csv", 8): "impossible-date", ("t.csv", 9): "ambiguous-date"}
    assert [word for word in result.warnings if "two days" in word] == [
        "column received_on may be two days by the formats declared: staged without the date (2)"
    ]


def test_ambiguous_dates_are_held_back_unless_the_contract_says_flag(capture: Capture, faults) -> None:
    select = {"feedback": "SELECT COMMON, received_on FROM item"}
    result = capture(DATED, select, key=["id"], columns=BY_TRUST)
    assert result.reasons == {"ambiguous-date": 3, "impossible-date": 1}


STAFFING = {"staffing": "SELECT COMMON, ward_code, shift_date FROM item"}


def test_headers_of_other_years_and_columns_more_or_fewer(site: Site, capture: Capture, rows) -> None:
    columns = {
        "ward_code": {"as": ["WARD", "Ward Code (2019)"]},
        "shift_date": {"type": "date"},
        "x_{1..3}": {},
    }
    keys: dict[str, Any] = {"key": ["ward_code", "shift_date"], "columns": columns, "kept": ["Known thing"]}
    first = capture("WARD,Shift date,X_1,known THING,Surprise\nW1,2024-01-01,a,b,c\n", STAFFING, **keys)
    assert first.warnings == [
        "columns of the contract own that the file lacks, empty: x (2 of 3)",
        "columns that the contract own does not name, kept raw and not staged: Surprise",
    ]
    capture("ward code 2019;shift_date\nW1;2024-01-02\n", STAFFING, **keys, delimiter=";")
    assert rows("staffing", "ward_code, shift_date::VARCHAR") == [("W1", "2024-01-01"), ("W1", "2024-01-02")]
    with Engine(threads=1) as engine:
        raw = engine.one(f"SELECT raw FROM '{site.landing}/{first.batch_id}/raw.parquet'")
    assert '"surprise":"c"' in raw and '"known_thing":"b"' in raw
    with pytest.raises(Refused) as refused:
        capture("ward_code\nW1\n", STAFFING, **keys)
    assert refused.value.reasons == ["missing column: shift_date"]


def test_sentinels_mean_nothing_but_not_in_a_key(capture: Capture, rows, faults) -> None:
    select = {"staffing": "SELECT COMMON, ward_code, shift_date, occupied_beds FROM item"}
    columns = {
        "ward_code": {},
        "shift_date": {"type": "date"},
        "occupied_beds": {"type": "integer", "sentinels": [99]},
    }
    text = 'ward_code,shift_date,occupied_beds\nW1,1800-01-01,99\n"&\t ",2024-01-01,7\nW2,2024-01-01,7.0\nW3,-   ,7.5\n'
    capture(text, select, key=["ward_code"], sentinels=["1800-01-01", "&", "-   "], columns=columns)
    assert rows("staffing", "ward_code, shift_date::VARCHAR, occupied_beds") == [
        ("W1", None, None),
        ("W2", "2024-01-01", 7),
    ]
    assert faults() == {("t.csv", 3): "missing-required", ("t.csv", 5): "wrong-type"}


def test_rows_without_a_key_are_their_content(capture: Capture, rows) -> None:
    select, keys = {"feedback": "SELECT COMMON, comment FROM item"}, {"key": [], "columns": {"comment": {}}}
    assert capture("comment\nfine\nfine\nbad\n", select, **keys).staged == 3
    again = capture("comment\nfine\nbad\nfine\nnew\n", select, **keys)
    assert (again.staged, again.duplicates) == (1, 3)
    assert rows("feedback", "comment") == [("bad",), ("fine",), ("fine",), ("new",)]


RESULTS = {
    "result": "SELECT source, record_id || '#' || n AS record_id, version_at, deleted, item_hash, batch_id,"
    " value AS value_text FROM (SELECT *, unnest(range(1, 3)) AS n, unnest(v) AS value FROM item)"
    " WHERE value IS NOT NULL"
}
RESULT_KEYS: dict[str, Any] = {
    "key": ["id"],
    "version": "at",
    "deletes": {"column": "action", "values": ["D"]},
    "columns": {
        "id": {},
        "at": {"type": "datetime"},
        "action": {},
        "v_{1..2}": {"required": False},
        "must": {"required": True},
    },
}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_versions_deletes_and_parts_in_any_order(
    site: Site, capture: Capture, order: tuple[int, ...]
) -> None:
    head = "id,at,action,v_1,v_2,must\n"
    files = [
        "1,2024-01-01T10:00:00,,a,b,x\n2,2024-01-01T10:00:00,,a,b,x\n3,2024-01-01T10:00:00,,a,b,x\n",
        "1,2024-01-02T10:00:00,,c,,x\n",
        "2,2024-01-02T10:00:00,D,,,\n",
        "3,2024-01-02T10:00:00,,,,x\n",
    ]
    for place in order:
        assert capture(head + files[place], RESULTS, **RESULT_KEYS).quarantined == 0
    assert latest(site, "result", "record_id, value_text") == [("1#1", "c")]


REPLACES: dict[str, Any] = {
    "key": ["id"],
    "version": "submitted",
    "replaces": ["month", "provider"],
    "columns": {"id": {}, "month": {}, "provider": {}, "submitted": {"type": "datetime"}, "v": {}},
}
PERIODS = [
    "1,2024-01,R,2024-02-01,a\n2,2024-01,R,2024-02-01,a\n3,2024-02,R,2024-02-01,a\n4,2024-01,Q,2024-02-01,a\n",
    "1,2024-01,R,2024-03-01,b\n5,2024-01,R,2024-03-01,b\n",
    "5,2024-01,R,2024-04-01,c\n1,2024-02,R,2024-04-01,c\n",
]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_newest_submission_of_a_period_is_all_there_is(
    site: Site, capture: Capture, order: tuple[int, ...]
) -> None:
    select = {"feedback": "SELECT COMMON, v AS comment FROM item"}
    for place in order:
        capture("id,month,provider,submitted,v\n" + PERIODS[place], select, **REPLACES)
    # 2 was left out of January by the second; 3 out of February by the third, to which 1 has moved.
    assert latest(site, "feedback", "record_id, comment") == [("1", "c"), ("4", "a"), ("5", "c")]


def test_merged_numbers_become_merges(capture: Capture, rows) -> None:
    select = {
        "patient": "SELECT source, person_ref AS record_id, version_at, deleted, item_hash, batch_id FROM item"
    }
    capture(
        "id,old,at,kind\nP1,P9,2024-01-02T10:00:00,merge\nP1,P9,2024-01-03T10:00:00,split\nP2,,,\nP3,P3,,\n",
        select,
        key=["id", "at"],
        person=["id"],
        merges={
            "survivor": "id",
            "retired": "old",
            "at": "at",
            "unmerge": {"column": "kind", "values": ["split"]},
        },
        columns={"id": {}, "old": {}, "at": {"type": "datetime", "sentinels": []}, "kind": {}},
    )
    assert rows("patient_merge", "record_id, survivor_ref, retired_ref, kind, event_at::VARCHAR") == [
        ("P1|P9|2024-01-02T10:00:00", "P1", "P9", "merge", "2024-01-02 10:00:00"),
        ("P1|P9|2024-01-03T10:00:00", "P1", "P9", "unmerge", "2024-01-03 10:00:00"),
    ]


def test_clock_times_of_the_contracts_zone(capture: Capture, rows) -> None:
    select = {
        "specimen": "SELECT COMMON, seen AS collected_at, seen_offset AS tz_offset, seen_flag AS time_flag FROM item"
    }
    text = "id,seen\n1,2024-03-31T01:30:00\n2,2024-10-27T01:30:00\n3,2024-10-27T01:30:00Z\n4,2024-07-01T10:00:00\n"
    columns = {"id": {}, "seen": {"type": "datetime"}}
    result = capture(text, select, key=["id"], version="seen", time_zone="Europe/London", columns=columns)
    assert rows("specimen", "record_id, tz_offset, time_flag, version_at::VARCHAR")[1:] == [
        ("2", None, "ambiguous", "2024-10-27 01:30:00"),
        ("3", "Z", None, "2024-10-27 01:30:00"),
        ("4", None, None, "2024-07-01 09:00:00"),
    ]
    assert rows("specimen", "time_flag")[:1] == [("ambiguous",)]
    assert any("does not exist" in said for said in result.warnings)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-8"])
def test_encodings(capture: Capture, rows, encoding: str) -> None:
    select = {"feedback": "SELECT COMMON, comment FROM item"}
    text = "id,comment\n1,café £5\n2,ok\n".encode(encoding)
    capture(text, select, key=["id"], encoding=encoding, columns={"id": {}, "comment": {}})
    assert rows("feedback", "comment") == [("café £5",), ("ok",)]


def test_a_byte_that_is_no_letter_of_its_encoding_holds_its_row_back(capture: Capture, faults) -> None:
    select = {"feedback": "SELECT COMMON, comment FROM item"}
    keys: dict[str, Any] = {"key": ["id"], "columns": {"id": {}, "comment": {}}}
    capture(b"id,comment\n1,a\x81b\n2,ok\n", select, encoding="cp1252", **keys)
    assert faults() == {("t.csv", 2): "not-utf8"}
    with pytest.raises(Refused, match="utf-16"):
        capture(b"id,comment\n1,a\n\x00", select, encoding="utf-16", **keys)


def test_parquet_reads_as_text_does(capture: Capture, rows, tmp_path: Path) -> None:
    import datetime as dt

    table = pa.table(
        {
            "WARD_CODE": ["W1", "W2"],
            "shift_date": pa.array([dt.date(2024, 1, 2), None], pa.date32()),
            "beds": pa.array([7, None], pa.int32()),
        }
    )
    pq.write_table(table, tmp_path / "source")
    select = {"staffing": "SELECT COMMON, ward_code, shift_date, beds AS occupied_beds FROM item"}
    columns = {
        "ward_code": {},
        "shift_date": {"type": "date", "date_formats": ["dmy"]},
        "beds": {"type": "integer"},
    }
    content = (tmp_path / "source").read_bytes()
    capture(content, select, "any.name", key=["ward_code"], columns=columns)
    assert rows("staffing", "ward_code, shift_date::VARCHAR, occupied_beds") == [
        ("W1", "2024-01-02", 7),
        ("W2", None, None),
    ]
    broken = capture(content[:-20], select, "broken.parquet", key=["ward_code"], columns=columns)
    assert broken.reasons == {"unreadable-file": 1}


def test_a_site_s_own_contract_is_found_again_for_a_retry(site: Site, capture: Capture, rows) -> None:
    select = {"feedback": "SELECT COMMON, received_on FROM item"}
    keys: dict[str, Any] = {"key": ["id"], "columns": {"id": {}, "received_on": {"type": "date"}}}
    assert capture("id,received_on\n1,13/04/2024\n", select, **keys).quarantined == 1
    keys["columns"]["received_on"]["date_formats"] = ["dmy"]
    capture("id,received_on\n2,14/04/2024\n", select, **keys)
    assert [one.recovered for one in retry_held(site, actor="test")] == [1]
    assert rows("feedback", "record_id, received_on::VARCHAR") == [("1", "2024-04-13"), ("2", "2024-04-14")]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"columns": {"a": {"type": "date", "date_formats": ["day"]}}}, "no date format"),
        ({"columns": {"a": {"codes": ["x"]}}}, "codes are for a column of type code"),
        ({"columns": {"a": {"sentinels": [True]}}}, "put it in quotes"),
        ({"columns": {"a": {}, "b": {"as": ["A"]}}}, "would both be read from a"),
        ({"columns": {"a": {}, "record_id": {}}}, "every row has already"),
        ({"columns": {"a": {}}, "replaces": ["a"]}, "needs a version column"),
        ({"columns": {"a": {}}, "time_zone": "Mars"}, "no IANA time zone"),
        ({"columns": {"a": {}, "n_{1..3}": {"as": ["m_{1..2}"]}}}, "must stand for 3 columns"),
        ({"columns": {"a": {}}, "surprise": 1}, "surprise: unknown key"),
        ({"columns": {"a": {"pattern": "("}}}, "no regular expression"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    whole = {
        "contract": "lockgate.contract/1",
        "name": "x",
        "title": "T",
        "owner": "o",
        "legal_basis": "l",
        "key": ["a"],
    }
    (tmp_path / "contract.yaml").write_text(yaml.safe_dump({**whole, **keys}))
    with pytest.raises(UsageError, match=said):
        read_contract(tmp_path)
