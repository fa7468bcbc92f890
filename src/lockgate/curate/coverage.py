"""Coverage: who of each source has rows in which table in which month. One file beside the release's tables.

OMOP has no column for the source a row came from; this keeps what is needed of it, and no more, for the charts of the
catalogue. It is of the release (de-identified, verified with it), and is given to no project.
"""

from __future__ import annotations

from lockgate.curate.reuse import PERSONAL, of_affected
from lockgate.curate.sources import Curation
from lockgate.curate.tables import Tables, Written
from lockgate.engine import literal
from lockgate.site.files import sha256_file

FILE = "coverage.parquet"
COLUMNS = {"table": "VARCHAR", "source": "VARCHAR", "person_id": "BIGINT", "month": "DATE", "rows": "BIGINT"}
# prepared table -> the columns of its person (or NULL) and its date
_DATED = {
    "event": ("person_id", "start_at"),
    "p_encounter": ("person_id", "start_at"),
    "p_encounter_move": ("person_id", "start_at"),
    "p_document": ("person_id", "start_at"),
    "p_specimen": ("person_id", "start_at"),
    "p_imaging_study": ("person_id", "start_at"),
    "p_imaging_read": ("study_person_id", "read_at"),
    "p_incident": ("person_id", "coalesce(occurred_at, CAST(occurred_on AS TIMESTAMP), reported_at)"),
    "p_social_care_event": ("person_id", "start_at"),
    "p_death": ("person_id", "death_at"),
    "p_feedback": ("NULL", "received_on"),
    "p_staffing": ("NULL", "shift_date"),
    "p_roster": ("NULL", "shift_date"),
}


def write_coverage(build: Curation, to: Tables) -> Written:
    """Write ``coverage.parquet`` (table, source, person_id, month, rows); what was written, for the manifest.

    Rows of a table without a person have a NULL there; rows without a date a NULL month. Of what is kept by person the
    rows of people who are not affected are taken from the last release.
    """
    parts = {
        table: f"SELECT fate, source, CAST({person} AS BIGINT) AS person_id,"
        f" CAST(date_trunc('month', CAST({day} AS DATE)) AS DATE) AS month"
        f" FROM (SELECT *, CAST({person} AS BIGINT) AS of_whom FROM {table}) AS t"
        " ANTI JOIN limited AS l ON l.person_id = t.of_whom"
        " WHERE fate NOT LIKE 'not:%' AND fate NOT IN ('opted_out', 'unlinked')"
        for table, (person, day) in _DATED.items()
    }
    if to.last:
        parts = {table: of_affected(sql) for table, sql in parts.items()}
    rows = (
        'SELECT fate AS "table", source, person_id, month, CAST(count(*) AS BIGINT) AS "rows"'
        f" FROM ({' UNION ALL '.join(parts.values())}) AS told GROUP BY fate, source, person_id, month"
    )
    if to.last:
        whole = ", ".join(literal(table.removeprefix("p_")) for table in _DATED if table not in PERSONAL)
        rows += (
            f" UNION ALL SELECT o.* FROM read_parquet({literal(to.last.folder / FILE)}) AS o"
            f' ANTI JOIN affected USING (person_id) WHERE o."table" NOT IN ({whole})'
        )
    path = to.folder / FILE
    count = build.engine.write_parquet(rows, path, order_by='"table", source, month, person_id')
    described: list[dict[str, object]] = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    return Written(FILE, count, sha256_file(path), described)
