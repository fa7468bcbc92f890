"""The audit chain as auditors read it: chosen entries, what was touched down to columns, whether it is whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ninja import Schema

from lockgate.portal.outbox.models import Message
from lockgate.site import Site
from lockgate.site.audit import Entry


class Wanted(Schema):
    """Which entries: those of an event (or that begin so), an actor, a project, a table, a column of it."""

    event: str = ""
    actor: str = ""
    project: str = ""
    table: str = ""
    column: str = ""


def found(site: Site, wanted: Wanted) -> list[Entry]:
    """The entries that are wanted, the newest first."""
    rows = [_shown(entry) for entry in site.audit.entries() if _is_wanted(entry, wanted)]
    return rows[::-1]


def _shown(entry: Entry) -> Entry:
    """Without what only the relay needs."""
    return replace(entry, detail={key: value for key, value in entry.detail.items() if key != "outbox"})


def _is_wanted(entry: Entry, wanted: Wanted) -> bool:
    if not entry.event.startswith(wanted.event) or wanted.actor not in ("", entry.actor):
        return False
    if wanted.project not in ("", entry.detail.get("project")):
        return False
    touched = entry.detail.get("touched") or {}
    if wanted.table and wanted.table not in touched:
        return False
    columns = touched.get(wanted.table, []) if wanted.table else [c for one in touched.values() for c in one]
    return not wanted.column or wanted.column in columns


def state_of(site: Site) -> dict[str, Any]:
    """Whether the chain is whole, what is wrong with it, and how many entries of the portal wait for it."""
    problems = [problem.message for problem in site.audit.verify()]
    waiting = Message.objects.filter(seq=None).count()
    return {"whole": not problems, "problems": problems, "waiting": waiting}


def touched_by_project(site: Site) -> list[dict[str, Any]]:
    """For each project and table: its columns that were touched, by how many jobs and counts, and when last."""
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in site.audit.entries():
        for table, columns in (entry.detail.get("touched") or {}).items():
            place = (str(entry.detail.get("project") or ""), table)
            one = sums.setdefault(place, {"columns": set(), "times": 0, "last": ""})
            one["columns"].update(columns)
            one["times"] += 1
            one["last"] = entry.at
    return [
        {"project": project, "table": table, **one, "columns": sorted(one["columns"])}
        for (project, table), one in sorted(sums.items())
    ]
