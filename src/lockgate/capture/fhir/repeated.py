"""Objects that name one key twice: readers differ in which of the two they take, so nobody can say what was meant.

RFC 8259 leaves it open; msgspec and DuckDB take one and say nothing. What is checked is the resource itself and, at any
depth, the elements that are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TWICE = "names one key twice"
# A key and its value, where the value is text or a number: with the values gone few different texts are left.
_VALUE = r':\s*(?:"(?:[^"\\]|\\.)*"|[-+0-9.eE]+)'
_SPACED = ('" ', '"\t', '"\n')


def are_plain(columns: Mapping[str, Sequence[msgspec.Raw]], count: int, length: int) -> bool:
    """Whether resources certainly name no key twice: all that was read of them is as long as they are.

    ``columns`` has the text of every element of ``count`` resources, ``length`` is theirs in bytes. One that was sent
    twice is read once, so something would be missing. Written without blanks, or with one after each comma and colon,
    as the usual writers do; of others this says nothing.
    """
    there = bare = 0
    for name, texts in columns.items():
        lengths = list(map(len, texts))
        given = count - lengths.count(0)
        there += given
        bare += given * (len(name) + 4) + sum(lengths)  # "name":text,
    bare += count  # { and }, and no comma after the last
    return length in (bare, bare + 2 * there - count)


def names_twice(text: bytes) -> bool:
    """Whether the outermost object names a key twice."""
    found = [False]

    def see(pairs: list[tuple[str, Any]]) -> None:
        found[0] = len(dict(pairs)) < len(pairs)  # the outermost is seen last

    try:
        json.loads(text, object_pairs_hook=see)
    except (ValueError, RecursionError):
        return False  # held for what it is
    return found[0]


def _anywhere(text: str) -> bool:
    found = False

    def see(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len(dict(pairs)) < len(pairs)

    try:
        json.loads(text, object_pairs_hook=see)
    except (ValueError, RecursionError):
        return False
    return found


def texts_with_repeats(texts: pa.LargeStringArray) -> list[int]:
    """The places of the texts in which an object, at any depth, names a key twice."""
    several = pc.greater(pc.count_substring(texts, '":'), 1)
    for blank in _SPACED:
        several = pc.or_(several, pc.match_substring(texts, blank))
    places = np.flatnonzero(np.asarray(pc.fill_null(several, False)))
    if not len(places):
        return []
    some = texts.take(pa.array(places))
    keys = pc.dictionary_encode(pc.replace_substring_regex(some, _VALUE, ":0"))
    doubtful = [place for place, text in enumerate(keys.dictionary.to_pylist()) if _anywhere(text)]
    if not doubtful:
        return []
    # A key that holds a colon may look like another one without its value: the text itself decides.
    among = places[np.isin(keys.indices.to_numpy(), doubtful)]
    return [int(place) for place in among if _anywhere(texts[int(place)].as_py())]
