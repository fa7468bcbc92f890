"""Which vocabulary a code system is: system URI, OID or HL7 table name -> OMOP ``vocabulary_id``.

The table is ``systems.yaml``; every room that meets a code system asks here.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml


@cache
def systems() -> dict[str, str]:
    """The whole table: code system as sources name it -> ``vocabulary_id``."""
    text = resources.files(__package__).joinpath("systems.yaml").read_text(encoding="utf-8")
    table: dict[str, str] = yaml.safe_load(text)
    return table


@cache
def _folded() -> dict[str, str]:
    folded: dict[str, str] = {}
    for name, vocabulary in systems().items():
        key = name.casefold().rstrip("/")
        folded[key] = vocabulary
        if key.startswith("urn:oid:"):
            folded[key.removeprefix("urn:oid:")] = vocabulary
    return folded


def vocabulary_id(system: str | None) -> str | None:
    """The ``vocabulary_id`` of a code system; the system itself where OMOP has none; None for none.

    A trailing slash, a ``|version`` suffix and letter case make no difference.
    """
    if system is None or not system.strip():
        return None
    plain = system.strip().partition("|")[0].rstrip("/")
    return _folded().get(plain.casefold(), plain)
