"""The shape of the data, as data: the staged model, the OMOP CDM 5.4 and the tables linked to it.

``STAGED``, ``OMOP`` and ``LINKED`` map a table's name to its columns. The YAML files beside this module are
the one place where a column is named; every room reads them from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

ROLES = frozenset(
    {"concept", "date", "number", "code", "text", "place", "quasi", "label", "internal", "withheld"}
)  # and "key:<domain>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, DuckDB type, role for disclosure (see omop.yaml) and whether it may be NULL."""

    name: str
    type: str
    role: str = ""
    required: bool = False

    @property
    def askable(self) -> bool:
        """Whether a scope may ask for the column."""
        return self.role not in ("internal", "withheld")

    @property
    def key_domain(self) -> str | None:
        """The domain of a key column ("person", "visit_occurrence", ...), or None."""
        return self.role.removeprefix("key:") if self.role.startswith("key:") else None


Tables = dict[str, tuple[Column, ...]]

COMMON = (
    Column("source", "VARCHAR"),
    Column("record_id", "VARCHAR"),
    Column("version_at", "TIMESTAMP"),
    Column("deleted", "BOOLEAN"),
    Column("item_hash", "VARCHAR"),
    Column("batch_id", "VARCHAR"),
)


def packaged_yaml(package: str, name: str) -> Any:
    """What a YAML file of a package says, by the parser in C where there is one: commands read these as they start."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = resources.files(package).joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=loader)  # noqa: S506 (both are the safe one)


def _read(name: str) -> Any:
    return packaged_yaml(__name__, name)


def _load(name: str) -> Tables:
    return {
        table: tuple(
            Column(column, spec) if isinstance(spec, str) else Column(column, **spec)
            for column, spec in columns.items()
        )
        for table, columns in _read(name).items()
    }


STAGED: Tables = _load("staged.yaml")
# Raised whenever a table or column of staged.yaml, or what a reader makes of an item that it staged before, changes:
# `lockgate upgrade` stages older batches anew. tests/capture/test_upgrade.py holds the columns to it.
STAGED_LAYOUT = 4
OMOP: Tables = _load("omop.yaml")
LINKED: Tables = _load("linked.yaml")
RELEASE: Tables = OMOP | LINKED
# What a partner may deliver for one project: in no release, beside it in the project's data.
PARTNER: Tables = _load("partner.yaml")
PROJECT: Tables = RELEASE | PARTNER
# What each table of a release holds, in our own words.
MEANINGS: dict[str, str] = _read("meanings.yaml")

VOCABULARY_TABLES = (
    "concept",
    "vocabulary",
    "domain",
    "concept_class",
    "concept_relationship",
    "relationship",
    "concept_synonym",
    "concept_ancestor",
)


def staged_columns(table: str) -> tuple[Column, ...]:
    """All columns of a staged table, the six common ones first."""
    return COMMON + STAGED[table]


__all__ = [
    "COMMON",
    "LINKED",
    "MEANINGS",
    "OMOP",
    "PARTNER",
    "PROJECT",
    "RELEASE",
    "ROLES",
    "STAGED",
    "STAGED_LAYOUT",
    "VOCABULARY_TABLES",
    "Column",
    "Tables",
    "staged_columns",
]
