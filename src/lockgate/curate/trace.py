"""From a released row back to the raw item it came from, and forward again.

Released ids are keyed pseudonyms of (source, record_id), and no map of them is kept. A trace makes the ids of all
staged records of the kind anew and looks for the one: whoever has neither the site's key nor its staged zone can not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.capture import batches, staged_view
from lockgate.capture.access import require_tracer
from lockgate.capture.items import STATES, find_items, origin
from lockgate.capture.outcomes import row_states
from lockgate.capture.views import newest_first
from lockgate.curate.prepare import record_digest
from lockgate.curate.release import Release, open_release
from lockgate.curate.sqltext import sql_names
from lockgate.engine import Engine, literal
from lockgate.errors import Refused, UsageError
from lockgate.identity import index_view, pseudonymise_ints
from lockgate.schema import RELEASE
from lockgate.site import Site

# Released table -> (the staged tables it is made from, the domain of its ids). Clinical tables share one: "event".
_RECORDS: dict[str, tuple[tuple[str, ...], str]] = {
    "visit_occurrence": (("encounter",), "visit_occurrence"),
    "visit_detail": (("encounter_move",), "visit_detail"),
    "note": (("document",), "document"),
    "specimen": (("specimen",), "specimen"),
    "tissue_sample": (("specimen",), "specimen"),
    "provider": (("practitioner",), "provider"),
    "care_site": (("location", "organisation"), "care_site"),
    **{
        name: ((name,), name)
        for name in (
            "incident", "feedback", "staffing", "roster", "social_care_event", "imaging_study", "imaging_read",
        )
    },
}  # fmt: skip
_EVENTS = (
    "condition_occurrence",
    "drug_exposure",
    "procedure_occurrence",
    "device_exposure",
    "measurement",
    "observation",
)
_PEOPLE = ("person", "death", "person_deprivation")
TRACED = (*_PEOPLE, *_EVENTS, *_RECORDS)


def trace_row(
    site: Site,
    table: str,
    row_id: int,
    *,
    actor: str,
    release: str = "latest",
    project: str = "",
    raw: bool = False,
    reason: str = "",
) -> dict[str, Any]:
    """The staged versions behind a released row, and the raw item of each: batch, file, line, received time, hash.

    ``project``: ``row_id`` is one of that project's workspace. A ``person`` gives the patient records of each source.
    ``raw`` adds the record's id and the raw text, and needs a ``reason``. Every trace is entered in the audit chain,
    before anything is read. Refused for whoever may not (``[access] trace``); UsageError for an unknown table or row.
    """
    require_tracer(site)
    _require_reason(raw, reason)
    if raw and project:
        raise Refused(
            "who a person of a project is, one person alone may not look up",
            reasons=["a project's id was given, and the raw text asked for"],
            where=f"{table} of {project}",
            remedy="`lockgate reidentify request`: a second person approves it",
        )
    if table not in TRACED:
        raise UsageError(f"no row of {table!r} is traced", remedy=f"one of: {', '.join(TRACED)}")
    found = open_release(site, release)
    site.audit.append(
        "trace.row",
        actor=actor,
        table=table,
        id=f"{table}/{row_id}",
        release=found.number,
        project=project,
        raw=raw,
        reason=reason,
    )
    released = _released_id(site, found, table, row_id, project)
    with Engine(threads=1) as engine:
        records = (
            _of_person(engine, site, found, released)
            if table in _PEOPLE
            else _of_record(engine, site, found, table, released)
        )
        if not records:
            raise UsageError(
                "no staged record has this id",
                where=f"{table} {row_id}",
                remedy="a row that is made from several (a ward named by its code only) has none of its own",
            )
        versions = list(_versions(engine, site, records, set(found.manifest["batches"]), raw=raw))
    return {"table": table, "id": row_id, "release": found.number, "project": project, "versions": versions}


def trace_item(
    site: Site, named: str, *, actor: str, release: str = "latest", raw: bool = False, reason: str = ""
) -> dict[str, Any]:
    """What became of a raw item (by hash, or FILE:LINE): its outcome, its staged rows and the released rows of those.

    Access, audit and ``raw`` as for ``trace_row``. Without a release, only the outcome and the staged rows.
    """
    require_tracer(site)
    _require_reason(raw, reason)
    with Engine(threads=1) as engine:
        arrivals = find_items(engine, site, named)
        hashes = sorted({one["item_hash"] for one in arrivals})
        site.audit.append("trace.item", actor=actor, items=hashes[:20], raw=raw, reason=reason)
        known: Release | None = None
        try:
            known = open_release(site, release)
        except UsageError:
            if release != "latest":
                raise
        rows = []
        for source in sorted({one["source"] for one in arrivals}):
            listed = ", ".join(map(literal, hashes))
            for table, record, item, state in engine.rows(
                "SELECT table_name, record_id, item_hash, state FROM row_state"
                f" WHERE source = ? AND item_hash IN ({listed}) ORDER BY ALL",
                [source],
            ):
                row = {"table": table, "source": source, "item_hash": item, "state": STATES[state]}
                if raw:
                    row["record_id"] = record
                row["released_as"] = (
                    _released_rows(engine, site, known, table, source, record) if known else []
                )
                rows.append(row)
        if raw:
            for one in arrivals:
                first = origin(engine, batches(site), one["source"], one["item_hash"])
                one["raw"] = first["raw"] if first else None
    return {"item": named, "release": known.number if known else None, "arrivals": arrivals, "rows": rows}


def _require_reason(raw: bool, reason: str) -> None:
    if raw and len(reason.strip()) < 5:
        raise UsageError("the raw text is shown for a stated reason only", remedy="add --reason TEXT")


def _key_column(table: str) -> tuple[str, str]:
    """The column that names a table's rows, and the domain under which a project's ids are made."""
    wanted = "person_id" if table in _PEOPLE else "specimen_id" if table == "tissue_sample" else f"{table}_id"
    column = next(column for column in RELEASE[table] if column.name == wanted)
    return wanted, str(column.key_domain)


def _released_id(site: Site, release: Release, table: str, row_id: int, project: str) -> int:
    """The id in the release of a row, asked for by that id or by a project's; UsageError when there is none."""
    column, domain = _key_column(table)
    files = [release.table_path(table), *filter(None, [release.limited_path(table)])]
    ids = pa.concat_tables([pq.read_table(file, columns=[column]) for file in files]).column(0).drop_null()
    plain = ids.cast(pa.int64()).to_numpy()
    shown = pseudonymise_ints(plain, site.project_key(project), domain) if project else plain
    places = np.flatnonzero(shown == row_id)
    if not len(places):
        whose = f"the workspace of {project}" if project else f"release {release.number}"
        raise UsageError(f"{whose} has no such row", where=f"{table} {row_id}")
    return int(plain[places[0]])


