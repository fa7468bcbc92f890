"""The resource types of FHIR R4: what a server may send that we know of."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def r4_types() -> frozenset[str]:
    """The names in r4.txt."""
    text = resources.files(__package__).joinpath("r4.txt").read_text(encoding="utf-8")
    return frozenset(name for line in text.splitlines() if not line.startswith("#") for name in line.split())
