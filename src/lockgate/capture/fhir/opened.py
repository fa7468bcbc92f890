"""Resources opened one level deep: the text of each element, kept once however often it was sent.

One pass over each resource by msgspec (which skips what it is not asked for); the texts of an element in all
resources of a portion then become one Arrow dictionary. What lies deeper is read once for each distinct text: its
JSON types are checked there, all the way down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import compress, pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from lockgate.capture.fhir.r4 import r4_types
from lockgate.capture.fhir.repeated import TWICE, are_plain, names_twice, texts_with_repeats
from lockgate.capture.fhir.shape import Node, Text, shapes
from lockgate.capture.lines import places_of

BLOCK = 1000  # resources whose parsed parts are held at once: they fit a processor's cache
MODIFIERS = ("modifierExtension", "implicitRules")
ANYTHING = "anything"  # a kind of element that is not checked
MIXED = b""
MAX_NAMES = 400  # elements a decoder learns: no export has as many, a hostile file might

Indices = npt.NDArray[np.int64]
Resource = dict[str, msgspec.Raw]
Columns = dict[str, Sequence[msgspec.Raw]]
_decode: Callable[[Any], Resource] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
OUT_OF_RANGE = "is larger than can be held"
_NOTHING = msgspec.Raw(b"")
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


@dataclass(slots=True)
class Opened:
    """A portion: its resources by type, and what is no resource we stage: row -> (reason, detail)."""

    parts: list[Part] = field(default_factory=list)
    faults: dict[int, tuple[str, str | None]] = field(default_factory=dict)


class _Struct:
    """Decodes a resource into a struct of the elements known, and refuses one with another element."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.learn({"resourceType", "id"})

    def learn(self, names: set[str]) -> None:
        """Know these elements too."""
        fresh = names - set(self.names)
        if fresh and len(self.names) + len(fresh) <= MAX_NAMES:
            self.names += sorted(fresh)
            fields = [(f"f{number}", msgspec.Raw, _NOTHING) for number in range(len(self.names))]
            rename = {f"f{number}": name for number, name in enumerate(self.names)}
            resource = msgspec.defstruct(
                "Resource", fields, rename=rename, gc=False, forbid_unknown_fields=True
            )
            self.decode = msgspec.json.Decoder(resource).decode

    def columns(self, resources: list[Any]) -> Columns:
        """The texts of each element."""
        return dict(zip(self.names, zip(*map(astuple, resources), strict=True), strict=True))


class Opener:
    """Opens portion after portion, with decoders for the elements met so far: one a type, one for blocks of several.

    msgspec reads a resource into a struct of the elements it knows, and refuses one with an element it doesn't: then
    the block is read anew the slow way, and the decoder learns.
    """

    def __init__(self) -> None:
        self._structs: dict[bytes, _Struct] = {}  # by resource type, as JSON; MIXED: of several
        self._last = MIXED  # what the block before was of: most likely this one is too

    def open(self, raw: pa.LargeStringArray, rows: Indices) -> Opened:
        """Open the resources of ``raw``, whose places in the portion are ``rows``."""
        opened = Opened()
        _, offsets_buffer, data = raw.buffers()
        if len(raw) == 0 or data is None:
            return opened
        offsets = np.frombuffer(offsets_buffer, np.int64)[raw.offset : raw.offset + len(raw) + 1]
        view = memoryview(data)
        gathered: dict[str, _Gathered] = {}
        for start in range(0, len(raw), BLOCK):
            spans = offsets[start : start + BLOCK + 1].tolist()
            places = rows[start : start + BLOCK]
            for kind, columns, there in self._block(view, spans, places, opened):
                gathered.setdefault(kind, _Gathered(kind)).add(columns, there)
        opened.parts = [each.part() for _, each in sorted(gathered.items())]
        return opened

    def _block(
        self, view: memoryview, spans: list[int], places: Indices, opened: Opened
    ) -> list[tuple[str, Columns, Indices]]:
        """The texts of a block's resources by type."""
        rows = places
        struct = self._structs.get(self._last) or self._structs.setdefault(self._last, _Struct())
        columns_of: Callable[[list[Any]], Columns] = struct.columns
        try:
            decode = struct.decode
            resources: list[Any] = [decode(view[begin:end]) for begin, end in pairwise(spans)]
        except (msgspec.DecodeError, RecursionError):
            resources, places = _one_by_one(view, spans, places, opened)
            columns_of = _columns
        if not resources:
            return []
        columns = columns_of(resources)
        begins, ends = (np.array(part)[np.isin(rows, places)] for part in (spans[:-1], spans[1:]))
        if not are_plain(columns, len(resources), int((ends - begins).sum())):
            sound = [
                not names_twice(bytes(view[begin:end]))
                for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
            ]
            if not all(sound):
                detail = f"the resource {TWICE}"
                opened.faults.update(
                    (place, ("repeated-key", detail)) for place in places[np.logical_not(sound)].tolist()
                )
                resources, places = list(compress(resources, sound)), places[np.array(sound)]
                if not resources:
                    return []
                columns = columns_of(resources)
        said = columns.get("resourceType", (_NOTHING,) * len(resources))
        kinds = b"\x00".join(said).split(b"\x00")
        several = sorted(set(kinds))
        self._last = several[0] if len(several) == 1 else MIXED
        if columns_of is _columns:
            self._structs.setdefault(self._last, _Struct()).learn(set(columns))
        found = []
        for text in several:
            theirs, there = columns, places
            if len(several) > 1:
                at = [number for number, kind in enumerate(kinds) if kind == text]
                theirs, there = columns_of([resources[number] for number in at]), places[at]
            kind = _any(text) if text else None
            if isinstance(kind, str) and kind in r4_types():
                found.append((kind, theirs, there))
            else:
                reason = "no-resource-type" if kind is None else "unknown-resource-type"
                opened.faults.update((place, (reason, None)) for place in there.tolist())
        return found


