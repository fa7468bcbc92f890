"""From scored pairs to an answer: one partner at most between two tables, clusters that hold together within one.

Both make ``link_member`` (rec, cluster) and ``link_chosen`` (rec_l, rec_r, probability, step).
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.engine import Engine
from lockgate.identity.linkage.deterministic import CERTAIN
from lockgate.identity.linkage.model import Model, Scorer

MODEL_STEP = "model"
CLUSTER_STEP = "cluster"
# One pair's evidence counts for so many bits at most, for or against: fields are not as independent as the model
# takes them to be. Against it counts for less: a record with a spelling of its own is unlike all the others of its
# person in the same way, and that is one piece of evidence, not one for every pair.
MOST_FOR, MOST_AGAINST = 12.0, 2.0
# of two pairs that count alike, the surer goes first
SURER = 0.01
Born = tuple[int, int]  # year, and month * 100 + day: 0 where the day isn't known
# two groups of records with years of birth further apart than this are two people
YEARS_APART = 3
# All pairs of a component are scored up to this size; in a larger one, only those that a blocking key found.
LARGEST_SCORED = 150


def one_to_one(engine: Engine, threshold: float) -> int:
    """Partners between two tables: the best pair first, each record once. Returns the number of rounds.

    The probability of a pair takes the others into account: of all partners a record could have, at most one is
    right, so p = odds / (1 + the odds of all of them), the smaller of the two sides' figures. Copies of one partner
    don't compete. Records that the cascade linked are not in play."""
    engine.execute("""
        CREATE OR REPLACE TABLE link_posterior AS
        WITH odds AS (
            SELECT s.rec_l, s.rec_r, s.match_weight, pow(2, least(60, greatest(-60, s.match_weight))) AS odds,
                   l.profile AS profile_l, r.profile AS profile_r
            FROM link_scored AS s JOIN link_record AS l ON l.rec = s.rec_l JOIN link_record AS r ON r.rec = s.rec_r
            WHERE s.rec_l NOT IN (SELECT rec_l FROM link_exact) AND s.rec_r NOT IN (SELECT rec_r FROM link_exact)
              AND s.match_weight > -12
        ), marked AS (
            SELECT *, row_number() OVER (PARTITION BY rec_l, profile_r ORDER BY rec_r) = 1 AS first_r,
                   row_number() OVER (PARTITION BY rec_r, profile_l ORDER BY rec_l) = 1 AS first_l
            FROM odds)
        SELECT rec_l, rec_r, match_weight, odds / (1 + greatest(
                   coalesce(sum(odds) FILTER (first_r) OVER (PARTITION BY rec_l), 0), odds,
                   coalesce(sum(odds) FILTER (first_l) OVER (PARTITION BY rec_r), 0))) AS probability
        FROM marked""")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_chosen AS
        SELECT rec_l, rec_r, greatest({CERTAIN}, coalesce(match_probability, 0)) AS probability, step
        FROM link_exact LEFT JOIN link_scored USING (rec_l, rec_r)""")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_open AS SELECT * FROM link_posterior WHERE probability >= {float(threshold)}""")
    rounds = 0
    while engine.one("SELECT count(*) FROM link_open"):
        rounds += 1
        engine.execute("""
            CREATE OR REPLACE TABLE link_best AS
            SELECT rec_l, rec_r, probability FROM (
                SELECT *, row_number() OVER (PARTITION BY rec_l ORDER BY match_weight DESC, rec_r) AS best_l,
                       row_number() OVER (PARTITION BY rec_r ORDER BY match_weight DESC, rec_l) AS best_r
                FROM link_open) WHERE best_l = 1 AND best_r = 1""")
        engine.execute(
            f"INSERT INTO link_chosen SELECT rec_l, rec_r, probability, '{MODEL_STEP}' FROM link_best"
        )
        engine.execute("""
            CREATE OR REPLACE TABLE link_open AS SELECT * FROM link_open
            WHERE rec_l NOT IN (SELECT rec_l FROM link_best) AND rec_r NOT IN (SELECT rec_r FROM link_best)""")
    engine.execute("""
        CREATE OR REPLACE TABLE link_member AS
        SELECT rec, coalesce(c.rec_l, rec) AS cluster FROM link_record LEFT JOIN link_chosen AS c ON c.rec_r = rec""")
    return rounds


Ints = npt.NDArray[np.int64]


def components(left: Ints, right: Ints, size: int) -> Ints:
    """The smallest record connected with each of 0..size-1 (labels handed along the edges, then along themselves)."""
    label = np.arange(size)
    while True:
        least = np.minimum(label[left], label[right])
        before = label.copy()
        np.minimum.at(label, left, least)
        np.minimum.at(label, right, least)
        label = label[label]
        if np.array_equal(label, before):
            return label


