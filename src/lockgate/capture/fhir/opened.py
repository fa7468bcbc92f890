"""Resources opened one level deep: the text of each element, kept once however often it was sent.

One pass over each resource by msgspec (which skips what it is not asked for); the texts of an element in all
resources of a portion then become one Arrow dictionary (``gathered``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec.structs import astuple

from lockgate.capture.fhir.gathered import Checked, Columns, Gathered, Indices, Part, texts_of
from lockgate.capture.fhir.r4 import r4_types
from lockgate.capture.fhir.repeated import TWICE, naming_twice

BLOCK = 500  # resources whose parsed parts are held at once: they fit a processor's cache
MIXED, NAMELESS, UNHEARD = "several types", "", "no type of R4"
MAX_NAMES = 400  # elements a decoder learns: no export has as many, a hostile file might

Resource = dict[str, msgspec.Raw]
_decode: Callable[[Any], Resource] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_ESCAPED = re.compile(r'[\\"\x00-\x1f]')  # in a name: msgspec takes none into a struct
_NOTHING = msgspec.Raw(b"")


@dataclass(slots=True)
class Opened:
    """A portion: its resources by type, and what is no resource we stage: row -> (reason, detail)."""

    parts: list[Part] = field(default_factory=list)
    faults: dict[int, tuple[str, str | None]] = field(default_factory=dict)


class _Struct:
    """Decodes a resource into a struct of the elements known, and refuses one with another element.

    What is text in the one type that it is of comes decoded, everything else as it is written.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.texts = texts_of(kind) | {"resourceType"}
        self.names: list[str] = []
        self.learn({"resourceType", "id"})

    def learn(self, names: set[str]) -> None:
        """Know these elements too."""
        fresh = {name for name in names - set(self.names) if not _ESCAPED.search(name)}
        if fresh and len(self.names) + len(fresh) <= MAX_NAMES:
            self.names += sorted(fresh)
            fields: list[tuple[str, Any, Any]] = [
                (f"f{number}", str | None, None)
                if name in self.texts
                else (f"f{number}", msgspec.Raw, _NOTHING)
                for number, name in enumerate(self.names)
            ]
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

    msgspec reads a resource into a struct of the elements it knows, and refuses one with an element it doesn't, or
    with something else where text should be: then the block is read anew the slow way, and the decoder learns.
    """

    def __init__(self) -> None:
        self._structs: dict[str, _Struct] = {}  # by resource type; MIXED: of several
        self._last = MIXED  # what the block before was of: most likely this one is too
        self._checked: Checked = {}

    def open(self, raw: pa.LargeStringArray, rows: Indices) -> Opened:
        """Open the resources of ``raw``, whose places in the portion are ``rows``."""
        opened = Opened()
        _, offsets_buffer, data = raw.buffers()
        if len(raw) == 0 or data is None:
            return opened
        offsets = np.frombuffer(offsets_buffer, np.int64)[raw.offset : raw.offset + len(raw) + 1]
        view = memoryview(data)
        gathered: dict[str, Gathered] = {}
        for start in range(0, len(raw), BLOCK):
            spans = offsets[start : start + BLOCK + 1].tolist()
            for kind, columns, there in self._block(view, spans, start, rows, opened):
                gathered.setdefault(kind, Gathered(kind)).add(columns, there)
                del columns  # before the next block's are made: both would not fit the cache
        for kind, one in sorted(gathered.items()):
            part, size, there = one.part(self._checked)
            twice = naming_twice(view, offsets, part.rows, size, there)
            opened.faults.update(
                (int(rows[place]), ("repeated-key", f"the resource {TWICE}")) for place in twice
            )
            if twice:
                part = part.where(~np.isin(part.rows, twice))
            if kind in (NAMELESS, UNHEARD):
                reason = "no-resource-type" if kind == NAMELESS else "unknown-resource-type"
                opened.faults.update((place, (reason, None)) for place in rows[part.rows].tolist())
            elif len(part.rows):
                opened.parts.append(Part(kind, rows[part.rows], part.elements, part.wrong))
        return opened

    def _block(
        self, view: memoryview, spans: list[int], start: int, rows: Indices, opened: Opened
    ) -> list[tuple[str, Columns, Indices]]:
        """The texts of a block's resources by type ("" where none is named), and the resources' places."""
        places = np.arange(start, start + len(spans) - 1)
        struct = self._structs.get(self._last) or self._structs.setdefault(self._last, _Struct(self._last))
        columns_of: Callable[[list[Any]], Columns] = struct.columns
        decode = struct.decode
        try:
            resources: list[Any] = [decode(view[begin:end]) for begin, end in pairwise(spans)]
        except (msgspec.DecodeError, RecursionError):
            resources, places = _one_by_one(view, spans, places, rows, opened)
            columns_of = _columns
        if not resources:
            return []
        columns = columns_of(resources)
        kinds, several = _kinds(columns.get("resourceType", (None,) * len(resources)))
        if struct.kind not in (MIXED, *several) or (struct.kind != MIXED and len(several) > 1):
            # What is text in one type may be something else in another.
            resources, places = _one_by_one(
                view, spans, np.arange(start, start + len(spans) - 1), rows, opened
            )
            columns_of = _columns
            columns = columns_of(resources)
        self._last = several[0] if len(several) == 1 and several[0] in r4_types() else MIXED
        if columns_of is _columns:
            self._structs.setdefault(self._last, _Struct(self._last)).learn(set(columns))
        if len(several) == 1:
            return [(several[0], columns, places)]
        found = []
        for kind in several:
            at = [number for number, one in enumerate(kinds) if one == kind]
            found.append((kind, columns_of([resources[number] for number in at]), places[at]))
        return found


def _kinds(said: Sequence[Any]) -> tuple[list[str], list[str]]:
    """The resource type of each, and which there are: NAMELESS where none is named, UNHEARD where R4 has none such."""
    if isinstance(said[0], msgspec.Raw):
        said = [_any(text) if text else None for text in said]
        said = [one if one is None or isinstance(one, str) else UNHEARD for one in said]
    known = {one: NAMELESS if one is None else one if one in r4_types() else UNHEARD for one in set(said)}
    return [known[one] for one in said], sorted(set(known.values()))


def _columns(resources: list[Resource]) -> Columns:
    names = dict.fromkeys(
        ["id", *(name for resource in resources for name in resource)]
    )  # an id even if none has one
    return {name: [resource.get(name, _NOTHING) for resource in resources] for name in names}


def _one_by_one(
    view: memoryview, spans: list[int], places: Indices, rows: Indices, opened: Opened
) -> tuple[list[Resource], Indices]:
    """The resources of a block that holds something else too; what that is goes to the faults."""
    good, kept = [], []
    for (begin, end), place in zip(pairwise(spans), places.tolist(), strict=True):
        try:
            good.append(_decode(view[begin:end]))
            kept.append(place)
        except (msgspec.DecodeError, RecursionError):
            opened.faults[int(rows[place])] = (_no_object(view[begin:end]), None)
    return good, np.array(kept, np.int64)


def _no_object(content: memoryview) -> str:
    try:
        _any(content)
    except (msgspec.DecodeError, RecursionError):
        return "not-json"
    return "not-an-object"
