"""Whose rows must be worked out again: the people whose own rows changed, or something shared that their rows use.

The large tables (BY_RECORD) are read for these people only; all others are read whole, each time. What a row of a
large table uses beyond its person's own rows is a *shared input*, and SHARED lists them all: each is compared with
what it was in the last build, and the people who use what differs are worked out again too. Whoever lets the
curation of a large table depend on something new must add it there, and a case to tests/curate/test_affected.py.

Everything is done by leaving out: a row is read unless it belongs to a person known to be untouched. Rows of nobody
are read every time.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.capture import batches, latest_view, staged_view
from lockgate.capture.sortkeys import PARTS
from lockgate.capture.views import some_view
from lockgate.curate.buildstate import BuildState
from lockgate.curate.codes import PERSONAL_USE, WHOLE_USE, find_withheld, make_use
from lockgate.curate.sources import BY_RECORD, Curation
from lockgate.deidentify import text as free_text
from lockgate.engine import SqlEngine, literal
from lockgate.schema import STAGED

# Past this share of people a full build costs no more.
LARGEST_SHARE = 0.5

# A row of the first table may be read with one of the last that is another person's: (table, reference, table).
BONDS = (
    ("encounter_move", "encounter_ref", "encounter"),
    ("result", "parent_ref", "result"),
    ("specimen", "parent_ref", "specimen"),
    ("device", "device_ref", "device"),
)

# The dates that say until when the data tell: (table, column).
DATED = (
    ("encounter", "start_at"),
    ("encounter", "end_at"),
    ("result", "effective_at"),
    ("condition", "start_at"),
    ("medication", "start_at"),
    ("procedure", "start_at"),
    ("document", "authored_at"),
)


@dataclass(frozen=True, slots=True)
class Shared:
    """A shared input: its table (kept in the state), the columns that matter, and who uses what differs.

    ``people`` is a SELECT of person_id over ``differs`` (the rows that only one of the two builds has).
    """

    table: str
    columns: str
    people: str


def _referring(*references: str) -> str:
    """The people with a row that names a record of ``differs`` in one of these columns."""
    return " UNION ".join(
        f"SELECT u.person_id FROM staged_{table} AS t JOIN untouched AS u "
        "ON u.source = t.source AND u.record_id = t.patient_ref SEMI JOIN differs AS d "
        f"ON d.source = t.source AND d.record_id = t.{reference}"
        for table in BY_RECORD
        for reference in references
        if reference in {column.name for column in STAGED[table]}
    )


SHARED = (
    Shared("withheld_code", "code", "SELECT person_id FROM before_code_use SEMI JOIN differs USING (code)"),
    Shared("g_practitioner", "source, record_id", _referring("practitioner_ref")),
    Shared("g_place", "source, record_id, staged, kind", _referring("location_ref", "organisation_ref")),
    # what prescriptions and statements of use name by reference, and have their code from
    Shared("g_named", "*", _referring("medicine_ref", "device_ref")),
    # somebody still in hospital is there until the data end
    Shared("data_until", "data_until", "SELECT person_id FROM before_open_stay"),
)


def measure(build: Curation, *, incremental: bool) -> None:
    """Make the shared inputs as they are now from the ``now_<table>``, and what of them is kept by person.

    With ``incremental`` the people who are not in ``affected`` come in from the state.
    """
    engine = build.engine
    make_use(engine, PERSONAL_USE, BY_RECORD)
    day = build.release_date.isoformat()
    dated = " UNION ALL ".join(
        f"SELECT source, patient_ref, {column} AS told_at FROM now_{table} WHERE {column} IS NOT NULL"
        for table, column in DATED
    )
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE seen AS
        SELECT w.person_id, s.last_at, s.next_at FROM (
            SELECT source, patient_ref,
                max(CASE WHEN CAST(told_at AS DATE) <= CAST('{day}' AS DATE) THEN told_at END) AS last_at,
                min(CASE WHEN CAST(told_at AS DATE) > CAST('{day}' AS DATE) THEN told_at END) AS next_at
            FROM ({dated}) AS d GROUP BY source, patient_ref
        ) AS s LEFT JOIN whose AS w ON w.source = s.source AND w.record_id = s.patient_ref"""
    )
    engine.execute(
        "CREATE OR REPLACE TABLE open_stay AS SELECT DISTINCT w.person_id FROM now_encounter AS e "
        "JOIN whose AS w ON w.source = e.source AND w.record_id = e.patient_ref "
        "WHERE e.encounter_class = 'inpatient' AND e.status IN ('in-progress', 'onleave')"
    )
    everybody = {name: name for name in (PERSONAL_USE, "seen")}
    if incremental:
        for name in everybody:
            everybody[name] = f"all_{name}"
            engine.execute(
                f"CREATE OR REPLACE VIEW all_{name} AS SELECT * FROM {name} UNION ALL SELECT b.* "
                f"FROM before_{name} AS b ANTI JOIN affected AS a ON a.person_id = b.person_id "
                "WHERE b.person_id IS NOT NULL"
            )
    find_withheld(build, (WHOLE_USE, everybody[PERSONAL_USE]))
    engine.execute(
        "CREATE OR REPLACE TABLE data_until AS SELECT "
        f"coalesce(max(last_at), CAST('{day}' AS TIMESTAMP)) AS data_until FROM {everybody['seen']}"
    )
    engine.execute("CREATE OR REPLACE TABLE g_practitioner AS SELECT source, record_id FROM now_practitioner")
    engine.execute(
        "CREATE OR REPLACE TABLE g_place AS "
        "SELECT l.source, l.record_id, 'location' AS staged, CASE WHEN c.code IS NULL THEN l.kind END AS kind "
        "FROM now_location AS l LEFT JOIN withheld_code AS c ON c.code = l.kind "
        "UNION ALL SELECT source, record_id, 'organisation', NULL FROM now_organisation"
    )
    named = " UNION ALL ".join(
        f"SELECT n.source, n.record_id, '{table}' AS staged, n.code_system, n.alt_code_system, "
        "CASE WHEN c.code IS NULL THEN n.code END AS code, CASE WHEN a.code IS NULL THEN n.alt_code END AS alt_code "
        f"FROM now_{table} AS n LEFT JOIN withheld_code AS c ON c.code = n.code "
        f"LEFT JOIN withheld_code AS a ON a.code = n.alt_code WHERE {whose}"
        for table, whose in (("medicine", "true"), ("device", "n.patient_ref IS NULL"))
    )
    engine.execute(f"CREATE OR REPLACE TABLE g_named AS {named}")


