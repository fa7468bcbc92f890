"""Relatives: a third kind of pair beside one person and two strangers, learnt from the pairs themselves.

Fellegi and Sunter's model knows people and strangers, and takes the fields to be independent within each. Two people of
one household share family name, address, place, often a trade; to that model they look like one person with another
name. So pairs have a third class here (a latent class model fitted by expectation maximisation, after Winkler's work on
households): relatives agree in what households share as often as a person with themselves, and in given name,
sex and the like only as often as strangers. The odds of one person are then against both of the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
PERSONAL = ("given", "middle", "birth", "sex", "nhs", "f_other_id", "f_local_number", "f_email")
# Of these, what a household may yet share: twins their birth date, and anybody the number of another by mistake. How
# often is learnt, up to this share of relatives; more, and the class would take in people who changed their name.
AT_TIMES, AT_MOST = ("birth", "nhs", "f_other_id", "f_local_number"), 0.05


def levels_of(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    """The levels of a comparison but for null, in Splink's numbering (the last is 0)."""
    return [level for level in reversed(comparison["comparison_levels"]) if not level.get("is_null_level")]


def weights(comparison: dict[str, Any], over: str = "u_probability", under: str = "m_probability") -> Floats:
    """log2 of ``under`` to ``over`` of each level by its number; that of null, 0, comes last, where -1 finds it."""
    return np.array([*(math.log2(one[under] / one[over]) for one in levels_of(comparison)), 0.0])


@dataclass
class Sample:
    """Pairs with the level of every comparison and the term frequency adjustment of it (0 where there is none)."""

    levels: list[npt.NDArray[np.int32]]
    frequency: list[Floats]
    share: float


def fit(
    settings: dict[str, Any], sample: Sample, possible: int, rounds: int, still: float
) -> list[dict[str, float]]:
    """Fit m, the prior and the relatives' r and prior to a sample of candidate pairs; u stays. The priors by round.

    Writes m_probability, r_probability into the levels and probability_two_random_records_match,
    probability_relatives into the settings."""
    comparisons = settings["comparisons"]
    personal = [one["output_column_name"] in PERSONAL for one in comparisons]
    both = any(personal) and not all(personal)
    for comparison in comparisons:
        own = comparison["output_column_name"] in PERSONAL
        for entry in levels_of(comparison):
            entry["r_probability"] = entry["u_probability" if own else "m_probability"]
    settings["probability_relatives"] = settings["probability_two_random_records_match"] if both else 0.0
    history: list[dict[str, float]] = []
    for _ in range(rounds):
        prior = settings["probability_two_random_records_match"]
        one = np.full(len(sample.levels[0]), math.log2(prior / (1 - prior)))
        relatives = np.full(len(one), math.log2(max(settings["probability_relatives"], 1e-12)))
        for comparison, own, level, frequency in zip(
            comparisons, personal, sample.levels, sample.frequency, strict=True
        ):
            one += weights(comparison)[level] + frequency
            relatives += weights(comparison, under="r_probability")[level] + (0.0 if own else frequency)
        odds, other = (np.exp2(np.clip(log, -60, 60)) for log in (one, relatives))
        if not both:
            other = np.zeros(len(odds))
        p, q = odds / (1 + odds + other), other / (1 + odds + other)
        if p.sum() < 5:
            break
        settings["probability_two_random_records_match"] = _prior(p, sample.share, possible)
        settings["probability_relatives"] = _prior(q, sample.share, possible) if both else 0.0
        for comparison, own, level in zip(comparisons, personal, sample.levels, strict=True):
            _relearn(comparison, level, p, "m_probability")
            if both and q.sum() >= 5 and (not own or comparison["output_column_name"] in AT_TIMES):
                _relearn(comparison, level, q, "r_probability")
                if own:
                    _bound(comparison)
        now = settings["probability_two_random_records_match"]
        history.append({"prior": now, "relatives": settings["probability_relatives"]})
        if abs(math.log(now / prior)) < still:
            break
    return history


def _prior(probability: Floats, share: float, possible: int) -> float:
    return min(0.5, max(1e-12, float(probability.sum()) / share / possible))


def _relearn(
    comparison: dict[str, Any], level: npt.NDArray[np.int32], probability: Floats, which: str
) -> None:
    """Levels from the pairs weighted by their probability; half a pair is added to each: none is impossible."""
    levels = levels_of(comparison)
    seen = level >= 0
    counted = np.bincount(level[seen], weights=probability[seen], minlength=len(levels)) + 0.5
    if counted.sum() < 10:
        return
    for place, one in enumerate(levels):
        one[which] = float(counted[place] / counted.sum())


def _bound(comparison: dict[str, Any]) -> None:
    """Relatives agree in what is one's own ``AT_MOST`` so often; the rest goes to the level of what is unlike."""
    last, *rest = levels_of(comparison)
    for one in rest:
        if one["label_for_charts"] in ("equal", "one slip") or one["label_for_charts"].startswith("slips"):
            one["r_probability"] = min(one["r_probability"], max(AT_MOST, one["u_probability"]))
    last["r_probability"] = max(1e-6, 1 - sum(one["r_probability"] for one in rest))


def weight_sql(settings: dict[str, Any], columns: set[str]) -> str:
    """The match weight of a scored pair (Splink's, with its levels) against strangers and relatives together."""
    relatives = settings.get("probability_relatives") or 0.0
    if not relatives:
        return "match_weight"
    against = [repr(math.log2(settings["probability_two_random_records_match"] / relatives))]
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        values = weights(comparison, over="r_probability")
        cases = " ".join(f"WHEN {place} THEN {value!r}" for place, value in enumerate(values[:-1].tolist()))
        against.append(f'CASE "gamma_{name}" {cases} ELSE 0 END')
        if name in PERSONAL and f"mw_tf_adj_{name}" in columns:
            against.append(f'"mw_tf_adj_{name}"')
    log = " + ".join(against)
    return f"-log2(pow(2, -greatest(-200, least(200, match_weight))) + pow(2, -greatest(-200, least(200, {log}))))"
