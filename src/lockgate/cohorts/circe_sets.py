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


EXPRESSION = (
    "ConceptSets", "PrimaryCriteria", "AdditionalCriteria", "QualifiedLimit", "ExpressionLimit",
    "InclusionRules", "EndStrategy", "CensoringCriteria", "CollapseSettings", "CensorWindow", "cdmVersionRange",
    "Title",
)  # fmt: skip
_Expression: Any = msgspec.defstruct(
    "_Expression",
    [(name, list[PlainSet] if name == "ConceptSets" else Any, msgspec.UNSET) for name in EXPRESSION],
    forbid_unknown_fields=True,
)
_WHOLE = msgspec.json.Decoder(_Expression)


def decoded(raw: bytes) -> Any:
    """What is in the text of an expression; its concept sets as ``PlainSet`` where all are plain.

    Others are left as they are, to be read field by field, which refuses with its path what isn't understood. Raises
    msgspec.DecodeError or UnicodeDecodeError for what isn't JSON.
    """
    raw.decode()  # what is passed over isn't looked at
    try:
        told = msgspec.structs.asdict(_WHOLE.decode(raw))
    except msgspec.ValidationError:
        return msgspec.json.decode(raw)
    return {name: value for name, value in told.items() if value is not msgspec.UNSET}


def plain_items(told: PlainSet) -> list[ConceptItem]:
    """The items of a plain set."""
    return [
        ConceptItem(item.concept.CONCEPT_ID, item.includeDescendants, item.includeMapped, item.isExcluded)
        for item in told.expression.items
    ]
