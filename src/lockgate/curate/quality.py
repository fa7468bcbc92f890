"""What a build itself checks, beside the checks of its OMOP tables (``passed_quality``): counts for the manifest.

The linked tables' required columns and keys; and the events' times against the full birth date, which only the
identifiable zone has.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lockgate.capture import staged_view
from lockgate.curate.sources import Curation
from lockgate.curate.tables import Tables, Written
from lockgate.engine import SqlEngine, quote
from lockgate.schema import LINKED, STAGED

_AFTER_DEATH_DAYS = 60


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one column: how many of the ``rows`` it looked at failed it."""

    check: str
    table: str
    column: str
    rows: int
    failed: int

    def as_dict(self) -> dict[str, Any]:
        """The check as the manifest prints it."""
        return asdict(self)


def run_checks(build: Curation, to: Tables, written: dict[str, Written]) -> list[Check]:
    """Linked tables: required columns that are NULL, keys that lead nowhere; of all: events outside a life."""
    engine = build.engine
    linked = {table: told for table, told in written.items() if table in LINKED}
    checks = [check for table, told in linked.items() for check in _column_checks(engine, to, table, told)]
    checks += _key_checks(engine, to, written)
    checks += _life_checks(engine)
    people, estimated = engine.rows("SELECT count(*), coalesce(sum(birth_estimated), 0) FROM human")[0]
    checks.append(Check("estimated_from_age", "person", "year_of_birth", int(people), int(estimated)))
    return [check for check in checks if check.failed or check.check in ("before_birth", "after_death")]


def _column_checks(engine: SqlEngine, to: Tables, table: str, told: Written) -> list[Check]:
    """Required columns that are NULL: all of a table in one pass over it."""
    failing = [
        ("required_is_null", str(column["name"]), f"{quote(str(column['name']))} IS NULL")
        for column in told.columns
        if column["required"]
    ]

    def count() -> list[int]:
        engine.view_parquet(f"r_{table}", to.folder / told.file)
        counts = "".join(f", count(*) FILTER (WHERE {condition})" for _, _, condition in failing)
        return [int(number) for number in engine.rows(f"SELECT count(*){counts} FROM r_{table}")[0]]

    rows, *failed = (
        to.known.of(f"columns of {table} {told.sha256}", count) if told.rows else [0] * (len(failing) + 1)
    )
    return [
        Check(check, table, column, rows, number)
        for (check, column, _), number in zip(failing, failed, strict=True)
    ]


def _key_checks(engine: SqlEngine, to: Tables, written: dict[str, Written]) -> list[Check]:
    """Keys of no row of the table they point to."""
    keys = [
        (table, str(column["name"]), str(column["role"]).removeprefix("key:"))
        for table, told in written.items()
        if table in LINKED
        for column in told.columns
        if str(column["role"]).startswith("key:")
    ]
    return [
        Check(
            "key_leads_nowhere",
            table,
            name,
            written[table].rows,
            _lost(engine, to, written, table, name, domain),
        )
        for table, name, domain in keys
        if domain != table and domain in written
    ]


def _lost(
    engine: SqlEngine, to: Tables, written: dict[str, Written], table: str, name: str, domain: str
) -> int:
    """How many rows of a table have a key of no row of another."""

    def count() -> int:
        for each in (table, domain):
            engine.view_parquet(f"r_{each}", to.folder / written[each].file)
        return int(
            engine.one(
                f"SELECT count(*) FROM r_{table} AS t "
                f"ANTI JOIN r_{domain} AS d ON d.{quote(domain + '_id')} = t.{quote(name)} "
                f"WHERE t.{quote(name)} IS NOT NULL"
            )
        )

    if not written[table].rows:
        return 0
    return int(to.known.of(f"{name} of {written[table].sha256} in {written[domain].sha256}", count))


