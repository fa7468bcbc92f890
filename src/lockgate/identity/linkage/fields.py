"""What a column of a table to link can mean, and the ``--map`` that says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from lockgate.errors import UsageError

# key -> kind; the kind decides how a value is standardised and compared
KINDS: dict[str, str] = {
    "given_name": "given",
    "family_name": "family",
    "full_name": "full_name",
    "middle_names": "middle",
    "birth_date": "birth",
    "sex": "sex",
    "postcode": "postcode",
    "city": "city",
    "address": "address",
    "phone": "phone",
    "email": "email",
    "nhs_number": "nhs",
    "local_number": "number",
    "other_id": "number",
    "birth_place": "plain",
    "occupation": "plain",
    "street_number": "plain",
    "state": "plain",
    "country": "plain",
    "ethnicity": "plain",
    "title": "plain",
}
ALIASES: dict[str, str] = {
    "first_name": "given_name",
    "forename": "given_name",
    "surname": "family_name",
    "last_name": "family_name",
    "middle_name": "middle_names",
    "date_of_birth": "birth_date",
    "dob": "birth_date",
    "gender": "sex",
    "address_1": "address",
    "street": "address",
    "suburb": "city",
    "town": "city",
    "telephone": "phone",
    "place_of_birth": "birth_place",
    "soc_sec_id": "other_id",
    "national_id": "other_id",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLAIN_PREFIX = "other_"


@dataclass(frozen=True, slots=True)
class Field:
    """One compared field: its name (the key of --map), its kind, and its column in either table."""

    name: str
    kind: str
    left: str
    right: str

    @property
    def column(self) -> str:
        """Its column in the standardised records (for a field of several columns, the first)."""
        fixed = {
            "given": "given",
            "family": "family",
            "middle": "middle",
            "birth": "birth",
            "sex": "sex",
            "postcode": "postcode",
            "city": "city",
            "nhs": "nhs",
        }
        return fixed.get(self.kind, f"f_{self.name}")


def parse_map(text: str, where: str = "--map") -> dict[str, str]:
    """``key=COLUMN,...`` as a mapping; UsageError when it can't be read or a key comes twice."""
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        key, sign, column = (word.strip() for word in part.partition("="))
        if not sign or not key or not column:
            raise UsageError("an entry is no key=COLUMN", where=where, remedy="write given_name=COL,...")
        key = ALIASES.get(key.lower(), key.lower())
        if key in found:
            raise UsageError(f"{key} is given twice", where=where, remedy="map each key to one column")
        found[key] = column
    if not found:
        raise UsageError(
            "names no column",
            where=where,
            remedy=f"keys are {', '.join(KINDS)}, and other_NAME for any other",
        )
    return found


def _kind(key: str, column: str, where: str) -> str:
    if key in KINDS:
        return KINDS[key]
    near = get_close_matches(key, [*KINDS, *ALIASES], n=1, cutoff=0.75)
    # a column mapped to its own name is meant as it is, unless it looks like a slip in a known key
    deliberate = key.startswith(_PLAIN_PREFIX) or (key == column.lower() and not near)
    if _NAME.fullmatch(key) and deliberate:
        return "plain"
    raise UsageError(
        f"{key} is no key of a map" + (f": did you mean {near[0]}?" if near else ""),
        where=where,
        remedy=f"keys are {', '.join(KINDS)}; for a column to compare as it is, write {_PLAIN_PREFIX}NAME=COL",
    )


def fields_of(left: Mapping[str, str], right: Mapping[str, str]) -> list[Field]:
    """The fields that both tables have, in the order of ``KINDS``; UsageError for unknown keys or no shared one."""
    kinds = {key: _kind(key, column, "--map") for key, column in left.items()}
    kinds |= {key: _kind(key, column, "--map-right") for key, column in right.items()}
    shared = [key for key in kinds if key in left and key in right]
    if not shared:
        raise UsageError(
            "the two maps share no key",
            where="--map-right",
            remedy="map the same keys in both: only what both tables have can be compared",
        )
    known = list(KINDS)
    order = sorted(shared, key=lambda key: (known.index(key) if key in KINDS else len(known), key))
    return [Field(key, kinds[key], left[key], right[key]) for key in order]


def check_columns(fields: Iterable[Field], side: str, columns: Iterable[str], where: str) -> None:
    """UsageError when a mapped column isn't in the table."""
    there = set(columns)
    missing = [name for field in fields if (name := getattr(field, side)) not in there]
    if missing:
        raise UsageError(
            f"has no column {', '.join(missing)}",
            where=where,
            remedy=f"its columns are {', '.join(sorted(there)[:30])}"
            + ("" if side == "left" else "; for other names in the right table give --map-right"),
        )
