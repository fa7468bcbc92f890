"""Merges and un-mergers that sources tell of: who was joined to whom, and who was parted again, at what time.

A source says that one of its patient records goes on as another (HL7 v2 A40, FHIR Patient.link, a contract's merge
rule), and may take it back. For each pair of records the latest event holds, by the time at which the source did it
and not by the order of arrival. What holds at the end is read by the cascade: ``joined`` pairs are one person whatever
their details say, ``parted`` pairs are never one person, whatever else would join them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from lockgate.capture import latest_view
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site

# The latest event of a pair; at one time, a parting beats a merge. The pair has no direction.
HOLDING = """
    SELECT source, low, high, kind, event_at FROM (
        SELECT *, row_number() OVER (
            PARTITION BY source, low, high ORDER BY event_at DESC, kind = 'unmerge' DESC, record_id DESC) AS place
        FROM (SELECT source, least(survivor_ref, retired_ref) AS low, greatest(survivor_ref, retired_ref) AS high,
                  kind, coalesce(event_at, version_at) AS event_at, record_id
              FROM {merges} WHERE survivor_ref <> retired_ref))
    WHERE place = 1"""

HISTORY = """
    SELECT source, survivor_ref, retired_ref, kind, coalesce(event_at, version_at) AS event_at, batch_id, record_id
    FROM {merges} WHERE survivor_ref <> retired_ref"""
HISTORY_ORDER = "source, event_at, record_id"


@dataclass(frozen=True, slots=True)
class Ties:
    """Pairs of profile numbers: joined by a source, the latest first; parted by one, or by somebody who looked at
    them; and joined by somebody who did."""

    joined: tuple[tuple[int, int], ...] = ()
    parted: tuple[tuple[int, int], ...] = ()
    decided: tuple[tuple[int, int], ...] = ()


def read_holding(engine: Engine, merges: str) -> None:
    """Make the table ``identity_merge`` (source, low, high, kind, event_at): what holds of each pair of records."""
    engine.execute(f"CREATE OR REPLACE TEMP TABLE identity_merge AS {HOLDING.format(merges=merges)}")


def read_ties(engine: Engine) -> Ties:
    """What holds, as pairs of the profiles in ``identity_record``.

    Records that a merge names and that have no patient row (any more) get a profile after the last one, as rows of
    ``identity_record``: their events follow the survivor, and chains run through them.
    """
    engine.execute(
        """
        INSERT INTO identity_record BY NAME
        SELECT source, record_id, (SELECT coalesce(max(profile), -1) FROM identity_record)
            + row_number() OVER (ORDER BY source, record_id) AS profile
        FROM (SELECT source, low AS record_id FROM identity_merge WHERE kind <> 'unmerge'
              UNION SELECT source, high FROM identity_merge WHERE kind <> 'unmerge')
        ANTI JOIN identity_record USING (source, record_id)"""
    )
    rows = engine.rows(
        """
        SELECT m.kind, a.profile, b.profile
        FROM identity_merge m
        JOIN identity_record a ON a.source = m.source AND a.record_id = m.low
        JOIN identity_record b ON b.source = m.source AND b.record_id = m.high
        ORDER BY m.event_at DESC, m.source, m.low, m.high"""
    )
    looked = engine.rows(
        """
        SELECT d.verdict, a.profile, b.profile
        FROM identity_decision d
        JOIN identity_record a ON a.source = d.left_source AND a.record_id = d.left_id
        JOIN identity_record b ON b.source = d.right_source AND b.record_id = d.right_id
        ORDER BY d.left_source, d.left_id, d.right_source, d.right_id"""
    )
    return Ties(
        tuple((left, right) for kind, left, right in rows if kind != "unmerge" and left != right),
        tuple((left, right) for kind, left, right in rows if kind == "unmerge")
        + tuple((left, right) for verdict, left, right in looked if verdict == "different"),
        tuple((left, right) for verdict, left, right in looked if verdict == "same" and left != right),
    )


def history(
    site: Site, record: str, *, source: str = "", at: date | datetime | None = None
) -> dict[str, Any]:
    """Who a patient record was, by what its source said: all events of the records tied to it, and who is one
    person with it at the end of the day (or at the time) ``at``, by default now.

    Raises UsageError when no source tells of a merge of such a record, or several sources do and none is named.
    """
    with Engine(threads=1) as engine:
        events = engine.rows(
            "SELECT source, survivor_ref, retired_ref, kind, event_at, batch_id FROM"
            f" ({HISTORY.format(merges=latest_view(engine, site, 'patient_merge'))}) ORDER BY {HISTORY_ORDER}"
        )
    sources = {row[0] for row in events if record in row[1:3] and source in ("", row[0])}
    if not sources:
        raise UsageError(
            "no source says that this record was merged", where=source, remedy="check the record's id"
        )
    if len(sources) > 1:
        raise UsageError(
            "several sources have a record of this id",
            where=", ".join(sorted(sources)),
            remedy="name one with --source",
        )
    (name,) = sources
    listed = [row[1:] for row in events if row[0] == name]
    until = _end_of(at)
    tied = _reached(record, [(row[0], row[1]) for row in listed])
    holding: dict[tuple[str, str], tuple[Any, ...]] = {}
    for survivor, retired, kind, when, _ in listed:
        if until is None or when <= until:
            pair = (min(survivor, retired), max(survivor, retired))
            here = (when, kind == "unmerge")
            if pair not in holding or holding[pair][:2] <= here:
                holding[pair] = (*here, survivor, retired)
    joined = [pair for pair, (_, parted, *_) in holding.items() if not parted]
    return {
        "record": record,
        "source": name,
        "at": None if at is None else str(at),
        "same_person": sorted(_reached(record, joined)),
        "goes_on_as": _survivor(record, [tuple(held[2:]) for held in holding.values() if not held[1]]),
        "events": [
            {"survivor": s, "retired": r, "kind": kind, "event_at": str(when), "batch": batch}
            for s, r, kind, when, batch in listed
            if s in tied
        ],
    }


def _end_of(at: date | datetime | None) -> datetime | None:
    if at is None or isinstance(at, datetime):
        return at
    return datetime.combine(at, time.max)


def _reached(start: str, pairs: list[tuple[str, str]]) -> set[str]:
    """Everything that pairs lead to from a place."""
    beside: dict[str, set[str]] = defaultdict(set)
    for left, right in pairs:
        beside[left].add(right)
        beside[right].add(left)
    found, open_ = {start}, [start]
    while open_:
        fresh = beside[open_.pop()] - found
        found |= fresh
        open_ += sorted(fresh)
    return found


def _survivor(record: str, pairs: list[tuple[Any, ...]]) -> str:
    """The record that goes on for another, by (survivor, retired); where merges run in a circle, the least of it."""
    after = {retired: survivor for survivor, retired in sorted(pairs, reverse=True)}
    path = [record]
    while path[-1] in after and after[path[-1]] not in path:
        path.append(after[path[-1]])
    if path[-1] in after:
        return min(path[path.index(after[path[-1]]) :])
    return path[-1]


def history_path(index: Path) -> Path:
    """Where the history of merges lies, beside the index."""
    return index.with_name("merge_history.parquet")
