"""The books of a release: every staged row is accounted for, and every released row comes from somewhere.

Two sides, kept apart and held against each other:
- staged side: rows in = superseded + deleted + opted out + unlinked + not carried (by reason) + out (by table); of the
  opted out, ``limited`` are kept apart for the purposes that their person has not opted out of (by table);
- released side: rows of a table = rows carried into it by all staged tables + rows derived for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lockgate.capture import staged_view
from lockgate.capture.views import PARTS, newest_first
from lockgate.curate.sources import BY_RECORD, IMPERSONAL, Curation
from lockgate.engine import SqlEngine
from lockgate.errors import Refused
from lockgate.schema import STAGED

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


def settle(build: Curation) -> dict[str, Account]:
    """The account of every staged table that has rows."""
    engine = build.engine
    accounts: dict[str, Account] = {}
    for table in STAGED:
        view = staged_view(engine, build.site, table)
        received = int(engine.one(f"SELECT count(*) FROM {view}"))
        if not received:
            continue
        live = int(engine.one(_live(table)))
        superseded, deleted = _old_and_deleted(engine, view, table, received, live)
        if table in NOT_CARRIED:
            fates = {f"not:{NOT_CARRIED[table]}": live} if live else {}
        else:
            fates = dict(engine.rows(_counted_fates(table)))
        apart = {k.removeprefix("limited:"): fates.pop(k) for k in list(fates) if k.startswith("limited:")}
        accounts[table] = Account(
            received=received,
            superseded=superseded,
            deleted=deleted,
            opted_out=fates.pop("opted_out", 0) + sum(apart.values()),
            unlinked=fates.pop("unlinked", 0),
            not_carried={k.removeprefix("not:"): n for k, n in fates.items() if k.startswith("not:")},
            out={k: n for k, n in fates.items() if not k.startswith("not:")},
            limited=apart,
        )
    return accounts


def _old_and_deleted(engine: SqlEngine, view: str, table: str, received: int, live: int) -> tuple[int, int]:
    """How many rows a newer version replaced, and how many records' newest version is a tombstone.

    A part of a record (a ward stay, a component) falls with its record's version, so there "superseded" is whatever is
    neither live nor deleted; for all other tables both are counted from the versions themselves.
    """
    records, deleted = engine.rows(
        f"""
        SELECT count(*), count(*) FILTER (WHERE deleted) FROM (
            SELECT deleted, row_number() OVER (
                PARTITION BY source, record_id ORDER BY {newest_first(table)}
            ) AS place FROM {view}
        ) AS versions WHERE place = 1"""
    )[0]
    return (received - live - deleted if table in PARTS else received - records), deleted


def _live(table: str) -> str:
    """The number of live rows; of a large table the build has no more than their tally."""
    if table in BY_RECORD:
        return f"SELECT coalesce(sum(live), 0) FROM tally WHERE staged = '{table}'"
    return f"SELECT count(*) FROM s_{table}"


def _counted_fates(table: str) -> str:
    """(fate, rows) of a staged table; ``limited:<table>`` where a row is carried apart."""
    if table in IMPERSONAL and table not in _PERSON:
        return f"SELECT fate, count(*) FROM ({_fates(table, 'fate')}) AS f GROUP BY fate ORDER BY fate"
    person = _PERSON.get(table, "person_id")
    return (
        "SELECT CASE WHEN l.person_id IS NULL OR fate LIKE 'not:%' OR fate IN ('opted_out', 'unlinked') "
        "THEN fate ELSE 'limited:' || fate END AS fate, count(*) "
        f"FROM ({_fates(table, f'fate, {person}')}) AS f LEFT JOIN limited AS l ON l.person_id = f.{person} "
        "GROUP BY 1 ORDER BY 1"
    )


def _fates(table: str, columns: str) -> str:
    if table in _EVENTS:
        return f"SELECT {columns} FROM event WHERE staged = '{table}'"
    if table in _PLACES:
        return f"SELECT {columns} FROM p_place WHERE staged = '{table}'"
    return f"SELECT {columns} FROM p_{table}"


def derived_rows(engine: SqlEngine) -> dict[str, int]:
    """Rows of release tables that no single staged row stands behind, counted apart from the tables themselves."""
    kept = "AS t ANTI JOIN limited AS l ON l.person_id = t.person_id"
    count = {
        "care_site": "p_place WHERE staged = 'ward_code'",
        "death": f"departed {kept} WHERE derived = 1",
        "person_deprivation": f"human {kept}",
        "tissue_sample": f"p_specimen {kept} WHERE fate = 'specimen' AND consent IS NOT NULL",
    }
    return {table: int(engine.one(f"SELECT count(*) FROM {rows}")) for table, rows in count.items()}


# Tables made from the whole, not row by row: nothing to hold them against.
AGGREGATE = frozenset({"observation_period", "location", "cdm_source"})


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
    loose = AGGREGATE | {"death", "person_deprivation", "tissue_sample", "people"}
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
