"""What of a record goes into an encoding: the pieces of each field, and the keys that bring records together.

A slip of the pen changes a few pieces and leaves the others, so that two spellings still share most of their bits.
Both work on the standard columns of ``identity.linkage``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lockgate.identity.linkage.fields import Field


@dataclass(frozen=True, slots=True)
class Spec:
    """How one kind of field is encoded: its share of the filter's bits, the number of pieces that a usual value of it
    has, and how it is cut. Fixed numbers: both sides must count alike, whatever their data."""

    weight: float
    pieces: int
    cut: str


SPECS: dict[str, Spec] = {
    "given": Spec(1.0, 7, "bigrams"),
    "middle": Spec(0.4, 7, "bigrams"),
    "family": Spec(1.2, 8, "bigrams"),
    "birth": Spec(1.4, 11, "date"),
    "sex": Spec(0.15, 1, "whole"),
    "postcode": Spec(0.9, 9, "places"),
    "city": Spec(0.6, 10, "bigrams"),
    "address": Spec(0.8, 16, "bigrams"),
    "phone": Spec(0.8, 17, "places"),
    "email": Spec(0.8, 20, "bigrams"),
    "nhs": Spec(1.6, 19, "places"),
    "number": Spec(1.2, 13, "places"),
    "plain": Spec(0.35, 6, "bigrams"),
}

_CUTS = {
    "whole": "[{v}]",
    # the text between two marks, in twos
    "bigrams": "list_transform(range(1, length({v}) + 2), lambda i: substr('_' || {v} || '_', i, 2))",
    # each sign with its place, and each pair of neighbours wherever it stands
    "places": "list_concat(list_transform(range(1, length({v}) + 1), lambda i: i || ':' || substr({v}, i, 1)), "
    "list_transform(range(1, length({v})), lambda i: substr({v}, i, 2)))",
    # eight digits at their places, and the year, the month and the day whole
    "date": "list_concat(list_transform(range(1, 9), lambda i: i || ':' || substr({v}, i, 1)), "
    "['y' || substr({v}, 1, 4), 'm' || substr({v}, 5, 2), 'd' || substr({v}, 7, 2)])",
}
_BIRTH = (
    "lpad(CAST(birth_y AS VARCHAR), 4, '0') || coalesce(lpad(CAST(birth_m AS VARCHAR), 2, '0'), '__') || "
    "coalesce(lpad(CAST(birth_d AS VARCHAR), 2, '0'), '__')"
)

# Two records meet where one of these agrees. Each is rare enough that its values say little, and misses other slips.
_PASSES: tuple[tuple[str, ...], ...] = (
    ("nhs",),
    ("birth", "sex"),
    ("birth", "given_root"),
    ("given_sound", "family_sound", "birth_y"),
    ("family_sound", "birth_m", "birth_d"),
    ("given_root", "birth_m", "birth_d"),
    ("postcode", "birth_y"),
    ("postcode", "given_sound"),
    ("postcode", "family_sound"),
    ("given_sound", "family_sound", "outward"),
)
_FALLBACK: tuple[tuple[str, ...], ...] = (
    ("given_sound", "family_sound"),
    ("birth",),
    ("postcode",),
    ("given_sound", "city"),
    ("family_sound", "city"),
)


def values_sql(field: Field) -> str:
    """The text of a field in ``link_record``; NULL where there is none."""
    if field.kind == "birth":
        return _BIRTH
    # a full name is kept as its two standard parts
    return "given || ' ' || family" if field.kind == "full_name" else f"CAST({field.column} AS VARCHAR)"


def spec_of(field: Field) -> Spec:
    """How a field is encoded."""
    return Spec(2.0, 15, "bigrams") if field.kind == "full_name" else SPECS[field.kind]


def pieces_sql(cut: str, value: str) -> str:
    """The SQL list of the distinct pieces of a text; a date's unknown parts give none."""
    pieces = f"list_distinct({_CUTS[cut].format(v=value)})"
    return f"list_filter({pieces}, lambda p: NOT contains(p, '_'))" if cut == "date" else pieces


def passes(fields: Iterable[Field], columns: Collection[str]) -> list[tuple[str, ...]]:
    """The blocking keys that these columns allow, strongest first; those of one column where no pair is there."""
    own = [(field.column,) for field in fields if field.kind in ("number", "phone", "email")]
    found = [key for key in _PASSES if set(key) <= set(columns)] + own
    if len(found) < 3:
        found += [key for key in _FALLBACK if set(key) <= set(columns)]
    return found or [(field.column,) for field in fields if field.column in columns]


def pass_sql(key: Iterable[str]) -> str:
    """The text of a blocking key; NULL where a part is missing."""
    return " || '|' || ".join(f"CAST({column} AS VARCHAR)" for column in key)
