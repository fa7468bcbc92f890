"""The folder of a twin: narrowed by its scope as a workspace is, and laid out like one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from lockgate import __version__
from lockgate.curate import Release
from lockgate.engine import Engine, quote
from lockgate.errors import Refused
from lockgate.schema import RELEASE, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import atomic_dir, sha256_file
from lockgate.twin.check import SCHEMA, check_twin, refused
from lockgate.twin.recipe import Recipe
from lockgate.workspace.cohorts import cohort_sql
from lockgate.workspace.dictionary import write_dictionary
from lockgate.workspace.extract import Extract, order, relation
from lockgate.workspace.rare import find_rare
from lockgate.workspace.scope import Scope

SITES_OWN = 2_000_000_000  # from here on, concept ids are the site's own
_NAMED = {
    "concept": ("concept_id",),
    "concept_relationship": ("concept_id_1", "concept_id_2"),
    "concept_synonym": ("concept_id",),
    "concept_ancestor": ("ancestor_concept_id", "descendant_concept_id"),
}
README = """A synthetic twin: same tables, columns and codes as the data it stands for, and nobody's data.

Made from noisy counts only (recipe {recipe}; release {release}; epsilon {epsilon:g}, delta {delta:g}). What you find
here is invented: use it to write code, never to draw a conclusion. See dictionary.md for the columns.

  lockgate twin run THIS_FOLDER study.py      # runs as a job would, without the sandbox
"""


def write_twin(
    site: Site,
    out: Path,
    real: Release,
    scope: Scope,
    recipe: Recipe,
    made: Release,
    cohort: str,
    seed: int,
    spill: Path,
) -> dict[str, Any]:
    """Write the twin's folder and return what ``twin.json`` says. It appears whole or not at all."""
    applied = scope if cohort == "applied" else scope.model_copy(update={"cohort": None})
    # ids and dates are invented already, and so are the notes: nothing is left to be hidden or replaced in them
    applied = applied.model_copy(update={"notes": None, "partners": ()})
    year = int(str(real.manifest.get("opt_out_cut_off", recipe.year))[:4])
    oldest = year - int(real.manifest.get("policy", {}).get("top_age", 90))
    wanted = [name for name in applied.tables if name in RELEASE and name not in VOCABULARY_TABLES]
    recipe_sha = hashlib.sha256(json.dumps(recipe.as_json(), sort_keys=True).encode()).hexdigest()
    with (
        Engine(memory_limit=site.config.engine.memory_limit or None, temp_dir=spill) as engine,
        atomic_dir(out) as folder,
    ):
        for name in RELEASE:
            of = real if name == "cdm_source" else made  # one row that tells of the release
            files = [of.table_path(name)] if name in of.manifest["tables"] else []
            engine.view_parquet(f"release_{name}", files, RELEASE[name])
        engine.execute("CREATE TABLE opted_out (person_id BIGINT)")
        engine.execute("CREATE TABLE held_sample (specimen_id BIGINT)")
        engine.execute(
            f"CREATE TABLE chosen AS SELECT DISTINCT person_id FROM ({cohort_sql(engine, made, applied)})"
        )
        engine.execute("CREATE TABLE shift AS SELECT person_id, 0 AS days FROM chosen")
        tables = {name: _table(engine, Extract(applied, name, year, oldest), folder, made) for name in wanted}
        tables |= _vocabulary(engine, folder, real, tables)
        facts = {
            "schema": SCHEMA,
            "synthetic": True,
            "release": real.number,
            "project": scope.project,
            "scope_id": scope.scope_id,
            "people": int(engine.one("SELECT count(*) FROM chosen")),
            "seed": seed,
            "cohort": cohort,
            "dates": scope.dates,
            "rare_codes": scope.rare_codes,
            "recipe_sha256": recipe_sha,
            "privacy": recipe.privacy,
            "code_version": __version__,
            "not_in_it": sorted(set(scope.tables) - set(RELEASE)),
            "tables": tables,
        }
        write_dictionary(folder, applied, tables)
        (folder / "README.txt").write_text(
            README.format(
                recipe=recipe_sha[:12],
                release=real.number,
                epsilon=recipe.privacy["epsilon"],
                delta=recipe.privacy["delta"],
            ),
            encoding="utf-8",
        )
        _say(folder, facts)
        with Engine(memory_limit=site.config.engine.memory_limit or None, temp_dir=spill) as apart:
            findings = check_twin(folder, real, site.config.disclosure.threshold, apart)
        if reasons := refused(findings):
            raise Refused(
                "the twin does not pass its own disclosure check; nothing was kept",
                reasons=reasons,
                where=f"release {real.number}",
                remedy="report this; a twin that passes may come of another --seed",
            )
        facts["checked"] = [finding.as_dict() for finding in findings]
        _say(folder, facts)
    return facts


def _say(folder: Path, facts: dict[str, Any]) -> None:
    (folder / "twin.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _table(engine: Engine, extract: Extract, folder: Path, made: Release) -> dict[str, Any]:
    """One table, through the same query as a workspace's."""
    if extract.scope.rare_codes:
        find_rare(engine, extract.table, extract.rare, extract.scope.rare_codes)
    names = ", ".join(quote(column.name) for column in extract.columns)
    path = folder / f"{extract.table}.parquet"
    rows = engine.write_parquet(
        f"SELECT {names} FROM ({extract.rows_sql()})", path, order_by=order(extract.columns)
    )
    return _described(path, rows, [column.name for column in extract.columns])


def _vocabulary(
    engine: Engine, folder: Path, real: Release, tables: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The vocabulary, without those of the site's own concepts that the twin has not: that there is one tells that
    somebody's record has it."""
    columns = [
        (name, column.name)
        for name, table in tables.items()
        for column in RELEASE[name]
        if column.role == "concept" and column.name in table["columns"]
    ]
    used = " UNION ".join(
        f"SELECT {quote(column)} AS concept_id FROM {relation(name)} WHERE {quote(column)} >= {SITES_OWN}"
        for name, column in columns
    )
    engine.execute(
        f"CREATE TABLE own_concept AS {used}" if used else "CREATE TABLE own_concept (concept_id BIGINT)"
    )
    out = {}
    for name in VOCABULARY_TABLES:
        if name not in real.manifest["tables"]:
            continue
        path = folder / f"{name}.parquet"
        tests = [
            f"({quote(column)} < {SITES_OWN} OR {quote(column)} IN (SELECT concept_id FROM own_concept))"
            for column in _NAMED.get(name, ())
        ]
        where = " AND ".join(tests) or "true"
        names = ", ".join(quote(column.name) for column in RELEASE[name])
        rows = engine.write_parquet(
            f"SELECT {names} FROM {relation(name)} WHERE {where}", path, order_by=names
        )
        out[name] = _described(path, rows, [column.name for column in RELEASE[name]])
    return out


def _described(path: Path, rows: int, columns: list[str]) -> dict[str, Any]:
    return {
        "rows": rows,
        "columns": columns,
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": sha256_file(path),
    }
