"""A project's data, made from its signed scope and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate import __version__
from lockgate.curate import open_release, retirement
from lockgate.curate.release import Release
from lockgate.deidentify.dates import shift_days
from lockgate.engine import Engine, quote
from lockgate.errors import Refused
from lockgate.schema import RELEASE, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import clear_spill, make_dir, sha256_file, spill_dir, write_atomic
from lockgate.workspace.changes import keep_before
from lockgate.workspace.cohorts import cohort_sql
from lockgate.workspace.dictionary import write_dictionary
from lockgate.workspace.extract import Extract, relation
from lockgate.workspace.leftout import SAMPLES, LeftOut, find_left_out, opt_out_state, recall, remember
from lockgate.workspace.partners.tables import delivered_now, partner_views
from lockgate.workspace.project import READABLE_DIR, READABLE_FILE, Project
from lockgate.workspace.readiness import require_ready
from lockgate.workspace.released import checked_manifest
from lockgate.workspace.riskgate import pass_gate, still_accepted
from lockgate.workspace.scope import Scope, canonical, load, today
from lockgate.workspace.scope.checks import person_column
from lockgate.workspace.scope.model import now
from lockgate.workspace.tables import write_table, write_vocabulary
from lockgate.workspace.uses import FILE as USES
from lockgate.workspace.uses import keep_uses

SCHEMA = "lockgate.workspace/1"
_FORMAT = 2  # raise when the same scope and release would give other files


@dataclass(frozen=True, slots=True)
class WorkspaceResult:
    """What a project now has. ``unchanged``: it had exactly that before; ``rewritten``: the tables made anew."""

    project: str
    path: Path
    scope_id: str
    release: str
    tables: dict[str, dict[str, Any]]
    people: dict[str, int]
    unchanged: bool = False
    rewritten: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "project": self.project,
            "path": str(self.path),
            "scope_id": self.scope_id,
            "release": self.release,
            "people": self.people,
            "tables": self.tables,
            "unchanged": self.unchanged,
            "rewritten": list(self.rewritten),
        }


@dataclass(slots=True)
class _Inputs:
    scope: Scope
    release: Release
    manifest_sha256: str
    key_check: str
    risk_policy: str
    partners: dict[str, str] = field(default_factory=dict)
    left_out: LeftOut = field(default_factory=lambda: LeftOut(np.array([], np.int64), np.array([], np.int64)))

    @property
    def base(self) -> str:
        """Of what a workspace is made, but for who is left out."""
        parts: dict[str, Any] = {
            "format": _FORMAT,
            "code": __version__,
            "scope": self.scope.sha256,
            "manifest": self.manifest_sha256,
            "key": self.key_check,
            "risk": self.risk_policy,
        }
        parts |= {"partners": self.partners} if self.partners else {}
        return hashlib.sha256(canonical(parts)).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Equal fingerprints give equal workspaces."""
        return hashlib.sha256(f"{self.base}/{self.left_out.sha256}".encode()).hexdigest()


def provision(site: Site, project: str, actor: str) -> WorkspaceResult:
    """Make ``projects/<project>/data`` hold what the scope in force allows, and ``workspace.json`` say so.

    Refused without a scope that holds, with a release that was changed, or when opt-outs can't be looked up. Doing it
    again changes nothing unless the scope, the release, the project's key or who has opted out has changed. Where only
    the last has, the tables that hold nothing of these people stay as they are.
    """
    require_ready(site)
    scope = load(site, project)
    place = Project.of(site, project).made()
    with place.changing(), _engine(site, place) as engine:
        inputs = _inputs(site, engine, scope)
        known = _unchanged(site, place, inputs)
        if known is not None:
            if not (place.path / USES).exists():  # made before uses were kept
                _choose(engine, inputs)
                keep_uses(site, engine, scope)
            return _result(place, known, unchanged=True)
        place.clear_old()
        kept = _unaffected(engine, place, inputs)
        fresh = make_dir(place.path / f".data.{secrets.token_hex(4)}.partial")
        try:
            people, tables = _write(site, engine, inputs, fresh, kept)
            risk, risk_accepted = pass_gate(site, scope, fresh)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        fresh.chmod(READABLE_DIR)
        workspace: dict[str, Any] = {
            "schema": SCHEMA,
            "project": project,
            "scope_id": scope.scope_id,
            "scope_sha256": scope.sha256,
            "release": scope.release,
            "manifest_sha256": inputs.manifest_sha256,
            "base": inputs.base,
            "fingerprint": inputs.fingerprint,
            "provisioned_at": now().isoformat(),
            "code_version": __version__,
            "opt_outs_on": today(site).isoformat(),
            "dates": scope.dates,
            "people": people,
            "tables": tables,
            "risk": risk,
            "risk_accepted": risk_accepted,
            "rewritten": [name for name in tables if name not in kept],
        }
        remember(place, workspace, inputs.left_out)
        keep_uses(site, engine, scope)
        keep_before(place)
        place.workspace_file.unlink(missing_ok=True)
        place.replace_data(fresh)
        write_atomic(place.workspace_file, (json.dumps(workspace, indent=1) + "\n").encode())
    result = _result(place, workspace, rewritten=tuple(workspace["rewritten"]))
    site.audit.append(
        "workspace.provisioned",
        actor=actor,
        project=project,
        scope_id=scope.scope_id,
        release=scope.release,
        tables=len(tables),
        rows=sum(int(table["rows"]) for table in tables.values()),
        fingerprint=inputs.fingerprint,
        rewritten=len(result.rewritten),
    )
    return result


