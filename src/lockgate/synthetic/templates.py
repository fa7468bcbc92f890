"""Fills a note's template for many notes at once and knows, exactly, where each identifier came to stand."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.strings import join, strings

_FIELD = re.compile(r"\{(\w+)(?:!(\w+))?\}")
AGE_KIND = "AGE90"
# A title says nobody's name: "Dr Sophie Ibbotson" is an identifier from its second word.
_TITLE = r"^(Dr|Prof|Mr|Mrs|Miss|Ms|Mx|Sister|Nurse|Sr)\.? "


@dataclass(frozen=True)
class Field:
    """A place in a template: a column, and the kind of identifier it holds ("" for none)."""

    column: str
    kind: str


Template = list[str | Field]


def parse(text: str) -> Template:
    """A template's literals and fields in their order."""
    parts: Template = []
    last = 0
    for match in _FIELD.finditer(text):
        if match.start() > last:
            parts.append(text[last : match.start()])
        parts.append(Field(match[1], match[2] or ""))
        last = match.end()
    return [*parts, text[last:]] if last < len(text) else parts


def fill(template: Template, columns: dict[str, pa.Array], rows: int) -> tuple[pa.Array, pa.Array]:
    """The filled texts, and for each the JSON list of its identifiers: ``[[begin,end,"KIND"],...]``.

    ``begin`` and ``end`` count characters (code points), as Python's slices do. An age is listed from ninety.
    """
    pieces: list[str | pa.Array] = []
    spans: list[str | pa.Array] = []
    position = np.zeros(rows, dtype=np.int64)
    for part in template:
        if isinstance(part, str):
            pieces.append(part)
            position = position + len(part)
            continue
        column = columns[part.column]
        pieces.append(column)
        end = position + pc.utf8_length(column).to_numpy(zero_copy_only=False)
        if part.kind:
            begin = end - pc.utf8_length(_untitled(column)).to_numpy(zero_copy_only=False)
            begins, ends = (pc.cast(pa.array(place), pa.large_string()) for place in (begin, end))
            span = join(",[", begins, ",", ends, f',"{part.kind}"]')
            if part.kind == AGE_KIND:
                listed = pc.greater_equal(pc.cast(column, pa.int64()), 90)
                span = pc.if_else(listed, span, pa.scalar("", pa.large_string()))
            spans.append(span)
        position = end
    listed = pc.utf8_slice_codeunits(join(*spans, rows=rows), 1)  # without the first comma
    return join(*pieces, rows=rows), join("[", listed, "]")


def _untitled(column: pa.Array) -> pa.Array:
    """The values without a title at their head."""
    return pc.replace_substring_regex(column, _TITLE, "")


def concatenated(parts: list[pa.Array]) -> pa.Array:
    """Several string columns below each other."""
    return pa.concat_arrays([strings(part) for part in parts]) if parts else strings([])
