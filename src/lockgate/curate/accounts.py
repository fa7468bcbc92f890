"""The books of a release: every staged row is accounted for, and every released row comes from somewhere.

Two sides, kept apart and held against each other:
- staged side: rows in = superseded + deleted + opted out + unlinked + not carried (by reason) + out (by table); of the
  opted out, ``limited`` are kept apart for the purposes that their person has not opted out of (by table);
- released side: rows of a table = rows carried into it by all staged tables + rows derived for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lockgate.capture import batches, staged_view
from lockgate.capture.sortkeys import PARTS
from lockgate.capture.views import newest_first
from lockgate.curate.sources import BY_RECORD, IMPERSONAL, Curation
from lockgate.engine import SqlEngine, literal
from lockgate.errors import Refused
from lockgate.schema import STAGED, staged_columns

# Staged tables that no release table carries, and why.
NOT_CARRIED = {
    "report": "its_results_and_text_are",
    "objection": "the_list_of_opt_outs",
    "postcode": "a_reference_table",
    "patient_merge": "it_says_who_is_who",
    "medicine": "what_was_prescribed_carries_its_code",
    "adt_event": "people_and_visits_are_made_from_it",
}
# Where the prepared rows (with their fate) of a staged table are.
_EVENTS = ("condition", "medication", "procedure", "result", "allergy", "device", "care_plan")
_PLACES = ("location", "organisation")
_PERSON = {"imaging_read": "study_person_id"}  # where the column of the person is called otherwise


@dataclass(frozen=True)
class Account:
    """What became of the rows of one staged table. ``received`` counts every version of every row."""

    received: int
    superseded: int
    deleted: int
    opted_out: int
    unlinked: int
    not_carried: dict[str, int] = field(default_factory=dict)
    out: dict[str, int] = field(default_factory=dict)
    limited: dict[str, int] = field(default_factory=dict)

    @property
    def difference(self) -> int:
        """Rows that went missing (or came from nowhere, below 0)."""
        spoken_for = self.superseded + self.deleted + self.opted_out + self.unlinked
        return self.received - spoken_for - sum(self.not_carried.values()) - sum(self.out.values())

    def as_dict(self) -> dict[str, Any]:
        """The account as the manifest prints it."""
        plain = asdict(self)
        return {"in": plain.pop("received"), **plain}


@dataclass
class Versions:
    """How many records each staged table has, and of how many the newest version is a tombstone: (records, deleted).

    ``before`` are those of the last build and ``fresh`` the batches since: only records of which these have a version
    are looked at again. With no ``before`` all are. ``now`` is what the next build goes on from.
    """

    before: Mapping[str, Sequence[int]] | None = None
    fresh: frozenset[str] = frozenset()
    now: dict[str, tuple[int, int]] = field(default_factory=dict)


def settle(build: Curation, versions: Versions) -> dict[str, Account]:
    """The account of every staged table that has rows."""
    engine = build.engine
    views = {table: staged_view(engine, build.site, table) for table in STAGED}
    received = _counts(engine, {table: f"SELECT count(*) FROM {view}" for table, view in views.items()})
    present = [table for table in STAGED if received[table]]
    live = _counts(engine, {table: _live(table) for table in present})
    fates = _fates(engine, present)
    accounts: dict[str, Account] = {}
    for table in present:
        records, deleted = versions.now[table] = _records(build, views[table], table, versions)
        # A part of a record (a ward stay, a component) falls with its record's version, so there "superseded" is
        # whatever is neither live nor deleted; for all others both are counted from the versions themselves.
        superseded = received[table] - (live[table] + deleted if table in PARTS else records)
        of_table = fates.get(table, {})
        if table in NOT_CARRIED:
            of_table = {f"not:{NOT_CARRIED[table]}": live[table]} if live[table] else {}
        apart = {k.removeprefix("limited:"): n for k, n in of_table.items() if k.startswith("limited:")}
        of_table = {k: n for k, n in of_table.items() if not k.startswith("limited:")}
        accounts[table] = Account(
            received=received[table],
            superseded=superseded,
            deleted=deleted,
            opted_out=of_table.pop("opted_out", 0) + sum(apart.values()),
            unlinked=of_table.pop("unlinked", 0),
            not_carried={k.removeprefix("not:"): n for k, n in of_table.items() if k.startswith("not:")},
            out={k: n for k, n in of_table.items() if not k.startswith("not:")},
            limited=apart,
        )
    return accounts


def _counts(engine: SqlEngine, selects: Mapping[str, str]) -> dict[str, int]:
    """The number that each SELECT gives."""
    asked = " UNION ALL ".join(f"SELECT '{name}', ({sql})" for name, sql in selects.items())
    return {name: int(number) for name, number in engine.rows(asked)} if asked else {}


def _records(build: Curation, view: str, table: str, versions: Versions) -> tuple[int, int]:
    """How many records a staged table has, and of how many the newest version is a tombstone."""
    engine = build.engine
    if versions.before is None:
        return _newest(engine, view, table)
    records, deleted = versions.before.get(table, (0, 0))
    files = [
        path
        for batch in batches(build.site)
        if batch.batch_id in versions.fresh and (path := batch.table(table))
    ]
    if files:
        engine.view_parquet("fresh_version", files, staged_columns(table))
        engine.execute(
            f"CREATE OR REPLACE TABLE version_of AS SELECT source, record_id, deleted, version_at, item_hash, batch_id "
            f"FROM {view} SEMI JOIN fresh_version USING (source, record_id)"
        )
        arrived = ", ".join(literal(batch) for batch in sorted(versions.fresh))
        known = f"(SELECT * FROM version_of WHERE batch_id NOT IN ({arrived}))"
        for sign, (its, gone) in (
            (1, _newest(engine, "version_of", table)),
            (-1, _newest(engine, known, table)),
        ):
            records, deleted = records + sign * its, deleted + sign * gone
    return records, deleted


def _newest(engine: SqlEngine, rows: str, table: str) -> tuple[int, int]:
    records, deleted = engine.rows(
        f"""
        SELECT count(*), count(*) FILTER (WHERE deleted) FROM (
            SELECT deleted, row_number() OVER (
                PARTITION BY source, record_id ORDER BY {newest_first(table)}
            ) AS place FROM {rows} AS v
        ) AS versions WHERE place = 1"""
    )[0]
    return int(records), int(deleted)


def _live(table: str) -> str:
    """The number of live rows; of a large table the build has no more than their tally."""
    if table in BY_RECORD:
        return f"SELECT coalesce(sum(live), 0) FROM tally WHERE staged = '{table}'"
    return f"SELECT count(*) FROM s_{table}"


def _fates(engine: SqlEngine, tables: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each staged table how many of its rows have which fate; ``limited:<table>`` where a row is carried apart."""
    asked = {"event": "staged"} if set(_EVENTS) & set(tables) else {}
    asked |= {"p_place": "staged"} if set(_PLACES) & set(tables) else {}
    asked |= {
        f"p_{table}": f"'{table}'"
        for table in tables
        if table not in NOT_CARRIED and table not in (*_EVENTS, *_PLACES)
    }
    parts = []
    for rows, staged in asked.items():
        table = rows.removeprefix("p_")
        fate, joined = "t.fate", ""
        if table not in (*IMPERSONAL, "place") or table in _PERSON:
            joined = f" LEFT JOIN limited AS l ON l.person_id = t.{_PERSON.get(table, 'person_id')}"
            fate = (
                "CASE WHEN l.person_id IS NULL OR t.fate LIKE 'not:%' OR t.fate IN ('opted_out', 'unlinked') "
                "THEN t.fate ELSE 'limited:' || t.fate END"
            )
        parts.append(
            f"SELECT {staged} AS staged, {fate} AS fate, count(*) AS n FROM {rows} AS t{joined} GROUP BY 1, 2"
        )
    fates: dict[str, dict[str, int]] = {}
    if parts:
        for table, fate, number in engine.rows(f"{' UNION ALL '.join(parts)} ORDER BY staged, fate"):
            fates.setdefault(table, {})[fate] = int(number)
    return fates


