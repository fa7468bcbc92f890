"""Whom the tables count that ask to leave, and what a project knows already: the one place where both are put together.

When a table was counted again from its records (``evidence``), the people of each cell are kept beside the answer: no
value, the project's own pseudonyms, in a folder that no job can read. At the airlock they become places in the index
of the ledger, so that they can be held against questions and results of any project (``disclosure.known``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from lockgate.curate import list_releases
from lockgate.curate.release import Release
from lockgate.disclosure.known import Cells, Groups, Known, groups_of
from lockgate.disclosure.ledger import Asker, Ledger
from lockgate.disclosure.manifest import RECORD, parse_record
from lockgate.disclosure.network import Ints
from lockgate.disclosure.tables import Table, read_table
from lockgate.identity import pseudonymise_ints
from lockgate.site import Site
from lockgate.workspace.evidence import confirmed
from lockgate.workspace.project import Project
from lockgate.workspace.reidentify import project_keys


def known_to(site: Site, project: str, members: Collection[str], folder: Path) -> Known:
    """What a project's people were shown, and whom the tables of an outputs folder count where that was confirmed."""
    asker = Asker(min(members, default=""), project, frozenset(members))
    told = Ledger(site).told_to(asker)
    return Known(told, {table.entry.name: cells for table, cells in _counted(site, project, folder)})


def remember(site: Site, project: str, result: str, folder: Path) -> list[Groups]:
    """Keep in the ledger whom a result's confirmed tables count, before it leaves."""
    found = [
        groups
        for table, cells in _counted(site, project, folder)
        for groups in groups_of(table, cells, f"{table.entry.name} of {result}")
    ]
    if found:
        Ledger(site).release(result, found, actor="lockgate")
    return found


def _counted(site: Site, project: str, folder: Path) -> Iterator[tuple[Table, Cells]]:
    """The confirmed tables of an outputs folder with whom they count, as places of the ledger."""
    kept = confirmed(Project.of(site, project), folder)
    if not kept:
        return
    described = {entry.file: entry for entry in parse_record((folder / RECORD).read_bytes()).tables()}
    for file, (keys, cell, person) in kept.items():
        people, at = np.unique(person, return_inverse=True)
        places = places_of(site, project, people)
        if places is not None and file in described:
            table = read_table(described[file], (folder / file).read_text(encoding="utf-8"))
            yield table, Cells(keys, cell, places[at])


def places_of(site: Site, project: str, people: Ints) -> Ints | None:
    """The places in the ledger's index of people of a project (its pseudonyms, each once); None when some are in no
    release any more."""
    for release in reversed(list_releases(site)):
        ids = _people(release)
        for key in project_keys(site, project) if len(ids) else ():
            hidden = pseudonymise_ints(ids, key, "person")
            order = np.argsort(hidden)
            at = np.searchsorted(hidden, people, sorter=order)
            found = order[np.minimum(at, len(order) - 1)]
            if (hidden[found] == people).all():
                return Ledger(site).places(ids[found])
    return None


def _people(release: Release) -> Ints:
    """The people of a release, those among them whom some purposes may not read; nobody where it was retired."""
    paths = [release.table_path("person"), release.limited_path("person")]
    ids = [
        pq.read_table(path, columns=["person_id"]).column(0).to_numpy()
        for path in paths
        if path is not None and path.is_file()
    ]
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *ids]))
