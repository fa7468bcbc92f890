"""How each life goes: smoking, weight, the onset of long-term conditions, severe mental illness, death.

Planted here: long-term conditions begin earlier where deprivation is greater, by ``GRADIENT`` years for each
decile, and people with severe mental illness have diabetes more often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.synthetic.draw import Ints, choose_by_row, stream
from lockgate.synthetic.people import END, START, People
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import DAY, Bools

GRADIENT = 1.0  # years later at onset for each decile less deprived, before the record ends at 2025
NEVER = np.int64(np.iinfo(np.int64).max // 4)


@dataclass(frozen=True)
class Lives:
    """One row per patient; ``onset`` is patients x conditions in days since 1970, ``NEVER`` where there is none."""

    keys: list[str]
    conditions: list[dict[str, Any]]
    onset: Ints
    smoking: Ints  # 0 never, 1 used to, 2 smokes
    bmi: npt.NDArray[np.float64]
    death_second: Ints  # NEVER for the living
    last_day: Ints  # the last day a patient can be seen: day of death or the end of the record

    def has(self, key: str) -> Ints:
        """The day each patient's condition began (``NEVER`` where it didn't)."""
        return self.onset[:, self.keys.index(key)]

    def group(self, name: str) -> Ints:
        """The first day of any condition of a group (psychiatric, severe_mental_illness)."""
        columns = [i for i, entry in enumerate(self.conditions) if entry.get("group") == name]
        first: Ints = self.onset[:, columns].min(axis=1)
        return first


def _smoking(rng: np.random.Generator, people: People, ill: Bools) -> Ints:
    deprived = (5.5 - people.decile) / 4.5
    weights = np.stack(
        [np.full(len(people), 0.58) - 0.12 * deprived, np.full(len(people), 0.27), 0.15 + 0.1 * deprived],
        axis=1,
    )
    weights[ill, 2] += 0.35
    smoking = choose_by_row(rng, weights)
    return np.where(people.birth_day > START - 14 * 365, 0, smoking)


def _deaths(rng: np.random.Generator, people: People, onset: Ints) -> Ints:
    death = np.full(len(people), NEVER)
    alive = np.ones(len(people), dtype=bool)
    for year_start in range(START, END, 365):
        length = min(365, END - year_start)
        age = (year_start + 180 - people.birth_day) / 365.25
        ill = (onset <= year_start).sum(axis=1)
        hazard = (
            1.6e-5 * np.exp(0.097 * np.maximum(age, 0)) * 1.05 ** (5.5 - people.decile) * (1 + 0.22 * ill)
        )
        dies = alive & (age > 1) & (rng.random(len(people)) < 1 - np.exp(-hazard * length / 365.25))
        death[dies] = year_start + rng.integers(0, length, int(dies.sum()))
        alive &= ~dies
    return death


def make_lives(people: People, seed: int) -> Lives:
    """Draw the course of every life."""
    rng = stream(seed, "lives")
    table: dict[str, dict[str, Any]] = data("conditions")["long_term"]
    keys, conditions = list(table), list(table.values())
    rows = len(people)
    draws = rng.random((rows, len(keys)))
    grown = rng.standard_normal((rows, len(keys)))
    frailty = np.exp(0.35 * rng.standard_normal(rows))
    mental = [i for i, entry in enumerate(conditions) if entry.get("group") == "severe_mental_illness"]
    severe = np.asarray((draws[:, mental] < np.array([conditions[i]["p"] for i in mental])).any(axis=1))
    smoking = _smoking(rng, people, severe)
    bmi = np.clip(rng.normal(27.2 + 0.25 * (5.5 - people.decile) + 1.5 * severe, 4.6), 15.5, 58)
    deprivation = 1.03 ** (5.5 - people.decile)
    onset = np.full((rows, len(keys)), NEVER)
    for i, entry in enumerate(conditions):
        chance = entry["p"] * (deprivation * frailty if i not in mental else 1)
        if "smokers" in entry:
            chance = chance * np.where(smoking > 0, entry["smokers"], 0.5)
        if keys[i] == "type_2_diabetes":
            chance = chance * np.where(bmi > 30, 1.7, 0.8) * np.where(severe, 2.2, 1)
        if "sex" in entry:
            chance = chance * (people.female == (entry["sex"] == "F"))
        mean, deviation = entry["onset"]
        age = mean + deviation * grown[:, i] + GRADIENT * (people.decile - 5.5)
        begins = people.birth_day + (np.maximum(age, 12 + 0.2 * np.abs(age)) * 365.25).astype(np.int64)
        onset[:, i] = np.where(draws[:, i] < chance, begins, NEVER)
    death = _deaths(rng, people, onset)
    last_day = np.minimum(death, END)
    onset[onset > (last_day - 30)[:, None]] = NEVER
    seconds = death * DAY + rng.integers(3600, DAY - 3600, rows) // 60 * 60
    return Lives(
        keys=keys,
        conditions=conditions,
        onset=onset,
        smoking=smoking,
        bmi=np.round(bmi, 1),
        death_second=np.where(death == NEVER, NEVER, seconds),
        last_day=last_day,
    )
