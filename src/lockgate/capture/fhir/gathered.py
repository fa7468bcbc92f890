"""The elements of many resources of one type: each text kept once however often it was sent, and checked.

What lies below the elements of a resource is read once for each distinct text: its JSON types, and that no key is named
twice, are checked there all the way down; a text that a portion before had is not checked anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.fhir.repeated import TWICE, texts_with_repeats
from lockgate.capture.fhir.shape import Node, Text, shapes
from lockgate.capture.lines import places_of

MODIFIERS = ("modifierExtension", "implicitRules")
CHECKED_BYTES = 1024 * 1024  # of an element's texts that are remembered as checked

Indices = npt.NDArray[np.int64]
# Of each element: None or str where it came decoded, else as it was written.
Columns = dict[str, Sequence[msgspec.Raw] | Sequence[str | None]]
Checked = dict[tuple[str, str], list[pa.LargeStringArray]]
_any = msgspec.json.Decoder().decode
OUT_OF_RANGE = "is larger than can be held"
_SAID = {
    "str": "text",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of many resources: for each its place in ``texts``, where every text stands once.

    A null text: not sent. Text and dates without their quotes; anything else as JSON.
    """

    codes: npt.NDArray[np.integer[Any]]
    texts: pa.LargeStringArray


@dataclass(frozen=True, slots=True)
class Part:
    """The resources of one type in a portion. ``rows`` are their places in it; ``wrong`` maps some to a fault."""

    kind: str
    rows: Indices
    elements: dict[str, Element]
    wrong: dict[int, list[str]]

    def where(self, flags: npt.NDArray[np.bool_]) -> Part:
        """Some of these resources."""
        place = np.cumsum(flags) - 1
        elements = {
            name: Element(element.codes[flags], element.texts) for name, element in self.elements.items()
        }
        wrong = {int(place[one]): said for one, said in self.wrong.items() if flags[one]}
        return Part(self.kind, self.rows[flags], elements, wrong)


@cache
def _top(kind: str) -> dict[str, Node]:
    """The elements that are read of a resource type."""
    return shapes()[kind].top if kind in shapes() else {}


@cache
def texts_of(kind: str) -> frozenset[str]:
    """Those of them that are text."""
    return frozenset({"id", *(name for name, node in _top(kind).items() if node in ("string", "date"))})


class Gathered:
    """The texts of one resource type's elements, block by block: what is text in a list, the rest joined by null
    bytes (no line holds one)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.top = _top(kind)
        self.rows: list[Indices] = []
        self.texts: dict[str, list[str | None]] = {}
        self.pieces: dict[str, list[bytes]] = {}
        self.wrong: dict[int, list[str]] = {}
        self.unread: list[
            tuple[Indices, Indices]
        ] = []  # of each resource: bytes of what is not read, how many

    def add(self, columns: Columns, rows: Indices) -> None:
        """The texts of a block's resources."""
        count, before = len(rows), sum(map(len, self.rows))
        size, there = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for name, texts in columns.items():
            if name in texts_of(self.kind):
                listed = self.texts.setdefault(name, [])
                listed += [None] * (before - len(listed))
                decoded, wrong = _decoded(name, texts)
                listed += decoded
                for place, said in wrong:
                    self.wrong.setdefault(before + place, []).append(said)
            elif name in self.top or name in MODIFIERS:
                pieces = self.pieces.setdefault(name, [b"\x00" * (len(block) - 1) for block in self.rows])
                pieces.append(b"\x00".join(texts))  # type: ignore[arg-type]
            else:
                lengths = _lengths(texts)
                size += lengths + (lengths > 0) * (len(name) + 4)
                there += lengths > 0
        for listed in self.texts.values():
            listed += [None] * (before + count - len(listed))
        for name, pieces in self.pieces.items():
            if name not in columns:
                pieces.append(b"\x00" * (count - 1))
        self.rows.append(rows)
        self.unread.append((size, there))

    def part(self, checked: Checked) -> tuple[Part, Indices, Indices]:
        """The resources, and of each: how many bytes long it is if it names no key twice, and how many it names."""
        elements: dict[str, Element] = {}
        size, there = (np.concatenate(parts) for parts in zip(*self.unread, strict=True))
        for name in ("id", *MODIFIERS, *self.top):
            if name in self.texts:
                elements[name], lengths = _text_element(name, self.texts.pop(name))
            elif name in self.pieces:
                joined = b"\x00".join(self.pieces.pop(name)) + b"\x00"
                elements[name], lengths, bad = _element(
                    name, joined, self.top.get(name), checked.setdefault((self.kind, name), [])
                )
                for place, said in bad:
                    self.wrong.setdefault(place, []).append(said)
            else:
                continue
            given = lengths > 0
            if name != "id" and not given.any():
                del elements[name]  # sent by none of them
            size += lengths + given * (len(name) + 4)  # "name":text,
            there += given
        return Part(self.kind, np.concatenate(self.rows), elements, self.wrong), size + 1, there


def _lengths(texts: Sequence[Any]) -> Indices:
    """How long each is as JSON; 0 where there is none."""
    if isinstance(texts[0], str) and texts.count(texts[0]) == len(texts):  # the resource's type
        return np.full(len(texts), 2 + len(texts[0]))
    lengths = (2 + len(one) if isinstance(one, str) else len(one or b"") for one in texts)
    return np.fromiter(lengths, np.int64, len(texts))