def find_affected(build: Curation, before: BuildState) -> str:
    """Make ``affected`` (person_id) and read their ``now_<table>``; "" when done, else why all have to be read.

    Needs the state's tables as ``before_<table>``, and ``whose`` and ``site_name`` as they are now.
    """
    engine = build.engine
    engine.execute("CREATE OR REPLACE TABLE affected (person_id BIGINT)")
    _own_rows(build, before)
    _add(
        engine, "SELECT person_id FROM differs", _differing("whose", "source, record_id, person_id, standing")
    )
    _add(engine, "SELECT person_id FROM differs", _differing("limited", "person_id, purposes"))
    day = build.release_date.isoformat()
    _add(engine, f"SELECT person_id FROM before_seen WHERE CAST(next_at AS DATE) <= CAST('{day}' AS DATE)")
    _new_names(build)
    people = int(engine.one("SELECT count(DISTINCT person_id) FROM whose"))
    while True:
        if int(engine.one("SELECT count(*) FROM affected")) > LARGEST_SHARE * people:
            return "more than half of the people are affected"
        _load(build)
        grown = _bound(engine)
        if not grown:
            measure(build, incremental=True)
            for shared in SHARED:
                grown += _add(engine, shared.people, _differing(shared.table, shared.columns))
        if not grown:
            return ""


def _differing(table: str, columns: str) -> str:
    """The rows that only one of the two builds has."""
    now, then = (f"SELECT {columns} FROM {name}" for name in (table, f"before_{table}"))
    return f"({now} EXCEPT {then}) UNION ALL ({then} EXCEPT {now})"


def _add(engine: SqlEngine, people: str, differs: str = "") -> int:
    """Add people to ``affected``; how many were not in it. With ``differs`` only if that has rows."""
    if differs:
        engine.execute(f"CREATE OR REPLACE TABLE differs AS {differs}")
        if not engine.one("SELECT count(*) FROM differs"):
            return 0
    known = int(engine.one("SELECT count(*) FROM affected"))
    engine.execute(
        f"INSERT INTO affected SELECT DISTINCT p.person_id FROM ({people}) AS p "
        "WHERE p.person_id IS NOT NULL AND p.person_id NOT IN (SELECT person_id FROM affected)"
    )
    return int(engine.one("SELECT count(*) FROM affected")) - known


