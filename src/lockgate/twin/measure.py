"""Make a recipe: ask every question of a release, bound what one person adds, add noise, leave out what is rare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from lockgate.engine import Engine, quote
from lockgate.schema import RELEASE
from lockgate.twin.bins import FINE, NONE, coarse_ends
from lockgate.twin.budget import Budget, add_noise
from lockgate.twin.questions import (
    Question,
    pairs_question,
    place_questions,
    questions,
    view,
    view_sql,
)
from lockgate.twin.recipe import Histogram, Recipe, Value
from lockgate.twin.shape import PLACE_NAMES, WAYS, Parts, of_a_kind, parts

# Kinds whose coming together in people is measured: the commonest of these tables.
PAIRED = ("visit_occurrence", "condition_occurrence", "drug_exposure", "procedure_occurrence", "measurement")
MOST_PAIRED = 40
PAIRS_OF_ONE = 100


def measure(
    engine: Engine,
    filled: Mapping[str, frozenset[str]],
    budget: Budget,
    rng: np.random.Generator,
    *,
    release: str,
    year: int,
) -> Recipe:
    """The recipe of the tables ``counted_<table>`` in the engine, of which only the ``filled`` columns hold anything.

    ``rng`` must come from a secret. ``year``: that to which ages are reckoned. No other part of the package reads rows
    to make a twin.
    """
    places = {
        name: tuple(column for column in PLACE_NAMES[name] if column in filled[name])
        for name in PLACE_NAMES
        if name in filled
    }
    known = {table: parts(table, columns) for table, columns in filled.items() if table in WAYS}
    asked: list[Question] = []
    whole: dict[tuple[str, str], Question] = {}
    for part in known.values():
        if WAYS[part.table].kind != "places":
            engine.execute(f"CREATE OR REPLACE VIEW {view(part.table)} AS {view_sql(part, places)}")
        asked += [*questions(part, year, places), *place_questions(part, places)]
        whole |= {
            (question.table, question.name): question
            for question in (
                *questions(part, year, places, by_kind=False),
                *place_questions(part, places, by_kind=False),
            )
        }
    numbers = [question for question in asked if question.name.startswith("number:")]
    later = [("person", "pairs")] + [(q.table, f"fine:{q.name.partition(':')[2]}") for q in numbers]
    # nobody's rows cost nobody anything: each table of them has a whole budget of its own
    apart = {name: _of_nobody(name) for name in known}
    worth = sum(q.worth for q in asked if not apart[q.table]) + sum(
        Question(table, name, (), "", 1).worth for table, name in later if not apart[table]
    )
    own = {
        name: sum(q.worth for q in asked if q.table == name)
        + sum(Question(t, n, (), "", 1).worth for t, n in later if t == name)
        for name in known
        if apart[name]
    }
    queries = len(asked) + len(later)
    recipe = Recipe(
        release,
        {
            "epsilon": budget.epsilon,
            "delta": budget.delta,
            "rho": budget.rho,
            "threshold": budget.threshold,
            "unit": "all rows of one person; in tables about no patient, one row",
            "queries": queries,
            "outside": "which columns are filled, and the vocabulary: public in the catalogue",
        },
        {name: sorted(columns) for name, columns in filled.items()},
        year,
    )

    def share_of(question: Question) -> float:
        return question.worth / own.get(question.table, worth)

    def answer(question: Question) -> Histogram:
        histogram = _measured(engine, question, share_of(question), budget, queries, rng)
        recipe.histograms.append(histogram)
        return histogram

    for question in asked:
        if (question.table, question.name) == ("person", "people"):
            counted = answer(question)
            band = _band(counted, budget.noise(share_of(question), 1, queries).least)
            recipe.privacy["birth_band"] = band
            asked = [
                next(q for q in questions(known["person"], year, places, band=band) if q.name == "main")
                if (each.table, each.name) == ("person", "main")
                else each
                for each in asked
            ]
    main = {question.table: answer(question) for question in asked if question.name == "main"}
    for question in asked:
        if question.name == "main" or (question.table, question.name) == ("person", "people"):
            continue
        if _too_thin(question, main.get(question.table), budget, queries, share_of(question)):
            question = whole[question.table, question.name]
        histogram = answer(question)
        if question.name.startswith("number:"):
            fine = _fine(engine, known[question.table], question, histogram)
            if fine is not None:
                answer(fine)
    pairs = _pairs(engine, known, main)
    if pairs is not None:
        answer(pairs)
    return recipe


def _band(people: Histogram, least: float) -> int:
    """Years of birth to a cell: so many that most cells, by sex, are let out."""
    each = people.total() / 2 / 100
    return next((band for band in (5, 10, 20) if band * each > 1.5 * least), 40)


def _of_nobody(table: str) -> bool:
    """Whether the rows of a table are of no patient."""
    return not any(column.role == "key:person" for column in RELEASE[table])


def _too_thin(question: Question, main: Histogram | None, budget: Budget, queries: int, share: float) -> bool:
    """Whether, by what is known already, hardly a kind would be let out if the question were asked kind by kind.

    Values of measurements are asked kind by kind or not at all: together they would say nothing.
    """
    if main is None or question.columns[0] != main.columns[0] or of_a_kind(question.name):
        return False
    counts = sorted((int(str(cell[-1])) for cell in main.cells), reverse=True)
    usual = counts[len(counts) // 3] if counts else 0
    return usual / question.spread < budget.noise(share, question.most, queries).least


def _measured(
    engine: Engine,
    question: Question,
    share: float,
    budget: Budget,
    queries: int,
    rng: np.random.Generator,
) -> Histogram:
    """One histogram. A unit with more cells than ``most`` adds less to each, so that its share stays within bounds."""
    noise = budget.noise(share, question.most, queries)
    names = ", ".join(quote(name) for name in question.columns)
    rows = engine.rows(
        f"WITH cell AS ({question.sql}), "
        f"weight AS (SELECT u, least(1.0, sqrt({question.most} / CAST(count(*) AS DOUBLE))) AS w FROM cell GROUP BY u) "
        f"SELECT {names}, sum(w) AS n FROM cell JOIN weight USING (u) "
        f"GROUP BY {names} HAVING count(*) >= {budget.threshold} ORDER BY ALL"
    )
    counts = add_noise(np.array([row[-1] for row in rows], float), noise, rng)
    cells = [(*map(_plain, row[:-1]), int(count)) for row, count in zip(rows, counts, strict=True) if count]
    return Histogram(
        question.table,
        question.name,
        question.columns,
        question.most,
        round(share, 6),
        round(noise.sigma, 3),
        round(noise.least, 1),
        cells,
    )


def _plain(value: Any) -> Value:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _fine(engine: Engine, part: Parts, coarse: Question, histogram: Histogram) -> Question | None:
    """The same numbers in equal bins between the ends of the coarse ones that were let out, kind by kind."""
    ends: dict[Value, tuple[int, int]] = {}
    for cell in histogram.cells:
        kind, place = (cell[0] if len(cell) == 3 else None), int(str(cell[-2]))
        if place == NONE:
            continue
        low, high = ends.get(kind, (place, place))
        ends[kind] = (min(low, place), max(high, place))
    if not ends:
        return None
    column = coarse.name.partition(":")[2]
    listing = [(kind, *coarse_ends(*span)) for kind, span in ends.items()]
    name = f"ends_{part.table}_{column}"
    engine.register(
        name,
        pa.table(
            {
                "kind": [kind for kind, _, _ in listing],
                "low": [low for _, low, _ in listing],
                "high": [high for _, _, high in listing],
            }
        ),
    )
    main = part.main[:1]
    number = quote(column)
    bin_sql = f"least(greatest(floor(({number} - low) / (high - low) * {FINE}), 0), {FINE - 1})"
    shown = f"{quote(main[0])}, " if main else ""
    join = f"e.kind IS NOT DISTINCT FROM t.{quote(main[0])}" if main else "true"
    by = quote(part.id or part.person or column)
    sql = (
        f"SELECT u, {shown}arg_min(CAST({bin_sql} AS BIGINT), (hash({by}), {number})) AS bin, low, high "
        f"FROM {view(part.table)} t JOIN {quote(name)} e ON {join} WHERE {number} IS NOT NULL "
        f"GROUP BY u, {shown}low, high"
    )
    return replace(coarse, name=f"fine:{column}", columns=(*main, "bin", "low", "high"), sql=sql)


def _pairs(engine: Engine, known: Mapping[str, Parts], main: Mapping[str, Histogram]) -> Question | None:
    """The question of pairs over the commonest kinds, which are known by now only as noise lets them."""
    features = paired(main)
    if len(features) < 2:
        return None
    for table in {table for table, _ in features}:
        listing = pa.table(
            {
                "value": [value for of, value in features if of == table],
                "i": [i for i, (of, _) in enumerate(features) if of == table],
            }
        )
        engine.register(f"listed_{table}", listing)
        column = quote(known[table].main[0])
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {quote(f'feature_{table}')} AS SELECT DISTINCT u, i "
            f"FROM {view(table)} JOIN {quote(f'listed_{table}')} ON value = {column}"
        )
    return pairs_question(features, PAIRS_OF_ONE)


def paired(main: Mapping[str, Histogram]) -> list[tuple[str, Value]]:
    """The kinds whose coming together is told: (table, value), the commonest first."""
    counts: dict[tuple[str, Value], int] = {}
    for table in PAIRED:
        if table in main:
            for cell in main[table].cells:
                if cell[0] is not None:
                    counts[table, cell[0]] = counts.get((table, cell[0]), 0) + int(str(cell[-1]))
    ordered = sorted(counts, key=lambda feature: (-counts[feature], feature[0], str(feature[1])))
    return ordered[:MOST_PAIRED]
