"""Concept sets of Circe expressions as ATLAS writes them, read at once.

A library has tens of thousands of items, and of each four values matter: the rest is passed over unread.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from lockgate.cohorts.circe_tests import CONCEPT
from lockgate.cohorts.definition import ConceptItem
from lockgate.cohorts.reading import LARGEST

_Whole = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
_Concept: Any = msgspec.defstruct(
    "_Concept",
    [
        ("CONCEPT_ID", _Whole),
        *((name, msgspec.Raw, msgspec.Raw()) for name in sorted(CONCEPT - {"CONCEPT_ID"})),
    ],
    forbid_unknown_fields=True,
    gc=False,
)


class _Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    concept: _Concept
    includeDescendants: bool  # noqa: N815 (Circe's names)
    includeMapped: bool  # noqa: N815
    isExcluded: bool  # noqa: N815


class _Items(msgspec.Struct, forbid_unknown_fields=True):
    items: list[_Item]


class PlainSet(msgspec.Struct, forbid_unknown_fields=True):
    """A concept set with nothing left out or beside what ATLAS writes."""

    id: _Whole
    name: str
    expression: _Items


_SETS = msgspec.json.Decoder(list[PlainSet])
_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decoded(raw: bytes) -> Any:
    """What is in the text of an expression; its concept sets as ``PlainSet`` where all are plain.

    Others are left as they are, to be read field by field, which refuses with its path what isn't understood. Raises
    msgspec.DecodeError or UnicodeDecodeError for what isn't JSON.
    """
    raw.decode()  # what is passed over isn't looked at
    try:
        parts = _PARTS.decode(raw)
        sets = parts.pop("ConceptSets", None)
        told: dict[str, Any] = {name: msgspec.json.decode(part) for name, part in parts.items()}
        if sets is not None:
            told["ConceptSets"] = _SETS.decode(sets)
        return told
    except msgspec.ValidationError:
        return msgspec.json.decode(raw)


def plain_items(told: PlainSet) -> list[ConceptItem]:
    """The items of a plain set."""
    return [
        ConceptItem(item.concept.CONCEPT_ID, item.includeDescendants, item.includeMapped, item.isExcluded)
        for item in told.expression.items
    ]
