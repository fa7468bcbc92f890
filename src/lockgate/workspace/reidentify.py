"""Who a project's pseudonym is, for the safety of one person: asked for by one, approved by another, for a day.

There is no table from pseudonyms to people. The pseudonyms of everybody in the index are made again, under each key the
project has had, and the one is looked for; without the site's keys nobody can do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from lockgate.capture import latest_view
from lockgate.curate import list_releases
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.identity import index_view, pseudonymise_ints
from lockgate.site import Site
from lockgate.workspace.approvals import Approval, approve, ask, every_approval, read_approval
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
    """Approve a request, for a day. Refused for who asked, and for the project's own people."""
    asked = _asked(site, approval_id)
    return approve(
        site, approval_id, by=by, lasts=LASTS, involved=_involved(site, str(asked.subject["project"]))
    )


def reveal(site: Site, approval_id: str, *, by: str) -> dict[str, Any]:
    """The NHS number and hospital numbers of the person, for the one who asked, while the approval lasts.

    Entered in the audit chain before anything is looked up.
    """
    asked = _asked(site, approval_id)
    reasons = [] if by == asked.requested_by else ["somebody else asked for it"]
    reasons += [] if asked.state() == "approved" else [f"it is {asked.state()}"]
    if reasons:
        site.audit.append(f"{WHAT}.refused", actor=by, request=approval_id, reasons=reasons)
        raise Refused("who this is may not be shown", reasons=reasons, where=approval_id)
    project = str(asked.subject["project"])
    site.audit.append(
        f"{WHAT}.shown", actor=by, request=approval_id, project=project, approved_by=asked.approved_by
    )
    key = _person_key(site, project, int(str(asked.subject["pseudonym"]).removeprefix("person/")))
    if key is None:
        raise LockgateError("the person is in the index no more", where=approval_id)
    with Engine(threads=1) as engine:
        rows = engine.rows(
            f"SELECT DISTINCT p.source, p.nhs_number, p.local_number FROM {latest_view(engine, site, 'patient')} p "
            f"JOIN {index_view(engine, site)} i USING (source, record_id) WHERE i.person_key = ? ORDER BY ALL",
            [key],
        )
    records = [{"source": source, "nhs_number": nhs, "local_number": local} for source, nhs, local in rows]
    return {"request": approval_id, "project": project, "expires_at": asked.expires_at, "records": records}


def _asked(site: Site, approval_id: str) -> Approval:
    found = read_approval(site, approval_id)
    if found.what != WHAT:
        raise UsageError(f"{approval_id} is no request of this kind")
    return found


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
        for key in _project_keys(site, project):
            places = np.flatnonzero(pseudonymise_ints(inner, key, "person") == person)
            if len(places):
                return int(keys[places[0]])
    return None


def _project_keys(site: Site, project: str) -> Iterator[bytes]:
    ring = site.keyring
    for generation in range(ring.generation, 0, -1):
        for epoch in range(ring.epoch(project), 0, -1):
            yield ring.project(project, generation=generation, epoch=epoch)
