"""From staged rows to rows with a fate: where each one goes, or why it goes nowhere.

Every staged row gets one ``fate``: the release table that carries it, "opted_out", "unlinked" or "not:<reason>".
The accounts of a release count these, and the tables are SELECTed from the rows whose fate they are, so the two can
be held against each other.
"""

from __future__ import annotations

import csv
from importlib import resources

import numpy as np
import pyarrow as pa

from lockgate.curate.duplicates import name_visits, rank_sources, settle_events, settle_visits
from lockgate.curate.sources import Curation
from lockgate.curate.sqltext import sql_names, sql_text
from lockgate.engine import SqlEngine
from lockgate.identity import pseudonymise_ints

# The columns of an event, whatever staged table it came from.
EVENT_COLUMNS: dict[str, str] = {
    "source": "VARCHAR",
    "record_id": "VARCHAR",
    "person_id": "BIGINT",
    "standing": "VARCHAR",
    "encounter_ref": "VARCHAR",
    "practitioner_ref": "VARCHAR",
    "parent_ref": "VARCHAR",
    "start_at": "TIMESTAMP",
    "end_at": "TIMESTAMP",
    "concept_id": "BIGINT",
    "source_concept_id": "BIGINT",
    "source_code": "VARCHAR",
    "domain_id": "VARCHAR",
    "type_concept_id": "BIGINT",
    "status_value": "VARCHAR",
    "stop_reason": "VARCHAR",
    "refills": "BIGINT",
    "quantity": "DOUBLE",
    "days_supply": "BIGINT",
    "sig": "VARCHAR",
    "route_value": "VARCHAR",
    "dose_unit_value": "VARCHAR",
    "value_number": "DOUBLE",
    "value_sent": "VARCHAR",
    "operator_concept_id": "BIGINT",
    "value_text": "VARCHAR",
    "value_code": "VARCHAR",
    "value_concept_id": "BIGINT",
    "unit_concept_id": "BIGINT",
    "unit_source_concept_id": "BIGINT",
    "unit_value": "VARCHAR",
    "range_low": "DOUBLE",
    "range_high": "DOUBLE",
    "qualifier_value": "VARCHAR",
    "refusal": "VARCHAR",
}

# Tables that are prepared whole in every build, after those of BY_RECORD.
_WHOLE = ("incident", "feedback", "staffing", "roster", "social_care_event", "imaging_read", "death")


def prepare_records(build: Curation) -> None:
    """Make what the large tables become, ``p_encounter`` to ``p_imaging_study``, ``visit`` and ``event``, and what
    they are read with: ``p_patient``, ``human``, ``p_place``, ``ward``, ``p_practitioner``, ``region``, ``policy``.

    In an incremental build these hold the affected people's rows only.
    """
    engine = build.engine
    _policy(build)
    _table(build, "patient")
    engine.execute(f"CREATE OR REPLACE TABLE human AS {sql_text('prepare', 'human')}")
    _regions(build)
    _table(build, "place", domain="care_site")
    engine.execute(
        "CREATE OR REPLACE TABLE ward AS SELECT code AS ward_code, min(id) AS id FROM p_place "
        "WHERE staged <> 'organisation' AND code IS NOT NULL GROUP BY code"
    )
    _table(build, "practitioner", domain="provider")
    _visits(build)
    _table(build, "encounter_move", domain="visit_detail")
    _events(build)
    for name in ("document", "specimen", "imaging_study"):
        _table(build, name)


def prepare_whole(build: Curation) -> None:
    """Make the other ``p_<table>`` and ``departed``, which are everybody's in every build."""
    for name in _WHOLE:
        _table(build, name)
    _departed(build.engine)
    _reader_pseudonyms(build)


def record_digest(prefix: str = "''") -> str:
    """SQL: the 64-bit digest of a row's (source, record_id), of the table named ``t``, that its id is made from."""
    return f"md5_number_lower({prefix} || t.source || chr(31) || t.record_id)"