def _engine(site: Site, place: Project) -> Engine:
    """An engine that spills into the project's folder."""
    clear_spill(place.path)
    limit = site.config.engine.memory_limit or None
    return Engine(memory_limit=limit, temp_dir=spill_dir(place.path))


def refresh_opt_outs(site: Site, project: str, actor: str) -> None:
    """Before a job: if anybody in the release has opted out since the data was made, make it again without them.

    Looks only when something may have changed: another day, another batch, another index.
    """
    place = Project.of(site, project)
    scope = load(site, project)
    if not place.workspace_file.exists() and (place.data.exists() or any(place.path.glob(".data.*"))):
        provision(site, project, actor)  # the last one was interrupted
    workspace = place.workspace()
    if scope.sha256 != workspace.get("scope_sha256") or not place.data.is_dir():
        provision(site, project, actor)
        return
    state = opt_out_state(site, scope, delivered_now(site, scope))
    noted = place.path / "opt-outs.json"
    try:
        seen = json.loads(noted.read_bytes())
    except (OSError, ValueError):
        seen = {}
    if seen != {"state": state, "fingerprint": workspace["fingerprint"]}:
        provision(site, project, actor)
        fingerprint = place.workspace()["fingerprint"]
        write_atomic(noted, json.dumps({"state": state, "fingerprint": fingerprint}).encode())


def _inputs(site: Site, engine: Engine, scope: Scope) -> _Inputs:
    """The release of the scope, its tables as views, and who in it has opted out by today."""
    release = open_release(site, scope.release)
    if (gone := retirement(site, release.number)) is not None:
        raise Refused(
            f"release {release.number} was retired",
            reasons=[gone.reason],
            where=scope.project,
            remedy="amend the application to a newer release",
        )
    needed = {*scope.tables, "person", *VOCABULARY_TABLES}
    if scope.cohort is not None:
        needed |= set(scope.cohort.tables())
    if "location" in scope.tables:
        needed.add("care_site")
    if any(table in SAMPLES for table in scope.tables):
        needed.add("tissue_sample")
    key_check = site.keyring.check_of(site.project_key(scope.project))
    inputs = _Inputs(
        scope,
        release,
        checked_manifest(site, release, needed, set(scope.tables)),
        key_check,
        str(site.config.risk),
    )
    for table in needed:
        files = [release.table_path(table)] if table in release.manifest["tables"] else []
        files += [apart] if (apart := release.limited_path(table)) else []
        engine.view_parquet(f"release_{table}", files, RELEASE[table])
    inputs.left_out = find_left_out(site, engine, scope, release)
    inputs.partners = delivered_now(site, scope)
    return inputs