def _columns(resources: list[Resource]) -> Columns:
    names = dict.fromkeys(name for resource in resources for name in resource)
    return {name: [resource.get(name, _NOTHING) for resource in resources] for name in names}


def _one_by_one(
    view: memoryview, spans: list[int], places: Indices, opened: Opened
) -> tuple[list[Resource], Indices]:
    """The resources of a block that holds something else too; what that is goes to the faults."""
    good, kept = [], []
    for (begin, end), place in zip(pairwise(spans), places.tolist(), strict=True):
        try:
            good.append(_decode(view[begin:end]))
            kept.append(place)
        except (msgspec.DecodeError, RecursionError):
            opened.faults[place] = (_no_object(view[begin:end]), None)
    return good, np.array(kept, np.int64)


def _no_object(content: memoryview) -> str:
    try:
        _any(content)
    except (msgspec.DecodeError, RecursionError):
        return "not-json"
    return "not-an-object"


class _Gathered:
    """The texts of one resource type's elements, block by block, joined by null bytes (no line holds one)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.top: dict[str, Node] = shapes()[kind].top if kind in shapes() else {}
        self.rows: list[Indices] = []
        self.pieces: dict[str, list[bytes]] = {}

    def add(self, columns: Columns, rows: Indices) -> None:
        """The texts of a block's resources."""
        for name in ("id", *MODIFIERS, *self.top):
            if name in columns:
                if name not in self.pieces:
                    self.pieces[name] = [b"\x00" * (len(block) - 1) for block in self.rows]
                self.pieces[name].append(b"\x00".join(columns[name]))
            elif name in self.pieces:
                self.pieces[name].append(b"\x00" * (len(rows) - 1))
        self.rows.append(rows)

    def part(self) -> Part:
        elements: dict[str, Element] = {}
        wrong: dict[int, list[str]] = {}
        rows = np.concatenate(self.rows)
        for name in list(self.pieces):
            joined = b"\x00".join(self.pieces.pop(name)) + b"\x00"
            if len(joined) == len(rows) and name != "id":
                continue  # sent by none of them
            elements[name], bad = _element(name, joined, self.top.get(name, ANYTHING))
            for place, said in bad:
                wrong.setdefault(place, []).append(said)
        return Part(self.kind, rows, elements, wrong)


def _element(name: str, joined: bytes, node: Node) -> tuple[Element, list[tuple[int, str]]]:
    """The texts as one dictionary; and of which resources (by place) they are of the wrong type."""
    ends = places_of(np.frombuffer(joined, np.uint8), 0)
    starts = np.concatenate(([0], ends + 1))
    first = np.frombuffer(joined, np.uint8)[starts[:-1]]
    wrong: list[tuple[int, str]] = []
    node = "string" if name == "id" else node
    quoted = node in ("string", "date")
    around = '"\x00' if quoted else "\x00"
    if quoted and (b"\\" in joined or not ((first == 0) | (first == 34)).all()):
        values, wrong = _texts_one_by_one(name, joined.split(b"\x00")[:-1])
        array, around = pa.array(values, pa.large_string()), ""
    else:
        given = (first != 0) & (quoted | (first != ord("n")))
        bitmap = pa.py_buffer(np.packbits(given, bitorder="little").tobytes())
        array = pa.LargeStringArray.from_buffers(
            len(ends), pa.py_buffer(starts), pa.py_buffer(joined), bitmap
        )
    if name == "id":
        return Element(np.arange(len(array)), pc.ascii_trim(array, around) if around else array), wrong
    encoded = pc.dictionary_encode(array, null_encoding="encode")
    codes = encoded.indices.to_numpy()
    texts = pc.ascii_trim(encoded.dictionary, around) if around else encoded.dictionary
    if not quoted and node != ANYTHING:
        bad = _wrong_texts(name, texts, node)
        bad |= {place: f"{name} {TWICE}" for place in texts_with_repeats(texts) if place not in bad}
        if bad:
            at = np.flatnonzero(np.isin(codes, list(bad)))
            wrong = [(int(place), bad[int(codes[place])]) for place in at]
            texts = pa.array(
                [None if number in bad else one for number, one in enumerate(texts.to_pylist())],
                pa.large_string(),
            )
    return Element(codes, texts), wrong


def _texts_one_by_one(name: str, texts: Sequence[bytes]) -> tuple[list[str | None], list[tuple[int, str]]]:
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


def _wrong_texts(name: str, texts: pa.LargeStringArray, node: Node) -> dict[int, str]:
    """The distinct texts of the wrong type, all the way down: place -> what is wrong."""
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