def contract(
    edges: Iterable[tuple[int, int, float]], born: Mapping[int, Born] | None = None
) -> dict[int, int]:
    """Clusters of weighted edges: the two clusters with the most evidence for being one are joined, again and again,
    while the evidence of all pairs between them, for and against, is for it.

    Greedy additive edge contraction (Keuper et al. 2015) for the correlation clustering problem; returns the
    representative of every record of the edges. ``born`` are years of birth, and the day where known: groups whose
    years are further apart than YEARS_APART, on another day, with a record without a year in reach, are looked at last,
    and not joined where each agrees on its own: such a record fits a father and his son alike, and would make one of
    the two. Where all have a year the evidence has counted it."""
    weights: dict[int, dict[int, float]] = defaultdict(dict)
    for left, right, weight in edges:
        weights[left][right] = weights[right][left] = weights[left].get(right, 0.0) + weight
    parent = {record: record for record in weights}
    years = {record: {born[record]: 1} for record in weights if record in born} if born else {}
    undated = _reached(weights, [record for record in weights if record not in years])

    def apart(one: int, other: int) -> bool:
        return one in undated and _apart(years, one, other)

    heap = [
        (apart(a, b), -w, a, b) for a, others in weights.items() for b, w in others.items() if a < b and w > 0
    ]
    heapq.heapify(heap)
    while heap:
        last, negative, a, b = heapq.heappop(heap)
        if weights.get(a, {}).get(b) != -negative:
            continue  # joined, or changed since
        if (parted := apart(a, b)) > last:
            heapq.heappush(heap, (parted, negative, a, b))
            continue
        if parted and _agreed(years[a]) and _agreed(years[b]):
            continue
        if len(weights[a]) < len(weights[b]):
            a, b = b, a
        if b in years:
            mine = years.setdefault(a, {})
            for year, n in years.pop(b).items():
                mine[year] = mine.get(year, 0) + n
        parent[b] = a
        del weights[a][b]
        for other, weight in weights.pop(b).items():
            if other == a:
                continue
            del weights[other][b]
            summed = weights[a].get(other, 0.0) + weight
            weights[a][other] = weights[other][a] = summed
            if summed > 0:
                heapq.heappush(heap, (apart(a, other), -summed, min(a, other), max(a, other)))

    def root(record: int) -> int:
        while parent[record] != record:
            parent[record] = parent[parent[record]]
            record = parent[record]
        return record

    return {record: root(record) for record in parent}


def _reached(weights: Mapping[int, Mapping[int, float]], start: list[int]) -> set[int]:
    """Every record that edges lead to from these, themselves too."""
    found, todo = set(start), start
    while todo:
        todo = [other for record in todo for other in weights[record] if other not in found]
        found.update(todo)
    return found


def _most(told: Mapping[Born, int]) -> Born:
    return max(told, key=lambda born: (told[born], -born[0], born[1]))


def _apart(told: Mapping[int, Mapping[Born, int]], one: int, other: int) -> bool:
    """Whether most records of two groups name births that are no slip of one another: years far apart, other days."""
    if one not in told or other not in told:
        return False
    (year, day), (another, its_day) = _most(told[one]), _most(told[other])
    return abs(year - another) > YEARS_APART and not (day and day == its_day)


def _agreed(years: Mapping[Born, int]) -> bool:
    """Whether two records or more, and half of all that name a year, name one."""
    return (most := max(years.values())) >= 2 and 2 * most >= sum(years.values())


