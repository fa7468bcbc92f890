"""From rows of text to staged rows and faults, as a contract says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.capture.macros import define
from lockgate.capture.tabular.contract import LoadedContract
from lockgate.capture.units import is_ucum
from lockgate.engine import literal, quote

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake


class TableReader:
    """The Reader of one contract (see ``capture.intake.Reader``)."""

    def __init__(self, loaded: LoadedContract) -> None:
        self.contract = loaded.contract
        self.selects = loaded.selects
        self.format = f"table:{loaded.contract.name}"
        record = " || '|' || ".join(self.contract.sent(name, "raw") for name in self.contract.key)
        self.head = f"[{literal(self.contract.name)}, {record}, NULL, NULL]"

    def prepare(self, intake: Intake) -> None:
        """Define the shared macros."""
        define(intake.engine, intake.received_sql)

    def unpack(self, intake: Intake) -> bool:
        """Rows hold no rows."""
        return False

    def digest(self, intake: Intake) -> None:
        """Type and check every row, then run the contract's SELECTs over the sound ones."""
        engine, contract = intake.engine, self.contract
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE shaped AS SELECT item_hash, record_id, CASE WHEN json_valid(raw)"
            f" THEN from_json(raw, {literal(contract.structure)}) END AS r FROM fresh WHERE fault IS NULL"
        )
        self._check(intake)
        typed = ", ".join(f"{contract.typed(name)} AS {quote(name)}" for name in contract.columns)
        person = [contract.typed(name) for name in contract.person]
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE item AS SELECT {literal(intake.source)} AS source, record_id,"
            f" {self._version(intake)} AS version_at, item_hash, {literal(intake.batch_id)} AS batch_id,"
            f" {'coalesce(' + ', '.join(person) + ')' if person else 'CAST(NULL AS VARCHAR)'} AS person_ref, {typed}"
            " FROM shaped WHERE item_hash NOT IN (SELECT item_hash FROM fault)"
        )
        for table, select in self.selects.items():
            engine.execute(f"INSERT INTO {quote('staged_' + table)} BY NAME {select}")

    def _version(self, intake: Intake) -> str:
        """SQL: the version column's local time as UTC; the time of capture where there is none."""
        contract = self.contract
        if contract.version is None:
            return intake.received_sql
        local = f"CAST({contract.typed(contract.version)} AS TIMESTAMP)"
        utc = f"CAST(timezone({literal(contract.time_zone)}, {local}) AS TIMESTAMP)"
        return f"coalesce({utc}, {intake.received_sql})"

    def _check(self, intake: Intake) -> None:
        engine = intake.engine
        faults = self.contract.faults() + self._unit_faults(intake)
        cases = " ".join(
            f"WHEN {when} THEN {literal(f'{reason}|{detail}')}" for when, reason, detail in faults
        )
        engine.execute(
            "INSERT INTO fault SELECT item_hash, split_part(verdict, '|', 1),"
            " substr(verdict, strpos(verdict, '|') + 1), NULL"
            f" FROM (SELECT item_hash, CASE {cases} END AS verdict FROM shaped) WHERE verdict IS NOT NULL"
        )
        if self.contract.rules:
            self._check_rules(intake)

    def _check_rules(self, intake: Intake) -> None:
        contract = self.contract
        typed = ", ".join(f"{contract.typed(name)} AS {quote(name)}" for name in contract.columns)
        cases = " ".join(
            f"WHEN {rule.when} THEN {literal(f'{rule.reason}|column {rule.column} {rule.say}')}"
            for rule in contract.rules
        )
        intake.engine.execute(
            "INSERT INTO fault SELECT item_hash, split_part(verdict, '|', 1),"
            " substr(verdict, strpos(verdict, '|') + 1), NULL FROM"
            f" (SELECT item_hash, CASE {cases} END AS verdict FROM (SELECT item_hash, {typed} FROM shaped"
            " WHERE item_hash NOT IN (SELECT item_hash FROM fault))) WHERE verdict IS NOT NULL"
        )

    def _unit_faults(self, intake: Intake) -> list[tuple[str, str, str]]:
        faults = []
        for name, column in self.contract.columns.items():
            if column.type != "ucum":
                continue
            sent = self.contract.sent(name)
            units = intake.engine.rows(f"SELECT DISTINCT {sent} FROM shaped")
            bad = [literal(unit) for (unit,) in units if unit is not None and not is_ucum(unit)]
            if bad:
                faults.append(
                    (f"{sent} IN ({', '.join(bad)})", "unknown-unit", f"column {name} is no UCUM unit")
                )
        return faults
