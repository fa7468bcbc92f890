"""Reading a build's staged rows: all of them, or those of the people affected since the last build."""

from __future__ import annotations

import pyarrow as pa

from lockgate import terminology
from lockgate.capture import latest_view
from lockgate.curate.affected import find_affected, measure
from lockgate.curate.buildstate import BuildState
from lockgate.curate.codes import WHOLE, WHOLE_USE, codes_in_use, make_use, withhold
from lockgate.curate.sources import BY_RECORD, Curation, find_standing, select_source
from lockgate.deidentify import text as free_text
from lockgate.schema import STAGED


def read_sources(build: Curation, before: BuildState | None = None) -> str:
    """Make every ``s_<table>`` (sources.py), ``coding``, ``fixed``, ``area``, ``person_standing`` and ``tally``.

    With the state of an earlier build (its tables as ``before_<table>``) the ``s_<table>`` of BY_RECORD hold only the
    rows of the people in ``affected``, and of nobody. Returns "", or in words why everybody was read all the same.
    """
    engine = build.engine
    terminology.vocabulary_view(engine, build.site)
    engine.register("fixed", terminology.fixed_concepts())
    engine.view_parquet("area", terminology.areas_path())
    engine.view_parquet("area11", terminology.areas11_path())
    engine.view_parquet("ods", terminology.organisations_path())
    _read(build, WHOLE)
    find_standing(build)
    make_use(engine, WHOLE_USE, WHOLE)
    _site_names(build)
    why_all = find_affected(build, before) if before else ""
    if not before or why_all:
        _read(build, BY_RECORD)
        measure(build, incremental=False)
    withhold(engine)
    codes_in_use(build)
    for table in STAGED:
        engine.execute(f"CREATE OR REPLACE TABLE s_{table} AS {select_source(table)}")
        engine.execute(f"DROP TABLE now_{table}")
    tally = " UNION ALL ".join(
        f"SELECT person_id, '{table}' AS staged, count(*) AS live FROM s_{table} GROUP BY person_id"
        for table in BY_RECORD
    )
    engine.execute(f"CREATE OR REPLACE TABLE tally AS {tally}")
    return why_all


def _read(build: Curation, tables: tuple[str, ...]) -> None:
    for table in tables:
        latest = latest_view(build.engine, build.site, table)
        build.engine.execute(f"CREATE OR REPLACE TABLE now_{table} AS SELECT * FROM {latest}")


def _site_names(build: Curation) -> None:
    """``site_name``: what any note may hold of the names of staff, practices and places, in lower case."""
    names = free_text.site_names(build.engine.local, build.site)
    phrases = dict(names.phrases) if names else {}
    build.engine.register(
        "site_name",
        pa.table(
            {
                "phrase": pa.array(list(phrases), pa.string()),
                "kind": pa.array(list(phrases.values()), pa.string()),
            }
        ),
    )
