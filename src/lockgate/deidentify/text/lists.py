"""The lists of names and towns in ``gazetteer/``, read once."""

from __future__ import annotations

from functools import cache
from importlib import resources

from lockgate.deidentify.text.guards import WORDS


@cache
def given_names() -> frozenset[str]:
    """Given names in use in the UK, of many cultures: our own list, in lower case, without those that are words."""
    return _listed("given.txt") - WORDS


@cache
def family_names() -> frozenset[str]:
    """Family names in use in the UK: our own list, in lower case, without those that are words."""
    return _listed("family.txt") - WORDS


@cache
def towns() -> frozenset[str]:
    """Cities, towns and districts: names of local authorities (ONS, OGL v3.0) and of towns (our own list)."""
    return _listed("towns.txt")


def _listed(name: str) -> frozenset[str]:
    text = resources.files("lockgate.deidentify.text").joinpath("gazetteer", name).read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
