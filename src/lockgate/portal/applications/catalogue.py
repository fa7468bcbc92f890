"""The tables and columns that an application can ask for: what a release holds, less what it withholds."""

from __future__ import annotations

from functools import cache

from lockgate.schema import LINKED, RELEASE, VOCABULARY_TABLES, Column
from lockgate.workspace.scope.checks import IMPERSONAL, person_column

LINKAGE_LABELS = {
    "incident": "Patient safety incidents",
    "feedback": "Friends and Family comments (by ward, about nobody in particular)",
    "staffing": "Ward staffing by shift (about no patient)",
    "roster": "Rosters by ward, shift and staff group (about no patient)",
    "social_care_event": "Adult social care",
    "person_deprivation": "Deprivation of the area where the person lives",
    "imaging_study": "Imaging studies",
    "imaging_read": "Readings of images, by people and by software",
    "tissue_sample": "Tissue samples and their consent",
    "primary_care_event": "Primary care",
    "mental_health_contact": "Mental health",
    "social_care_service": "Social care",
}


@cache
def offered() -> dict[str, tuple[Column, ...]]:
    """Every table that can be asked for, with its columns; what no scope may ask for is never offered.

    The vocabulary (names of codes) comes with every project, and a table whose rows can't be kept to the project's
    people is given to none.
    """
    return {
        table: tuple(column for column in columns if column.askable)
        for table, columns in RELEASE.items()
        if table not in VOCABULARY_TABLES and (table in IMPERSONAL or person_column(table) is not None)
    }


@cache
def groups() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The tables in the order of the form: clinical, then linked."""
    clinical = tuple(name for name in offered() if name not in LINKED)
    return (
        ("Patient record (OMOP)", clinical),
        ("Linked records", tuple(name for name in LINKED if name in offered())),
    )


def linkage_label(table: str) -> str:
    """A linked table in words."""
    return LINKAGE_LABELS.get(table, table.replace("_", " ").capitalize())