def _own_rows(build: Curation, before: BuildState) -> None:
    """The people named by any version of a record of which a new batch has a version."""
    engine, known = build.engine, before.batches
    fresh = [batch for batch in batches(build.site) if batch.batch_id not in known]
    arrived = {
        table: ", ".join(literal(path) for batch in fresh if (path := batch.table(table)))
        for table in (*BY_RECORD, "patient")
    }
    engine.execute("CREATE OR REPLACE TABLE new_record (family VARCHAR, source VARCHAR, record VARCHAR)")
    engine.execute("CREATE OR REPLACE TABLE touched (source VARCHAR, record_id VARCHAR)")
    for table, files in arrived.items():
        if files:
            record = "record_id" if table == "patient" else "split_part(record_id, '#', 1)"
            engine.execute(
                f"INSERT INTO new_record SELECT DISTINCT '{PARTS.get(table, table)}', source, {record} "
                f"FROM read_parquet([{files}])"
            )
    engine.execute("INSERT INTO touched SELECT source, record FROM new_record WHERE family = 'patient'")
    families = {name for (name,) in engine.rows("SELECT DISTINCT family FROM new_record")}
    for table in BY_RECORD:
        if PARTS.get(table, table) in families:
            rows = some_view(engine, build.site, table, "new_record")
            engine.execute(f"INSERT INTO touched SELECT DISTINCT source, patient_ref FROM {rows}")
    for whose in ("whose", "before_whose"):
        _add(engine, f"SELECT w.person_id FROM {whose} AS w SEMI JOIN touched USING (source, record_id)")


def _load(build: Curation) -> None:
    """Read the ``now_<table>`` of the people in ``affected`` and of nobody."""
    engine, site = build.engine, build.site
    engine.execute(
        "CREATE OR REPLACE TABLE untouched AS SELECT w.source, w.record_id, w.person_id FROM whose AS w "
        "ANTI JOIN affected AS a ON a.person_id = w.person_id"
    )
    beyond = "ANTI JOIN untouched AS u ON u.source = t.source AND u.record_id = t.patient_ref"
    records = " UNION ".join(
        f"SELECT '{PARTS.get(table, table)}' AS family, t.source, split_part(t.record_id, '#', 1) AS record "
        f"FROM {staged_view(engine, site, table)} AS t {beyond}"
        for table in BY_RECORD
    )
    engine.execute(f"CREATE OR REPLACE TABLE affected_record AS {records}")
    for table in BY_RECORD:
        latest = latest_view(engine, site, table, among="affected_record")
        engine.execute(f"CREATE OR REPLACE TABLE now_{table} AS SELECT t.* FROM {latest} AS t {beyond}")


def _bound(engine: SqlEngine) -> int:
    """Add the people whose rows are read with rows of those in ``affected``; how many were not in it."""
    grown = 0
    for child, reference, parent in BONDS:
        named = (
            f"SELECT DISTINCT c.source, c.{reference} AS record_id FROM some_{child} AS c "
            f"WHERE c.{reference} IS NOT NULL"
        )
        missing = f"SELECT n.* FROM ({named}) AS n ANTI JOIN some_{parent} AS p USING (source, record_id)"
        grown += _add(
            engine,
            f"SELECT u.person_id FROM staged_{parent} AS p SEMI JOIN differs USING (source, record_id) "
            "JOIN untouched AS u ON u.source = p.source AND u.record_id = p.patient_ref",
            missing,
        )
        grown += _add(
            engine,
            f"SELECT u.person_id FROM staged_{child} AS c SEMI JOIN some_{parent} AS p "
            f"ON p.source = c.source AND p.record_id = c.{reference} "
            "JOIN untouched AS u ON u.source = c.source AND u.record_id = c.patient_ref",
        )
    return grown


def _new_names(build: Curation) -> None:
    """Make ``new_name``, the names of staff, practices and places that only one of the two builds knows.

    The people with a note that mentions one are affected.
    """
    engine = build.engine
    engine.execute(f"CREATE OR REPLACE TABLE new_name AS {_differing('site_name', 'phrase, kind')}")
    names = free_text.SiteNames.holding(dict(engine.rows("SELECT phrase, kind FROM new_name")))
    if names is None:
        return
    notes = engine.arrow(
        f"SELECT w.person_id, t.text FROM {staged_view(engine, build.site, 'document')} AS t "
        "JOIN whose AS w ON w.source = t.source AND w.record_id = t.patient_ref "
        "ANTI JOIN affected AS a ON a.person_id = w.person_id WHERE t.text IS NOT NULL"
    )
    found = {
        person
        for batch in notes.to_batches()
        for person, text in zip(
            batch.column("person_id").to_pylist(), batch.column("text").to_pylist(), strict=True
        )
        if free_text.mentions(text, names)
    }
    if found:
        _add(engine, f"SELECT unnest([{', '.join(map(str, sorted(found)))}]) AS person_id")
