"""The lists of names, words and places in ``gazetteer/``, read once; their sources and licences are in its README."""

from __future__ import annotations

from functools import cache
from importlib import resources

from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import WORDS

_NAMES_TOO = words("""
    rose frank dawn ruby pearl amber jade iris violet olive hazel holly fern robin bill ray jay crystal opal
""")


@cache
def given_names() -> frozenset[str]:
    """Given names in use in the UK, of many cultures: our own list, in lower case, without those that are words."""
    return _listed("given.txt") - WORDS


@cache
def own_given() -> frozenset[str]:
    """``given_names``, and usual ones that are words too ("Rose"): names wherever somebody is to be named."""
    return _listed("given.txt") | _NAMES_TOO


@cache
def family_names() -> frozenset[str]:
    """Family names in use in the UK: our own list, in lower case, without those that are words."""
    return _listed("family.txt") - WORDS


@cache
def world_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given and family names of many cultures, longer and less sure than our own; many are words too."""
    return _listed("given-world.txt"), _listed("family-world.txt")


@cache
def any_given() -> frozenset[str]:
    """Every given name of every list, those that are words too."""
    return _listed("given.txt") | world_names()[0]


@cache
def any_family() -> frozenset[str]:
    """Every family name of every list, those that are words too."""
    return _listed("family.txt") | world_names()[1]


@cache
def english() -> frozenset[str]:
    """Words that are written in notes and are no names: English (SCOWL), medicines (DrugBank), medicine (our own)."""
    return _listed("words.txt") | _listed("drugs.txt") | _listed("medical.txt") | things()


@cache
def drugs() -> frozenset[str]:
    """Words of the names of medicines (DrugBank, and brands of our own list)."""
    return _listed("drugs.txt") | _listed("medical.txt")


@cache
def things() -> frozenset[str]:
    """Makes, brands, devices, tests and germs that are no medicine: our own list."""
    return _listed("things.txt")


@cache
def chains() -> frozenset[str]:
    """Companies and public bodies by name: our own list; " ?" ends those that are words or family names too."""
    return _listed("chains.txt")


@cache
def letters() -> frozenset[str]:
    """Abbreviations in capitals that are no name of one hospital or firm, in lower case: our own list."""
    return _listed("letters.txt")


@cache
def towns() -> frozenset[str]:
    """Cities, towns and districts: names of local authorities (ONS, OGL v3.0) and of towns (our own list)."""
    return _listed("towns.txt")


@cache
def places() -> frozenset[str]:
    """``towns``, and towns and villages of the UK and large cities (GeoNames); many are names or words too."""
    return _listed("places.txt") | towns()


def _listed(name: str) -> frozenset[str]:
    text = resources.files("lockgate.deidentify.text").joinpath("gazetteer", name).read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
