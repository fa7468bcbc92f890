"""The hospital's own reference data: what the YAML and CSV files of ``data/`` hold, and the demo code list."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import Any

import yaml

# libyaml's loader where PyYAML has it: ten times as fast, the same result, as safe.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def data(name: str) -> Any:
    """One YAML file of the room, by name without its ending."""
    text = resources.files(__package__).joinpath("data", f"{name}.yaml").read_text(encoding="utf-8")
    loader = _SafeLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


@cache
def lsoas() -> tuple[tuple[str, int], ...]:
    """Every small area of the hospital's catchment: (LSOA 2021 code, IMD 2025 decile)."""
    text = resources.files(__package__).joinpath("data", "lsoa.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple((row["lsoa21"], int(row["imd2025_decile"])) for row in rows)


@cache
def codes() -> tuple[dict[str, str], ...]:
    """The demo code list of the terminology room."""
    text = resources.files("lockgate.terminology").joinpath("demo", "codes.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


@cache
def label(vocabulary: str, code: str) -> str:
    """The plain words of a code; KeyError where the demo list lacks it, so no code goes out unlisted."""
    return _labels()[vocabulary, code]


@cache
def _labels() -> dict[tuple[str, str], str]:
    return {(row["vocabulary_id"], row["concept_code"]): row["label"] for row in codes()}


@cache
def mapped_from(vocabulary: str, snomed: str) -> str | None:
    """The code of another vocabulary that maps to a SNOMED code (the ICD-10 or OPCS-4 code of a term), or None."""
    for row in codes():
        if (row["vocabulary_id"], row["maps_to_vocabulary"], row["maps_to_code"]) == (
            vocabulary,
            "SNOMED",
            snomed,
        ):
            return row["concept_code"]
    return None


@cache
def snomed_of(vocabulary: str, code: str) -> str | None:
    """The SNOMED code that a code of another vocabulary maps to, or None."""
    for row in codes():
        if (row["vocabulary_id"], row["concept_code"]) == (vocabulary, code):
            return row["maps_to_code"] or None
    return None


@cache
def dmd_of(snomed: str) -> str | None:
    """The dm+d virtual therapeutic moiety of a medicine's substance, through their common RxNorm code, or None."""
    ingredient = next(
        (
            row["maps_to_code"]
            for row in codes()
            if (row["vocabulary_id"], row["concept_code"]) == ("SNOMED", snomed)
        ),
        "",
    )
    for row in codes():
        if ingredient and row["vocabulary_id"] == "dm+d" and row["maps_to_code"] == ingredient:
            return row["concept_code"]
    return None