def _life_checks(engine: SqlEngine) -> list[Check]:
    engine.execute(
        """
        CREATE OR REPLACE TEMP VIEW dated AS
        SELECT fate AS made, person_id, start_at FROM event WHERE fate NOT LIKE 'not:%'
        UNION ALL SELECT 'visit_occurrence', person_id, start_at FROM visit
        UNION ALL SELECT 'specimen', person_id, start_at FROM p_specimen WHERE fate = 'specimen'
        UNION ALL SELECT 'note', person_id, start_at FROM p_document WHERE fate = 'note'"""
    )
    rows = engine.rows(
        f"""
        SELECT e.made, count(*),
            count(*) FILTER (WHERE CAST(e.start_at AS DATE) < h.birth_date),
            count(*) FILTER (WHERE e.start_at > d.death_at + INTERVAL {_AFTER_DEATH_DAYS} DAY)
        FROM dated AS e
        JOIN human AS h ON h.person_id = e.person_id
        LEFT JOIN departed AS d ON d.person_id = e.person_id
        GROUP BY e.made ORDER BY e.made"""
    )
    return [
        Check(name, made, "start", int(total), int(count))
        for made, total, before, after in rows
        for name, count in (("before_birth", before), ("after_death", after))
    ]


def flagged_times(build: Curation) -> list[dict[str, Any]]:
    """The staged rows whose clock time comes twice (ambiguous) or never (nonexistent), by table and flag.

    They are released with the time as it was sent. Every version of a row counts, as in ``lockgate capture status``.
    """
    engine = build.engine.local
    tables = [table for table, columns in STAGED.items() if any(c.name == "time_flag" for c in columns)]
    views = [(table, staged_view(engine, build.site, table)) for table in tables]
    told = " UNION ALL ".join(
        f"SELECT '{table}' AS staged, time_flag, count(*) AS n FROM {view}"
        " WHERE time_flag IS NOT NULL GROUP BY time_flag"
        for table, view in views
    )
    rows = engine.rows(f"SELECT staged, time_flag, n FROM ({told}) AS t ORDER BY staged, time_flag")
    return [{"staged": staged, "flag": flag, "rows": int(n)} for staged, flag, n in rows]


def told_twice(build: Curation) -> list[dict[str, Any]]:
    """Where several sources tell of what nothing pairs: incidents, that bear each source's own number.

    An event that two sources tell is then counted twice; ``alike`` says how often several of them tell of one ward, day
    and person (or nobody), which may be one event or several. Empty where one source tells them.
    """
    rows = build.engine.rows("SELECT DISTINCT source FROM s_incident ORDER BY source")
    if len(rows) < 2:
        return []
    alike = build.engine.one("""
        SELECT count(*) FROM (
            SELECT ward_code FROM p_incident WHERE fate = 'incident' AND ward_code IS NOT NULL
            GROUP BY ward_code, coalesce(CAST(person_id AS VARCHAR), ''),
                coalesce(CAST(occurred_at AS DATE), occurred_on, CAST(reported_at AS DATE))
            HAVING count(DISTINCT source) > 1) AS t""")
    return [{"table": "incident", "sources": [source for (source,) in rows], "alike": int(alike)}]


def unmapped_codes(build: Curation, *, limit: int = 500) -> dict[str, Any]:
    """The source codes without a standard concept, by how many records carry them.

    Codes of fewer records than the site's threshold are listed without their number ("<10").
    """
    threshold = build.threshold
    rows = build.engine.rows(
        """
        SELECT coalesce(e.staged, ''), coalesce(e.source_code, ''), count(*) AS n, count(DISTINCT e.person_id) AS people
        FROM event AS e
        WHERE e.concept_id = 0 AND e.fate NOT LIKE 'not:%' AND e.standing = 'live'
            AND (e.value_concept_id IS NULL OR e.staged <> 'allergy')
        GROUP BY e.staged, e.source_code
        ORDER BY n DESC, 1, 2"""
    )
    return {
        "codes": len(rows),
        "records": sum(row[2] for row in rows),
        "by_frequency": [
            {
                "staged": staged,
                "code": code or None,
                "records": n if n >= threshold and people >= threshold else f"<{threshold}",
            }
            for staged, code, n, people in rows[:limit]
        ],
    }
