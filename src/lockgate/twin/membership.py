"""A membership test: can somebody who holds a person's whole record tell whether a twin was made from it?

The attacker has the twin, and the records of people of whom half were in the data of the recipe. Three ways to score
each of them, after Stadler, Oprisanu and Troncoso, *Synthetic Data: Anonymisation Groundhog Day* (2022) and Houssiau et
al., *TAPAS* (2022): how near the nearest person of the twin is, how many of the person's rows are in the twin, and a
logistic regression on both and on the density around, learnt on half of the people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lockgate.engine import Engine, quote

Floats = NDArray[np.float64]

ATTACKS = ("nearest", "rows", "classifier")
_CODED = {
    "condition_occurrence": ("condition_concept_id", "condition_start_date"),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure_concept_id", "procedure_date"),
    "measurement": ("measurement_concept_id", "measurement_date"),
    "visit_occurrence": ("visit_concept_id", "visit_start_date"),
}
NEEDED = ("person", "death", *_CODED)
_NEAR = 5
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Attack:
    """What one attack reached: the area under its curve (0.5: chance) and the interval around it.

    The interval is so wide that all three together hold 0.5 in 95 of 100 tests of a twin that tells nothing.
    """

    name: str
    auc: float
    low: float
    high: float

    @property
    def chance(self) -> bool:
        """Whether it did no better than chance."""
        return self.low <= 0.5


def attack(engine: Engine, seed: int = 1) -> list[Attack]:
    """Attack the twin ``t_<table>`` with the records ``a_<table>`` of members and ``b_<table>`` of others.

    All are tables of the engine with the release's columns; both groups drawn alike from one hospital.
    """
    vectors = {side: _vectors(engine, side) for side in "abt"}
    known, twin = np.vstack([vectors["a"], vectors["b"]]), vectors["t"]
    member = np.repeat([1.0, 0.0], [len(vectors["a"]), len(vectors["b"])])
    scale = known.std(axis=0) + 1e-9
    near = _nearest(known / scale, twin / scale)
    rows = np.concatenate([_shared_rows(engine, side) for side in "ab"])
    scores = {"nearest": -near[:, 0], "rows": rows[:, 0] + rows[:, 1] / 1000}
    attacks = [auc(name, score, member) for name, score in scores.items()]
    features = np.column_stack([near, near.mean(axis=1), rows])
    return [*attacks, _classifier(features, member, np.random.default_rng(seed))]


def _vectors(engine: Engine, side: str) -> Floats:
    """A person's whole record as numbers: sex, birth, death, when and how often, each common code, mean values."""
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE v AS SELECT person_id, CAST(gender_concept_id = 8507 AS DOUBLE) AS sex, "
        f"CAST(year_of_birth AS DOUBLE) AS born FROM {side}_person"
    )
    columns = ["sex", "born"]
    parts = [f"LEFT JOIN (SELECT person_id, epoch(min(death_date)) / 86400 AS died FROM {side}_death GROUP BY 1) d "
             "USING (person_id)"]  # fmt: skip
    columns.append("coalesce(died, 0)")
    for table, (code, day) in _CODED.items():
        common = [
            value
            for (value,) in engine.rows(
                f"SELECT {code} FROM (SELECT * FROM a_{table} UNION ALL SELECT * FROM b_{table}) GROUP BY 1 "
                "ORDER BY count(DISTINCT person_id) DESC, 1 LIMIT 25"
            )
        ]
        shown = [f"epoch(min({day})) / 86400 AS {table}_first", f"ln(1 + count(*)) AS {table}_n"]
        shown += [
            f"ln(1 + count(*) FILTER ({code} = {value})) AS {table}_{i}" for i, value in enumerate(common)
        ]
        if table == "measurement":
            shown += [
                f"avg(value_as_number) FILTER ({code} = {value}) AS value_{i}"
                for i, value in enumerate(common)
            ]
        names = [part.rpartition(" AS ")[2] for part in shown]
        parts.append(
            f"LEFT JOIN (SELECT person_id, {', '.join(shown)} FROM {side}_{table} GROUP BY 1) USING (person_id)"
        )
        columns += [f"coalesce({name}, 0)" for name in names]
    rows = engine.rows(f"SELECT {', '.join(columns)} FROM v {' '.join(parts)} ORDER BY person_id")
    return np.array(rows, float)


