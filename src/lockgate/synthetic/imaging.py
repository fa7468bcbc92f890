"""Imaging studies, and what readers made of the chest X-rays.

Planted here: an AI reader whose sensitivity is lower in women (``AI_SENSITIVITY``); radiologists read alike in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lockgate.synthetic.care import Rows
from lockgate.synthetic.draw import Floats, Ints, stream
from lockgate.synthetic.encounters import EMERGENCY, Encounters
from lockgate.synthetic.episodes import ACUTE, Episodes
from lockgate.synthetic.people import People
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import Bools

AI_READER, HUMAN_READER = "cxr-reader-2.1", "radiologist"
AI_SENSITIVITY = {"F": 0.68, "M": 0.90}
AI_SPECIFICITY = 0.88
HUMAN_SENSITIVITY, HUMAN_SPECIFICITY = 0.86, 0.94
FINDING = "consolidation"


@dataclass(frozen=True)
class Studies(Rows):
    """One imaging study; ``scan`` indexes the scans of the measures file; ``positive`` is the reference standard."""

    encounter: Ints
    scan: Ints
    started: Ints
    positive: Bools
    reader: Ints  # the radiologist who reports it


@dataclass(frozen=True)
class Reads(Rows):
    """One reader's reading of one chest X-ray."""

    study: Ints
    ai: Bools
    score: Floats
    call: Bools
    time: Ints


def make_studies(episodes: Episodes, encounters: Encounters, radiologists: Ints, seed: int) -> Studies:
    """A scan in the emergency department, by the reason of the attendance."""
    rng = stream(seed, "studies")
    acute: list[dict[str, Any]] = list(data("conditions")["acute"].values())
    scans = list(data("measures")["scans"])
    scan_of = np.array([scans.index(entry["scan"]) if "scan" in entry else -1 for entry in acute])
    chance = {"pneumonia": 0.85, "chest_infection": 0.3, "covid": 0.6, "sepsis": 0.4}
    keys = list(data("conditions")["acute"])
    positive_chance = np.array([chance.get(key, 0.07) for key in keys])
    seen = np.flatnonzero((encounters.kind == EMERGENCY) & (episodes.origin[encounters.episode] == ACUTE))
    reason = episodes.reason[encounters.episode[seen]]
    done = (scan_of[reason] >= 0) & (rng.random(len(seen)) < 0.9)
    encounter, reason = seen[done], reason[done]
    length = encounters.end[encounter] - encounters.start[encounter]
    return Studies(
        encounter,
        scan_of[reason],
        encounters.start[encounter]
        + (length * rng.uniform(0.2, 0.7, len(length))).astype(np.int64) // 60 * 60,
        rng.random(len(encounter)) < positive_chance[reason],
        rng.choice(radiologists, len(encounter)),
    )


def make_reads(people: People, encounters: Encounters, studies: Studies, seed: int) -> Reads:
    """The AI's and a radiologist's reading of every chest X-ray."""
    rng = stream(seed, "reads")
    chest = np.flatnonzero(studies.scan == list(data("measures")["scans"]).index("chest_xray"))
    female = people.female[encounters.patient[studies.encounter[chest]]]
    truth = studies.positive[chest]

    def read(sensitivity: Floats, specificity: float) -> tuple[Bools, Floats]:
        call = np.where(truth, rng.random(len(chest)) < sensitivity, rng.random(len(chest)) >= specificity)
        near = rng.beta(2.2, 1.6, len(chest)) * 0.499
        score = np.round(np.where(call, 0.5 + near, near), 3).astype(np.float64)
        return call.astype(np.bool_), score

    ai_call, ai_score = read(np.where(female, AI_SENSITIVITY["F"], AI_SENSITIVITY["M"]), AI_SPECIFICITY)
    human_call, human_score = read(np.full(len(chest), HUMAN_SENSITIVITY), HUMAN_SPECIFICITY)
    return Reads(
        np.concatenate([chest, chest]),
        np.repeat([True, False], len(chest)),
        np.concatenate([ai_score, human_score]),
        np.concatenate([ai_call, human_call]),
        np.concatenate(
            [studies.started[chest] + 90, studies.started[chest] + rng.integers(600, 5400, len(chest))]
        ),
    )


__all__ = ["ACUTE", "AI_SENSITIVITY", "Reads", "Studies", "make_reads", "make_studies"]
