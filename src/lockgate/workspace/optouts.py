"""Opt-outs after the fact: workspaces made again without who has opted out, and what was derived before, listed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lockgate.catalogue import list_catalogues
from lockgate.curate import Release, list_releases, open_release, retirement
from lockgate.engine import Engine, literal
from lockgate.errors import LockgateError, Refused
from lockgate.identity import PURPOSES, objections_in_force, opted_out, pseudonymise_ints
from lockgate.schema import RELEASE
from lockgate.site import Site
from lockgate.workspace.cohorts import cohort_sql
from lockgate.workspace.extract import relation
from lockgate.workspace.leftout import Ints, every_memory, find_left_out
from lockgate.workspace.project import Project
from lockgate.workspace.provisioning import refresh_opt_outs
from lockgate.workspace.scope import Scope, today
from lockgate.workspace.scope.store import issued_scopes

EVENT = "optout.applied"
# The staged tables that may say who is left out: objections, the numbers that they are matched by, merges, consents
# to samples. A death is none of them: an opt-out outlasts it.
SAY_WHO = frozenset({"objection", "patient", "patient_merge", "specimen"})


def apply(site: Site, actor: str) -> list[dict[str, Any]]:
    """Make the data of every project fit who has opted out by now; what was done, project by project.

    ``state``: "unchanged", "made again", "no data", or "not readable" with ``reasons`` (a scope that does not hold:
    no job can read the data either). ``left`` and ``back`` count people gone since, and come back.
    """
    done = []
    for folder in sorted(site.projects.glob("*/scopes")):
        project = folder.parent.name
        place = Project.of(site, project)
        told: dict[str, Any] = {"project": project, "state": "no data", "left": 0, "back": 0, "rewritten": []}
        done.append(told)
        if not place.data.is_dir():
            continue
        with contextlib.suppress(Refused):
            told["before"] = place.workspace()["fingerprint"]
        try:
            refresh_opt_outs(site, project, actor)
            workspace = place.workspace()
        except LockgateError as error:
            told |= {"state": "not readable", "reasons": getattr(error, "reasons", []) or [error.message]}
            continue
        before = told.pop("before", None)
        if workspace["fingerprint"] == before:
            told["state"] = "unchanged"
            continue
        memories = every_memory(place)
        then, now = (
            {*memories.get(each, {}).get("people", ())} for each in (before, workspace["fingerprint"])
        )
        told |= {
            "state": "made again",
            "left": len(now - then),
            "back": len(then - now),
            "rewritten": workspace["rewritten"],
        }
        counts = {name: told[name] for name in ("left", "back")}
        site.audit.append(EVENT, actor=actor, project=project, **counts, rewritten=len(told["rewritten"]))
    return done


def after_capture(site: Site, rows: Mapping[str, int], actor: str) -> list[dict[str, Any]]:
    """Apply what a batch with these rows (staged table -> count) may have changed; what was done, where anything was.

    For whoever takes in a feed: with it, an objection is obeyed as soon as the batch is visible.
    """
    if not any(rows.get(table) for table in SAY_WHO):
        return []
    return [item for item in apply(site, actor) if item["state"] not in ("no data", "unchanged")]


def show(site: Site) -> dict[str, Any]:
    """The objections in force today, and how many people of each release are left out for each purpose."""
    at = today(site)
    with Engine() as engine:
        kinds = objections_in_force(engine, site, at=at)
        out = {each: opted_out(engine, site, at=at, purpose=each, former=True) for each in PURPOSES}
        releases: list[dict[str, Any]] = []
        for release in list_releases(site):
            if (people := _people_of(engine, site, release)) is None:
                releases.append({"release": release.number, "left_out": None})
                continue
            inside = {
                purpose: int(np.isin(people, _hidden(site, release, keys)).sum())
                for purpose, keys in out.items()
            }
            releases.append({"release": release.number, "left_out": inside})
    return {"day": at.isoformat(), "objections": kinds, "releases": releases}


def _hidden(site: Site, release: Release, keys: Iterable[int]) -> Ints:
    return pseudonymise_ints(np.array(sorted(keys), np.int64), release.key(site), "person")


def _people_of(engine: Engine, site: Site, release: Release) -> Ints | None:
    """Everybody in a release, those kept apart too; None when its data were destroyed."""
    gone = retirement(site, release.number)
    if gone is not None and gone.destroyed_at:
        return None
    files = [release.table_path("person"), *filter(None, [release.limited_path("person")])]
    listed = ", ".join(map(literal, files))
    found: Ints = engine.arrow(f"SELECT person_id FROM read_parquet([{listed}])").column(0).to_numpy()
    return found


def derived(site: Site) -> list[dict[str, Any]]:
    """What holds, or was made from, data of people who have opted out since: releases, workspaces, jobs, results.

    Counts are of people, exact, for those who run the site. ``what`` is "release", "catalogue", "workspace", "job" or
    "result"; ``people`` is None where it can't be told (data destroyed, or made before this was kept).
    """
    found: list[dict[str, Any]] = []
    shown = show(site)
    published = {catalogue.release for catalogue in list_catalogues(site)}
    for item in shown["releases"]:
        numbers = item["left_out"]
        if numbers is None or any(numbers.values()):
            found.append({"what": "release", "release": item["release"], "people": numbers})
            if item["release"] in published:
                found.append({"what": "catalogue", "release": item["release"], "people": numbers})
    for project, scopes in issued_scopes(site).items():
        found += _derived_of(site, Project.of(site, project), {scope.scope_id: scope for scope in scopes})
    return found


def _derived_of(site: Site, place: Project, scopes: Mapping[str, Scope]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    current = None
    with contextlib.suppress(Refused):
        current = place.workspace()["fingerprint"]
    withdrawn: dict[str, int | None] = {}
    cohorts: dict[str, tuple[Ints, Ints] | None] = {}
    for fingerprint, memory in every_memory(place).items():
        scope = scopes.get(memory["scope_id"])
        if memory["scope_id"] not in cohorts:
            cohorts[memory["scope_id"]] = _cohort_and_out(site, scope) if scope else None
        known = cohorts[memory["scope_id"]]
        people = None
        if known is not None:
            since = np.setdiff1d(known[1], np.array(memory["people"], np.int64))
            people = int(np.isin(since, known[0]).sum())
        withdrawn[fingerprint] = people
        if people != 0:
            found.append(
                {
                    "what": "workspace",
                    "project": place.name,
                    "release": memory["release"],
                    "at": memory["provisioned_at"],
                    "people": people,
                    "fingerprint": fingerprint,
                    "in_place": fingerprint == current,
                }
            )
    jobs = {}
    for path in sorted(place.jobs.glob("*/job.json")):
        record = json.loads(path.read_bytes())
        people = withdrawn.get(record.get("workspace", ""))
        if people != 0:
            jobs[record["job_id"]] = people
            found.append(
                {
                    "what": "job",
                    "project": place.name,
                    "job": record["job_id"],
                    "at": record["started_at"],
                    "people": people,
                    "outputs": [item["name"] for item in record.get("outputs", [])],
                    "state": record["state"],
                }
            )
    for path in sorted(place.released.glob("*/release-record.json")):
        record = json.loads(path.read_bytes())
        job = record.get("job_id") or record.get("job")
        # a result that does not say which job it is of counts as one of any of them
        if jobs and (job in jobs or job not in {item.name for item in place.jobs.iterdir()}):
            found.append(
                {
                    "what": "result",
                    "project": place.name,
                    "request": path.parent.name,
                    "people": jobs.get(job),
                }
            )
    return found


def _cohort_and_out(site: Site, scope: Scope) -> tuple[Ints, Ints] | None:
    """The release's ids of everybody in a scope's cohort, and of who is left out of it today."""
    try:
        with Engine() as engine:
            out = _open_release(site, engine, scope)
            cohort = cohort_sql(engine, open_release(site, scope.release), scope)
            return engine.arrow(f"SELECT person_id FROM ({cohort})").column(0).to_numpy(), out
    except LockgateError:
        return None


def _open_release(site: Site, engine: Engine, scope: Scope) -> Ints:
    release = open_release(site, scope.release)
    tables = {"person", *(scope.cohort.tables() if scope.cohort else ())}
    for table in tables:
        files = [release.table_path(table)] if table in release.manifest["tables"] else []
        files += [apart] if (apart := release.limited_path(table)) else []
        engine.view_parquet(f"release_{table}", files, RELEASE[table])
    return find_left_out(site, engine, scope.model_copy(update={"tables": {}}), release).people


def count_cohort(site: Site, scope: Scope) -> dict[str, int]:
    """How many people a scope's cohort has today: in the release, in the cohort, opted out, and left; never stored.

    The figures are exact: whoever shows them takes them through disclosure control. Refused as ``find_left_out`` is.
    """
    with Engine() as engine:
        out = _open_release(site, engine, scope)
        everybody = f"SELECT person_id FROM {relation('person')}"
        cohort = cohort_sql(engine, open_release(site, scope.release), scope)
        ids = engine.arrow(f"SELECT person_id FROM ({cohort})").column(0).to_numpy()
        total = int(engine.one(f"SELECT count(*) FROM ({everybody})"))
    gone = int(np.isin(ids, out).sum())
    return {"in_release": total, "in_cohort": len(ids), "opted_out": gone, "out": len(ids) - gone}
