"""The patient index: which records of which sources are of one person.

``build_index`` reads the latest patient rows of every source, runs the exact steps, obeys merges and decisions, and
lets the model link what is left. It writes into ``staged/index/``, all of it identifiable:

- ``person_index.parquet`` (source, record_id, person_key, step) and ``index.json`` (counts, the next unused key);
- ``conflicts.parquet`` (references of records whose link was refused, and why), ``review.parquet`` (pairs to look at);
- ``former_keys.parquet`` (the keys records held before), ``merge_history.parquet`` (who was merged with whom, when);
- ``base.parquet`` (whom the exact steps alone hold for one person), ``scored.parquet`` (what the model linked and what
  it came close to).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.capture import latest_view
from lockgate.engine import Engine, SqlEngine
from lockgate.errors import LockgateError
from lockgate.identity import decisions, training
from lockgate.identity.cascade import STEPS, Clusters, Evidence, cluster, finish
from lockgate.identity.keys import FORMER, assign_keys
from lockgate.identity.linkage import deterministic
from lockgate.identity.merges import HISTORY, HISTORY_ORDER, history_path, read_holding, read_ties
from lockgate.identity.probable import Probable, link_rest
from lockgate.identity.profiles import READ, read_profiles, unknown_profiles
from lockgate.identity.review import base_path, review_path, review_rows
from lockgate.schema import Column
from lockgate.site import Site
from lockgate.site.files import (
    PRIVATE_FILE,
    make_dir,
    put_in_place,
    remove_leftovers,
    sha256_file,
    write_atomic,
)

INDEX_COLUMNS = (
    Column("source", "VARCHAR"),
    Column("record_id", "VARCHAR"),
    Column("person_key", "BIGINT"),
    Column("step", "VARCHAR"),
)
_FORMER_COLUMNS = (*INDEX_COLUMNS[:3], Column("place", "BIGINT"))


@dataclass(frozen=True, slots=True)
class IndexResult:
    """What linkage made: counts only. ``by_step`` and ``by_source`` count records; a record is linked when its person
    has another record too. ``conflicts`` counts refused links by kind, ``probabilistic`` says what the model did or why
    it did nothing, ``to_review`` is how many pairs wait for somebody."""

    records: int
    persons: int
    linked: int
    new_persons: int
    retired_keys: int
    by_step: dict[str, int]
    by_source: dict[str, dict[str, Any]]
    conflicts: dict[str, int]
    probabilistic: dict[str, Any]
    to_review: int
    path: Path = field(compare=False)

    def as_dict(self) -> dict[str, Any]:
        """The form of ``lockgate index build --json``."""
        return {**asdict(self), "path": str(self.path)}


def index_path(site: Site) -> Path:
    """Where a site's index is."""
    return site.staged / "index" / "person_index.parquet"


def index_view(engine: SqlEngine, site: Site, name: str = "person_index") -> str:
    """A view of the site's index (empty before the first ``build_index``); returns its name."""
    path = index_path(site)
    engine.view_parquet(name, [path] if path.exists() else [], INDEX_COLUMNS)
    return name


def build_index(engine: Engine, site: Site, *, own_sources: Sequence[str] | None = None) -> IndexResult:
    """Link the latest patient rows of all sources and write the index; people keep their keys from the last run.

    ``own_sources`` are the sources that use the trust's own hospital numbers (None: all that send one).
    Raises LockgateError when the last index can't be read: keys must not be given anew by mistake.
    """
    path = index_path(site)
    folder = make_dir(path.parent)
    with _alone(folder):
        remove_leftovers(folder)
        merges = latest_view(engine, site, "patient_merge")
        decisions.register(engine, site)
        result, tables = link(
            engine,
            latest_view(engine, site, "patient"),
            previous=path,
            own_sources=own_sources,
            merges=merges,
            site=site,
        )
        _write(engine, tables["former"], folder / "former_keys.parquet", "source, record_id, place")
        _write(engine, tables["conflicts"], folder / "conflicts.parquet", "ALL")
        _write(engine, HISTORY.format(merges=merges), history_path(path), HISTORY_ORDER)
        _write(engine, "SELECT * FROM identity_review", review_path(site), "pair")
        _write(engine, "SELECT * FROM identity_base", base_path(site), "source, record_id")
        _write(engine, "SELECT * FROM identity_scored", folder / "scored.parquet", "ALL")
        fresh = folder / f".{path.name}.fresh.partial"
        engine.write_parquet(tables["index"], fresh, order_by="source, record_id")
        # The state comes first and says which index it belongs to: without it, keys could be given twice.
        state = {
            **result.as_dict(),
            "next_key": int(tables["next_key"]),
            "next_key_before": int(tables["next_key_before"]),
            "index_sha256": sha256_file(fresh),
        }
        write_atomic(folder / "index.json", (json.dumps(state, indent=2) + "\n").encode())
        put_in_place(fresh, path)
    return result


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One build of the index at a time; another waits for its end."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(engine: Engine, sql: str, path: Path, order_by: str) -> None:
    fresh = path.with_name(f".{path.name}.fresh.partial")
    engine.write_parquet(sql, fresh, order_by=order_by)
    put_in_place(fresh, path)


