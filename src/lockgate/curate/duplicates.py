"""What two sources told alike: a visit or an event that one source tells is carried once, from the first in order.

The same stay arrives as HL7 v2 messages, as FHIR and in the national extract. Rows of different sources are the same
when they say the same of the same person at the same time. Within a source nothing is taken for a double: two equal
rows of one source are two records, so the n-th of one source is paired with the n-th of another.
"""

from __future__ import annotations

import pyarrow as pa

from lockgate.curate.sources import IMPERSONAL, Curation
from lockgate.engine import SqlEngine
from lockgate.schema import STAGED

FATE = "not:told_by_another_source"

# What must be equal for two events to be one. Diagnoses and procedures go by the day (extracts keep no time), results
# and medicines by the minute.
_DAILY = "('condition_occurrence', 'procedure_occurrence', 'device_exposure')"
_DAY = f"CASE WHEN e.fate IN {_DAILY} THEN date_trunc('day', e.start_at) ELSE e.start_at END"
_EVENT_KEYS = {
    "person_id": "e.person_id",
    "fate": "e.fate",
    "code": "CASE WHEN e.concept_id <> 0 THEN CAST(e.concept_id AS VARCHAR) ELSE e.source_code END",
    "told_at": f"date_trunc('minute', {_DAY})",
    "number": "CASE WHEN e.fate = 'drug_exposure' THEN e.quantity ELSE e.value_number END",
    "word": "coalesce(e.value_code, lower(trim(e.value_text)))",
    "operator": "e.operator_concept_id",
    "unit": "e.unit_concept_id",
    # a prescription and its administration are two things
    "kind": "CASE WHEN e.fate = 'drug_exposure' THEN e.type_concept_id END",
}
_VISIT_KEYS = {
    "person_id": "e.person_id",
    "kind": "e.encounter_class",
    "from_day": "CAST(e.start_at AS DATE)",
    "until_day": "CAST(e.end_at AS DATE)",
}


def rank_sources(build: Curation) -> None:
    """Make ``source_rank`` (source, place): the site's order, then by name."""
    engine = build.engine
    every = " UNION ".join(f"SELECT source FROM s_{table}" for table in STAGED if table not in IMPERSONAL)
    sources = [row[0] for row in engine.rows(f"{every} ORDER BY source")]
    order = {source: place for place, source in enumerate(build.site.config.curate.source_priority)}
    ranked = sorted(sources, key=lambda source: (order.get(source, len(order)), source))
    engine.register(
        "source_rank",
        pa.table(
            {"source": pa.array(ranked, pa.string()), "place": pa.array(range(len(ranked)), pa.int64())}
        ),
    )


def settle_visits(engine: SqlEngine) -> None:
    """``p_encounter``: the visits of another source's telling get FATE; ``visit_twin`` says whose they are."""
    doubles = _doubles("p_encounter", "fate = 'visit_occurrence'", _VISIT_KEYS)
    engine.execute(f"CREATE OR REPLACE TABLE visit_twin AS {doubles}")
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE p_encounter_settled AS
        SELECT e.* EXCLUDE (fate), CASE WHEN t.record_id IS NULL THEN e.fate ELSE '{FATE}' END AS fate
        FROM p_encounter AS e
        LEFT JOIN visit_twin AS t ON t.source = e.source AND t.record_id = e.record_id"""
    )
    engine.execute("CREATE OR REPLACE TABLE p_encounter AS SELECT * FROM p_encounter_settled")
    engine.execute("DROP TABLE p_encounter_settled")


def name_visits(engine: SqlEngine) -> None:
    """``visit_of``: the visit that each encounter of any source belongs to, by that source's own name of it.

    ``moves_told`` is 1 where the visit is carried from another source that tells its ward stays itself.
    """
    columns = "v.person_id, v.id, v.visit_kind, v.start_at, v.end_at, v.provider_id"
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE visit_of AS
        SELECT v.source, v.record_id, {columns}, 0 AS moves_told FROM visit AS v
        UNION ALL
        SELECT t.source, t.record_id, {columns}, CASE WHEN m.encounter_ref IS NULL THEN 0 ELSE 1 END
        FROM visit_twin AS t
        JOIN visit AS v ON v.source = t.first_source AND v.record_id = t.first_record
        LEFT JOIN (SELECT DISTINCT source, encounter_ref FROM s_encounter_move) AS m
            ON m.source = t.first_source AND m.encounter_ref = t.first_record"""
    )


def settle_events(engine: SqlEngine) -> None:
    """``p_event``: the events of another source's telling get FATE."""
    doubles = _doubles("p_event", "fate NOT LIKE 'not:%' AND standing = 'live'", _EVENT_KEYS, "staged")
    engine.execute(f"CREATE OR REPLACE TABLE event_twin AS {doubles}")
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE p_event_settled AS
        SELECT e.* EXCLUDE (fate), CASE WHEN t.record_id IS NULL THEN e.fate ELSE '{FATE}' END AS fate
        FROM p_event AS e
        LEFT JOIN event_twin AS t ON t.staged = e.staged AND t.source = e.source AND t.record_id = e.record_id"""
    )
    engine.execute("CREATE OR REPLACE TABLE p_event AS SELECT * FROM p_event_settled")
    engine.execute("DROP TABLE p_event_settled")


def _doubles(table: str, condition: str, keys: dict[str, str], *more: str) -> str:
    """SELECT (source, record_id, first_source, first_record) of rows that a source before theirs told alike."""
    named = ", ".join(f"{sql} AS key_{name}" for name, sql in keys.items())
    columns = ", ".join(f"key_{name}" for name in keys)
    extra = "".join(f", {name}" for name in more)
    return f"""
        WITH several AS (
            SELECT person_id FROM {table} WHERE {condition} GROUP BY person_id HAVING count(DISTINCT source) > 1
        ),
        keyed AS (
            SELECT e.source, e.record_id{"".join(f", e.{name}" for name in more)}, r.place, {named}
            FROM {table} AS e
            JOIN source_rank AS r ON r.source = e.source
            WHERE {condition} AND e.person_id IN (SELECT person_id FROM several)
        ),
        counted AS (
            SELECT *, row_number() OVER (PARTITION BY {columns}, source ORDER BY record_id) AS nth FROM keyed
        ),
        ordered AS (
            SELECT *,
                row_number() OVER (PARTITION BY {columns}, nth ORDER BY place) AS turn,
                first_value(source) OVER (PARTITION BY {columns}, nth ORDER BY place) AS first_source,
                first_value(record_id) OVER (PARTITION BY {columns}, nth ORDER BY place) AS first_record
            FROM counted
        )
        SELECT source, record_id{extra}, first_source, first_record FROM ordered WHERE turn > 1"""