def _text_element(name: str, listed: list[str | None]) -> tuple[Element, Indices]:
    """Text as one dictionary (an id: each by itself), and how long each is as JSON; 0 where there is none."""
    array = pa.array(listed, pa.large_string())
    given = np.asarray(pc.is_valid(array))
    lengths = (np.asarray(pc.fill_null(pc.binary_length(array), 0)) + 2) * given
    if name == "id":
        return Element(np.arange(len(array)), array), lengths
    encoded = pc.dictionary_encode(array, null_encoding="encode")
    return Element(encoded.indices.to_numpy(), encoded.dictionary), lengths


def _element(
    name: str, joined: bytes, node: Node | None, checked: list[pa.LargeStringArray]
) -> tuple[Element, Indices, list[tuple[int, str]]]:
    """The texts as one dictionary; how long each is; and of which resources (by place) they are of the wrong type.

    ``node`` is None for what is not checked; ``checked`` are texts of this element that were found right before.
    """
    data = np.frombuffer(joined, np.uint8)
    ends = places_of(data, 0)
    starts = np.concatenate(([0], ends + 1))
    lengths = ends - starts[:-1]
    first = data[starts[:-1]]
    bitmap = pa.py_buffer(np.packbits((first != 0) & (first != ord("n")), bitorder="little").tobytes())
    array = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(joined), bitmap)
    encoded = pc.dictionary_encode(array, null_encoding="encode")
    codes = encoded.indices.to_numpy()
    texts = pc.ascii_trim(encoded.dictionary, "\x00")
    wrong: list[tuple[int, str]] = []
    if node is not None and (bad := _wrong_texts(name, texts, node, checked)):
        at = np.flatnonzero(np.isin(codes, list(bad)))
        wrong = [(int(place), bad[int(codes[place])]) for place in at]
        texts = pa.array(
            [None if number in bad else one for number, one in enumerate(texts.to_pylist())],
            pa.large_string(),
        )
    return Element(codes, texts), lengths, wrong


def _decoded(name: str, texts: Sequence[Any]) -> tuple[Sequence[str | None], list[tuple[int, str]]]:
    """Texts of an element that is text, decoded where they are not yet; and which (by place) are something else."""
    if not isinstance(texts[0], msgspec.Raw):
        return texts, []
    values: list[str | None] = []
    wrong = []
    for place, text in enumerate(texts):
        try:
            value = _any(text) if text else None
        except msgspec.DecodeError:
            value = b""
        if value is not None and not isinstance(value, str):
            wrong.append((place, f"{name} must be text"))
            value = None
        values.append(value)
    return values, wrong


def _wrong_texts(
    name: str, texts: pa.LargeStringArray, node: Node, checked: list[pa.LargeStringArray]
) -> dict[int, str]:
    """The distinct texts of the wrong type, all the way down, or with a key named twice: place -> what is wrong."""
    fresh = np.arange(len(texts))
    if checked:
        fresh = np.flatnonzero(~np.asarray(pc.is_in(texts, value_set=checked[0])))
        texts = texts.take(pa.array(fresh))
    bad = _wrong_types(name, texts, node)
    bad |= {place: f"{name} {TWICE}" for place in texts_with_repeats(texts) if place not in bad}
    if not bad and texts.nbytes + sum(one.nbytes for one in checked) <= CHECKED_BYTES:
        checked[:] = [pa.concat_arrays([*checked, texts])]
    return {int(fresh[place]): said for place, said in bad.items()}


def _wrong_types(name: str, texts: pa.LargeStringArray, node: Node) -> dict[int, str]:
    whole, one = _decoders(node)
    listed = texts.to_pylist()
    try:
        whole("[" + ",".join(text or "null" for text in listed) + "]")
        return {}
    except (msgspec.DecodeError, RecursionError):
        pass
    bad = {}
    for place, text in enumerate(listed):
        try:
            if text is not None:
                one(text)
        except (msgspec.DecodeError, RecursionError) as error:
            bad[place] = _said(name, str(error))
    return bad


def _said(name: str, error: str) -> str:
    """What is wrong and where, in our words: no value of the record is in it."""
    expected = re.match(r"Expected `(\w+)", error)
    path = re.search(r" - at `\$([\w.\[\]]*)`", error)
    where = name + (path.group(1) if path else "")
    if "out of range" in error:
        return f"{where} {OUT_OF_RANGE}"
    word = _SAID.get(expected.group(1)) if expected else None
    return f"{where} must be {word}" if word else f"{where} can't be read"


@cache
def _decoders_of(key: str) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    type_ = _type(_nodes[key])
    return msgspec.json.Decoder(list[type_]).decode, msgspec.json.Decoder(type_).decode  # type: ignore[valid-type]


_nodes: dict[str, Node] = {}


def _decoders(node: Node) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    key = repr(node)
    _nodes[key] = node
    return _decoders_of(key)


def _type(node: Node) -> Any:
    """The msgspec type that a part of a shape must have; null stands for nothing anywhere."""
    if isinstance(node, Text):
        return _type(node.node)
    if isinstance(node, list):
        return list[_type(node[0])] | None  # type: ignore[misc]
    if isinstance(node, dict):
        fields = [(f"f{number}", _type(inner), None) for number, inner in enumerate(node.values())]
        names = {f"f{number}": name for number, name in enumerate(node)}
        return msgspec.defstruct("Part", fields, rename=names, gc=False) | None
    leaf: Any = {"number": float, "integer": float, "boolean": bool, "json": dict[str, msgspec.Raw]}.get(
        str(node), str
    )
    return leaf | None