def add_ids(build: Curation, table: str, domain: str, *, prefix: str = "''") -> None:
    """Give each row of ``table`` the column ``id``: the keyed pseudonym of its (source, record_id).

    A 64-bit digest of the two is computed in SQL and then encrypted: without the key an id says nothing of the record.
    Two records that would share an id are refused by the pseudonym function.
    """
    engine = build.engine
    digest = record_digest(prefix)
    keys = engine.arrow(f"SELECT {digest} AS digest FROM {table} AS t ORDER BY digest").column("digest")
    # 64 bits, which Spark can only read as a signed number
    plain = keys.combine_chunks().to_numpy(zero_copy_only=False)
    if len(plain) > 1 and bool(np.any(plain[1:] == plain[:-1])):
        raise AssertionError(f"two rows of {table} have one key")
    ids = pseudonymise_ints(plain.view(np.int64), build.key, domain)
    engine.register("ids_arrow", pa.table({"digest": plain, "id": ids}))
    engine.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT t.*, i.id FROM {table} AS t "
        f"JOIN ids_arrow AS i ON i.digest = {digest}"
    )
    engine.unregister("ids_arrow")


def _table(build: Curation, name: str, *, domain: str = "") -> None:
    build.engine.execute(f"CREATE OR REPLACE TABLE p_{name} AS {sql_text('prepare', name)}")
    prefix = "t.staged || chr(31)" if name == "place" else "''"
    if name != "patient":
        add_ids(build, f"p_{name}", domain or name, prefix=prefix)


def _policy(build: Curation) -> None:
    """``policy`` (one row): what the site keeps of dates, and the day of the release."""
    rules = build.site.config.deidentify
    engine = build.engine
    engine.register(
        "policy",
        pa.table(
            {
                "birth_date": [rules.birth_date],
                "places": [rules.places],
                "oldest_year": pa.array([build.release_date.year - rules.top_age], pa.int64()),
                "release_date": pa.array([build.release_date], pa.date32()),
            }
        ),
    )


def _regions(build: Curation) -> None:
    """``region``: the location_id of each small area, which is its integrated care board's."""
    engine = build.engine
    boards = engine.rows(
        "SELECT DISTINCT icb_ods_code FROM area WHERE icb_ods_code IS NOT NULL ORDER BY icb_ods_code"
    )
    codes = [row[0] for row in boards]
    ids = pseudonymise_ints(
        np.array([int.from_bytes(code.encode(), "big") for code in codes], dtype=np.int64),
        build.key,
        "location",
    )
    engine.register("board", pa.table({"icb_ods_code": codes, "location_id": ids}))
    engine.execute(
        "CREATE OR REPLACE TABLE region AS SELECT a.lsoa21_code, a.icb_ods_code, b.location_id "
        "FROM area AS a JOIN board AS b ON b.icb_ods_code = a.icb_ods_code"
    )


def _visits(build: Curation) -> None:
    """``visit``: the encounters that are carried, with their provider and care site."""
    _table(build, "encounter", domain="visit_occurrence")
    rank_sources(build)
    settle_visits(build.engine)
    build.engine.execute(
        """
        CREATE OR REPLACE TABLE visit AS
        SELECT e.*, p.id AS provider_id, coalesce(l.id, o.id) AS care_site_id
        FROM p_encounter AS e
        LEFT JOIN p_practitioner AS p ON p.source = e.source AND p.record_id = e.practitioner_ref
        LEFT JOIN p_place AS l ON l.source = e.source AND l.record_id = e.place_ref AND l.staged = 'location'
        LEFT JOIN p_place AS o ON o.source = e.source AND o.record_id = e.place_ref AND o.staged = 'organisation'
        WHERE e.fate = 'visit_occurrence'"""
    )
    name_visits(build.engine)


def _domain_rows() -> pa.Table:
    text = resources.files(__package__).joinpath("domains.csv").read_text(encoding="utf-8")
    return pa.Table.from_pylist(list(csv.DictReader(text.splitlines())))