def _nearest(known: Floats, twin: Floats) -> Floats:
    """The distances to the nearest people of the twin."""
    out = np.empty((len(known), _NEAR))
    squares = (twin**2).sum(axis=1)
    for begin in range(0, len(known), _CHUNK):
        some = known[begin : begin + _CHUNK]
        apart = (some**2).sum(axis=1)[:, None] + squares - 2 * some @ twin.T
        out[begin : begin + len(some)] = np.sqrt(
            np.maximum(np.sort(np.partition(apart, _NEAR, axis=1)[:, :_NEAR], axis=1), 0)
        )
    return out


def _shared_rows(engine: Engine, side: str) -> Floats:
    """The share and number of each person's rows that the twin has too, by code and day (of measurements, value)."""
    counted = []
    for table, (code, day) in _CODED.items():
        value = ", value_as_number" if table == "measurement" else ""
        counted.append(
            f"SELECT person_id, t.there FROM {side}_{table} x LEFT JOIN (SELECT DISTINCT {code} AS code, {day} AS day"
            f"{value}, 1 AS there FROM t_{table}) t ON t.code = x.{code} AND t.day = x.{day}"
            + (" AND t.value_as_number IS NOT DISTINCT FROM x.value_as_number" if value else "")
        )
    rows = engine.rows(
        f"SELECT coalesce(avg(coalesce(there, 0)), 0), coalesce(sum(there), 0) FROM {side}_person "
        f"LEFT JOIN ({' UNION ALL '.join(counted)}) USING (person_id) GROUP BY person_id ORDER BY person_id"
    )
    return np.array(rows, float)


def _classifier(features: Floats, member: Floats, rng: np.random.Generator) -> Attack:
    """A logistic regression (ridge, Newton's method) that learns on half of the people and is judged on the others."""
    x = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)
    x = np.column_stack([np.ones(len(x)), x, x**2])
    learns = rng.random(len(x)) < 0.5
    weights = np.zeros(x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(x[learns] @ weights, -30, 30)))
        gradient = x[learns].T @ (p - member[learns]) + weights
        curve = (x[learns] * (p * (1 - p))[:, None]).T @ x[learns] + np.eye(x.shape[1])
        weights -= np.linalg.solve(curve, gradient)
    return auc("classifier", x[~learns] @ weights, member[~learns])


def auc(name: str, score: Floats, member: Floats) -> Attack:
    """The area under the curve, with the interval of Hanley and McNeil (1982), simultaneous for all attacks."""
    order = np.argsort(score, kind="stable")
    values, place = np.unique(score[order], return_inverse=True)
    ranks = np.arange(1, len(score) + 1, dtype=float)
    sums, counts = np.zeros(len(values)), np.zeros(len(values))
    np.add.at(sums, place, ranks)
    np.add.at(counts, place, 1)
    rank = np.empty(len(score))
    rank[order] = (sums / counts)[place]
    m, n = member.sum(), (1 - member).sum()
    area = float((rank[member == 1].sum() - m * (m + 1) / 2) / (m * n))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = math.sqrt(
        max(area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2), 0) / (m * n)
    )
    z = NormalDist().inv_cdf(1 - 0.05 / 2 / len(ATTACKS))
    return Attack(name, area, area - z * spread, area + z * spread)


def make_views(engine: Engine, side: str, of: dict[str, str], people: str) -> None:
    """Tables ``<side>_<table>`` of some people (a query of ``person_id``) from the relations ``of`` tables."""
    for table in NEEDED:
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {quote(f'{side}_{table}')} AS SELECT * FROM {of[table]} "
            f"WHERE person_id IN ({people})"
        )
