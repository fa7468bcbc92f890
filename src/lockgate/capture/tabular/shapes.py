"""Code systems by the shape of their codes, as SQL: what a value may be, never what it is."""

from __future__ import annotations

import re

# Verhoeff's check digit over the digits of x, from the right: the two tables as text, walked by list_reduce.
_PRODUCT = (
    "0123456789123406789523401789563401289567401239567859876043216598710432765982104387659321049876543210"
)
_PERMUTED = "01234567891576283094580379614289160435279453126870428657390127938064157046913258"

PATTERNS = {
    "ICD10": r"[A-TV-Z][0-9][0-9A-Z](\.?[0-9X][0-9]?)?[-XDA*+†]*",
    "OPCS4": r"[A-HJ-Z][0-9]{2}(\.?[0-9])?",
    "LOINC": r"[0-9]{1,5}-[0-9]",
    "SNOMED": r"[1-9][0-9]{3,14}(00|10)[0-9]",
}
# What a column's name says where two systems share a shape.
_NAMED = {
    "OPCS4": re.compile(r"oper|proc|opcs"),
    "ICD10": re.compile(r"diag|icd|cause"),
    "dm+d": re.compile(r"drug|medic|dmd|dm_d|vmp|vtm|amp\b|product"),
}


def verhoeff(text: str) -> str:
    """SQL: whether a text of digits ends in the check digit that SNOMED CT ids have."""
    digit = f"CAST(substr(reverse({text}), i, 1) AS INTEGER)"
    step = f"CAST(substr('{_PERMUTED}', ((i - 1) % 8) * 10 + {digit} + 1, 1) AS INTEGER)"
    digits = f"[{step} FOR i IN range(1, length({text}) + 1)]"
    product = f"CAST(substr('{_PRODUCT}', a * 10 + b + 1, 1) AS INTEGER)"
    return f"list_reduce({digits}, lambda a, b: {product}, 0) = 0"


def fits(system: str, text: str) -> str:
    """SQL: whether a text has the shape of a code of the system (dm+d codes are SNOMED CT ids)."""
    system = "SNOMED" if system == "dm+d" else system
    shape = f"regexp_full_match({text}, '{PATTERNS[system]}')"
    return f"CASE WHEN {shape} THEN {verhoeff(text)} ELSE false END" if system == "SNOMED" else shape


def candidates(name: str, systems: set[str]) -> list[str]:
    """The systems that a column may be of, by the systems its values fit and its name; one where that settles it."""
    if "SNOMED" in systems:
        return ["dm+d"] if _NAMED["dm+d"].search(name) else ["SNOMED"]
    for system in ("OPCS4", "ICD10"):
        if system in systems and _NAMED[system].search(name):
            return [system]
    return sorted(systems)