def _events(build: Curation) -> None:
    """``event``: the rows of every clinical table in one shape, each with its target by the concept's domain."""
    engine = build.engine
    engine.register("domain_target", _domain_rows())
    parts = []
    for staged in sql_names("events"):
        text = sql_text("events", staged)
        present = set(engine.columns(text))
        columns = ", ".join(
            f"CAST({name if name in present else 'NULL'} AS {kind}) AS {name}"
            for name, kind in EVENT_COLUMNS.items()
        )
        parts.append(f"SELECT '{staged}' AS staged, {columns} FROM ({text}) AS {staged}_events")
    kept = ", ".join(
        "coalesce(e.start_at, v.start_at) AS start_at" if name == "start_at" else f"e.{name}"
        for name in ("staged", *EVENT_COLUMNS)
    )
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE p_event AS
        WITH every_event AS ({" UNION ALL ".join(parts)})
        SELECT {kept},
            v.id AS visit_occurrence_id,
            coalesce(p.id, v.provider_id) AS provider_id,
            CASE
                WHEN e.standing <> 'live' THEN e.standing
                WHEN e.refusal IS NOT NULL THEN e.refusal
                WHEN coalesce(e.start_at, v.start_at) IS NULL THEN 'not:no_date'
                ELSE coalesce(t.target, f.target, 'measurement')
            END AS fate
        FROM every_event AS e
        LEFT JOIN visit_of AS v
            ON v.source = e.source AND v.record_id = e.encounter_ref AND v.person_id = e.person_id
        LEFT JOIN p_practitioner AS p ON p.source = e.source AND p.record_id = e.practitioner_ref
        LEFT JOIN domain_target AS t ON t.staged = e.staged AND t.domain_id = e.domain_id
        LEFT JOIN domain_target AS f ON f.staged = e.staged AND f.domain_id = ''"""
    )
    settle_events(engine)
    add_ids(build, "p_event", "event", prefix="t.staged || chr(31)")
    engine.execute(
        """
        CREATE OR REPLACE TABLE event AS
        WITH stay AS (
            -- where somebody was: from one move to the next, and from the last one to its end
            SELECT visit_occurrence_id, id, start_at, end_at,
                lead(start_at) OVER (PARTITION BY visit_occurrence_id ORDER BY start_at, id) AS next_at
            FROM p_encounter_move WHERE fate = 'visit_detail'
        )
        SELECT e.*, s.id AS visit_detail_id,
            CASE WHEN m.fate = 'measurement' AND e.fate = 'measurement' THEN m.id END AS parent_id
        FROM p_event AS e
        LEFT JOIN p_event AS m ON e.parent_ref IS NOT NULL AND m.staged = e.staged AND m.source = e.source
            AND m.record_id = e.parent_ref
        LEFT JOIN stay AS s ON s.visit_occurrence_id = e.visit_occurrence_id AND e.start_at >= s.start_at
            AND (e.start_at < s.next_at OR (s.next_at IS NULL AND e.start_at <= s.end_at))"""
    )
    engine.execute("DROP TABLE p_event")


def _departed(engine: SqlEngine) -> None:
    """``departed``: one death for each person who died, from a register or else from the patient record."""
    engine.execute(
        """
        CREATE OR REPLACE TABLE departed AS
        SELECT person_id, death_at, concept_id, source_concept_id, source_code, 32879 AS type_concept_id, 0 AS derived
        FROM p_death WHERE fate = 'death'
        UNION ALL
        SELECT h.person_id, h.death_at, NULL, NULL, NULL, 32817, 1
        FROM human AS h
        WHERE h.death_at IS NOT NULL AND h.person_id NOT IN (SELECT person_id FROM p_death WHERE fate = 'death')"""
    )


def _reader_pseudonyms(build: Curation) -> None:
    """Human readers become "reader-1", "reader-2" ..., in an order that only the key knows."""
    build.engine.execute(
        """
        CREATE OR REPLACE TABLE p_imaging_read AS
        WITH person_of AS (
            SELECT reader, 'reader-' || row_number() OVER (ORDER BY min(id)) AS reader_pseudonym
            FROM p_imaging_read WHERE reader_kind <> 'ai' AND reader IS NOT NULL GROUP BY reader
        )
        SELECT r.*, p.reader_pseudonym
        FROM p_imaging_read AS r LEFT JOIN person_of AS p ON p.reader = r.reader"""
    )
