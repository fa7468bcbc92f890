"""Recipes and twins of a site: made once for each release, narrowed to a project by its own scope."""

from __future__ import annotations

import hashlib
import math
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.catalogue.counts import find_unwilling, willing_view
from lockgate.curate import ERAS, MADE_FROM, Release, eras_of, open_release, retirement
from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.schema import RELEASE, VOCABULARY_TABLES
from lockgate.site import Site
from lockgate.site.files import hold_lock, make_dir, sha256_file
from lockgate.twin.budget import Budget
from lockgate.twin.generate import MOST_PEOPLE, generate
from lockgate.twin.measure import measure
from lockgate.twin.recipe import Recipe, Value
from lockgate.twin.shape import WAYS
from lockgate.twin.writing import write_twin
from lockgate.workspace.cohorts import cohort_sql
from lockgate.workspace.released import checked_manifest
from lockgate.workspace.scope import Scope
from lockgate.workspace.scope.checks import IMPERSONAL, person_column, table_problems

FEW = 50  # with fewer people in the twin's cohort, the cohort is left aside
MOST_TRIES = 10


@dataclass(frozen=True, slots=True)
class Twin:
    """A twin that was made: where it is, what it was made from, what it holds."""

    path: Path
    release: str
    project: str
    people: int
    seed: int
    facts: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The twin as JSON values."""
        return {"path": str(self.path), **self.facts}


def recipe_file(site: Site, release: str) -> Path:
    """Where the recipe of a release is kept."""
    return site.path / "twins" / release / "recipe.json"


def spent(site: Site) -> float:
    """The sum of the epsilons of all recipes that were ever made here, by the audit chain."""
    return sum(float(str(entry.detail.get("epsilon", 0))) for entry in site.audit.entries("twin.recipe_made"))


def recipe_of(site: Site, number: str, *, actor: str, again: bool = False) -> Recipe:
    """The recipe of a release: the one that is kept, or a new one. ``again`` makes it anew and spends again.

    Refused for a retired or altered release, and when the site's budget is spent.
    """
    release = open_release(site, number)
    path = recipe_file(site, release.number)
    if path.exists() and not again:
        return Recipe.read(path)
    make_dir(path.parent)
    with hold_lock(path.parent / ".lock", "the recipe is being made already", "wait until it is there"):
        if path.exists() and not again:
            return Recipe.read(path)
        recipe = _make_recipe(site, release)
        recipe.write(path)
        site.audit.append(
            "twin.recipe_made",
            actor=actor,
            release=release.number,
            epsilon=recipe.privacy["epsilon"],
            delta=recipe.privacy["delta"],
            queries=recipe.privacy["queries"],
            sha256=sha256_file(path),
        )
    return recipe


def _make_recipe(site: Site, release: Release) -> Recipe:
    gone = retirement(site, release.number)
    if gone is not None:
        raise Refused(
            f"release {release.number} was retired",
            reasons=[gone.reason],
            remedy="make a twin of a newer release",
        )
    settings = site.config.twin
    before = spent(site)
    if before + settings.epsilon > settings.total_epsilon + 1e-9:
        raise Refused(
            "the site's budget for recipes of twins is spent",
            reasons=[
                f"epsilon {before:g} was spent, {settings.epsilon:g} more would pass {settings.total_epsilon:g}"
            ],
            where=f"release {release.number}",
            remedy="use the recipe of an earlier release; or decide on a larger [twin] total_epsilon in site.toml",
        )
    there = [name for name in WAYS if name in release.manifest["tables"]]
    manifest = checked_manifest(site, release, set(there), set())
    engine_settings = site.config.engine
    with Engine(
        memory_limit=engine_settings.memory_limit or None, threads=engine_settings.threads or None
    ) as engine:
        find_unwilling(engine, site, release)
        filled = {}
        for name in there:
            willing_view(engine, f"counted_{name}", release.table_path(name))
            columns = _filled(engine, name, site.config.disclosure.threshold)
            if columns:
                filled[name] = columns
        if "person" not in filled:
            raise Refused("the release has too few people for a twin", reasons=["of nobody enough is known"])
        until = date.fromisoformat(
            str(release.manifest.get("opt_out_cut_off", f"{release.number[:4]}-12-31"))
        )
        # the same data and policy give the same noise, so that asking again tells nothing more; a change gives another
        people = engine.one("SELECT sum(hash(person_id)) FROM counted_person")
        source = f"{manifest}/{people}/{settings.epsilon}/{settings.delta}/{site.config.disclosure.threshold}"
        secret = hashlib.blake2b(source.encode(), key=site.key("twin/noise"), digest_size=32).digest()
        recipe = measure(
            engine,
            filled,
            Budget(settings.epsilon, settings.delta, site.config.disclosure.threshold),
            np.random.default_rng(int.from_bytes(secret, "big")),
            release=release.number,
            year=until.year,
        )
    recipe.privacy["oldest"] = until.year - int(release.manifest.get("policy", {}).get("top_age", 90))
    recipe.privacy["until"] = (until - date(1970, 1, 1)).days
    return recipe


def _filled(engine: Engine, table: str, threshold: int) -> frozenset[str]:
    """The columns that hold something for enough people (or in any row, where rows are of nobody)."""
    columns = [column.name for column in RELEASE[table] if column.askable]
    person = person_column(table)
    least = 1 if table in IMPERSONAL or person is None else threshold
    there = set(engine.columns(f"SELECT * FROM counted_{table}"))
    columns = [name for name in columns if name in there]
    counts = engine.rows(
        "SELECT "
        + ", ".join(
            f'count(DISTINCT "{person}") FILTER ("{name}" IS NOT NULL)' if person else f'count("{name}")'
            for name in columns
        )
        + f" FROM counted_{table}"
    )[0]
    return frozenset(name for name, count in zip(columns, counts, strict=True) if count >= least)


def whole_scope(release: Release) -> Scope:
    """What stands for a scope where a twin is of a whole release: every column that a scope could ask for."""
    tables = {
        name: tuple(column.name for column in RELEASE[name] if column.askable)
        for name in RELEASE
        if name in release.manifest["tables"] and name not in VOCABULARY_TABLES
    }
    return Scope.model_construct(  # type: ignore[call-arg]
        schema_="lockgate.scope/1",
        scope_id=f"twin-of-{release.number.replace('.', '-')}",
        project="twin",
        version=1,
        title="Synthetic twin of the whole release",
        release=release.number,
        tables=tables,
        cohort=None,
        period=None,
        linkages=(),
        partners=(),
        dates="exact",
        top_age=None,
        places=None,
        rare_codes=None,
        notes=None,
    )


def make_twin(
    site: Site,
    out: Path,
    *,
    actor: str,
    release: str = "latest",
    scope: Scope | None = None,
    people: int | None = None,
    seed: int = 1,
) -> Twin:
    """Make a twin at ``out``, a new folder laid out as a workspace: of a release, or of what a scope lets through.

    The scope need be neither signed nor in force: nobody's data is in a twin. ``people``: as many, [twin] people unless
    told. The same recipe, scope, people and seed give the same bytes.
    """
    size = site.config.twin.people if people is None else people
    if not 1 <= size <= MOST_PEOPLE:
        raise UsageError(f"a twin has from 1 to {MOST_PEOPLE:,} people", where="people")
    if out.exists():
        raise UsageError("the folder exists already", where=str(out), remedy="name a new folder for the twin")
    if scope and (problems := table_problems(scope.tables, scope.linkages)):
        raise Refused("the scope asks for what can't be given", reasons=problems, where=scope.scope_id)
    opened = open_release(site, scope.release if scope else release)
    recipe = recipe_of(site, opened.number, actor=actor)
    narrowed = scope or whole_scope(opened)
    names = _concept_names(opened)
    with tempfile.TemporaryDirectory(prefix="lockgate-twin-") as spill:
        made, cohort = _enough(opened, recipe, narrowed, size, seed, names, Path(spill))
        facts = write_twin(site, out, opened, narrowed, recipe, made, cohort, seed, Path(spill))
    site.audit.append(
        "twin.made",
        actor=actor,
        release=opened.number,
        scope_id=narrowed.scope_id,
        people=facts["people"],
        seed=seed,
        recipe_sha256=facts["recipe_sha256"],
    )
    return Twin(out, opened.number, narrowed.project, facts["people"], seed, facts)


def _concept_names(release: Release) -> dict[Value, str]:
    if "concept" not in release.manifest["tables"]:
        return {}
    table = pq.read_table(release.table_path("concept"), columns=["concept_id", "concept_name"])
    return dict(zip(table["concept_id"].to_pylist(), table["concept_name"].to_pylist(), strict=True))


def as_release(folder: Path, tables: dict[str, pa.Table], real: Release) -> Release:
    """The tables of a twin as a release on disk, so that what reads releases reads them: no one is limited in it.

    Its eras are made from its own conditions and drugs, as a release's are, where the release has any.
    """
    described: dict[str, Any] = {}
    place = make_dir(folder / "omop")

    def write(name: str, table: pa.Table) -> None:
        pq.write_table(table, place / f"{name}.parquet", compression="zstd")
        described[name] = {"file": f"omop/{name}.parquet", "rows": table.num_rows}

    for name, table in tables.items():
        write(name, table)
    for name in VOCABULARY_TABLES:
        if name in real.manifest["tables"]:
            (place / f"{name}.parquet").symlink_to(real.table_path(name).resolve())
            described[name] = real.manifest["tables"][name] | {"file": f"omop/{name}.parquet"}
    if all(name in real.manifest["tables"] for name in ERAS) and described.keys() >= set(MADE_FROM):
        for name, table in eras_of({name: place / f"{name}.parquet" for name in MADE_FROM}).items():
            write(name, table)
    kept: dict[str, Any] = {
        key: real.manifest[key] for key in ("policy", "opt_out_cut_off") if key in real.manifest
    }
    return replace(real, path=folder, manifest={"tables": described, **kept})


def _enough(
    real: Release,
    recipe: Recipe,
    scope: Scope,
    size: int,
    seed: int,
    names: dict[Value, str],
    spill: Path,
) -> tuple[Release, str]:
    """A twin of the release in whose cohort are ``size`` people, as nearly as can be had; what became of the cohort."""
    made = as_release(spill / "first", generate(recipe, size, seed, names), real)
    if scope.cohort is None:
        return made, "everybody"
    found = _in_cohort(made, scope)
    if found >= size:
        return made, "applied"
    # the share in the cohort is known from ``found`` people only: some more, so that chance seldom leaves too few
    times = min(MOST_TRIES, size / max(found, 1) * (1 + 2 / math.sqrt(max(found, 1))))
    made = as_release(spill / "second", generate(recipe, math.ceil(size * times), seed, names), real)
    if _in_cohort(made, scope) >= min(FEW, size):
        return made, "applied"
    first = spill / "first"
    return replace(made, path=first), "left aside: hardly anybody of the twin is in it"


def _in_cohort(release: Release, scope: Scope) -> int:
    with Engine() as engine:
        try:
            return int(engine.one(f"SELECT count(*) FROM ({cohort_sql(engine, release, scope)})"))
        except LockgateError:
            return 0
