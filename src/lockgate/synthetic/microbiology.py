"""Cultures with their organisms and sensitivities, and the planted outbreak.

The outbreak: *Klebsiella pneumoniae* resistant to meropenem, grown from patients of one ward within a few weeks
(``episodes.OUTBREAK_*``); elsewhere and before, one in 250 of that organism resists meropenem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lockgate.synthetic.care import Rows
from lockgate.synthetic.draw import Ints, choose, stream
from lockgate.synthetic.encounters import INPATIENT, Encounters
from lockgate.synthetic.episodes import ACUTE, HOUR, Episodes
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import DAY, Bools

NOT_TESTED, SENSITIVE, INTERMEDIATE, RESISTANT = range(4)
OUTBREAK_ORGANISM = "klebsiella"


@dataclass(frozen=True)
class Cultures(Rows):
    """One specimen and what grew; ``results`` is cultures x antibiotics (0 not tested, 1 S, 2 I, 3 R)."""

    encounter: Ints
    specimen: Ints
    collected: Ints
    organism: Ints
    results: Ints
    outbreak: Bools


def _resistance(rng: np.random.Generator, organism: Ints, outbreak: Bools) -> Ints:
    table: dict[str, dict[str, Any]] = data("measures")["organisms"]
    antibiotics = list(data("measures")["antibiotics"])
    results = np.zeros((len(organism), len(antibiotics)), dtype=np.int64)
    for number, entry in enumerate(table.values()):
        rows = np.flatnonzero(organism == number)
        for name, chance in entry["resistant"].items():
            level = rng.random(len(rows))
            result = np.where(
                level < chance, RESISTANT, np.where(level < chance * 1.15, INTERMEDIATE, SENSITIVE)
            )
            results[rows, antibiotics.index(name)] = result
    for name in ("co_amoxiclav", "ceftriaxone", "meropenem", "pip_tazo"):
        results[outbreak, antibiotics.index(name)] = RESISTANT
    return results


def make_cultures(episodes: Episodes, encounters: Encounters, seed: int) -> Cultures:
    """Cultures of infections at arrival, blood cultures of the very ill, and the outbreak's."""
    rng = stream(seed, "cultures")
    acute = list(data("conditions")["acute"].values())
    organisms: dict[str, dict[str, Any]] = data("measures")["organisms"]
    kinds = list(data("measures")["specimens"])
    swab = np.array([kinds.index(entry["swab"]) if "swab" in entry else -1 for entry in acute])
    stays = np.flatnonzero((encounters.kind == INPATIENT) & (episodes.origin[encounters.episode] == ACUTE))
    reason = episodes.reason[encounters.episode[stays]]
    sent = (swab[reason] >= 0) & (rng.random(len(stays)) < 0.85)
    blood = rng.random(len(stays)) < np.where(swab[reason] >= 0, 0.35, 0.05)
    first = encounters.start[stays]
    cases = np.flatnonzero(episodes.outbreak[encounters.episode[stays]])
    encounter = np.concatenate([stays[sent], stays[blood], stays[cases]])
    specimen = np.concatenate(
        [swab[reason[sent]], np.full(int(blood.sum()), kinds.index("blood")), rng.integers(0, 2, len(cases))]
    )
    late = rng.integers(3 * 24, 6 * 24, len(cases)) * HOUR
    collected = np.concatenate([first[sent], first[blood], first[cases] + late]) + 25 * 60
    outbreak = np.zeros(len(encounter), bool)
    outbreak[len(encounter) - len(cases) :] = True
    organism = np.zeros(len(encounter), dtype=np.int64)
    for number, kind in enumerate(kinds):
        rows = np.flatnonzero(specimen == number)
        weights = [entry["from"].get(kind, 0) for entry in organisms.values()]
        organism[rows] = choose(rng, weights, len(rows))
    organism[outbreak] = list(organisms).index(OUTBREAK_ORGANISM)
    kept = collected < encounters.end[encounter]
    order = np.flatnonzero(kept)[np.lexsort((collected[kept], encounter[kept]))]
    return Cultures(
        encounter[order],
        specimen[order],
        collected[order],
        organism[order],
        _resistance(rng, organism[order], outbreak[order]),
        outbreak[order],
    )


def issued(cultures: Cultures) -> Ints:
    """When the laboratory issued each culture: two days after collection."""
    return cultures.collected + 2 * DAY + 3 * HOUR
