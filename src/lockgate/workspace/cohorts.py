"""Whom a scope is about, as SQL over the views of its release (``extract.relation``)."""

from __future__ import annotations

from dataclasses import replace

from lockgate.curate import Release
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop
from lockgate.workspace.extract import relation
from lockgate.workspace.scope.model import Scope


def cohort_sql(engine: Engine, release: Release, scope: Scope) -> str:
    """A query of the ``person_id`` of everybody in the scope's cohort, opted out or not, each once.

    It is run on the release's OMOP tables with the rows that some purposes may not read, as the views are.
    """
    if scope.cohort is None:
        return f"SELECT person_id FROM {relation('person')}"
    found = find_omop(release.omop)
    apart = {name: release.limited_path(name) for name in found.files}
    files = {
        name: [*paths, *([also] if (also := apart[name]) else [])] for name, paths in found.files.items()
    }
    engine.register("defined_people", scope.cohort.people(replace(found, files=files)))
    return "SELECT person_id FROM defined_people"
