"""From raw messages to staged rows and faults: cut into columns, then typed in SQL; people and visits from facts.

``adt_event`` holds what each message said and never changes. At the end of a capture the people and visits it touched
are made anew from all their facts, so the state is a function of the set of messages and not of their order.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import yaml

from lockgate.capture import documents
from lockgate.capture.hl7v2.columns import parse, wanted
from lockgate.capture.hl7v2.message import unescape
from lockgate.capture.hl7v2.moves import follow_visits, number_visits
from lockgate.capture.macros import define, statements
from lockgate.capture.sortkeys import without_keys
from lockgate.capture.units import is_ucum
from lockgate.engine import literal, quote
from lockgate.site.settings.hl7v2 import CATEGORIES, PATIENT_CLASSES

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake

FORMAT = "hl7v2"
# MSH-9 of the raw text, whatever its separators; the rest is read when the message is cut into columns.
_KIND = "split_part(raw, substr(raw, 4, 1), 9)"
HEAD = (
    f"CASE WHEN starts_with(raw, 'MSH') THEN [split_part({_KIND}, substr(raw, 5, 1), 1) || '^'"
    f" || split_part({_KIND}, substr(raw, 5, 1), 2), NULL, NULL, NULL] END"
)
# What is said at one recorded second is read in this order.
_RANKS = {
    "plan": 0,
    "begin": 1,
    "move": 2,
    "move_visit": 3,
    "merge_visit": 3,
    "renumber_visit": 3,
    "end": 5,
    "undo": 6,
    "delete_visit": 7,
}
_RANK = 4
# The staged tables, and the segments without which a portion has no row of them: planning costs more than a few rows.
_STAGED = {
    "adt_event": ("PID",),
    "patient_merge": ("PID",),
    "result": ("OBR",),
    "document": ("OBR", "TXA"),
    "report": ("OBR",),
    "specimen": ("OBR",),
    "medication": ("RXA",),
    "condition": ("PRB", "DG1"),
    "procedure": ("PR1",),
    "imaging_study": ("OBR",),
    "allergy": ("IAM", "AL1"),
    "practitioner": ("PV1", "OBR", "TXA", "RXA", "PR1"),
}
_TEXT = pa.string()


def _sql(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def events() -> dict[str, dict[str, dict[str, str]]]:
    """The messages that are staged: type -> event -> what it does (events.yaml)."""
    found: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(_sql("events.yaml"))
    return found


@cache
def statuses() -> dict[str, dict[str, dict[str, Any]]]:
    """What OBX-11 and OBR-25 mean: "OBX" or "OBR" -> code -> status, rank, row, means (statuses.yaml)."""
    found: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(_sql("statuses.yaml"))
    return found


class Hl7Reader:
    """The Reader of HL7 v2 (see ``capture.intake.Reader``)."""

    format = FORMAT
    head = HEAD

    def prepare(self, intake: Intake) -> None:
        """Define the macros and the tables of codes."""
        engine, config = intake.engine, intake.site.config
        define(engine, intake.received_sql)
        zone = config.hl7v2.time_zone or config.site.timezone
        engine.execute(f"CREATE OR REPLACE MACRO hl7_zone() AS {literal(zone)}")
        engine.execute(f"CREATE OR REPLACE MACRO hl7_shift(t) AS CAST(t AS DATE) IN ({_shifts(zone)})")
        engine.text_function("hl7_text", _unescaped)
        documents.define(engine)
        for statement in statements(_sql("macros.sql")):
            engine.execute(statement)
        rows = [
            {"type": kind, "event": event, "rank": _RANKS.get(rule["does"], _RANK), "undoes": rule.get("undoes"),
             "does": rule["does"], "visit_rule": rule["visit"], "by": rule.get("by"), "why": rule.get("why")}
            for kind, listed in events().items()
            for event, rule in listed.items()
        ]  # fmt: skip
        _register(intake, "hl7_event", rows)
        for name, segment in (("hl7_status", "OBX"), ("hl7_order_status", "OBR")):
            _register(intake, name, [{"code": code, **rule} for code, rule in statuses()[segment].items()])
        _register(intake, "hl7_processing", [{"code": code} for code in config.hl7v2.processing_ids])
        classes = PATIENT_CLASSES | {k.upper(): v for k, v in config.hl7v2.patient_classes.items()}
        _register(intake, "hl7_class", [{"code": k, "encounter_class": v} for k, v in classes.items()])
        categories = CATEGORIES | config.hl7v2.categories
        _register(intake, "hl7_category", [{"code": k, "category": v} for k, v in categories.items()])
        places = pa.schema([("code", _TEXT), ("kind", _TEXT)])
        listed = [{"code": k, "kind": v} for k, v in config.hl7v2.locations.items()]
        engine.register("hl7_place", pa.Table.from_pylist(listed, schema=places))

    def unpack(self, intake: Intake) -> bool:
        """A message holds no messages: batches were opened when the file was read."""
        return False

    def digest(self, intake: Intake) -> None:
        """Cut the fresh messages into columns, quarantine those that can't be staged, stage the facts of the rest."""
        engine = intake.engine
        fresh = engine.arrow("SELECT item_hash, raw FROM fresh WHERE fault IS NULL ORDER BY item_hash")
        if not fresh.num_rows:
            return
        tables = parse(fresh.column("raw"))
        for name, table in tables.items():
            engine.register("segment", table)
            times = [column for column, *parts in wanted()[name].values() if "time" in parts]
            # Planning hl7_ts is what a small batch spends most on: not for segments that aren't there.
            time = "hl7_ts({0})" if table.num_rows else "CAST(NULL AS TIMESTAMP)"
            read = "".join(f", {time.format(column)} AS {column}_at" for column in times)
            engine.execute(f"CREATE OR REPLACE TEMP TABLE hl7_{name} AS SELECT *{read} FROM segment")
            engine.connection.unregister("segment")
        places = pa.array(range(fresh.num_rows), pa.int64())
        engine.register("hl7_item", pa.table({"m": places, "item_hash": fresh.column("item_hash")}))
        engine.execute(f"CREATE OR REPLACE TEMP TABLE message AS {_sql('message.sql')}")
        self._people(intake)
        self._faults(intake)
        fill = {"source": literal(intake.source), "batch": literal(intake.batch_id)}
        engine.execute(f"CREATE OR REPLACE TEMP TABLE hl7_subject AS {_sql('subject.sql').format(**fill)}")
        if tables["OBR"].num_rows or tables["TXA"].num_rows:
            self._observations(intake)
        for table_name, segments in _STAGED.items():
            if not any(tables[segment].num_rows for segment in segments):
                continue
            engine.execute(f"INSERT INTO {quote('staged_' + table_name)} BY NAME {_sql(table_name + '.sql')}")
        documents.count_unread(engine, "staged_document", intake.warnings)
        # Whom and what the facts name is known from here on; the rows themselves are made in ``finish``.
        for target, column in (
            ("patient", "patient_ref"),
            ("encounter", "encounter_ref"),
            ("encounter", "prior_encounter_ref"),
        ):
            also = ", patient_ref" if target == "encounter" else ""
            engine.execute(
                f"INSERT INTO staged_{target} BY NAME SELECT source, {column} AS record_id, version_at,"
                f" false AS deleted, item_hash, batch_id{also} FROM staged_adt_event WHERE {column} IS NOT NULL"
                " AND item_hash IN (SELECT item_hash FROM hl7_item)"
            )
        engine.connection.unregister("hl7_item")

    def finish(self, intake: Intake) -> None:
        """Make the people and visits that this capture touched from all their facts, earlier batches' too."""
        engine = intake.engine
        for table in ("patient", "encounter", "encounter_move"):
            if table in intake.spool.names:
                intake.spool.rewrite(engine, table, f"SELECT * FROM {intake.come(table)} WHERE false")
        if "adt_event" not in intake.spool.names:
            return
        come = intake.come("adt_event")
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE hl7_touched_patient AS SELECT DISTINCT patient_ref FROM {come}"
        )
        earlier = [batch for batch in intake.earlier if batch.format == FORMAT]
        files = ", ".join(literal(path) for path in intake.packs.files("adt_event"))
        moved = number_visits(intake, come, files)
        # Two joins and not one condition with OR: only so are the keys looked for before the rows are read.
        facts = f"SELECT f.* FROM {without_keys(files)} f"
        before = (
            f" UNION ALL BY NAME {facts} SEMI JOIN hl7_touched_patient USING (patient_ref)"
            f" UNION ALL BY NAME {facts} SEMI JOIN hl7_touched_visit USING (encounter_ref)"
            " ANTI JOIN hl7_touched_patient USING (patient_ref)"
        )
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE hl7_fact AS SELECT * FROM {come}{before if files else ''}"
        )
        batch = literal(intake.batch_id)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE hl7_standing AS {_sql('derive/standing.sql')}")
        for table in ("patient", "encounter", "encounter_move"):
            select = _sql(f"derive/{table}.sql").replace("{batch}", batch)
            engine.execute(f"INSERT INTO staged_{table} BY NAME {select}")
        if moved:
            follow_visits(intake, earlier)
        engine.execute(f"INSERT INTO staged_location BY NAME {_sql('location.sql').replace('{come}', come)}")

    def _people(self, intake: Intake) -> None:
        engine, config = intake.engine, intake.site.config.hl7v2
        engine.execute(f"CREATE OR REPLACE TEMP TABLE identifier AS {_sql('identifier.sql')}")
        pairs = engine.rows("SELECT DISTINCT authority, type FROM identifier")
        meanings = [{"authority": a, "type": t, "meaning": config.meaning(a, t)} for a, t in pairs]
        _register(intake, "hl7_meaning", meanings or [{"authority": "", "type": "", "meaning": "ignore"}])
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE hl7_identifier AS SELECT i.*, k.meaning FROM identifier i"
            " JOIN hl7_meaning k ON k.authority = i.authority AND k.type = i.type"
        )
        engine.execute(f"CREATE OR REPLACE TEMP TABLE person AS {_sql('person.sql')}")
        places = {"PV1-19": "v.visit", "PID-18": "p.account"}
        number = f"coalesce({', '.join(f'said({places[place]})' for place in config.visit_number)})"
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE visit AS {_sql('visit.sql').format(visit_number=number)}"
        )

    def _faults(self, intake: Intake) -> None:
        """The first reason why a message can't be staged; what depends on the message alone came in message.sql."""
        engine = intake.engine
        engine.execute(
            f"UPDATE message SET verdict = worse.verdict FROM ({_sql('verdict.sql')}) worse"
            " WHERE worse.m = message.m AND message.verdict IS NULL"
        )
        engine.execute(
            "INSERT INTO fault SELECT item_hash, split_part(verdict, '|', 1),"
            " substr(verdict, strpos(verdict, '|') + 1), NULL FROM message WHERE verdict IS NOT NULL"
        )
        engine.execute(
            "INSERT INTO fault SELECT item_hash, 'not-hl7', 'its MSH segment can''t be read', NULL"
            " FROM hl7_item WHERE m NOT IN (SELECT m FROM message)"
        )
        known = ", ".join(literal(f"{kind}^{event}") for kind, listed in events().items() for event in listed)
        # A type that isn't known is whatever was sent there: counts by type must not repeat it.
        engine.execute(f"UPDATE fresh SET kind = NULL WHERE kind NOT IN ({known})")
        invalid = engine.one(
            "SELECT count(*) FROM person WHERE nhs_status = 'invalid' AND local_number IS NOT NULL"
        )
        if invalid:
            intake.warnings[
                "NHS numbers with a wrong check digit were left out; the hospital number stands"
            ] += invalid

    def _observations(self, intake: Intake) -> None:
        engine = intake.engine
        engine.execute(f"CREATE OR REPLACE TEMP TABLE hl7_observation AS {_sql('observation.sql')}")
        units = [row[0] for row in engine.rows("SELECT DISTINCT said(unit) FROM hl7_observation")]
        likely = [unit for unit in units if unit]
        engine.register("hl7_unit_said", pa.table({"unit": pa.array(likely, _TEXT)}))
        pairs = engine.rows("SELECT unit, ucum_like(unit) FROM hl7_unit_said")
        codes = [{"unit": unit, "code": code} for unit, code in pairs if is_ucum(code)]
        schema = pa.schema([("unit", _TEXT), ("code", _TEXT)])
        engine.register("hl7_unit", pa.Table.from_pylist(codes, schema=schema))
        odd = engine.one(
            "SELECT count(*) FROM hl7_observation WHERE status IS NULL OR status NOT IN (SELECT code FROM hl7_status)"
        )
        if odd:
            intake.warnings[
                "results whose status (OBX-11) is missing or not of table 0085 are staged as 'unknown'"
            ] += odd
        again = engine.one(
            "SELECT count(*) FROM hl7_observation WHERE status = 'U' AND value_raw IS NULL AND NOT part_of_document"
        )
        if again:
            intake.warnings[
                "results became final (OBX-11 U) without their value: the one sent before stands"
            ] += again


def _unescaped(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(
        [None if value is None else unescape(value).strip() or None for value in column.to_pylist()], _TEXT
    )


@cache
def _shifts(zone: str) -> str:
    """SQL: the days around which the clocks of a zone change (1990 to 2050)."""
    clock, day, shifts = ZoneInfo(zone), datetime(1990, 1, 1, tzinfo=UTC), ["DATE '1880-01-01'"]
    while day.year < 2050:
        before, after = (day + timedelta(days=n) for n in (-1, 2))
        if before.replace(tzinfo=clock).utcoffset() != after.replace(tzinfo=clock).utcoffset():
            shifts.append(f"DATE '{day:%Y-%m-%d}'")
        day += timedelta(days=1)
    return ", ".join(shifts)


def _register(intake: Intake, name: str, rows: list[dict[str, Any]]) -> None:
    intake.engine.register(name, pa.Table.from_pylist(rows))


__all__ = ["FORMAT", "HEAD", "Hl7Reader", "events", "statuses", "wanted"]