def link(
    engine: Engine,
    patients: str,
    *,
    previous: Path,
    own_sources: Sequence[str] | None = None,
    merges: str = "",
    site: Site | None = None,
) -> tuple[IndexResult, dict[str, str]]:
    """Link the rows of a patient view without writing anything.

    ``merges`` is a view of staged ``patient_merge`` rows. Without a ``site`` the exact steps are all.
    Returns the result, and the SELECTs of the index, of the
    conflicts and of the former keys, with the next key and the one before this run (as text).
    """
    if merges:
        read_holding(engine, merges)
    there = set(engine.columns(f"SELECT * FROM {patients}"))
    read = ", ".join(
        name if name in there else f"CAST(NULL AS {kind}) AS {name}" for name, kind in READ.items()
    )
    engine.execute(f"CREATE OR REPLACE TEMP VIEW identity_patient AS SELECT {read} FROM {patients}")
    settings = site.config.identity if site else None
    one_each = settings.one_record_each if settings else []
    profiles = read_profiles(engine, "identity_patient", own_sources=own_sources, one_each=one_each)
    ties = read_ties(engine)
    known = len(profiles)
    nameless = engine.one("SELECT coalesce(max(profile) + 1, 0) FROM identity_record") - known
    steps = deterministic.index_steps(set(engine.columns("SELECT * FROM link_record")))
    evidence = Evidence.of(*deterministic.pairs(engine, steps))
    people = cluster(profiles + unknown_profiles(known, nameless), evidence, ties)
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_first AS
        SELECT profile, source, record_id FROM identity_record
        QUALIFY row_number() OVER (PARTITION BY profile ORDER BY source, record_id) = 1""")
    done = Probable(why_not="the exact steps alone were asked for")
    to_review = 0
    if site and settings:
        base = [people.bases[number] for number in range(len(people.bases))]
        _register_base(engine, base)
        engine.execute("DROP TABLE IF EXISTS link_kept")
        kept = training.current(site)
        done = link_rest(engine, profiles, people, settings, kept)
        review = review_rows(engine, site, people, done, kept)
        engine.register("identity_review", review)
        to_review = len(review)
        _register_scored(engine, done)
    clusters = finish(people, profiles)
    _register(engine, clusters, known)
    engine.view_parquet("identity_previous", [previous] if previous.exists() else [], INDEX_COLUMNS)
    former = previous.with_name("former_keys.parquet")
    engine.view_parquet("identity_former", [former] if former.exists() else [], _FORMER_COLUMNS)
    used = _next_key(engine, previous)
    next_key = assign_keys(engine, next_key=used)
    index = """SELECT c.source, c.record_id, p.person_key, c.step
               FROM identity_cluster c JOIN identity_person p USING (cluster)"""
    engine.execute(f"CREATE OR REPLACE TEMP TABLE identity_index AS {index}")
    conflicts = """
        SELECT c.step, c.kind, a.source AS left_source, a.record_id AS left_record_id,
               b.source AS right_source, b.record_id AS right_record_id
        FROM identity_conflict c JOIN identity_first a ON a.profile = c.left_profile
        JOIN identity_first b ON b.profile = c.right_profile"""
    result = _count(engine, clusters, previous, done, to_review)
    return result, {
        "index": "SELECT * FROM identity_index",
        "conflicts": conflicts,
        "former": FORMER,
        "next_key": str(next_key),
        "next_key_before": str(used),
    }


def _register(engine: Engine, clusters: Clusters, known: int) -> None:
    """Bring the clusters back to SQL: ``identity_cluster`` by record, ``identity_conflict`` by profile.

    Profiles from ``known`` on are of records without a patient row; clusters of nothing else are left out."""
    engine.register(
        "identity_profile_cluster",
        pa.table({
            "profile": pa.array(range(len(clusters.parent)), pa.int64()),
            "cluster": pa.array(clusters.parent, pa.int64()),
            "step": pa.array(clusters.step, pa.string()),
        }),
    )  # fmt: skip
    engine.execute(
        """
        CREATE OR REPLACE TEMP TABLE identity_cluster AS
        SELECT r.source, r.record_id, k.cluster, k.step
        FROM identity_record r JOIN identity_profile_cluster k USING (profile)
        WHERE k.cluster IN (SELECT cluster FROM identity_profile_cluster WHERE profile < ?)""",
        [known],
    )
    engine.register(
        "identity_conflict",
        pa.table({
            "step": pa.array([c.step for c in clusters.conflicts], pa.string()),
            "kind": pa.array([c.kind for c in clusters.conflicts], pa.string()),
            "left_profile": pa.array([c.left for c in clusters.conflicts], pa.int64()),
            "right_profile": pa.array([c.right for c in clusters.conflicts], pa.int64()),
        }),
    )  # fmt: skip


def _register_base(engine: Engine, bases: list[int]) -> None:
    """``identity_base``: the cluster that the exact steps alone give each record."""
    engine.register(
        "identity_base_of", pa.table({"profile": range(len(bases)), "base": pa.array(bases, pa.int64())})
    )
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_base AS
        SELECT source, record_id, base FROM identity_record JOIN identity_base_of USING (profile)""")


