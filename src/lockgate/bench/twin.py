"""Synthetic twins: how true, how fast, and whether an attacker with whole records can tell who was in the data."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.bench.core import Measure
from lockgate.bench.twin_peer import peer_measures
from lockgate.capture import capture_fhir, capture_tables
from lockgate.curate import Release, build_release, open_release
from lockgate.engine import Engine, quote
from lockgate.schema import RELEASE
from lockgate.site import Site
from lockgate.synthetic import generate as make_hospital
from lockgate.twin.budget import Budget
from lockgate.twin.generate import generate
from lockgate.twin.measure import measure
from lockgate.twin.membership import NEEDED, attack, make_views
from lockgate.twin.recipe import Recipe
from lockgate.twin.shape import WAYS
from lockgate.workspace.scope.checks import person_column

EPSILON, DELTA, THRESHOLD, YEAR = 5.0, 1e-6, 10, 2025
# What is compared of each table: the share of people who have each kind.
_KINDS = {
    "visit_occurrence": "visit_concept_id",
    "condition_occurrence": "condition_concept_id",
    "drug_exposure": "drug_concept_id",
    "measurement": "measurement_concept_id",
}
_HALF = "SELECT person_id FROM half WHERE h = {}"


def run(quick: bool) -> list[Measure]:
    """A hospital of which half is told of in a recipe: what its twin gives away, how like it is, what it costs."""
    with tempfile.TemporaryDirectory() as name, Engine() as engine:
        release = _release(Path(name), 240 if quick else 2_000)
        engine.execute("SET threads = 2")
        for table in WAYS:
            engine.view_parquet(f"all_{table}", release.table_path(table), RELEASE[table])
        engine.execute(
            "CREATE TABLE half AS SELECT person_id, row_number() OVER (ORDER BY hash(person_id)) % 2 AS h "
            "FROM all_person"
        )
        epsilon = 100.0 if quick else EPSILON  # few people: else hardly anything is let out
        begin = time.process_time()
        recipe = _recipe(engine, _HALF.format(0), epsilon)
        measuring = time.process_time() - begin
        size = int(engine.one("SELECT count(*) FROM half WHERE h = 0"))
        tables = generate(recipe, size, 1, {})
        measures = [*_attacks(engine, tables), *_likeness(engine, tables)]
        measures.append(Measure(f"recipe of {size:,} people, CPU", measuring, "s"))
        if not quick:
            measures += peer_measures(engine, EPSILON, YEAR)
    return [*measures, *_scale(recipe, 3_000 if quick else 200_000)]


def _release(folder: Path, people: int) -> Release:
    make_hospital(folder / "hospital", patients=people, seed=5)
    # the same keys each time, so the same halves: a test that is right 95 times of 100 is right each time or never
    site = Site.init(folder / "site", name="Bench", ods_code="RBE", demo=True, seed="bench twin")
    capture_fhir(site, folder / "hospital" / "fhir", source="epr", actor="bench")
    capture_tables(site, folder / "hospital" / "tables", actor="bench")
    build_release(site, actor="bench", note="bench")
    return open_release(site)


def _recipe(engine: Engine, people: str, epsilon: float) -> Recipe:
    """The recipe of some people of the tables ``all_<table>``."""
    filled = {}
    for table in WAYS:
        person = person_column(table)
        where = f"WHERE {person} IS NULL OR {person} IN ({people})" if person else ""
        engine.execute(f"CREATE OR REPLACE VIEW counted_{table} AS SELECT * FROM all_{table} {where}")
        columns = [column for column in RELEASE[table] if column.askable]
        counts = engine.rows(
            f"SELECT {', '.join(f'count({quote(c.name)})' for c in columns)} FROM counted_{table}"
        )[0]
        there = frozenset(c.name for c, n in zip(columns, counts, strict=True) if n)
        if there:
            filled[table] = there
    budget = Budget(epsilon, DELTA, THRESHOLD)
    return measure(engine, filled, budget, np.random.default_rng(9), release="bench", year=YEAR)


def _attacks(engine: Engine, tables: Mapping[str, pa.Table]) -> list[Measure]:
    """The membership test on the twin; and on a copy of a third of the members, which it must see."""
    every = {name: f"all_{name}" for name in NEEDED}
    make_views(engine, "a", every, _HALF.format(0))
    make_views(engine, "b", every, _HALF.format(1))
    for name in NEEDED:
        engine.register(f"made_{name}", tables[name])
    made = {name: f"made_{name}" for name in NEEDED}
    make_views(engine, "t", made, "SELECT person_id FROM made_person")
    found = attack(engine)
    leaked = f"{_HALF.format(0)} AND hash(person_id) % 3 = 0"
    make_views(engine, "t", every, leaked)
    seen = [item for item in attack(engine) if item.name in ("nearest", "rows")]
    make_views(engine, "t", made, "SELECT person_id FROM made_person")
    out = [
        Measure(
            f"membership, {item.name}: AUC (0.5: chance)",
            item.auc,
            "",
            correct=item.chance,
            interval=(item.low, item.high),
        )
        for item in found
    ]
    worst = min(item.auc for item in seen)
    caught = not any(item.chance for item in seen)
    return [*out, Measure("a leaking twin, same test: least AUC", worst, "", correct=caught)]


def _likeness(engine: Engine, tables: Mapping[str, pa.Table]) -> list[Measure]:
    """How far shares of people are from those of the members: half the sum of differences of kinds that both have."""
    out = []
    for table, column in _KINDS.items():
        engine.register("made_now", tables[table])
        real = _shares(engine, f"a_{table}", column, "a_person")
        ours = _shares(engine, "made_now", column, "made_person")
        both = set(real) & set(ours)
        whole = sum(real.values())
        apart = float(np.mean([abs(real[kind] - ours[kind]) for kind in both])) if both else 1.0
        out.append(
            Measure(f"{table}: kinds in the twin, of rows", _covered(engine, table, column, ours), "share")
        )
        out.append(
            Measure(f"{table}: mean difference of a kind's share of people", apart, "share", 0.05, False)
        )
        total = (
            sum(abs(real.get(k, 0) - ours.get(k, 0)) for k in set(real) | set(ours)) / 2 / max(whole, 1e-9)
        )
        out.append(Measure(f"{table}: total variation distance of kinds", total, "share"))
    out.append(_pairs(engine, tables))
    return out


def _shares(engine: Engine, relation: str, column: str, people: str) -> dict[Any, float]:
    rows = engine.rows(
        f"SELECT {column}, count(DISTINCT person_id) / (SELECT count(*) FROM {people}) FROM {relation} GROUP BY 1"
    )
    return {kind: float(share) for kind, share in rows}


def _covered(engine: Engine, table: str, column: str, ours: Mapping[Any, float]) -> float:
    rows = engine.rows(f"SELECT {column}, count(*) FROM a_{table} GROUP BY 1")
    return float(sum(n for kind, n in rows if kind in ours) / max(sum(n for _, n in rows), 1))


def _pairs(engine: Engine, tables: Mapping[str, pa.Table]) -> Measure:
    """The mean difference, over pairs of the commonest conditions and drugs, of the share of people who have both."""
    for name in ("condition_occurrence", "drug_exposure"):
        engine.register(f"made_{name}", tables[name])
    parts = {}
    for side in ("a", "made"):
        union = " UNION ".join(
            f"SELECT person_id, {_KINDS[name]} AS kind FROM {side}_{name}"
            for name in ("condition_occurrence", "drug_exposure")
        )
        rows = engine.rows(
            f"WITH h AS ({union}), k AS (SELECT kind FROM h GROUP BY kind ORDER BY count(*) DESC, kind LIMIT 15), "
            "g AS (SELECT h.* FROM h SEMI JOIN k USING (kind)) SELECT x.kind, y.kind, count(*) / "
            f"(SELECT count(*) FROM {side}_person) FROM g x JOIN g y ON x.person_id = y.person_id AND x.kind < y.kind "
            "GROUP BY ALL"
        )
        parts[side] = {(a, b): float(n) for a, b, n in rows}
    both = set(parts["a"]) & set(parts["made"])
    apart = float(np.mean([abs(parts["a"][pair] - parts["made"][pair]) for pair in both])) if both else 1.0
    return Measure("pairs of kinds: mean difference of the share of people", apart, "share", 0.05, False)


def _scale(recipe: Recipe, people: int) -> list[Measure]:
    """A twin of many people, and a recipe of that many rows: the twin is taken for a release."""
    begin = time.process_time()
    tables = generate(recipe, people, 2, {})
    making = time.process_time() - begin
    rows = sum(table.num_rows for table in tables.values())
    with Engine() as engine:
        engine.execute("SET threads = 2")
        for table in WAYS:
            engine.register(f"all_{table}", tables[table])
        begin = time.process_time()
        again = _recipe(engine, "SELECT person_id FROM all_person", EPSILON)
        measuring = time.process_time() - begin
    kinds = sum(len(item.cells) for item in again.histograms if item.name == "main")
    return [
        Measure(f"twin of {people:,} people ({rows:,} rows), CPU", making, "s"),
        Measure(f"recipe of {people:,} people ({rows:,} rows), CPU", measuring, "s", correct=kinds > 0),
        Measure(f"kinds let out of {people:,} people", kinds, "kinds"),
    ]
