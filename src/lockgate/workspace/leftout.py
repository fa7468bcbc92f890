"""Who and what must stay out of a project's data today: opt-outs for its purpose, and consents to samples.

Looked up anew for every read, from the objections as they are now, whatever was known when the release was built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.capture import batches, latest_view
from lockgate.curate.prepare import record_digest
from lockgate.curate.release import Release
from lockgate.engine import Engine, literal
from lockgate.errors import LockgateError, Refused
from lockgate.identity import consented, covered, index_path, opted_out, pseudonymise_ints
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic
from lockgate.workspace.project import Project
from lockgate.workspace.scope import Scope, today
from lockgate.workspace.scope.model import canonical

Ints = npt.NDArray[np.int64]
# The tables whose rows are samples, under the id of the sample.
SAMPLES = ("specimen", "tissue_sample")
CONSENTED_ONLY = "consented-only"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The release's ids of people in it who are left out, and of samples whose consent does not reach that far."""

    people: Ints
    samples: Ints

    @property
    def sha256(self) -> str:
        """Equal digests leave out the same."""
        return hashlib.sha256(self.people.tobytes() + b"/" + self.samples.tobytes()).hexdigest()

    def as_dict(self) -> dict[str, list[int]]:
        """As JSON values."""
        return {"people": self.people.tolist(), "samples": self.samples.tolist()}


def rests_on_consent(scope: Scope) -> bool:
    """Whether a project may see only people who have consented to research."""
    return CONSENTED_ONLY in (scope.opt_out_rule, scope.legal_basis.common_law) or (
        scope.legal_basis.common_law == "consent"
    )


def find_left_out(site: Site, engine: Engine, scope: Scope, release: Release) -> LeftOut:
    """Who and what is left out today, also as the tables ``opted_out(person_id)`` and ``held_sample(specimen_id)``.

    Needs the views ``release_<table>``. Refused when that can't be looked up: then nobody's data may be used.
    """
    at = today(site)
    try:
        keys = opted_out(engine, site, at=at, purpose=scope.kind, former=True)
        tissue = covered(engine, site, at=at, part="tissue", former=True)
        willing = consented(engine, site, at=at) if rests_on_consent(scope) else None
    except LockgateError as error:
        raise Refused(
            "nobody can say who has opted out, so nobody's data may be used",
            reasons=[error.message],
            where=scope.project,
            remedy=error.remedy,
        ) from error
    key = release.key(site)
    _ids(engine, "objectors", keys, key)
    out = "SELECT person_id FROM objectors"
    apart = release.limited_path("people")
    if apart is not None:
        # who was left out of the release for this purpose stays out of it, whatever was said since
        out += (
            f" UNION SELECT person_id FROM read_parquet({literal(apart)}) "
            f"WHERE list_contains(string_split(purposes, ' '), {literal(scope.kind)})"
        )
    if willing is not None:
        _ids(engine, "willing", willing, key)
        out += " UNION SELECT person_id FROM release_person ANTI JOIN willing USING (person_id)"
    engine.execute(
        f"CREATE TABLE opted_out AS SELECT DISTINCT person_id FROM ({out}) SEMI JOIN release_person USING (person_id)"
    )
    _ids(engine, "tissue_objectors", {who for who, what in tissue.items() if scope.kind in what}, key)
    _held_samples(site, engine, key, any(table in scope.tables for table in SAMPLES), release)
    return LeftOut(
        _column(engine, "SELECT person_id FROM opted_out ORDER BY 1"),
        _column(engine, "SELECT specimen_id FROM held_sample ORDER BY 1"),
    )


def _ids(engine: Engine, name: str, keys: set[int], key: bytes) -> None:
    """The table ``name(person_id)``: the release's ids of person keys."""
    hidden = pseudonymise_ints(np.array(sorted(keys), np.int64), key, "person")
    engine.register(name, pa.table({"person_id": pa.array(hidden, pa.int64())}))


def _column(engine: Engine, sql: str) -> Ints:
    return np.array([value for (value,) in engine.rows(sql)], np.int64)


def _held_samples(site: Site, engine: Engine, key: bytes, asked: bool, release: Release) -> None:
    """``held_sample``: tissue samples of people who withdrew their consent, and samples whose own was withdrawn since.

    What was made of a sample goes with it, two generations down, as when a release is built.
    """
    engine.execute("CREATE TABLE held_sample (specimen_id BIGINT)")
    if not asked or "tissue_sample" not in release.manifest["tables"]:
        return
    engine.execute(
        "INSERT INTO held_sample "
        "SELECT specimen_id FROM release_tissue_sample SEMI JOIN tissue_objectors USING (person_id)"
    )
    specimen = latest_view(engine, site, "specimen")
    rows = engine.arrow(
        f"""
        WITH gone AS (SELECT source, record_id FROM {specimen} WHERE consent = 'withdrawn'),
        made AS (SELECT s.source, s.record_id FROM {specimen} s JOIN gone g
            ON g.source = s.source AND g.record_id = s.parent_ref),
        further AS (SELECT s.source, s.record_id FROM {specimen} s JOIN made m
            ON m.source = s.source AND m.record_id = s.parent_ref)
        SELECT DISTINCT {record_digest()} AS digest
        FROM (FROM gone UNION FROM made UNION FROM further) AS t"""
    )
    digests = rows.column("digest").combine_chunks().to_numpy(zero_copy_only=False)
    ids = pseudonymise_ints(digests.view(np.int64), key, "specimen")
    engine.register("withdrawn_sample", pa.table({"specimen_id": pa.array(ids, pa.int64())}))
    engine.execute(
        "INSERT INTO held_sample SELECT specimen_id FROM withdrawn_sample "
        "WHERE specimen_id NOT IN (SELECT specimen_id FROM held_sample)"
    )


def opt_out_state(site: Site, scope: Scope, delivered: Mapping[str, str]) -> str:
    """Differs when a workspace may have to be made again: another day, batch, index, key, or partner's delivery."""
    index = index_path(site)
    stat = index.stat() if index.exists() else None
    parts: dict[str, Any] = {
        "day": today(site).isoformat(),
        "kind": scope.kind,
        "batches": [batch.batch_id for batch in batches(site)],
        "index": [stat.st_mtime_ns, stat.st_size] if stat else None,
        "key": site.keyring.check_of(site.project_key(scope.project)),
    }
    parts |= {"partners": dict(delivered)} if delivered else {}
    return hashlib.sha256(canonical(parts)).hexdigest()


# What each workspace of a project left out, kept so that it can be told whose data was used before they withdrew.


def _history(place: Project) -> Any:
    return make_dir(place.path / "left-out")


def remember(place: Project, workspace: dict[str, Any], left_out: LeftOut) -> None:
    """Keep what a workspace left out, before it is put in place."""
    kept = {name: workspace[name] for name in ("scope_id", "release", "provisioned_at", "base")}
    body = json.dumps(kept | left_out.as_dict())
    write_atomic(_history(place) / f"{workspace['fingerprint']}.json", body.encode())


def recall(place: Project, fingerprint: str) -> dict[str, Any] | None:
    """What a workspace left out, or None when that was not kept."""
    try:
        found: dict[str, Any] = json.loads((_history(place) / f"{fingerprint}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found


def every_memory(place: Project) -> dict[str, dict[str, Any]]:
    """What each workspace of the project left out, by its fingerprint, oldest first."""
    names = [path.stem for path in (place.path / "left-out").glob("*.json")] if place.path.is_dir() else []
    found = {name: kept for name in names if (kept := recall(place, name)) is not None}
    return dict(sorted(found.items(), key=lambda item: str(item[1]["provisioned_at"])))
