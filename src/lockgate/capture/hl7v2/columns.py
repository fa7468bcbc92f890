"""Many messages at once, by place: each kind of segment as a table, each field that is asked for as a column.

Split-based and lazy: a segment is cut only as far as the last field wanted, and nothing is interpreted. A column is
NULL where the field is absent or empty; ``""`` (cleared by the sender) stays as it is.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from lockgate.capture.hl7v2.message import SEPARATORS, canonical, unescape

# A group is opened by these: a segment's place among all segments is the key of what it opens.
OPENERS = ("PID", "OBR", "ORC", "OBX", "TXA")
Offsets = Any
CLEARED = '""'
# After a line end, something other than a segment's name and a separator.
_NO_SEGMENT = r"\r(?:[^A-Z\r]|.[^A-Z0-9\r]|..[^A-Z0-9\r]|...[^|\r]|\r|.\r|..\r)"


@cache
def wanted() -> dict[str, dict[int, list[str | int]]]:
    """The fields that are read: segment -> field number -> [column, components or "raw" or "time"] (segments.yaml)."""
    text = resources.files(__package__).joinpath("segments.yaml").read_text(encoding="utf-8")
    listed: dict[str, dict[int, str | list[str | int]]] = yaml.safe_load(text)
    return {
        segment: {number: spec if isinstance(spec, list) else [spec] for number, spec in fields.items()}
        for segment, fields in listed.items()
    }


def canonical_array(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    """Every message in canonical form (``message.canonical``); "" where one is no HL7 v2."""
    raw = pc.utf8_trim(raw, "\x0b\x1c\r\n\t ")
    if pc.any(pc.match_substring(raw, "\n")).as_py():
        raw = pc.replace_substring(pc.replace_substring(raw, "\r\n", "\r"), "\n", "\r")
        # Where that would cut a text, the slow way decides below: it needs the message as it came.
    usual = pc.starts_with(raw, "MSH" + SEPARATORS)
    return raw if pc.all(usual).as_py() else pc.if_else(usual, raw, "")


def parse(raw: pa.LargeStringArray) -> dict[str, pa.Table]:
    """Tables by segment name, each with ``m`` (the message's place in ``raw``), ``s`` (the segment's place among all),
    ``pid_s``, ``obr_s``, ``orc_s``, ``obx_s``, ``txa_s`` (the last such segment before it in its message, or -1), and
    the columns of segments.yaml. Z-segments and others that are not asked for are left in the raw message.
    """
    raw = pc.cast(raw, pa.large_string())
    if isinstance(raw, pa.ChunkedArray):
        raw = raw.combine_chunks()
    text = _mended(raw)
    cut = pc.split_pattern(text, "\r")
    flat = cut.flatten()
    counts = np.diff(cut.offsets.to_numpy())
    message = np.repeat(np.arange(len(raw), dtype=np.int64), counts)
    first = np.repeat(cut.offsets.to_numpy()[:-1].astype(np.int64), counts)
    names = pc.utf8_slice_codeunits(flat, 0, 3).dictionary_encode()
    codes = names.indices.to_numpy()
    known = names.dictionary.to_pylist()
    place = np.arange(len(flat), dtype=np.int64)
    groups = {}
    for opener in OPENERS:
        mark = (
            np.where(codes == known.index(opener), place, -1) if opener in known else np.full(len(flat), -1)
        )
        last = np.maximum.accumulate(mark) if len(mark) else mark
        groups[f"{opener.lower()}_s"] = np.where(last >= first, last, -1)
    tables = {}
    for name, fields in wanted().items():
        rows = np.flatnonzero(codes == known.index(name)) if name in known else place[:0]
        lead = {"m": pa.array(message[rows]), "s": pa.array(rows.astype(np.int64))}
        context = {key: pa.array(values[rows].astype(np.int64)) for key, values in groups.items()}
        shift = 1 if name == "MSH" else 0
        columns = _fields(
            flat.take(pa.array(rows)), {number - shift: column for number, column in fields.items()}
        )
        tables[name] = pa.table({**lead, **context, **columns})
    return tables


def _mended(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    """``canonical_array``, with the messages that are not of the usual form taken one by one."""
    quick = canonical_array(raw)
    doubtful = pc.or_(
        pc.equal(quick, ""),
        pc.match_substring_regex(quick, r"\r(?:[^A-Z\r]|.[^A-Z0-9\r]|..[^A-Z0-9\r]|...[^|\r]|\r|.\r|..\r)"),
    )
    if not pc.any(doubtful).as_py():
        return quick
    places = np.flatnonzero(doubtful.to_numpy(zero_copy_only=False))
    slow = pa.array([canonical(text) for text in raw.take(pa.array(places)).to_pylist()], pa.large_string())
    return pc.replace_with_mask(quick, doubtful, slow)


def _fields(segments: pa.LargeStringArray, fields: dict[int, list[str | int]]) -> dict[str, pa.Array]:
    """The columns of one kind of segment: of each field the components asked for, or the whole of it ("raw")."""
    values, offsets = _cut(segments, "|", max(fields) + 1)
    columns = {}
    for number, (name, *parts) in fields.items():
        field = _nth(values, offsets, number)
        if "raw" in parts:
            columns[f"{name}_raw"] = field
        wanted_parts = [part for part in parts if isinstance(part, int)] or [1]
        # Codes, units, wards and clinicians repeat: each distinct text is taken apart once.
        coded = field.dictionary_encode()
        for column, found in _components(coded.dictionary, str(name), wanted_parts).items():
            columns[column] = found.take(coded.indices)
    return columns


def _components(field: pa.LargeStringArray, name: str, parts: list[int]) -> dict[str, pa.Array]:
    """Components of the first repetition, unescaped and trimmed: ``name`` (the first), ``name_2``, ...

    Where the whole field is ``""`` (cleared), so is each of them.
    """
    cleared = pc.equal(field, CLEARED)
    if pc.any(pc.match_substring(field, "~")).as_py():
        field = _nth(*_cut(field, "~", 1), 0)
    structured = pc.any(pc.match_substring(field, "^")).as_py()
    values, offsets = _cut(field, "^", max(parts)) if structured else (field, None)
    columns = {}
    for part in parts:
        if offsets is not None:
            found = _nth(values, offsets, part - 1)
        else:
            found = field if part == 1 else pa.nulls(len(field), field.type)
        if pc.any(pc.match_substring(found, "&")).as_py():
            found = _nth(*_cut(found, "&", 1), 0)
        if part > 1:
            found = pc.if_else(pc.fill_null(cleared, False), CLEARED, found)
        columns[name if part == 1 else f"{name}_{part}"] = _plain(found)
    return columns


def _plain(values: pa.LargeStringArray) -> pa.LargeStringArray:
    """Text without escapes and blanks around it; NULL where nothing is left."""
    escaped = pc.fill_null(pc.match_substring(values, "\\"), False)
    if pc.any(escaped).as_py():
        resolved = [unescape(text) for text in values.filter(escaped).to_pylist()]
        values = pc.replace_with_mask(values, escaped, pa.array(resolved, values.type))
    values = pc.utf8_trim(values, " \t\n")
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)


def _cut(values: pa.LargeStringArray, separator: str, most: int) -> tuple[pa.LargeStringArray, Offsets]:
    cut = pc.split_pattern(values, separator, max_splits=most)
    return cut.flatten(), np.concatenate(
        ([0], np.cumsum(pc.fill_null(pc.list_value_length(cut), 0).to_numpy()))
    )


def _nth(values: pa.LargeStringArray, offsets: Offsets, number: int) -> pa.LargeStringArray:
    starts, there = offsets[:-1], np.diff(offsets) > number
    found = values.take(pa.array(np.where(there, starts + number, 0), mask=~there))
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, found.type), found)
