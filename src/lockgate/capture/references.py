"""References between staged rows: whom a record is about, and in which encounter.

At the end of a capture every patient and encounter that has come is known, in whatever order the files came.
Records that belong to none of them wait in quarantine, and earlier ones that waited are taken again when what
they waited for has come. A practitioner, place or organisation that is not known only earns a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lockgate.capture.quarantine import raw_of, waiting
from lockgate.engine import literal
from lockgate.schema import STAGED

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake

REQUIRED = {"patient": "Patient", "encounter": "Encounter"}
OPTIONAL = {
    "practitioner": "practitioner_ref",
    "organisation": "organisation_ref",
    "location": "location_ref",
    "medicine": "medicine_ref",
}


class References:
    """The references of one capture."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.engine = intake.engine

    def settle(self) -> None:
        """Resolve; take again what has waited, until nothing more comes; then hold back what points nowhere.

        In this order: what is held back is not looked at again in this capture, and its target may be among what
        has waited.
        """
        targets = ["patient"]
        if self.intake.site.config.capture.missing_encounter == "quarantine":
            targets.append("encounter")
        while True:
            self._resolve_conditional()
            if not self.intake.retake(self._come()):
                break
        for target in targets:
            self._hold(target)
        self._tell_kinds()
        self._warn()

    def resolve(self) -> None:
        """Resolve and tell kinds of places, and neither take again nor hold back."""
        self._resolve_conditional()
        self._tell_kinds()

    def _tell_kinds(self) -> None:
        """Give each ward stay the kind of its location, where the location says one."""
        if "encounter_move" not in self.intake.spool.names:
            return
        told = (
            "SELECT record_id, any_value(kind) AS kind FROM"
            f" ({self._all('location', 'record_id, kind')}) WHERE kind NOT IN ('other', 'site')"
            " GROUP BY record_id HAVING count(DISTINCT kind) = 1"
        )
        self._rewrite(
            "encounter_move",
            f"LEFT JOIN ({told}) place ON place.record_id = s.location_ref",
            "kind",
            "place.kind",
        )

    def _rewrite(self, table: str, join: str, column: str, found: str) -> None:
        """Give a column of staged rows (s) what a join has found for it; nothing is written where it finds nothing."""
        come = self.intake.come(table)
        if self.engine.one(
            f"SELECT count(*) FROM {come} s {join} WHERE {found} IS DISTINCT FROM s.{column} AND {found} IS NOT NULL"
        ):
            self.intake.spool.rewrite(
                self.engine,
                table,
                f"SELECT s.* REPLACE (coalesce({found}, s.{column}) AS {column}) FROM {come} s {join}",
            )

    def _tables_with(self, column: str) -> list[str]:
        """The staged tables that have this column and hold rows now."""
        return [
            table
            for table, columns in STAGED.items()
            if table in self.intake.spool.names and any(c.name == column for c in columns)
        ]

    def _all(self, table: str, columns: str) -> str:
        """SQL: columns of the rows of a table that have come, now or in an earlier batch of this source."""
        files = self.intake.packs.files(table)
        now = f"SELECT {columns} FROM {self.intake.come(table)}"
        if not files:
            return now
        listed = ", ".join(map(literal, files))
        return f"{now} UNION ALL SELECT {columns} FROM read_parquet([{listed}], union_by_name = true)"

    def _hold(self, target: str) -> None:
        """Quarantine the items with a row whose patient (or encounter) is not known."""
        column, word = f"{target}_ref", REQUIRED[target]
        tables = self._tables_with(column)
        if not tables:
            return
        known = self._all(target, "record_id")
        parts = " UNION ALL ".join(
            f"SELECT item_hash, {column} AS wanted FROM {self.intake.come(table)} WHERE {column} IS NOT NULL"
            for table in tables
        )
        self.engine.execute(
            "CREATE OR REPLACE TEMP TABLE missing AS SELECT item_hash, any_value(wanted) AS wanted"
            f" FROM ({parts}) p ANTI JOIN ({known}) k ON k.record_id = p.wanted GROUP BY item_hash"
        )
        if not self.engine.one("SELECT count(*) FROM missing"):
            return
        self.engine.execute(
            "INSERT INTO fault SELECT item_hash, 'missing-reference',"
            f" '{target}: this {word} has not come', '{word}/' || wanted FROM missing"
        )
        for table in self.intake.spool.names:
            if table not in STAGED:
                continue
            come = self.intake.come(table)
            if self.engine.one(f"SELECT count(*) FROM {come} SEMI JOIN missing USING (item_hash)"):
                self.intake.spool.rewrite(
                    self.engine, table, f"SELECT * FROM {come} ANTI JOIN missing USING (item_hash)"
                )

    def _come(self) -> pa.Table:
        """Items of earlier batches whose patient or encounter is known now."""
        # Another format's items are another reader's: `capture.held` takes them once this batch is there.
        same = [batch for batch in self.intake.earlier if batch.format == self.intake.reader.format]
        held = waiting(same)
        known = " UNION ALL ".join(
            f"SELECT '{word}/' || record_id FROM ({self._all(target, 'record_id')})"
            for target, word in REQUIRED.items()
        )
        known += (
            f" UNION ALL SELECT 'Patient/Patient?identifier=' || identifier FROM ({self._carried('patient')})"
        )
        return raw_of(
            self.engine,
            self.intake.earlier,
            f"SELECT item_hash, batch_id FROM ({held}) WHERE waits_for IN ({known})"
            " AND item_hash NOT IN (SELECT item_hash FROM retried)",
        )

    def _resolve_conditional(self) -> None:
        """Replace "Type?identifier=system|value" by the record_id that carries the identifier."""
        for target, column in {"patient": "patient_ref", **OPTIONAL}.items():
            for table in self._tables_with(column):
                if not self.engine.rows(
                    f"SELECT 1 FROM {self.intake.come(table)} WHERE contains({column}, '?identifier=') LIMIT 1"
                ):
                    continue
                self.engine.execute(f"CREATE OR REPLACE TEMP TABLE carried AS {self._carried(target)}")
                sent = f"substr(s.{column}, strpos(s.{column}, '?identifier=') + 12)"
                join = f"contains(s.{column}, '?identifier=') AND {sent} = carried.identifier"
                self._rewrite(table, f"LEFT JOIN carried ON {join}", column, "carried.record_id")

    def _carried(self, target: str) -> str:
        """SQL: each identifier ("system|value") and the one record that carries it."""
        if target == "patient":
            both = self._all("patient", "record_id, nhs_number, identifiers")
            listed = (
                f"SELECT record_id, 'https://fhir.nhs.uk/Id/nhs-number|' || nhs_number AS identifier FROM ({both})"
                f" UNION ALL SELECT record_id, unnest(identifiers) FROM ({both})"
            )
        else:
            both = self._all(target, "record_id, identifiers")
            listed = f"SELECT record_id, unnest(identifiers) AS identifier FROM ({both})"
        return (
            f"SELECT identifier, any_value(record_id) AS record_id FROM ({listed}) WHERE identifier IS NOT NULL"
            " GROUP BY identifier HAVING count(DISTINCT record_id) = 1"
        )

    def _warn(self) -> None:
        """Say how many practitioners, places and organisations are named and have not come."""
        for target, column in OPTIONAL.items():
            tables = self._tables_with(column)
            if not tables:
                continue
            parts = " UNION ".join(
                f"SELECT {column} AS wanted FROM {self.intake.come(table)} WHERE {column} IS NOT NULL"
                for table in tables
            )
            unknown = self.engine.one(
                f"SELECT count(*) FROM ({parts}) p ANTI JOIN ({self._all(target, 'record_id')}) k"
                " ON k.record_id = p.wanted"
            )
            if unknown:
                self.intake.warnings[
                    f"{unknown} {target}s are named that have not come; the rows are staged"
                ] += 1
