"""What a project's data hold that they did not before: after a newer release, an amendment or opt-outs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import write_atomic
from lockgate.workspace.project import Project

_BEFORE = "workspace.before.json"


@dataclass(frozen=True, slots=True)
class Changes:
    """From one workspace to the next. ``tables``: name -> {"state", "rows_before", "rows", "columns_added",
    "columns_gone"}, the state being added, gone, changed or same."""

    project: str
    scope: tuple[str, str]
    release: tuple[str, str]
    people: tuple[int, int]
    tables: dict[str, dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The changes as JSON values."""
        pairs = {name: dict(zip(("before", "now"), getattr(self, name), strict=True)) for name in _PAIRS}
        return {"project": self.project, **pairs, "tables": self.tables}


_PAIRS = ("scope", "release", "people")


def keep_before(place: Project) -> None:
    """Before the data are replaced: keep the account of what they were."""
    try:
        before = place.workspace()
    except Refused:
        return
    write_atomic(place.path / _BEFORE, (json.dumps(before, indent=1) + "\n").encode())


def changes(site: Site, project: str) -> Changes:
    """What the last provisioning changed; UsageError when the data were made once only."""
    place = Project.of(site, project)
    now = place.workspace()
    try:
        before = json.loads((place.path / _BEFORE).read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            "the project's data were made once: there is nothing to compare", where=project
        ) from error
    names = [*before["tables"], *(name for name in now["tables"] if name not in before["tables"])]
    tables = {name: _table(before["tables"].get(name), now["tables"].get(name)) for name in names}
    return Changes(
        project,
        (before["scope_id"], now["scope_id"]),
        (before["release"], now["release"]),
        (before["people"]["out"], now["people"]["out"]),
        tables,
    )


def _table(before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any]:
    was, has = (table["columns"] if table else [] for table in (before, now))
    state = "added" if not before else "gone" if not now else "changed"
    if before and now and before["sha256"] == now["sha256"]:
        state = "same"
    return {
        "state": state,
        "rows_before": before["rows"] if before else 0,
        "rows": now["rows"] if now else 0,
        "columns_added": [name for name in has if name not in was],
        "columns_gone": [name for name in was if name not in has],
    }
