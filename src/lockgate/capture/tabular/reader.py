"""From rows of text to staged rows and faults, as a contract says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from lockgate.capture.macros import define
from lockgate.capture.tabular import columns
from lockgate.capture.tabular.load import LoadedContract
from lockgate.capture.tabular.older import as_today
from lockgate.capture.tabular.replaces import delete_what_is_replaced
from lockgate.capture.units import is_ucum
from lockgate.engine import Engine, literal, quote
from lockgate.errors import UsageError

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake

# Tables of people and places: their rows are named by several records, and none of them ends with one of these.
SHARED = ("patient", "organisation", "location", "practitioner", "patient_merge")
_OTHER_ID = re.compile(r"\bAS\s+record_id\b", re.IGNORECASE)
_PART_OF_ID = re.compile(r"\brecord_id\s*\|\|\s*'#", re.IGNORECASE)


def is_own(table: str, select: str) -> bool:
    """Whether a SELECT's rows are named by the item's record_id, or are its parts (record_id || '#...')."""
    return table not in SHARED and (
        _OTHER_ID.search(select) is None or _PART_OF_ID.search(select) is not None
    )


class TableReader:
    """The Reader of one contract (see ``capture.intake.Reader``)."""

    def __init__(self, loaded: LoadedContract) -> None:
        self.loaded = loaded
        self.contract = loaded.contract
        self.format = f"table:{loaded.contract.name}"
        self.zone = loaded.contract.time_zone or "Europe/London"
        # A row without a key is named by its content; "#" sets a record's parts off.
        key = [
            f"replace({columns.sent_in_raw(self.contract, name)}, '#', '%23')" for name in self.contract.key
        ]
        record = " || '|' || ".join(key) if key else "item_hash"
        if self.contract.prefix:
            record = f"{literal(self.contract.prefix + '|')} || {record}"
        self.head = f"[{literal(self.contract.name)}, {record}, NULL, NULL]"
        self.faults = columns.faults(self.contract)
        self.notes: list[str] = []  # what the headers of the files say beside the contract

    def prepare(self, intake: Intake) -> None:
        """Define the shared macros and the zone of the source's clocks."""
        self.zone = self.contract.time_zone or intake.site.config.site.timezone
        define_for(intake.engine, intake.received_sql, self.zone)

    def renew(self, items: pa.Table) -> pa.Table:
        """Raw rows of an earlier version of the contract under today's names (see ``older``)."""
        return as_today(items, self.contract)

    def unpack(self, intake: Intake) -> bool:
        """Rows hold no rows."""
        return False

    def digest(self, intake: Intake) -> None:
        """Type and check every row, then run the contract's SELECTs over the sound ones."""
        engine = intake.engine
        items = "SELECT item_hash, record_id, raw FROM fresh WHERE fault IS NULL"
        engine.execute(f"CREATE OR REPLACE TEMP TABLE shaped AS {columns.sent_rows(self.contract, items)}")
        try:
            self.type_rows(engine, intake.source, intake.batch_id, intake.received_sql)
            for said, count in self.warnings(engine):
                intake.warnings[said] += count
            self.stage(engine)
        except duckdb.Error as error:
            # Its message may repeat a value of a row.
            raise UsageError(
                f"SQL of the contract {self.contract.name!r} can't be run: {type(error).__name__}",
                where=self.loaded.origin,
                remedy=f"`lockgate contract check {self.contract.name}` says what is wrong with it",
            ) from error

    def stage(self, engine: Engine) -> None:
        """Run the contract's SELECTs over ``item`` into staged_<table>."""
        for table, selects in self.loaded.tables().items():
            for select in selects:
                engine.execute(f"INSERT INTO {quote('staged_' + table)} BY NAME {select}")
            if self.contract.key and all(is_own(table, select) for select in selects):
                self._end_what_is_gone(engine, table)
        self._merges(engine)

    def finish(self, intake: Intake) -> None:
        """Say what the headers said; delete the records that the newest version of a period leaves out."""
        intake.warnings.update(self.notes)
        if self.contract.replaces:
            tables = [t for t, selects in self.loaded.tables().items() if all(is_own(t, s) for s in selects)]
            delete_what_is_replaced(intake, self.contract, tables)

    def type_rows(self, engine: Engine, source: str, batch_id: str, received_sql: str) -> None:
        """Of ``shaped`` (``columns.sent_rows``) make ``item``, the typed sound rows; faults go to ``fault``."""
        contract = self.contract
        cases = " ".join(
            f"WHEN {when} THEN {literal(f'{reason}|{detail}')}"
            for when, reason, detail in self.faults + self._unit_faults(engine)
        )
        typed = [f"{columns.typed(contract, name)} AS {quote(name)}" for name in contract.columns]
        typed += [f"{sql} AS {quote(name)}" for name, sql in columns.extras(contract)]
        person = ", ".join(columns.typed(contract, name) for name in contract.person)
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE typed AS SELECT {literal(source)} AS source, record_id,"
            f" {columns.version_at(contract, received_sql)} AS version_at, {columns.deleted(contract)} AS deleted,"
            f" item_hash, {literal(batch_id)} AS batch_id,"
            f" {f'CAST(coalesce({person}) AS VARCHAR)' if person else 'CAST(NULL AS VARCHAR)'} AS person_ref,"
            f" {', '.join(typed)}, {f'CASE {cases} END' if cases else 'NULL'} AS verdict FROM shaped AS r"
        )
        self._rules(engine)
        engine.execute(
            "INSERT INTO fault SELECT item_hash, split_part(verdict, '|', 1),"
            " substr(verdict, strpos(verdict, '|') + 1), NULL FROM typed WHERE verdict IS NOT NULL"
        )
        engine.execute(
            "CREATE OR REPLACE TEMP VIEW item AS SELECT * EXCLUDE (verdict) FROM typed WHERE verdict IS NULL"
        )

    def _rules(self, engine: Engine) -> None:
        for rule in self.contract.rules:
            if rule.then == "quarantine":
                verdict = literal(f"{rule.reason}|column {rule.column} {rule.say}")
                engine.execute(
                    f"UPDATE typed SET verdict = {verdict} WHERE verdict IS NULL AND NOT deleted AND ({rule.when})"
                )

    def warnings(self, engine: Engine) -> list[tuple[str, int]]:
        """What rows of ``item`` earn a warning for, and how many do: rules that only warn, times that are flagged."""
        found = []
        for rule in self.contract.rules:
            if rule.then == "warn":
                count = engine.one(f"SELECT count(*) FROM item WHERE NOT deleted AND ({rule.when})")
                found.append((f"column {rule.column} {rule.say}", count))
        for name, _ in columns.extras(self.contract):
            if name in self.contract.families or not name.endswith("_flag"):
                continue
            column = name.removesuffix("_flag")
            words = {
                "ambiguous-date": "may be two days by the formats declared: staged without the date",
                "ambiguous": "comes twice on the clocks of its zone: staged, and flagged",
                "nonexistent": "does not exist on the clocks of its zone: staged, and flagged",
            }
            for flag, count in engine.rows(
                f"SELECT {name}, count(*) FROM item WHERE {name} IS NOT NULL GROUP BY ALL ORDER BY ALL"
            ):
                found.append((f"column {column} {words[flag]}", count))
        return [(said, count) for said, count in found if count]

    def _end_what_is_gone(self, engine: Engine, table: str) -> None:
        """A tombstone where this version of a record has no row in a table that an older version may have had."""
        staged = quote("staged_" + table)
        engine.execute(
            f"INSERT INTO {staged} BY NAME SELECT source, record_id, version_at, true AS deleted, item_hash, batch_id"
            f" FROM item ANTI JOIN (SELECT item_hash FROM {staged}) USING (item_hash)"
        )

    def _merges(self, engine: Engine) -> None:
        merges = self.contract.merges
        if merges is None:
            return
        kind = "'merge'"
        if merges.unmerge:
            listed = ", ".join(map(literal, merges.unmerge.values))
            kind = f"CASE WHEN {quote(merges.unmerge.column)} IN ({listed}) THEN 'unmerge' ELSE 'merge' END"
        survivor, retired = (f"CAST({quote(name)} AS VARCHAR)" for name in (merges.survivor, merges.retired))
        at = f"coalesce(CAST({quote(merges.at)} AS TIMESTAMP), version_at)" if merges.at else "version_at"
        engine.execute(
            "INSERT INTO staged_patient_merge BY NAME SELECT source,"
            f" {survivor} || '|' || {retired} || '|' || strftime({at}, '%Y-%m-%dT%H:%M:%S') AS record_id, version_at,"
            f" false AS deleted, item_hash, batch_id, {survivor} AS survivor_ref, {retired} AS retired_ref,"
            f" {kind} AS kind, {at} AS event_at FROM item"
            f" WHERE NOT deleted AND {survivor} <> {retired}"
        )

    def _unit_faults(self, engine: Engine) -> list[columns.Fault]:
        faults = []
        for name, column in self.contract.columns.items():
            if column.type != "ucum":
                continue
            sent = columns.sent(self.contract, name)
            units = engine.rows(f"SELECT DISTINCT {sent} FROM shaped AS r")
            bad = [literal(unit) for (unit,) in units if unit is not None and not is_ucum(unit)]
            if bad:
                faults.append(
                    (f"{sent} IN ({', '.join(bad)})", "unknown-unit", f"column {name} is no UCUM unit")
                )
        return faults


def define_for(engine: Engine, received_sql: str, zone: str) -> None:
    """Define what a contract's SQL may use: the shared macros, and ``source_zone()``."""
    define(engine, received_sql)
    engine.execute(f"CREATE OR REPLACE MACRO source_zone() AS {literal(zone)}")