def _unaffected(engine: Engine, place: Project, inputs: _Inputs) -> dict[str, dict[str, Any]]:
    """The tables of the workspace that only other opt-outs would not change, as ``workspace.json`` describes them.

    Those in which nobody has a row who left or came back since; none when anything else has changed.
    """
    try:
        workspace = place.workspace()
    except Refused:
        return {}
    before = recall(place, str(workspace.get("fingerprint")))
    if before is None or workspace.get("base") != inputs.base or before["base"] != inputs.base:
        return {}
    people = np.setxor1d(np.array(before["people"], np.int64), inputs.left_out.people)
    samples = np.setxor1d(np.array(before["samples"], np.int64), inputs.left_out.samples)
    engine.register("changed_person", pa.table({"person_id": people}))
    kept = {}
    for name, table in workspace["tables"].items():
        if name not in RELEASE:
            continue  # a partner's: made anew each time
        if name in VOCABULARY_TABLES or (person_column(name) is None and name != "location"):
            touched = 0
        elif name == "location" or (name in SAMPLES and len(samples)):
            touched = len(people) + len(samples)
        else:
            touched = int(
                engine.one(
                    f"SELECT count(*) FROM {relation(name)} AS t SEMI JOIN changed_person AS c "
                    f"ON c.person_id = t.{quote(str(person_column(name)))}"
                )
            )
        path = place.data / table["file"]
        if not touched and path.is_file() and sha256_file(path) == table["sha256"]:
            kept[name] = table
    return kept


def _write(
    site: Site, engine: Engine, inputs: _Inputs, fresh: Path, kept: dict[str, dict[str, Any]]
) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
    """Every table of the scope into ``fresh``; the accounts of people and of each table's rows.

    The tables in ``kept`` are taken over from the data in place.
    """
    scope = inputs.scope
    _choose(engine, inputs)
    in_release, in_cohort, out = (
        int(engine.one(sql))
        for sql in (
            f"SELECT count(*) FROM {relation('person')}",
            "SELECT count(*) FROM chosen",
            "SELECT count(*) FROM chosen ANTI JOIN opted_out USING (person_id)",
        )
    )
    people = {
        "in_release": in_release,
        "outside_cohort": in_release - in_cohort,
        "opted_out": in_cohort - out,
        "out": out,
    }
    if scope.dates == "shift":
        ids = engine.arrow("SELECT person_id FROM chosen").column(0)
        days = shift_days(ids, site.project_key(scope.project, "dates"))
        engine.register("shift", pa.table({"person_id": ids, "days": days}))
    year = int(str(inputs.release.manifest.get("opt_out_cut_off", today(site)))[:4])
    oldest = year - int(inputs.release.manifest.get("policy", {}).get("top_age", 90))
    for same in kept.values():
        os.link(Project.of(site, scope.project).data / same["file"], fresh / same["file"])
    tables = {
        table: kept.get(table) or write_table(site, engine, Extract(scope, table, year, oldest), fresh)
        for table in scope.tables
        if table not in VOCABULARY_TABLES
    }
    for table in partner_views(site, engine, scope):
        tables[table] = write_table(site, engine, Extract(scope, table), fresh)
    tables |= write_vocabulary(engine, inputs.release, fresh, kept)
    write_dictionary(fresh, scope, tables)
    for path in fresh.iterdir():
        path.chmod(READABLE_FILE)
    return people, tables


def _choose(engine: Engine, inputs: _Inputs) -> None:
    """Make ``chosen``: everybody of the cohort, opted out or not."""
    everybody = f"SELECT person_id FROM {relation('person')}"
    cohort = cohort_sql(engine, inputs.release, inputs.scope)
    engine.execute(
        f"CREATE TABLE chosen AS SELECT DISTINCT person_id FROM ({cohort}) SEMI JOIN ({everybody}) USING (person_id)"
    )


def choose_people(site: Site, engine: Engine, scope: Scope) -> None:
    """Make ``chosen`` and ``opted_out`` (release's person_id) of a scope in force, as provisioning would."""
    require_ready(site)
    _choose(engine, _inputs(site, engine, scope))


def _unchanged(site: Site, place: Project, inputs: _Inputs) -> dict[str, Any] | None:
    """``workspace.json``, when it is of these inputs, every file is as it says, and its risk is accepted still."""
    try:
        workspace = place.workspace()
    except Refused:
        return None
    if workspace.get("fingerprint") != inputs.fingerprint:
        return None
    if not still_accepted(site, inputs.scope, workspace.get("risk_accepted")):
        return None
    for table in workspace["tables"].values():
        path = place.data / table["file"]
        if not path.is_file() or sha256_file(path) != table["sha256"]:
            return None
    return workspace


def _result(
    place: Project, workspace: dict[str, Any], *, unchanged: bool = False, rewritten: tuple[str, ...] = ()
) -> WorkspaceResult:
    return WorkspaceResult(
        project=place.name,
        path=place.data,
        scope_id=workspace["scope_id"],
        release=workspace["release"],
        tables=workspace["tables"],
        people=workspace["people"],
        unchanged=unchanged,
        rewritten=rewritten,
    )
