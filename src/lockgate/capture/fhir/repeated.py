"""Objects that name one key twice: readers differ in which of the two they take, so nobody can say what was meant.

RFC 8259 leaves it open; msgspec and DuckDB take one and say nothing. What is checked is the resource itself and, at any
depth, the elements that are read.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

TWICE = "names one key twice"
# A key and its value, where the value is text or a number: with the values gone few different texts are left.
_VALUE = r':\s*(?:"(?:[^"\\]|\\.)*"|[-+0-9.eE]+)'
_BLANK_AFTER_KEY = re.compile(rb'\{"[^"\\]*": ')
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_SPACED = ('" ', '"\t', '"\n')


def naming_twice(
    view: memoryview,
    offsets: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    there: npt.NDArray[np.int64],
) -> list[int]:
    """Of resources (by their places among ``offsets``), those whose outermost object names a key twice.

    ``sizes`` is how long each is, written without blanks, when what was read of it is all there is; ``there`` how many
    elements were read. Of a key that was sent twice one value is read, so the resource is longer than that: only
    those that are longer are looked at, and of them those with one blank after each comma and colon (as Python writes)
    are told by their length too.
    """
    lengths = offsets[places + 1] - offsets[places]
    longer = np.flatnonzero(lengths != sizes)
    spaced = lengths[longer] == sizes[longer] + 2 * there[longer] - 1
    found = []
    for place, perhaps in zip(places[longer].tolist(), spaced.tolist(), strict=True):
        text = view[offsets[place] : offsets[place + 1]]
        if not (perhaps and _BLANK_AFTER_KEY.match(text)) and _names_twice(bytes(text)):
            found.append(place)
    return found


def _names_twice(text: bytes) -> bool:
    """Whether the outermost object names a key twice."""
    found = [False]

    def see(pairs: list[tuple[str, Any]]) -> None:
        found[0] = len(dict(pairs)) < len(pairs)  # the outermost is seen last

    try:
        # Escapes in its texts make a resource longer too: here they are counted as they stand.
        if sum(len(name) + len(raw) + 4 for name, raw in _decode(text).items()) + 1 == len(text):
            return False
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
