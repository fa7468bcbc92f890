"""HL7 v2 as text: separators, escapes, line ends, frames, envelopes, character sets; and columns against one by one."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.capture.hl7v2.columns import parse, wanted
from lockgate.capture.hl7v2.frames import decode, read_messages
from lockgate.capture.hl7v2.message import Message, canonical, unescape
from lockgate.capture.lines import SourceFile

HEAD = "MSH|^~\\&|PAS|RXX|||20240101120000||ADT^A01|1|P|2.4"
MESSAGE = f"{HEAD}\rEVN|A01|20240101120000\rPID|1||100^^^RXX^MR||DOE^JO\rZXY|kept"


def _read(
    tmp_path: Path, content: bytes, name: str = "m.hl7"
) -> tuple[list[dict[str, object]], Counter[str]]:
    path, warnings = tmp_path / name, Counter[str]()
    path.write_bytes(content)
    tables = list(read_messages([SourceFile(path, name)], "UNICODE UTF-8", warnings))
    return (pa.concat_tables(tables).to_pylist() if tables else []), warnings


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_every_line_end_gives_the_same_fields(end: str) -> None:
    message = Message.parse(MESSAGE.replace("\r", end) + end)
    assert message is not None
    assert message.kind == "ADT^A01"
    assert message.get("PID", 5, 2) == "JO"
    assert [one[0] for one in message.segments] == ["MSH", "EVN", "PID", "ZXY"]
    assert message.get("MSH", 1) == "|" and message.get("MSH", 12) == "2.4"


def test_own_separators_are_exchanged_and_usual_letters_kept_as_data() -> None:
    text = "MSH#*!?@#PAS####20240101##ADT*A01#1#P#2.4\rPID#1##7*8!9##SMITH^~|&*JO"
    message = Message.parse(text)
    assert message is not None
    assert message.kind == "ADT^A01"
    assert message.get("PID", 3) == "7^8~9"
    assert message.get("PID", 5, 1) == "SMITH^~|&"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"x10\S\9/L", "x10^9/L"),
        (r"one\.br\two", "one\ntwo"),
        (r"\X41\\X0D0A\z", "A\r\nz"),
        (r"\H\bold\N\ \Cxx\ stays", r"bold \Cxx\ stays"),
        ("no escapes", "no escapes"),
        ("an odd \\ stays", "an odd \\ stays"),
    ],
)
def test_escapes(sent: str, meant: str) -> None:
    assert unescape(sent) == meant


def test_a_line_that_begins_no_segment_continues_the_field() -> None:
    message = Message.parse(f"{HEAD}\nOBX|1|TX|A||first line\nsecond, see below|end\nNTE|1||x")
    assert message is not None
    assert message.get("OBX", 5) == "first line\nsecond, see below"


@pytest.mark.parametrize("text", ["", "PID|1", "MSH", "MSH|^^^^|", "MSHA^~\\&|x|y"])
def test_what_is_no_message_is_none(text: str) -> None:
    assert Message.parse(text) is None or Message.parse(text).kind == ""  # type: ignore[union-attr]


def test_a_batch_file_is_counted_and_its_envelope_is_no_message(tmp_path: Path) -> None:
    content = (
        f"FHS|^~\\&|A\rBHS|^~\\&|A\r{MESSAGE}\r{MESSAGE.replace('|1|P', '|2|P')}\rBTS|3\rFTS|1\r".encode()
    )
    rows, warnings = _read(tmp_path, content)
    assert [row["line"] for row in rows] == [1, 2]
    assert all(row["fault"] is None and str(row["raw"]).startswith("MSH") for row in rows)
    assert sum(warnings.values()) == 1
    assert "BTS-1" in next(iter(warnings))


def test_frames_gzip_and_garbage_between(tmp_path: Path) -> None:
    framed = b"\x0b" + MESSAGE.encode() + b"\r\x1c\r"
    rows, _ = _read(tmp_path, gzip.compress(framed + b"garbage\r" + framed), "m.hl7.gz")
    assert [row["fault"] for row in sorted(rows, key=lambda r: r["line"])] == [None, "not-hl7", None]
    assert {row["raw"] for row in rows} == {MESSAGE, "garbage"}


def test_a_broken_stream_gives_its_messages_and_one_fault(tmp_path: Path) -> None:
    whole = gzip.compress("\r".join([MESSAGE.replace("|1|P", f"|{n}|P") for n in range(3000)]).encode())
    rows, _ = _read(tmp_path, whole[: len(whole) // 2], "m.hl7.gz")
    assert [row["fault"] for row in rows].count("truncated-file") == 1
    assert sum(row["fault"] is None for row in rows) > 100


@pytest.mark.parametrize(
    ("charset", "encoding", "fits"),
    [
        ("8859/1", "latin-1", True),
        ("UNICODE UTF-8", "utf-8", True),
        ("", "utf-8", True),
        ("", "latin-1", False),
        ("UNICODE UTF-8", "latin-1", False),
        ("ASCII", "utf-8", False),
        ("ISO IR87", "utf-8", False),
    ],
)
def test_character_sets(charset: str, encoding: str, fits: bool) -> None:
    body = f"{HEAD}||||||{charset}\rPID|1||1||ÅSTRÖM".encode(encoding)
    text, reason, _ = decode(body, "UNICODE UTF-8")
    assert (reason == "") == fits
    assert ("ÅSTRÖM" in text) == fits
    assert fits or reason == "wrong-charset"


FIELD = st.text(alphabet='AZaz09^~&\\". éEFSTRX', max_size=12)
SEGMENT = st.tuples(st.sampled_from(["PID", "PV1", "OBR", "OBX", "NTE", "ZAA"]), st.lists(FIELD, max_size=24))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SEGMENT, max_size=6), min_size=1, max_size=4), st.sampled_from(["\r", "\n", "\r\n"]))
def test_columns_say_what_the_messages_say_one_by_one(
    messages: list[list[tuple[str, list[str]]]], end: str
) -> None:
    texts = [HEAD + "".join(f"{end}{name}|{'|'.join(fields)}" for name, fields in each) for each in messages]
    tables = parse(pa.array(texts, pa.large_string()))
    for name in ("PID", "PV1", "OBR", "OBX", "NTE"):
        rows = iter(tables[name].to_pylist())
        for place, text in enumerate(texts):
            message = Message(canonical(text))
            for fields in (one for one in message.segments if one[0] == name):
                row = next(rows)
                assert row["m"] == place
                for number, (column, *parts) in wanted()[name].items():
                    value = fields[number] if number < len(fields) else ""
                    if "raw" in parts:
                        assert (row[f"{column}_raw"] or "") == value
                    for part in [p for p in parts if isinstance(p, int)] or [1]:
                        got = row[column if part == 1 else f"{column}_{part}"]
                        assert (got or "") == _component(value, part)
        assert next(rows, None) is None


def _component(value: str, part: int) -> str:
    if value == '""':
        return value
    pieces = value.split("~")[0].split("^")
    return unescape(pieces[part - 1].split("&")[0]).strip(" \t\n") if part <= len(pieces) else ""
