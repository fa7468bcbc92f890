"""What a scope would show, said before anybody signs it."""

from __future__ import annotations

from typing import Any

from lockgate.schema import RELEASE, VOCABULARY_TABLES
from lockgate.workspace.scope.checks import (
    IMPERSONAL,
    columns_of,
    note_problems,
    partner_problems,
    place_problems,
    table_problems,
)
from lockgate.workspace.scope.model import Scope

DATES = {
    "exact": "to the day and minute",
    "month": "to the month (its first day)",
    "year": "to the year (its first day)",
    "shift": "moved by a secret number of days, the same for all dates of one person",
}

PLACES = {
    "region": "no finer than the integrated care board",
    "outward": "no finer than the outward code of the postcode",
    "lsoa": "no finer than the small area (LSOA)",
}

NOTES = {
    "tags": "identifiers and dates of notes as tags",
    "dates": "identifiers of notes as tags, their dates as those of the tables",
    "surrogates": "surrogates for the identifiers of notes, their dates as those of the tables",
}


def preview(scope: Scope) -> dict[str, Any]:
    """Exactly what will be visible, table by table and column by column, and what is refused.

    ``tables`` maps each table to its columns shown (name, role, whether the project gets ids of its own) and those of
    the release that stay out; ``refused`` lists every reason why something asked for can't be given.
    """
    tables = {}
    for table, names in scope.tables.items():
        if table not in RELEASE:
            continue
        known = columns_of(table)
        tables[table] = {
            "about": "places, staff or codes" if table in IMPERSONAL else "people",
            "columns": [
                {
                    "name": name,
                    "role": known[name].role,
                    "project_ids": known[name].key_domain is not None,
                    "generalised": known[name].role == "date" and scope.dates != "exact",
                }
                for name in names
                if name in known and known[name].askable
            ],
            "left_out": [name for name in known if name not in names],
        }
    return {
        "scope_id": scope.scope_id,
        "project": scope.project,
        "release": scope.release,
        "people": "everybody in the release" if scope.cohort is None else scope.cohort.describe(),
        "opt_outs": "people who objected are left out, on the day of preparation and before every job",
        "period": None
        if scope.period is None
        else {"from": scope.period.start.isoformat(), "until": scope.period.until.isoformat()},
        "dates": DATES[scope.dates],
        "ages": f"everybody over {scope.top_age} as {scope.top_age}"
        if scope.top_age
        else "as in the release",
        "places": PLACES[scope.places or "region"],
        "rare_codes": f"codes of fewer than {scope.rare_codes} people as one above them, or left out"
        if scope.rare_codes
        else "as in the release",
        "notes": NOTES[scope.notes or "tags"],
        "tables": tables,
        "partners": [linkage.model_dump(mode="json") for linkage in scope.partners],
        "always": {"tables": list(VOCABULARY_TABLES), "why": "names of codes; about nobody"},
        "not_visible": sorted(set(RELEASE) - set(scope.tables) - set(VOCABULARY_TABLES)),
        "refused": table_problems(scope.tables, scope.linkages)
        + place_problems(scope)
        + note_problems(scope)
        + partner_problems(scope),
    }
