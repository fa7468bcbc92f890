"""What the exact steps leave, linked by the model where it is sure enough, and listed for somebody where it is not.

The probability of a pair takes its rivals into account: of several people that a record could be, who cannot be one
person themselves (two NHS numbers, two records of a source that has one for each person, parted), one at most is
right. Links are made best first. No link joins people who contradict one another, two records of a source with one
for each person, or groups between which the evidence of all scored pairs, for and against, is against: so a chain of
likely pairs makes no crowd.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from lockgate.engine import Engine
from lockgate.identity import candidates
from lockgate.identity.cascade import MODEL, Conflict, People
from lockgate.identity.linkage.resolve import MOST_AGAINST, MOST_FOR
from lockgate.identity.profiles import Profile
from lockgate.identity.training import Kept, load
from lockgate.site.settings.data import IdentitySection

# A group that likely pairs hold together is scored pair by pair up to this many profiles.
LARGEST_GROUP = 100
# Below this, a pair is neither listed nor counted as missed.
LEAST = 0.001


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair of profiles: the model's weight (log2 of the odds that they are one person) and its probability,
    rivals taken into account."""

    left: int
    right: int
    weight: float
    probability: float


@dataclass
class Probable:
    """What the model did: its number, the pairs scored above LEAST, those it linked, and which wait for somebody.

    ``doubts`` has (pair, linked, reason); ``why_not`` says why nothing was scored."""

    model: int | None = None
    why_not: str = ""
    open: int = 0
    pairs: int = 0
    left_out: int = 0
    linked: list[Scored] = field(default_factory=list)
    missed: list[Scored] = field(default_factory=list)
    doubts: list[tuple[Scored, bool, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Counts, for the result of a build."""
        return {
            "model": self.model,
            "not_run": self.why_not,
            "left_to_link": self.open,
            "pairs_scored": self.pairs,
            "pairs_of_too_common_keys": self.left_out,
            "linked": len(self.linked),
        }


def link_rest(
    engine: Engine, profiles: list[Profile], people: People, settings: IdentitySection, kept: Kept | None
) -> Probable:
    """Link what is left, in ``people``; needs ``link_record`` of the profiles. Nothing is estimated here.

    Without a model, without anything open, or with ``probabilistic`` off nothing is scored, and the result says so."""
    done = Probable()
    known = len(profiles)
    done.open = candidates.register_clusters(engine, people, known)
    if not settings.probabilistic:
        done.why_not = "turned off in site.toml"
    elif not done.open:
        done.why_not = "nothing is left to link"
    elif kept is None:
        done.why_not = "no model yet: `lockgate index train`"
    if done.why_not or kept is None:
        return done
    found = candidates.find(engine)
    done.model, done.left_out = kept.number, found.left_out
    if not found.pairs:
        return done
    scores, others = score(engine, kept)
    done.pairs = len(scores)
    more = _within_groups(people, scores, settings.link_at)
    if more:
        engine.register("link_more", pa.table({"rec_l": [a for a, _ in more], "rec_r": [b for _, b in more]}))
        engine.execute("CREATE OR REPLACE TABLE link_pair AS SELECT * FROM link_more")
        engine.unregister("link_more")
        extra, more_others = score(engine, kept)
        done.pairs += len(extra)
        scores |= extra
        others |= more_others
    _grow(people, scores, others, settings, done)
    return done


Pair = tuple[int, int]


def score(engine: Engine, kept: Kept) -> tuple[dict[Pair, float], set[Pair]]:
    """The weight of every pair of ``link_pair``, by the model; and the pairs with two given names that are unlike."""
    from lockgate.identity.linkage.model import Scorer

    model, frequencies = load(engine, kept)
    engine.execute("""
        CREATE OR REPLACE TABLE link_everybody AS SELECT * FROM link_record""")
    try:
        # only the records that are compared: their frequencies are the model's
        engine.execute("""
            CREATE OR REPLACE TABLE link_record AS SELECT * FROM link_everybody
            WHERE rec IN (SELECT rec_l FROM link_pair UNION SELECT rec_r FROM link_pair)""")
        scorer = Scorer(engine, False, frequencies)
        scorer.score(model, "link_pair", "link_scored", gammas=True)
    finally:
        engine.execute("CREATE OR REPLACE TABLE link_record AS SELECT * FROM link_everybody")
        engine.execute("DROP TABLE link_everybody")
    engine.execute(
        "CREATE TABLE IF NOT EXISTS link_kept AS SELECT * FROM link_scored WHERE false;"
        " INSERT INTO link_kept SELECT * FROM link_scored WHERE weight > -10"
    )
    unlike = "gamma_given = 0" if "gamma_given" in engine.columns("SELECT * FROM link_scored") else "false"
    rows = engine.rows(f"SELECT rec_l, rec_r, weight, {unlike} FROM link_scored ORDER BY rec_l, rec_r")
    return {(a, b): weight for a, b, weight, _ in rows}, {(a, b) for a, b, _, other in rows if other}


def probability(weight: float) -> float:
    """The probability that goes with a weight of log2 odds."""
    return 1 / (1 + 2 ** -max(-200.0, min(200.0, weight)))


def _within_groups(people: People, scores: dict[Pair, float], link_at: float) -> list[tuple[int, int]]:
    """The pairs within what likely links would join that no key brought together."""
    find = people.clusters.find
    beside: dict[int, set[int]] = defaultdict(set)
    for (a, b), weight in scores.items():
        if probability(weight) >= link_at:
            beside[find(a)].add(find(b))
            beside[find(b)].add(find(a))
    members: dict[int, list[int]] = defaultdict(list)
    for number in range(len(people.clusters.parent)):
        if (root := find(number)) in beside:
            members[root].append(number)
    seen: set[int] = set()
    more: list[tuple[int, int]] = []
    for start in sorted(beside):
        if start in seen:
            continue
        group, queue = {start}, [start]
        while queue:
            fresh = beside[queue.pop()] - group
            group |= fresh
            queue += fresh
        seen |= group
        everyone = sorted(number for root in group for number in members[root])
        if len(group) > 2 and len(everyone) <= LARGEST_GROUP:
            more += [
                (a, b)
                for place, a in enumerate(everyone)
                for b in everyone[place + 1 :]
                if find(a) != find(b) and (a, b) not in scores
            ]
    return more


def _grow(
    people: People, scores: dict[Pair, float], others: set[Pair], settings: IdentitySection, done: Probable
) -> None:
    find = people.clusters.find
    evidence: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for (a, b), weight in scores.items():
        one, other = sorted((find(a), find(b)))
        capped = min(MOST_FOR, max(-MOST_AGAINST, weight))
        evidence[one][other] += capped
        evidence[other][one] += capped
        if (one, other) not in best or (-weight, a, b) < best[one, other]:
            best[one, other] = (-weight, a, b)
    pairs = _with_rivals(people, {key: (-w, a, b) for key, (w, a, b) in best.items()})
    for pair in sorted(pairs, key=lambda p: (-p.probability, -p.weight, p.left, p.right)):
        one, other = find(pair.left), find(pair.right)
        if one == other or pair.probability < LEAST:
            continue
        reason = people.contradiction(one, other, birth=False)
        if reason == "unmerged":
            continue  # somebody has said that they are two people
        if not reason and people.one_each(one, other):
            reason = "one_each"
        # twins agree in all but this, and no count of fields tells them apart
        if not reason and (pair.left, pair.right) in others:
            reason = "given_names"
        if not reason and evidence[one][other] < 0:
            reason = "others_against"
        if reason or pair.probability < settings.link_at:
            done.missed.append(pair)
            if reason and pair.probability >= settings.link_at:
                people.clusters.conflicts.append(Conflict(MODEL, reason, pair.left, pair.right))
                done.doubts.append((pair, False, reason))
            elif pair.probability >= settings.review_from:
                done.doubts.append((pair, False, "grey_zone"))
            continue
        people.join(pair.left, pair.right, MODEL)
        done.linked.append(pair)
        if pair.probability < settings.certain:
            done.doubts.append((pair, True, "not_certain"))
        keep, drop = sorted((one, other))
        for third, weight in evidence.pop(drop, {}).items():
            evidence[third].pop(drop, None)
            if third != keep:
                evidence[keep][third] += weight
                evidence[third][keep] += weight


def _with_rivals(people: People, best: dict[tuple[int, int], tuple[float, int, int]]) -> Iterable[Scored]:
    """The pairs with their probability, given who else each of the two could be."""
    odds: dict[int, dict[int, float]] = defaultdict(dict)
    for (one, other), (weight, _, _) in best.items():
        if weight > -12:
            odds[one][other] = odds[other][one] = 2.0 ** min(60.0, weight)
    for (one, other), (weight, a, b) in best.items():
        if weight <= -12:
            continue
        mine = odds[one][other]
        against = max(_rivals(people, odds[one], other), _rivals(people, odds[other], one))
        share = mine / (1 + mine + against)
        yield Scored(a, b, weight if math.isfinite(weight) else 0.0, share)


def _rivals(people: People, candidates_of: dict[int, float], chosen: int) -> float:
    """The odds of the people that a cluster could be instead of ``chosen``."""
    return sum(
        value
        for third, value in candidates_of.items()
        if third != chosen
        and (people.contradiction(chosen, third, birth=False) or people.one_each(chosen, third))
    )