def _candidates(table: str) -> list[tuple[str, str, str]]:
    """(staged table, prefix of its digest in SQL, domain) of what a released table is made from."""
    if table in _EVENTS:
        return [(name, f"{literal(name)} || chr(31)", "event") for name in sql_names("events")]
    tables, domain = _RECORDS[table]
    if table == "care_site":
        return [(name, f"{literal(name)} || chr(31)", domain) for name in tables]
    return [(name, "''", domain) for name in tables]


def _ids(engine: Engine, key: bytes, records: str, prefix: str, domain: str) -> pa.Table:
    """(source, record_id, id) of the distinct records of a SELECT, under the key of a release."""
    rows = engine.arrow(f"SELECT source, record_id, {record_digest(prefix)} AS digest FROM ({records}) AS t")
    digests = rows.column("digest").combine_chunks().to_numpy(zero_copy_only=False)
    ids = pseudonymise_ints(digests.view(np.int64), key, domain)
    return rows.set_column(2, "id", pa.array(ids))


def _of_record(
    engine: Engine, site: Site, release: Release, table: str, released: int
) -> list[tuple[str, str, str]]:
    """The (staged table, source, record_id) whose id is this."""
    found = []
    for staged, prefix, domain in _candidates(table):
        records = f"SELECT DISTINCT source, record_id FROM {staged_view(engine, site, staged)}"
        rows = _ids(engine, release.key(site), records, prefix, domain)
        for place in np.flatnonzero(rows.column("id").to_numpy() == released):
            found.append(
                (
                    staged,
                    rows.column("source")[int(place)].as_py(),
                    rows.column("record_id")[int(place)].as_py(),
                )
            )
    return found


