"""A peer beside the twin: PrivBayes as DataSynthesizer (PyPI) makes it, on one flat table of the same people.

It makes one table with a row for each person and no more, so it is given sex, tens of age and the commonest conditions
and drugs; the twin's people are read as the same table. Both with the same epsilon, though the twin spends its own on
every table and column.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockgate.bench.core import Measure, environment
from lockgate.bench.disclosure_peers import ask
from lockgate.engine import Engine

PEER = "DataSynthesizer==0.1.13"
KINDS = 15
Flat = NDArray[np.int64]


def peer_measures(engine: Engine, epsilon: float, year: int) -> list[Measure]:
    """Likeness and membership of the twin and of the peer on the flat table; a line that says so where the peer is
    not to be had. Views ``a_`` (members), ``b_`` (others) and ``made_`` (the twin): person, conditions, drugs.
    """
    kinds = _commonest(engine)
    members, others, twin = (_flat(engine, side, kinds, year) for side in ("a", "b", "made"))
    with tempfile.TemporaryDirectory(prefix="lockgate-privbayes-") as name:
        python = environment(Path(name), [PEER])
        if python is None:
            return [Measure("a peer beside the twin: DataSynthesizer could not be installed", 0, "packages")]
        table = {f"c{place}": members[:, place].tolist() for place in range(members.shape[1])}
        made: Mapping[str, Any] = ask(python, "privbayes", {"table": table, "epsilon": epsilon})
    peer = np.array([made[f"c{place}"] for place in range(members.shape[1])], dtype=np.int64).T
    named = f"{PEER}, one flat table"
    return [
        Measure(
            f"flat table: mean difference of the share of people with a kind, {len(kinds)} kinds",
            _singles(twin, members), "share", None, False, named, _singles(peer, members),
        ),
        Measure(
            "flat table: mean difference of the share with both of a pair",
            _both(twin, members), "share", None, False, named, _both(peer, members),
        ),
        Measure(
            "flat table: membership by the distance to the nearest person, AUC (0.5: chance)",
            _nearest(twin, members, others), "", None, False, named, _nearest(peer, members, others),
        ),
    ]  # fmt: skip


def _commonest(engine: Engine) -> list[int]:
    rows = engine.rows(
        f"{_had('a')} SELECT kind FROM had GROUP BY kind ORDER BY count(*) DESC, kind LIMIT {KINDS}"
    )
    return [int(kind) for (kind,) in rows]


def _had(side: str) -> str:
    return (
        f"WITH had AS (SELECT DISTINCT person_id, condition_concept_id AS kind FROM {side}_condition_occurrence UNION "
        f"SELECT DISTINCT person_id, drug_concept_id FROM {side}_drug_exposure)"
    )


def _flat(engine: Engine, side: str, kinds: list[int], year: int) -> Flat:
    """People by kind (0 or 1), then sex and tens of age."""
    flags = ", ".join(f"coalesce(max((kind = {kind})::INT), 0)" for kind in kinds)
    rows = engine.rows(
        f"{_had(side)} SELECT {flags}, any_value(gender_concept_id), any_value({year} - year_of_birth) // 10 "
        f"FROM {side}_person LEFT JOIN had USING (person_id) GROUP BY person_id ORDER BY person_id"
    )
    return np.array([[int(value or 0) for value in row] for row in rows], dtype=np.int64)


def _singles(made: Flat, real: Flat) -> float:
    kinds = real.shape[1] - 2
    return float(np.abs(made[:, :kinds].mean(axis=0) - real[:, :kinds].mean(axis=0)).mean())


def _both(made: Flat, real: Flat) -> float:
    pairs = list(combinations(range(real.shape[1] - 2), 2))
    return float(
        np.mean([abs((made[:, i] & made[:, j]).mean() - (real[:, i] & real[:, j]).mean()) for i, j in pairs])
    )


def _nearest(made: Flat, members: Flat, others: Flat) -> float:
    """How often a member is nearer to a made row (in columns that differ) than somebody else is; ties count half."""
    inside, outside = (
        np.array([(made != row).sum(axis=1).min() for row in rows]) for rows in (members, others)
    )
    nearer = (inside[:, None] < outside[None, :]).mean() + (inside[:, None] == outside[None, :]).mean() / 2
    return float(nearer)