def _register_scored(engine: Engine, done: Probable) -> None:
    """``identity_scored``: the pairs that the model linked, and those it didn't, with their probability."""
    pairs = [(one, True) for one in done.linked] + [(one, False) for one in done.missed]
    engine.register(
        "identity_scored_pair",
        pa.table({
            "l": pa.array([one.left for one, _ in pairs], pa.int64()),
            "r": pa.array([one.right for one, _ in pairs], pa.int64()),
            "probability": pa.array([one.probability for one, _ in pairs], pa.float64()),
            "linked": pa.array([linked for _, linked in pairs], pa.bool_()),
        }),
    )  # fmt: skip
    engine.execute("""
        CREATE OR REPLACE TEMP TABLE identity_scored AS
        SELECT a.source AS left_source, a.record_id AS left_id, b.source AS right_source, b.record_id AS right_id,
               s.probability, s.linked
        FROM identity_scored_pair AS s JOIN identity_first AS a ON a.profile = s.l
        JOIN identity_first AS b ON b.profile = s.r""")


def _next_key(engine: Engine, previous: Path) -> int:
    """One more than any key ever given; the state file remembers keys whose records have gone."""
    state = previous.with_name("index.json")
    highest = int(engine.one("SELECT coalesce(max(person_key), 0) FROM identity_previous"))
    if not state.exists():
        if previous.exists():
            raise LockgateError(
                "the patient index has lost its state, so keys of people who left could be given to others",
                where=str(state),
                remedy="restore staged/index/ from the backup",
            )
        return 1
    try:
        noted = json.loads(state.read_bytes())
        whole = noted.get("index_sha256") in (None, sha256_file(previous) if previous.exists() else "")
        # A crash after the state and before its index: none of the keys that it gave was ever used.
        return max(highest + 1, int(noted["next_key" if whole else "next_key_before"]))
    except (ValueError, KeyError, TypeError) as error:
        raise LockgateError(
            "the state of the patient index can't be read",
            where=str(state),
            remedy="restore it from the backup",
        ) from error


def _count(engine: Engine, clusters: Clusters, previous: Path, done: Probable, to_review: int) -> IndexResult:
    records, persons, linked = engine.rows("""
        SELECT coalesce(sum(n), 0), count(*), coalesce(sum(n) FILTER (n > 1), 0)
        FROM (SELECT count(*) AS n FROM identity_index GROUP BY person_key)""")[0]
    by_source: dict[str, dict[str, Any]] = {}
    for source, step, count, with_others in engine.rows("""
        WITH sized AS (SELECT *, count(*) OVER (PARTITION BY person_key) AS n FROM identity_index)
        SELECT source, step, count(*), count(*) FILTER (n > 1) FROM sized GROUP BY ALL ORDER BY ALL"""):
        entry = by_source.setdefault(source, {"records": 0, "linked": 0, "rate": 0.0, "by_step": {}})
        entry["records"] += count
        entry["linked"] += with_others
        entry["by_step"][step] = count
    for entry in by_source.values():
        entry["rate"] = round(entry["linked"] / entry["records"], 4)
    new = engine.one("""
        SELECT count(*) FROM identity_person
        ANTI JOIN (SELECT DISTINCT person_key FROM identity_previous) USING (person_key)""")
    retired = engine.one("""
        SELECT count(*) FROM (SELECT DISTINCT person_key FROM identity_previous)
        ANTI JOIN identity_person USING (person_key)""")
    steps = dict(engine.rows("SELECT step, count(*) FROM identity_index GROUP BY step"))
    return IndexResult(
        records=int(records),
        persons=int(persons),
        linked=int(linked),
        new_persons=int(new),
        retired_keys=int(retired),
        by_step={step: int(steps.get(step, 0)) for step in STEPS},
        by_source=by_source,
        conflicts=dict(sorted(Counter(conflict.kind for conflict in clusters.conflicts).items())),
        probabilistic=done.as_dict(),
        to_review=to_review,
        path=previous,
    )
