"""Writing the release's tables: one SELECT file each, shaped and typed by the schema."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from lockgate import __version__
from lockgate.curate.eras import make_ingredients
from lockgate.curate.reuse import (
    PERSONAL,
    Known,
    LastRelease,
    digests,
    link_file,
    merged,
    stands,
    tables_read,
)
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


@dataclass(frozen=True)
class Tables:
    """Where a release's tables go, what of the last release may stand (None: nothing), and what is known of files.

    ``inputs`` are the digests of what the tables read; the next build compares them with its own.
    """

    folder: Path
    last: LastRelease | None = None
    known: Known = field(default_factory=Known)
    inputs: dict[str, list[str]] = field(default_factory=dict)


def prepare_tables(build: Curation, to: Tables) -> None:
    """Make what the SELECTs read besides the prepared rows, and the digests of what they read."""
    _common_text(build)
    make_ingredients(build.engine, prefix="vocabulary_")
    _describe_source(build)
    if build.engine.local is build.engine:
        selects = [sql_text(part, name) for part in ("omop", "linked") for name in sql_names(part)]
        to.inputs.update(digests(build.engine, [*selects, "SELECT person_id FROM limited"]))


def write_tables(
    build: Curation, to: Tables, limited: Mapping[str, Written] | None = None
) -> dict[str, Written]:
    """Write every table of the OMOP and linked folders, and the vocabulary in use; name -> what was written.

    The vocabulary is that of the ``limited`` tables too, which are written first. Needs ``prepare_tables``.
    """
    written: dict[str, Written] = {}
    for part, schema in (("omop", OMOP), ("linked", LINKED)):
        make_dir(to.folder / part)
        for name in sql_names(part):
            written[name] = write_table(build, to, f"{part}/{name}", sql_text(part, name), schema[name])
    written |= _vocabulary_in_use(build, to, written, limited or {})
    return dict(sorted(written.items()))


def write_limited(build: Curation, to: Tables) -> dict[str, Written]:
    """Write the rows of people who have opted out of some purposes, and not of others, into ``limited/``.

    They are in none of the release's tables, so whoever reads those need not know what for. ``limited/people.parquet``
    says for which purposes each is left out; only a project of another purpose is given their rows.
    """
    if not build.engine.one("SELECT count(*) FROM limited"):
        return {}
    place, written = make_dir(to.folder / "limited"), {}
    for part, schema in (("omop", OMOP), ("linked", LINKED)):
        for name in sql_names(part):
            if person_column(schema[name]):
                made = write_table(build, to, f"limited/{name}", sql_text(part, name), schema[name])
                if made.rows:
                    written[name] = made
                else:
                    (to.folder / made.file).unlink()
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


def write_table(build: Curation, to: Tables, place: str, sql: str, columns: tuple[Column, ...]) -> Written:
    """Write one SELECT as one Parquet file: the schema's columns in its order and types, rows in order of their key.

    ``place`` is its folder and name, such as "omop/person". People in ``limited`` are left out; in the folder
    "limited" it is they alone who are written.

    A column whose role is "withheld" is NULL whatever the SELECT says, and dates are cut to the month where the
    site's policy says so. What the last release has of it is used (reuse.py); the bytes are the same either way. Raises
    KeyError when the SELECT lacks a column.
    """
    part, _, name = place.partition("/")
    path = to.folder / f"{place}.parquet"
    monthly = build.site.config.deidentify.event_dates == "month"
    whose = ""
    if person_column(columns):
        whose = f" {'SEMI' if part == 'limited' else 'ANTI'} JOIN limited AS l ON l.person_id = selected.person_id"
    described: list[dict[str, object]] = [
        {"name": column.name, "type": column.type, "role": column.role, "required": column.required}
        for column in columns
    ]

    def shaped(select: str) -> str:
        return f"SELECT {', '.join(_shape(column, monthly) for column in columns)} FROM ({select}) AS selected{whose}"

    if to.last and stands(to.last, place, sql, to.inputs, whose=bool(whose)):
        told = to.last.tables[place]
        old = to.last.folder / told["file"]
        rows = merged(build.engine, sql, shaped, old) if tables_read(sql) & PERSONAL else None
        if rows is None:
            link_file(old, path)
            return Written(f"{place}.parquet", told["rows"], told["sha256"], described)
    else:
        present = set(build.engine.columns(sql))
        missing = [column.name for column in columns if column.name not in present]
        if missing:
            raise KeyError(f"the SELECT of {name} has no column {', '.join(missing)}")
        rows = shaped(sql)
    count = build.engine.write_parquet(rows, path, order_by=_order(name, columns))
    return Written(f"{place}.parquet", count, sha256_file(path), described)


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
    build: Curation, to: Tables, written: Mapping[str, Written], limited: Mapping[str, Written]
) -> dict[str, Written]:
    """The rows of the vocabulary that the release's concepts need: themselves, their ancestors, their mappings."""
    engine = build.engine
    used: set[int] = set()
    for name, table in (*written.items(), *limited.items()):
        concepts = [quote(str(column["name"])) for column in table.columns if column.get("role") == "concept"]
        if concepts:
            used.update(
                to.known.of(
                    f"concepts of {table.sha256}",
                    partial(_concepts, engine, to.folder, name, table, concepts),
                )
            )
    engine.register("used", pa.table({"concept_id": pa.array(sorted(used), pa.int64())}))
    engine.execute(
        """
        CREATE OR REPLACE TABLE in_use AS
        SELECT concept_id FROM used
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
    # the vocabulary itself is in the fingerprint of the state, so the concepts are all that these tables go by
    digest = hashlib.sha256(repr(sorted(used)).encode()).hexdigest()
    to.inputs.update({name: [digest] for name in ("used", "in_use")})
    to.inputs.update({f"vocabulary_{name}": [digest] for name in VOCABULARY_TABLES})
    return {
        name: write_table(
            build, to, f"omop/{name}", kept.get(name, f"SELECT * FROM vocabulary_{name}"), OMOP[name]
        )
        for name in VOCABULARY_TABLES
    }


def _concepts(engine: SqlEngine, folder: Path, name: str, table: Written, columns: list[str]) -> list[int]:
    """The concepts that a released table names."""
    engine.view_parquet(f"r_{name}", folder / table.file)
    used = " UNION ".join(f"SELECT {column} AS concept_id FROM r_{name}" for column in columns)
    return sorted(
        int(row[0]) for row in engine.rows(f"SELECT * FROM ({used}) AS u WHERE concept_id IS NOT NULL")
    )