def derived_rows(engine: SqlEngine) -> dict[str, int]:
    """Rows of release tables that no single staged row stands behind, counted apart from the tables themselves."""
    kept = "AS t ANTI JOIN limited AS l ON l.person_id = t.person_id"
    count = {
        "care_site": "p_place WHERE staged = 'ward_code'",
        "death": f"departed {kept} WHERE derived = 1",
        "person_deprivation": f"human {kept}",
        "note_nlp": f"mention {kept}",
        "tissue_sample": f"p_specimen {kept} WHERE fate = 'specimen' AND consent IS NOT NULL",
    }
    return _counts(engine, {table: f"SELECT count(*) FROM {rows}" for table, rows in count.items()})


# Tables made from the whole, not row by row: nothing to hold them against.
AGGREGATE = frozenset({"observation_period", "condition_era", "drug_era", "location", "cdm_source"})


def check(
    accounts: Mapping[str, Account], rows: Mapping[str, int], derived: Mapping[str, int], skip: frozenset[str]
) -> None:
    """Hold the two sides against each other; Refused, naming every table that does not add up."""
    reasons = [
        f"staged {table}: {account.difference:+d} rows unaccounted for"
        for table, account in accounts.items()
        if account.difference
    ]
    for table, written in rows.items():
        if table in skip or table in AGGREGATE:
            continue
        carried = sum(account.out.get(table, 0) for account in accounts.values()) + derived.get(table, 0)
        if carried != written:
            reasons.append(f"released {table}: {written} rows written, {carried} accounted for")
    if reasons:
        raise Refused(
            "the accounts of the release do not add up; nothing was released",
            reasons=reasons,
            remedy="this is a fault of the curation code: report it with these lines",
        )


def check_limited(accounts: Mapping[str, Account], rows: Mapping[str, int]) -> None:
    """Hold the rows kept apart against what was written of them; Refused, naming every table that does not add up.

    Tables with rows that no single staged row stands behind are left to ``check``.
    """
    loose = AGGREGATE | {"death", "note_nlp", "person_deprivation", "tissue_sample", "people"}
    reasons = []
    for table in sorted(
        {*rows, *(name for account in accounts.values() for name in account.limited)} - loose
    ):
        carried = sum(account.limited.get(table, 0) for account in accounts.values())
        if carried != rows.get(table, 0):
            reasons.append(f"limited {table}: {rows.get(table, 0)} rows written, {carried} accounted for")
    if reasons:
        raise Refused(
            "the accounts of the release do not add up; nothing was released",
            reasons=reasons,
            remedy="this is a fault of the curation code: report it with these lines",
        )