def _of_person(engine: Engine, site: Site, release: Release, released: int) -> list[tuple[str, str, str]]:
    """The patient records of a person, by the index as it is now."""
    index = index_view(engine, site)
    keys = engine.arrow(f"SELECT DISTINCT person_key FROM {index} ORDER BY 1").column(0).to_numpy()
    places = np.flatnonzero(pseudonymise_ints(keys, release.key(site), "person") == released)
    if not len(places):
        return []
    rows = engine.rows(
        f"SELECT source, record_id FROM {index} WHERE person_key = ? ORDER BY ALL", [int(keys[places[0]])]
    )
    return [("patient", source, record) for source, record in rows]


def _versions(
    engine: Engine, site: Site, records: list[tuple[str, str, str]], released: set[str], *, raw: bool
) -> Iterator[dict[str, Any]]:
    """Every staged version of the records, newest first, with the raw item of each."""
    visible = batches(site)
    states = row_states(engine, site)
    batched = ", ".join(map(literal, sorted(released))) or "''"
    for table, source, record in records:
        rows = engine.rows(
            "SELECT s.item_hash, s.batch_id, s.version_at, s.deleted, min(r.state),"
            f" s.batch_id IN ({batched}) AS built"
            f" FROM (SELECT * FROM staged_{table} WHERE source = ? AND record_id = ?) s"
            f" LEFT JOIN {states} r ON r.table_name = ? AND r.source = s.source AND r.record_id = s.record_id"
            " AND r.item_hash = s.item_hash"
            f" GROUP BY s.item_hash, s.batch_id, s.version_at, s.deleted, s.record_id"
            f" ORDER BY {newest_first(table).replace('record_id', 's.record_id')}",
            [source, record, table],
        )
        carried = False
        for item_hash, batch, version_at, deleted, state, built in rows:
            first = origin(engine, visible, source, item_hash) or {}
            version = {
                "staged": table,
                "source": source,
                "version_at": version_at,
                "state": STATES[state if state is not None else 1],
                "released": bool(built and not deleted and not carried),
                "item_hash": item_hash,
                "staged_in": batch,
                **{name: first.get(name) for name in ("batch", "file", "line", "received_at", "kind")},
            }
            carried = carried or bool(built)
            if raw:
                version |= {"record_id": record, "raw": first.get("raw")}
            yield version


def _released_rows(
    engine: Engine, site: Site, release: Release, staged: str, source: str, record: str
) -> list[dict[str, Any]]:
    """The rows of a release that are of one staged record."""
    if staged == "patient":
        return _released_person(engine, site, release, source, record)
    one = f"SELECT {literal(source)} AS source, {literal(record)} AS record_id"
    rows = []
    for table in (*_EVENTS, *_RECORDS):
        if table not in release.manifest["tables"]:
            continue
        for name, prefix, domain in _candidates(table):
            if name != staged:
                continue
            column, _ = _key_column(table)
            (made,) = _ids(engine, release.key(site), one, prefix, domain).column("id").to_pylist()
            if _has(engine, release, table, column, made):
                rows.append({"table": table, "id": made})
    return rows


def _released_person(
    engine: Engine, site: Site, release: Release, source: str, record: str
) -> list[dict[str, Any]]:
    keys = engine.rows(
        f"SELECT person_key FROM {index_view(engine, site)} WHERE source = ? AND record_id = ?",
        [source, record],
    )
    found = []
    for (key,) in keys:
        (made,) = pseudonymise_ints(np.array([key], np.int64), release.key(site), "person").tolist()
        if _has(engine, release, "person", "person_id", made):
            found.append({"table": "person", "id": made})
    return found


def _has(engine: Engine, release: Release, table: str, column: str, row_id: int) -> bool:
    files = [release.table_path(table), *filter(None, [release.limited_path(table)])]
    listed = ", ".join(map(literal, files))
    return bool(engine.one(f"SELECT count(*) FROM read_parquet([{listed}]) WHERE {column} = {int(row_id)}"))
