"""Who a project's pseudonym is, for the safety of one person: asked for by one, approved by another, shown once.

There is no table from pseudonyms to people. The pseudonyms of everybody in the index are made again, under each key the
project has had, and the one is looked for; without the site's keys nobody can do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from lockgate.capture import latest_view
from lockgate.curate import list_releases
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.identity import index_view, pseudonymise_ints
from lockgate.site import Site
from lockgate.site.approvals import Approval, approve, ask, decline, every_approval, read_approval, use
from lockgate.workspace.scope.store import issued_scopes

WHAT = "reidentify"
LASTS = timedelta(hours=24)


def request(site: Site, project: str, person: int, *, reason: str, by: str) -> Approval:
    """Ask who one person of a project is, by the ``person_id`` its data show.

    UsageError when nobody has that id there. Refused for the project's own people, and for whoever has another request
    open: one person at a time.
    """
    involved = _involved(site, project)
    reasons = ["the project's own people may not learn who somebody is"] if by in involved else []
    open_ones = [
        item for item in every_approval(site, WHAT)
        if item.requested_by == by and item.state() in ("requested", "approved")
    ]  # fmt: skip
    reasons += ["another request of the same person is open: one at a time"] if open_ones else []
    if reasons:
        site.audit.append(f"{WHAT}.refused", actor=by, project=project, reasons=reasons)
        raise Refused("who this is can't be asked for", reasons=reasons, where=project)
    if _person_key(site, project, person) is None:
        raise UsageError(
            f"nobody in {project} has this id",
            where=project,
            remedy="give the person_id as the project's data show it",
        )
    return ask(site, WHAT, {"project": project, "pseudonym": f"person/{person}"}, reason=reason, by=by)


def allow(site: Site, approval_id: str, *, by: str) -> Approval:
    """Approve a request: who asked may look once, within a day. Refused for who asked, and for the project's own."""
    asked = read_approval(site, approval_id, WHAT)
    involved = _involved(site, str(asked.subject["project"]))
    return approve(site, approval_id, by=by, until=datetime.now(UTC) + LASTS, involved=involved)


def refuse(site: Site, approval_id: str, *, by: str) -> Approval:
    """Decline a request. Refused as ``allow`` is."""
    asked = read_approval(site, approval_id, WHAT)
    return decline(site, approval_id, by=by, involved=_involved(site, str(asked.subject["project"])))


def requests(site: Site) -> list[Approval]:
    """Every request, oldest first."""
    return every_approval(site, WHAT)


def reveal(site: Site, approval_id: str, *, by: str) -> dict[str, Any]:
    """The NHS number and hospital numbers of the person, once, for the one who asked, while the approval lasts.

    Used up and entered in the audit chain before it is handed out: what got lost on the way must be asked for again.
    """
    asked = read_approval(site, approval_id, WHAT)
    records = _records(site, asked) if asked.state() == "approved" and by == asked.requested_by else []
    asked = use(site, approval_id, by=by)
    project = str(asked.subject["project"])
    site.audit.append(
        f"{WHAT}.shown", actor=by, request=approval_id, project=project, approved_by=asked.approved_by
    )
    return {"request": approval_id, "project": project, "shown_at": asked.used_at, "records": records}


def _records(site: Site, asked: Approval) -> list[dict[str, Any]]:
    """The numbers of every record of the person; LockgateError when the index has them no more."""
    project = str(asked.subject["project"])
    key = _person_key(site, project, int(str(asked.subject["pseudonym"]).removeprefix("person/")))
    if key is None:
        raise LockgateError("the person is in the index no more", where=asked.approval_id)
    with Engine(threads=1) as engine:
        rows = engine.rows(
            f"SELECT DISTINCT p.source, p.nhs_number, p.local_number FROM {latest_view(engine, site, 'patient')} p "
            f"JOIN {index_view(engine, site)} i USING (source, record_id) WHERE i.person_key = ? ORDER BY ALL",
            [key],
        )
    return [{"source": source, "nhs_number": nhs, "local_number": local} for source, nhs, local in rows]


def _involved(site: Site, project: str) -> frozenset[str]:
    scopes = issued_scopes(site).get(project)
    if not scopes:
        raise UsageError(f"there is no project {project!r}", remedy="`lockgate scope list` names them")
    return frozenset(
        {name for scope in scopes for name in (scope.applicant, *(p.username for p in scope.people))}
    )


def _person_key(site: Site, project: str, person: int) -> int | None:
    """The person key behind a project's id, whichever of its keys made it; None when there is nobody."""
    with Engine(threads=1) as engine:
        index = index_view(engine, site)
        keys = engine.arrow(f"SELECT DISTINCT person_key FROM {index} ORDER BY 1").column(0).to_numpy()
    if not len(keys):
        return None
    releases = {int(item.manifest.get("root_key", 1)): item for item in list_releases(site)}
    for release in releases.values():
        inner = pseudonymise_ints(keys, release.key(site), "person")
        for key in project_keys(site, project):
            places = np.flatnonzero(pseudonymise_ints(inner, key, "person") == person)
            if len(places):
                return int(keys[places[0]])
    return None


def project_keys(site: Site, project: str) -> Iterator[bytes]:
    """Every key a project has had, the one in use first."""
    ring = site.keyring
    for generation in range(ring.generation, 0, -1):
        for epoch in range(ring.epoch(project), 0, -1):
            yield ring.project(project, generation=generation, epoch=epoch)
