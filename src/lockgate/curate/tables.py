"""Writing the release's tables: one SELECT file each, shaped and typed by the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lockgate import __version__
from lockgate.curate.sources import Curation
from lockgate.curate.sqltext import sql_names, sql_text
from lockgate.engine import SqlEngine, quote
from lockgate.schema import LINKED, OMOP, VOCABULARY_TABLES, Column
from lockgate.site.files import make_dir, sha256_file
from lockgate.terminology import vocabulary_info


@dataclass(frozen=True, slots=True)
class Written:
    """One table of a release: its file (relative to the release's folder), rows and SHA-256."""

    file: str
    rows: int
    sha256: str
    columns: list[dict[str, object]]


def write_tables(
    build: Curation, folder: Path, limited: Mapping[str, Written] | None = None
) -> dict[str, Written]:
    """Write every table of the OMOP and linked folders, and the vocabulary in use; name -> what was written.

    The vocabulary is that of the ``limited`` tables too, which are written first. Needs ``prepare_tables``.
    """
    written: dict[str, Written] = {}
    for part, schema in (("omop", OMOP), ("linked", LINKED)):
        make_dir(folder / part)
        for name in sql_names(part):
            written[name] = write_table(build, name, sql_text(part, name), schema[name], folder / part)
    written |= _vocabulary_in_use(build, folder / "omop", {**written}, limited or {})
    return dict(sorted(written.items()))


def write_limited(build: Curation, folder: Path) -> dict[str, Written]:
    """Write the rows of people who have opted out of some purposes, and not of others, into ``limited/``.

    They are in none of the release's tables, so whoever reads those need not know what for. ``limited/people.parquet``
    says for which purposes each is left out; only a project of another purpose is given their rows.
    """
    if not build.engine.one("SELECT count(*) FROM limited"):
        return {}
    place, written = make_dir(folder / "limited"), {}
    for part, schema in (("omop", OMOP), ("linked", LINKED)):
        for name in sql_names(part):
            if person_column(schema[name]):
                made = write_table(build, name, sql_text(part, name), schema[name], place, limited=True)
                path = place / Path(made.file).name
                if made.rows:
                    written[name] = Written(f"limited/{path.name}", made.rows, made.sha256, made.columns)
                else:
                    path.unlink()
    path = place / "people.parquet"
    rows = build.engine.write_parquet("SELECT person_id, purposes FROM limited", path, order_by="person_id")
    columns: list[dict[str, object]] = [
        {"name": "person_id", "type": "BIGINT"},
        {"name": "purposes", "type": "VARCHAR"},
    ]
    return written | {"people": Written("limited/people.parquet", rows, sha256_file(path), columns)}


def person_column(columns: tuple[Column, ...]) -> bool:
    """Whether a table says whose its rows are."""
    return any(column.role == "key:person" for column in columns)


def write_table(
    build: Curation,
    name: str,
    sql: str,
    columns: tuple[Column, ...],
    folder: Path,
    *,
    limited: bool = False,
) -> Written:
    """Write one SELECT as one Parquet file: the schema's columns in its order and types, rows in order of their key.

    People in ``limited`` are left out; with ``limited`` it is they alone who are written.

    A column whose role is "withheld" is NULL whatever the SELECT says, and dates are cut to the month where the
    site's policy says so. Raises KeyError when the SELECT lacks a column.
    """
    rows_of = f"({sql}) AS selected"
    if person_column(columns):
        rows_of += f" {'SEMI' if limited else 'ANTI'} JOIN limited AS l ON l.person_id = selected.person_id"
    monthly = build.site.config.deidentify.event_dates == "month"
    present = set(build.engine.columns(sql))
    missing = [column.name for column in columns if column.name not in present]
    if missing:
        raise KeyError(f"the SELECT of {name} has no column {', '.join(missing)}")
    shaped = ", ".join(_shape(column, monthly) for column in columns)
    path = folder / f"{name}.parquet"
    rows = build.engine.write_parquet(f"SELECT {shaped} FROM {rows_of}", path, order_by=_order(name, columns))
    described: list[dict[str, object]] = [
        {"name": column.name, "type": column.type, "role": column.role, "required": column.required}
        for column in columns
    ]
    return Written(f"{folder.name}/{path.name}", rows, sha256_file(path), described)


def _shape(column: Column, monthly: bool) -> str:
    name = quote(column.name)
    if column.role == "withheld":
        return f"CAST(NULL AS {column.type}) AS {name}"
    if monthly and column.role == "date":
        if column.type == "TIMESTAMP":
            return f"CAST(NULL AS TIMESTAMP) AS {name}"
        return f"CAST(date_trunc('month', {name}) AS DATE) AS {name}"
    return f"CAST({name} AS {column.type}) AS {name}"


def _order(name: str, columns: tuple[Column, ...]) -> str:
    """A total order: the table's own key, else its person, else every column."""
    own = [column.name for column in columns if column.key_domain == name]
    person = [column.name for column in columns if column.name == "person_id"]
    keys = own or (person if name in ("death", "person_deprivation") else [])
    if name == "tissue_sample":
        keys = ["specimen_id"]
    return ", ".join(quote(key) for key in keys or [column.name for column in columns])


def prepare_tables(build: Curation) -> None:
    """Make what the SELECTs read besides the prepared rows: ``common_text`` and ``described``."""
    _common_text(build)
    _describe_source(build)


def _common_text(build: Curation) -> None:
    """``common_text``: free words that stand for at least ``threshold`` people, and so point to none of them."""
    build.engine.execute(
        f"""
        CREATE OR REPLACE TABLE common_text AS
        SELECT words FROM (
            SELECT value_text AS words, person_id FROM event WHERE value_text IS NOT NULL
            UNION ALL SELECT sig, person_id FROM event WHERE sig IS NOT NULL
            UNION ALL SELECT title, person_id FROM p_document WHERE title IS NOT NULL
        ) AS said
        GROUP BY words
        HAVING count(DISTINCT person_id) >= {int(build.threshold)}"""
    )


def _describe_source(build: Curation) -> None:
    """``described`` (one row): what ``cdm_source`` tells of the site and the code."""
    section = build.site.config.site
    build.engine.register(
        "described",
        pa.table(
            {
                "site_name": [section.name],
                "site_code": [section.ods_code or section.name],
                "code_version": [f"lockgate {__version__}"],
                "vocabulary_version": [vocabulary_info(build.site).version],
            }
        ),
    )


def _vocabulary_in_use(
    build: Curation, folder: Path, written: Mapping[str, Written], limited: Mapping[str, Written]
) -> dict[str, Written]:
    """The rows of the vocabulary that the release's concepts need: themselves, their ancestors, their mappings."""
    engine = build.engine
    used = []
    for name, table in written.items():
        files = [folder.parent / each[name].file for each in (written, limited) if name in each]
        engine.view_parquet(f"r_{name}", files)
        used += [
            f"SELECT {quote(str(column['name']))} AS concept_id FROM r_{name}"
            for column in table.columns
            if column["role"] == "concept"
        ]
    engine.execute(f"CREATE OR REPLACE TABLE used AS {' UNION '.join(used)}")
    engine.execute(
        """
        CREATE OR REPLACE TABLE in_use AS
        SELECT concept_id FROM used WHERE concept_id IS NOT NULL
        UNION
        SELECT a.ancestor_concept_id FROM vocabulary_concept_ancestor AS a
        JOIN used AS u ON u.concept_id = a.descendant_concept_id"""
    )
    kept = {
        "concept": "SELECT c.* FROM vocabulary_concept AS c JOIN in_use AS u ON u.concept_id = c.concept_id",
        "concept_relationship": "SELECT r.* FROM vocabulary_concept_relationship AS r "
        "JOIN in_use AS a ON a.concept_id = r.concept_id_1 JOIN in_use AS b ON b.concept_id = r.concept_id_2",
        "concept_ancestor": "SELECT h.* FROM vocabulary_concept_ancestor AS h "
        "JOIN in_use AS a ON a.concept_id = h.ancestor_concept_id "
        "JOIN in_use AS b ON b.concept_id = h.descendant_concept_id",
        "concept_synonym": "SELECT s.* FROM vocabulary_concept_synonym AS s "
        "JOIN in_use AS u ON u.concept_id = s.concept_id",
    }
    tables = {}
    for name in VOCABULARY_TABLES:
        sql = kept.get(name, f"SELECT * FROM vocabulary_{name}")
        table = write_table(build, name, sql, OMOP[name], folder)
        tables[name] = table
    return tables


def release_views(engine: SqlEngine, folder: Path, tables: dict[str, Written]) -> None:
    """Views ``r_<table>`` over what was written."""
    for name, table in tables.items():
        engine.view_parquet(f"r_{name}", folder / table.file)
