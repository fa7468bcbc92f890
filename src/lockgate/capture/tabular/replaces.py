"""Submissions that replace a period: the newest version of a period's rows is all there is of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockgate.capture.tabular import columns
from lockgate.capture.tabular.contract import Contract
from lockgate.engine import literal, quote

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake


def delete_what_is_replaced(intake: Intake, contract: Contract, tables: list[str]) -> None:
    """Tombstones for every record of a period that the period's newest submission leaves out.

    A submission is the rows of one period (the columns ``replaces``) and one version. All rows that ever came are
    looked at, those in quarantine too (a record that is held back is not left out), so the order of arrival does not
    matter: an older submission that comes late is ended by the newer one that is there. The tombstone bears the
    newest submission's version.
    """
    engine, source = intake.engine, intake.source
    earlier = [literal(batch.raw) for batch in intake.earlier if batch.format == f"table:{contract.name}"]
    raw = "SELECT item_hash, record_id, raw FROM arrival WHERE NOT duplicate AND record_id IS NOT NULL"
    if earlier:
        raw += (
            f" UNION ALL SELECT item_hash, record_id, raw FROM read_parquet([{', '.join(earlier)}])"
            f" WHERE outcome <> 'duplicate' AND record_id IS NOT NULL AND kind = {literal(contract.name)}"
        )
    period = " || '|' || ".join(
        f"CAST({columns.typed(contract, name)} AS VARCHAR)" for name in contract.replaces
    )
    version = columns.version_at(contract, "CAST(NULL AS TIMESTAMP)")
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE submitted AS SELECT item_hash, record_id, {period} AS period,"
        f" {version} AS version_at FROM ({columns.sent_rows(contract, raw)}) AS r"
    )
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE replaced AS SELECT record_id, any_value(item_hash) AS item_hash,"
        " any_value(newest) AS version_at"
        " FROM submitted JOIN (SELECT period, max(version_at) AS newest FROM submitted GROUP BY period) USING (period)"
        " WHERE newest IS NOT NULL GROUP BY record_id, period HAVING max(version_at) < any_value(newest)"
    )
    # A record that moved to another period lives on there.
    engine.execute(
        "DELETE FROM replaced WHERE EXISTS (SELECT 1 FROM submitted s WHERE s.record_id = replaced.record_id"
        " AND s.version_at >= replaced.version_at)"
    )
    for table in tables:
        engine.execute(
            f"INSERT INTO {quote('staged_' + table)} BY NAME SELECT {literal(source)} AS source, record_id, version_at,"
            f" true AS deleted, item_hash, {literal(intake.batch_id)} AS batch_id FROM replaced"
        )
    count = engine.one("SELECT count(*) FROM replaced")
    if count:
        intake.warnings["records that a newer submission of their period leaves out: deleted"] += count
