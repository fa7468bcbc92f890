"""The builders of text against plain Python, on values nobody chose."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.synthetic.ndjson import Block, write_lines
from lockgate.synthetic.strings import dates, decimals, grouped, numbered, raw_bytes, strings, times
from lockgate.synthetic.tables.csvfile import cells
from lockgate.synthetic.templates import fill, parse

LONDON = ZoneInfo("Europe/London")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
relaxed = settings(deadline=None, max_examples=60)  # a busy machine must not fail a test


@relaxed
@given(st.lists(st.integers(0, 59 * 365 * 86_400), min_size=1, max_size=20))
def test_times_are_wall_clock_with_the_offset_of_london(seconds: list[int]) -> None:
    moments = [(EPOCH + timedelta(seconds=value)).replace(tzinfo=None) for value in seconds]
    real = [moment.replace(tzinfo=LONDON) for moment in moments]
    there = [
        value.astimezone(UTC).astimezone(LONDON).replace(tzinfo=None) == value.replace(tzinfo=None)
        for value in real
    ]
    modern = [moment.year > 1995 for moment in moments]  # before, summer time ended on other Sundays
    found = times(np.array(seconds)).to_pylist()
    for text, moment, value, exists, checked in zip(found, moments, real, there, modern, strict=True):
        assert text[:19] == moment.isoformat()
        if checked and exists:
            assert datetime.fromisoformat(text) == value


@relaxed
@given(st.lists(st.integers(-25_000, 20_000), min_size=1))
def test_dates_are_iso(days: list[int]) -> None:
    assert dates(days).to_pylist() == [str(np.datetime64(value, "D")) for value in days]


@relaxed
@given(st.lists(st.integers(0, 9_999_999), min_size=1))
def test_numbered_pads_with_zeros(values: list[int]) -> None:
    assert numbered(values, 7, "H", "!").to_pylist() == [f"H{value:07d}!" for value in values]


@relaxed
@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 2)), min_size=1))
def test_decimals_are_json_numbers_of_the_same_value(values: list[float]) -> None:
    assert [json.loads(text) for text in decimals(values).to_pylist()] == values


@relaxed
@given(st.lists(st.lists(st.text(max_size=4), min_size=1, max_size=4), min_size=1, max_size=8))
def test_grouped_joins_within_groups_only(groups: list[list[str]]) -> None:
    flat = strings([text for group in groups for text in group])
    offsets = np.cumsum([0, *map(len, groups)])
    assert grouped(flat, offsets, "|").to_pylist() == ["|".join(group) for group in groups]
    assert bytes(raw_bytes(flat)) == "".join(flat.to_pylist()).encode()


@relaxed
@given(st.lists(st.tuples(st.text(max_size=6), st.text(min_size=1, max_size=6)), min_size=1, max_size=9))
def test_a_filled_template_knows_where_its_identifiers_stand(rows: list[tuple[str, str]]) -> None:
    columns = {"plain": strings([plain for plain, _ in rows]), "name": strings([name for _, name in rows])}
    texts, spans = fill(parse("Ž {plain}: {name!NAME} ({plain}) {name!NAME}."), columns, len(rows))
    for text, found, (plain, name) in zip(texts.to_pylist(), spans.to_pylist(), rows, strict=True):
        assert text == f"Ž {plain}: {name} ({plain}) {name}."
        places = json.loads(found)
        assert [text[begin:end] for begin, end, _ in places] == [name, name]
        assert {kind for *_, kind in places} == {"NAME"}


def test_an_age_is_an_identifier_from_ninety() -> None:
    _, spans = fill(
        parse("aged {age!AGE90}, {ward}"), {"age": strings(["89", "90"]), "ward": strings(["x", "y"])}, 2
    )
    assert [json.loads(text) for text in spans.to_pylist()] == [[], [[5, 7, "AGE90"]]]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30), max_size=40),
    st.integers(1, 9),
)
def test_a_gzip_file_of_chunks_reads_back_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("gzip") / "lines.gz"
    column = pa.array([f"{line}\n" for line in lines], pa.large_string())
    block = Block(len(lines), lambda first, last: [column.slice(first, last - first)], chunk)
    assert write_lines(path, [block], ["the end"]) == len(lines) + 1
    with gzip.open(path, "rb") as file:
        assert file.read().decode() == "".join(f"{line}\n" for line in [*lines, "the end"])


def test_cells_are_quoted_where_they_have_to_be() -> None:
    column = strings(["plain", 'say "hello"', "a,b", "two\nlines", None, ""])
    assert cells(column).to_pylist() == ["plain", '"say ""hello"""', '"a,b"', '"two\nlines"', "", ""]
