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
    "father_name": "kin",
    "mother_name": "kin",
    "spouse_name": "kin",
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
    "father": "father_name",
    "mother": "mother_name",
    "birth_year": "birth_date",
    "year_of_birth": "birth_date",
}
# an age and when it was given are a year of birth
AGE, AGE_AT = "age", "age_at"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLAIN_PREFIX = "other_"


@dataclass(frozen=True, slots=True)
class Field:
    """One compared field: its name (the key of --map), its kind, and its column in either table.

    ``ages``: for each side the columns of an age and of when it was given, which stand in for a birth date (then a
    column may be "")."""

    name: str
    kind: str
    left: str
    right: str
    ages: Mapping[str, tuple[str, str]] | None = None

    def columns(self, side: str) -> list[str]:
        """The columns of a table that it is read from."""
        own = getattr(self, side)
        return [*([own] if own else []), *((self.ages or {}).get(side, ()))]

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
    if key in (AGE, AGE_AT):
        return "age"
    if key in KINDS:
        return KINDS[key]
    near = get_close_matches(key, [*KINDS, *ALIASES, AGE, AGE_AT], n=1, cutoff=0.75)
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
    ages = _ages(left, right)
    shared = [key for key in kinds if key in left and key in right and key not in (AGE, AGE_AT)]
    if ages and "birth_date" not in shared:
        shared.append("birth_date")
        kinds["birth_date"] = "birth"
    if not shared:
        raise UsageError(
            "the two maps share no key",
            where="--map-right",
            remedy="map the same keys in both: only what both tables have can be compared",
        )
    known = list(KINDS)
    order = sorted(shared, key=lambda key: (known.index(key) if key in KINDS else len(known), key))
    return [
        Field(key, kinds[key], left.get(key, ""), right.get(key, ""), ages if key == "birth_date" else None)
        for key in order
    ]


def _ages(left: Mapping[str, str], right: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The columns of age and of when it was given, by side; UsageError where a side has one of the two, or has neither
    and no birth date either."""
    found: dict[str, tuple[str, str]] = {}
    for side, mapping, where in (("left", left, "--map"), ("right", right, "--map-right")):
        if (AGE in mapping) != (AGE_AT in mapping):
            raise UsageError(
                "age and age_at go together: an age tells a year of birth with the year it was given in",
                where=where,
                remedy="map both (age=AGE,age_at=YEAR_OR_DATE), or birth_date=COL",
            )
        if AGE in mapping:
            found[side] = mapping[AGE], mapping[AGE_AT]
    there = [
        side
        for side, mapping in (("left", left), ("right", right))
        if side in found or "birth_date" in mapping
    ]
    return found if len(there) == 2 else {}


def check_columns(fields: Iterable[Field], side: str, columns: Iterable[str], where: str) -> None:
    """UsageError when a mapped column isn't in the table."""
    there = set(columns)
    missing = [name for field in fields for name in field.columns(side) if name not in there]
    if missing:
        raise UsageError(
            f"has no column {', '.join(missing)}",
            where=where,
            remedy=f"its columns are {', '.join(sorted(there)[:30])}"
            + ("" if side == "left" else "; for other names in the right table give --map-right"),
        )