def clusters(engine: Engine, scorer: Scorer, model: Model, threshold: float) -> dict[str, int]:
    """Clusters within one table; returns how many components there were and how many were cut.

    Components of the pairs over the threshold come first; every pair within one is then scored, also those no
    blocking key had found, and a component with pairs that speak against it is taken apart by ``contract``."""
    cut = math.log2(threshold / (1 - threshold))
    records = int(engine.one("SELECT max(rec) FROM link_record") or 0) + 1
    positive = engine.arrow(
        f"SELECT rec_l, rec_r FROM link_scored WHERE match_probability >= {float(threshold)} "
        "UNION ALL SELECT rec_l, rec_r FROM link_exact"
    )
    label = components(_ints(positive, "rec_l"), _ints(positive, "rec_r"), records)
    engine.register("link_label_arrow", pa.table({"rec": np.arange(records), "component": label}))
    engine.execute("""
        CREATE OR REPLACE TABLE link_component AS
        SELECT rec, component, count(*) OVER (PARTITION BY component) AS size
        FROM link_label_arrow SEMI JOIN link_record USING (rec)""")
    engine.unregister("link_label_arrow")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_missing AS
        SELECT l.rec AS rec_l, r.rec AS rec_r
        FROM link_component AS l JOIN link_component AS r ON l.component = r.component AND l.rec < r.rec
        WHERE l.size BETWEEN 3 AND {LARGEST_SCORED}
          AND NOT EXISTS (FROM link_scored AS s WHERE s.rec_l = l.rec AND s.rec_r = r.rec)""")
    if engine.one("SELECT count(*) FROM link_missing"):
        scorer.score(model, "link_missing", "link_more")
        engine.execute(
            "INSERT INTO link_scored SELECT rec_l, rec_r, match_weight, match_probability FROM link_more"
        )
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_edge AS
        SELECT l.component, s.rec_l, s.rec_r,
               CASE WHEN e.step IS NOT NULL THEN {MOST_FOR}
                    ELSE least({MOST_FOR}, greatest({-MOST_AGAINST}, s.match_weight - {cut}))
                         + {SURER} * least(60, greatest(-60, s.match_weight)) END AS weight
        FROM link_scored AS s JOIN link_component AS l ON l.rec = s.rec_l
        JOIN link_component AS r ON r.rec = s.rec_r AND r.component = l.component
        LEFT JOIN (SELECT rec_l, rec_r, min(step) AS step FROM link_exact GROUP BY ALL) AS e USING (rec_l, rec_r)""")
    dated = "birth_y" in engine.columns("SELECT * FROM link_record")
    births = f"""
        UNION SELECT component FROM link_component JOIN link_record USING (rec) WHERE size > 2
        GROUP BY component HAVING max(birth_y) - min(birth_y) > {YEARS_APART}""" if dated else ""  # fmt: skip
    engine.execute(
        "CREATE OR REPLACE TABLE link_doubted AS SELECT component FROM link_edge WHERE weight < 0" + births
    )
    doubtful = engine.arrow("""
        SELECT rec_l, rec_r, weight FROM link_edge WHERE component IN (FROM link_doubted) ORDER BY rec_l, rec_r""")
    parted = contract(
        zip(
            doubtful["rec_l"].to_pylist(),
            doubtful["rec_r"].to_pylist(),
            doubtful["weight"].to_pylist(),
            strict=True,
        ),
        _born(engine) if dated else None,
    )
    for record, root in parted.items():
        label[record] = root
    engine.register("link_label_arrow", pa.table({"rec": np.arange(records), "root": label}))
    engine.execute("""
        CREATE OR REPLACE TABLE link_member AS
        SELECT rec, min(rec) OVER (PARTITION BY root) AS cluster
        FROM link_label_arrow SEMI JOIN link_record USING (rec)""")
    engine.unregister("link_label_arrow")
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_chosen AS
        WITH inside AS (
            SELECT s.rec_l, s.rec_r, min(e.step) AS step,
                   CASE WHEN min(e.step) IS NULL THEN max(s.match_probability)
                        ELSE greatest({CERTAIN}, max(s.match_probability)) END AS p
            FROM link_scored AS s JOIN link_member AS l ON l.rec = s.rec_l
            JOIN link_member AS r ON r.rec = s.rec_r AND r.cluster = l.cluster
            LEFT JOIN link_exact AS e USING (rec_l, rec_r) GROUP BY s.rec_l, s.rec_r
        ), best AS (
            SELECT rec, max(p) AS p FROM (SELECT rec_l AS rec, p FROM inside UNION ALL SELECT rec_r, p FROM inside)
            GROUP BY rec)
        SELECT i.rec_l, i.rec_r, CASE WHEN i.step IS NOT NULL OR i.p >= {float(threshold)} THEN i.p
                                      ELSE least(l.p, r.p) END AS probability,
               coalesce(i.step, CASE WHEN i.p >= {float(threshold)} THEN '{MODEL_STEP}'
                                     ELSE '{CLUSTER_STEP}' END) AS step
        FROM inside AS i JOIN best AS l ON l.rec = i.rec_l JOIN best AS r ON r.rec = i.rec_r""")
    return {
        "components": int(
            engine.one("SELECT count(DISTINCT component) FROM link_component WHERE size > 1") or 0
        ),
        "components_with_contradictions": int(
            engine.one("SELECT count(DISTINCT component) FROM link_doubted") or 0
        ),
        "components_cut": int(
            engine.one("""
            SELECT count(*) FROM (SELECT component FROM link_component JOIN link_member USING (rec)
                                  GROUP BY component HAVING count(DISTINCT cluster) > 1)""")
            or 0
        ),
    }


def _born(engine: Engine) -> dict[int, Born]:
    """The birth of every record in doubt that names a year."""
    return {
        int(rec): (int(year), int(day))
        for rec, year, day in engine.rows("""
            SELECT rec, birth_y, coalesce(birth_m * 100 + birth_d, 0)
            FROM link_record JOIN link_component USING (rec)
            WHERE birth_y IS NOT NULL AND component IN (FROM link_doubted)""")
    }


def _ints(table: pa.Table, name: str) -> Ints:
    values: Ints = table[name].to_numpy().astype(np.int64)
    return values
