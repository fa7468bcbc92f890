"""Visits that were moved to another person, given another number or merged (A35, A41, A42, A44, A45, A49, A50).

What was said of a visit under any of its numbers is of the visit: its results, documents and diagnoses follow it. Rows
that earlier batches staged are staged again with the same version and item, so that of one version the last batch's
row stands (``views.newest_first``); where a row goes depends on the set of messages alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import TYPE_CHECKING

import pyarrow as pa

from lockgate.capture.sortkeys import without_keys
from lockgate.engine import literal, quote
from lockgate.schema import STAGED

if TYPE_CHECKING:
    from lockgate.capture.batches import Batch
    from lockgate.capture.intake import Intake

_TEXT = pa.string()
_CHANGES = "('move_visit', 'merge_visit', 'renumber_visit')"
# The rows that name a visit and a person; visits and stays themselves are made from facts.
FOLLOWERS = tuple(
    table
    for table, columns in STAGED.items()
    if {"patient_ref", "encounter_ref"} <= {column.name for column in columns}
    and table not in ("adt_event", "encounter_move")
)
# A diagnosis or procedure of ADT is known by its visit's number: under another number it has another name.
_RENAMED = (
    "CASE WHEN starts_with(s.record_id, s.encounter_ref || '|'){also}"
    " THEN t.standing || substr(s.record_id, length(s.encounter_ref) + 1) ELSE s.record_id END"
)
_NAMED_BY_VISIT = {"condition": " AND s.category = 'encounter-diagnosis'", "procedure": ""}


def standing_numbers(changes: Iterable[tuple[str | None, str, str]]) -> dict[str, tuple[str, bool]]:
    """What number each visit number stands for now, of changes (prior number, number, what it does) in their order.

    The flag says whether what was said of the number is told of that visit: not so where visits were merged, where
    admission and discharge of the one that went say nothing of the one that stays.
    """
    into: dict[str, tuple[str, bool]] = {}
    numbers: set[str] = set()

    def stands(number: str) -> tuple[str, bool]:
        told = True
        while number in into:
            number, same = into[number]
            told = told and same
        return number, told

    for prior, number, does in changes:
        numbers |= {prior or number, number}
        now, target = stands(prior or number)[0], stands(number)[0]
        if now != target:
            into[now] = target, does != "merge_visit"
        elif target != number and prior != number:  # a number that was given up is in use again
            del into[number]
            into[now] = number, does != "merge_visit"
    return {number: stands(number) for number in sorted(numbers)}


def number_visits(intake: Intake, come: str, files: str) -> bool:
    """Make ``hl7_number`` (number, standing, told) and ``hl7_touched_visit``; whether any visit was ever moved.

    Touched are the visits that this capture's facts name, under every number they had, and of those that were moved
    also the ones its other rows name.
    """
    engine = intake.engine
    columns = (
        "prior_encounter_ref, encounter_ref, message_type, event, version_at, sequence, control_id, item_hash,"
        " record_id"
    )
    among = engine.rows(f"SELECT DISTINCT event FROM hl7_event WHERE does IN {_CHANGES} ORDER BY event")
    where = f"WHERE event IN ({', '.join(literal(event) for (event,) in among)})"
    source = f"SELECT {columns} FROM {come} {where}"
    if files:
        source += (
            f" UNION ALL BY NAME SELECT {columns} FROM read_parquet([{files}], union_by_name = true) {where}"
        )
    changes = engine.rows(
        f"SELECT f.prior_encounter_ref, f.encounter_ref, e.does FROM ({source}) f"
        " JOIN hl7_event e ON e.type = f.message_type AND e.event = f.event"
        f" WHERE e.does IN {_CHANGES} AND f.encounter_ref IS NOT NULL"
        " ORDER BY f.version_at, f.sequence NULLS FIRST, f.control_id, f.item_hash, f.record_id"
    )
    rows = [
        {"number": number, "standing": standing, "told": told}
        for number, (standing, told) in standing_numbers(changes).items()
    ]
    schema = pa.schema([("number", _TEXT), ("standing", _TEXT), ("told", pa.bool_())])
    engine.register("hl7_number", pa.Table.from_pylist(rows, schema=schema))
    named = [f"SELECT encounter_ref FROM {come}", f"SELECT prior_encounter_ref FROM {come}"]
    named += [
        f"SELECT encounter_ref FROM {intake.come(table)} WHERE encounter_ref IN (SELECT number FROM hl7_number)"
        for table in FOLLOWERS
        if rows and table in intake.spool.names
    ]
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE hl7_touched_visit AS"
        f" WITH named AS (SELECT DISTINCT encounter_ref FROM ({' UNION ALL '.join(named)}) p(encounter_ref)"
        " WHERE encounter_ref IS NOT NULL)"
        " SELECT encounter_ref FROM named UNION SELECT number FROM hl7_number WHERE standing IN"
        " (SELECT n.standing FROM hl7_number n JOIN named ON named.encounter_ref = n.number)"
    )
    return bool(rows)


def follow_visits(intake: Intake, earlier: Sequence[Batch]) -> None:
    """Give the rows of moved visits the number and the person of the visit: this capture's, and earlier ones anew.

    Reads ``hl7_standing``. A row that stands where it belongs is not staged again.
    """
    engine = intake.engine
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE hl7_target AS SELECT n.number, n.standing, p.patient_ref FROM hl7_number n"
        " JOIN (SELECT encounter_ref, arg_max(patient_ref, ord) AS patient_ref FROM hl7_standing"
        " GROUP BY encounter_ref) p ON p.encounter_ref = n.standing"
    )
    if not engine.one("SELECT count(*) FROM hl7_target"):
        return
    _specimens(intake, earlier)
    for table in FOLLOWERS:
        _earlier_rows(intake, table, earlier)
        if table in intake.spool.names:
            come, renamed = intake.come(table), _renamed(table)
            _rewrite(
                intake,
                table,
                f"SELECT s.* REPLACE (CASE WHEN t.number IS NULL THEN s.record_id ELSE {renamed} END AS record_id,"
                " coalesce(t.patient_ref, s.patient_ref) AS patient_ref,"
                " coalesce(t.standing, s.encounter_ref) AS encounter_ref)"
                f" FROM {come} s LEFT JOIN hl7_target t ON t.number = s.encounter_ref",
                f"SELECT 1 FROM {come} s JOIN hl7_target t ON t.number = s.encounter_ref"
                " WHERE (s.encounter_ref, s.patient_ref) IS DISTINCT FROM (t.standing, t.patient_ref)",
            )


def _renamed(table: str) -> str:
    return _RENAMED.format(also=_NAMED_BY_VISIT[table]) if table in _NAMED_BY_VISIT else "s.record_id"


def _earlier_rows(intake: Intake, table: str, earlier: Sequence[Batch]) -> None:
    files = _files(earlier, table)
    if not files:
        return
    select = resources.files(__package__).joinpath("derive/follow.sql").read_text(encoding="utf-8")
    intake.engine.execute(
        f"INSERT INTO {quote('staged_' + table)} BY NAME "
        + select.format(rows=without_keys(files), renamed=_renamed(table), batch=literal(intake.batch_id))
    )


def _specimens(intake: Intake, earlier: Sequence[Batch]) -> None:
    """Specimens name no visit: they follow the orders that their messages report."""
    engine, orders = intake.engine, []
    for table in ("report", "result"):
        if table in intake.spool.names:
            orders.append(f"SELECT item_hash, encounter_ref FROM {intake.come(table)}")
        if files := _files(earlier, table):
            orders.append(
                f"SELECT item_hash, encounter_ref FROM read_parquet([{files}], union_by_name = true)"
            )
    if not orders:
        return
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE hl7_moved_item AS SELECT o.item_hash, any_value(t.patient_ref) AS patient_ref"
        f" FROM ({' UNION ALL '.join(orders)}) o JOIN hl7_target t ON t.number = o.encounter_ref GROUP BY o.item_hash"
    )
    if files := _files(earlier, "specimen"):
        newest = "row_number() OVER (PARTITION BY record_id, item_hash ORDER BY batch_id DESC) = 1"
        engine.execute(
            "INSERT INTO staged_specimen BY NAME"
            f" SELECT s.* REPLACE (i.patient_ref AS patient_ref, {literal(intake.batch_id)} AS batch_id)"
            f" FROM (SELECT * FROM {without_keys(files)}"
            f" SEMI JOIN hl7_moved_item USING (item_hash) QUALIFY {newest}) s"
            " JOIN hl7_moved_item i USING (item_hash) WHERE s.patient_ref IS DISTINCT FROM i.patient_ref"
        )
    if "specimen" in intake.spool.names:
        come = intake.come("specimen")
        both = f"FROM {come} s LEFT JOIN hl7_moved_item i ON i.item_hash = s.item_hash"
        _rewrite(
            intake,
            "specimen",
            f"SELECT s.* REPLACE (coalesce(i.patient_ref, s.patient_ref) AS patient_ref) {both}",
            f"SELECT 1 {both} WHERE i.patient_ref IS DISTINCT FROM s.patient_ref AND i.patient_ref IS NOT NULL",
        )


def _rewrite(intake: Intake, table: str, select: str, needed: str) -> None:
    if intake.engine.rows(f"{needed} LIMIT 1"):
        intake.spool.rewrite(intake.engine, table, select)


def _files(earlier: Sequence[Batch], table: str) -> str:
    return ", ".join(literal(path) for batch in earlier if (path := batch.table(table)))
