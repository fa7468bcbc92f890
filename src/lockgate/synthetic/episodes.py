"""Stretches of time with the hospital: emergency attendances, admissions, clinics.

An episode is one stretch of time that a patient can't be in twice: an emergency attendance with the admission
it leads to, a planned admission, or a clinic appointment. Planted here: one ward outbreak, as admissions to one
ward within a few weeks (their cultures are in ``microbiology``).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.synthetic.draw import Ints, choose, choose_by_row, stream
from lockgate.synthetic.lives import NEVER, Lives
from lockgate.synthetic.people import END, START, People
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import DAY, Bools, day

ACUTE, ELECTIVE, CLINIC = range(3)
OUTBREAK_WARD = "W7"
OUTBREAK_FIRST, OUTBREAK_LAST = day("2025-02-03"), day("2025-03-16")
HOUR = 3600
_ARRIVALS = [3, 2, 2, 1, 1, 2, 3, 4, 6, 8, 9, 9, 8, 8, 8, 8, 8, 8, 8, 7, 7, 6, 5, 4]


@dataclass(frozen=True)
class Episodes:
    """One row per episode. ``reason`` indexes the acute, elective or long-term table, by ``origin``."""

    patient: Ints
    start: Ints
    leave_ed: Ints  # when the emergency department part ends; equal to ``start`` where there was none
    end: Ints
    origin: Ints
    reason: Ints  # -1: a clinic visit without a long-term condition
    admitted: Bools
    intensive: Bools
    outbreak: Bools
    died: Bools
    virtual: Bools

    def __len__(self) -> int:
        return len(self.patient)

    def rows(self, index: npt.NDArray[Any]) -> Episodes:
        """The episodes of an index or a mask."""
        return Episodes(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def _together(parts: list[Episodes]) -> Episodes:
    return Episodes(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Episodes)
        }
    )


def _window(people: People, lives: Lives) -> tuple[Ints, Ints]:
    """The days within which each patient can be seen."""
    first = np.maximum(START, people.birth_day + 3)
    return first, np.maximum(lives.last_day - 4, first)


def _visits(
    rng: np.random.Generator, people: People, lives: Lives, yearly: npt.NDArray[Any]
) -> tuple[Ints, Ints]:
    """Patients and days of visits at a yearly rate."""
    first, last = _window(people, lives)
    counts = rng.poisson(yearly * (last - first) / 365.25)
    patient = np.repeat(np.arange(len(people)), counts)
    days = first[patient] + (rng.random(len(patient)) * (last - first)[patient]).astype(np.int64)
    return patient, days


def _ill(lives: Lives, patient: Ints, days: Ints) -> Ints:
    count: Ints = (lives.onset[patient] <= days[:, None]).sum(axis=1)
    return count


def _acute_weights(people: People, lives: Lives, patient: Ints, days: Ints) -> npt.NDArray[np.float64]:
    acute = data("conditions")["acute"]
    age = (days - people.birth_day[patient]) / 365.25
    weights = np.zeros((len(patient), len(acute)))
    for number, entry in enumerate(acute.values()):
        fits = age >= entry["age"]
        if "needs" in entry:
            fits = fits & (lives.has(entry["needs"])[patient] <= days)
            weights[:, number] = fits * entry["weight"] * 5
        else:
            weights[:, number] = (
                fits * entry["weight"] * (1 + (entry["age"] >= 50) * np.maximum(age - 60, 0) / 15)
            )
    copd = list(acute).index("copd_flare")
    weights[:, copd] *= np.where(lives.has("copd")[patient] <= days, 6, 0.05)
    return weights


def _stay_seconds(rng: np.random.Generator, median_days: npt.NDArray[np.float64]) -> Ints:
    length = median_days * np.exp(0.55 * rng.standard_normal(len(median_days)))
    return (np.clip(length, 0.4, 45) * DAY).astype(np.int64) // 60 * 60


def _acute(
    rng: np.random.Generator,
    people: People,
    lives: Lives,
    patient: Ints,
    days: Ints,
    *,
    admit: bool | None = None,
    reasons: list[str] | None = None,
) -> Episodes:
    """Emergency attendances on the given days; ``admit`` forces an admission, ``reasons`` the reason."""
    acute: dict[str, dict[str, Any]] = data("conditions")["acute"]
    entries = list(acute.values())
    if reasons is None:
        reason = choose_by_row(rng, _acute_weights(people, lives, patient, days))
    else:
        reason = rng.choice([list(acute).index(key) for key in reasons], len(patient))
    age = (days - people.birth_day[patient]) / 365.25
    start = days * DAY + choose(rng, _ARRIVALS, len(patient)) * HOUR + rng.integers(0, 60, len(patient)) * 60
    wait = np.clip(200 * np.exp(0.5 * rng.standard_normal(len(patient))), 40, 1400).astype(np.int64) * 60
    chance = np.array([entry["admit"] for entry in entries])[reason] * np.clip(
        0.45 + 0.55 * age / 65, 0.3, 1.25
    )
    admitted = np.full(len(patient), True) if admit else rng.random(len(patient)) < chance
    severity = np.array([entry["severity"] for entry in entries])[reason]
    stay = _stay_seconds(rng, np.array([float(entry["stay"]) for entry in entries])[reason])
    leave = start + wait
    return Episodes(
        patient=patient,
        start=start,
        leave_ed=leave,
        end=np.where(admitted, leave + stay, leave),
        origin=np.full(len(patient), ACUTE),
        reason=reason,
        admitted=admitted,
        intensive=admitted
        & (rng.random(len(patient)) < np.array([0.0, 0.01, 0.01, 0.02, 0.04, 0.08, 0.15, 0.28])[severity]),
        outbreak=np.zeros(len(patient), bool),
        died=np.zeros(len(patient), bool),
        virtual=np.zeros(len(patient), bool),
    )


def _planned(rng: np.random.Generator, people: People, lives: Lives) -> Episodes:
    elective: dict[str, dict[str, Any]] = data("conditions")["elective"]
    entries = list(elective.values())
    patient, days = _visits(rng, people, lives, np.full(len(people), 0.05))
    age = (days - people.birth_day[patient]) / 365.25
    weights = np.zeros((len(patient), len(entries)))
    for number, entry in enumerate(entries):
        fits = (age >= entry["age"][0]) & (age <= entry["age"][1])
        if "needs" in entry:
            fits = fits & (lives.has(entry["needs"])[patient] <= days)
        weights[:, number] = fits * entry["weight"] * (6 if "needs" in entry else 1)
    possible = weights.sum(axis=1) > 0
    patient, days, weights = patient[possible], days[possible], weights[possible]
    reason = choose_by_row(rng, weights)
    start = days * DAY + 7 * HOUR + rng.integers(0, 90, len(patient)) * 60
    stay = _stay_seconds(rng, np.array([float(entry["stay"]) for entry in entries])[reason])
    no = np.zeros(len(patient), bool)
    return Episodes(
        patient=patient,
        start=start,
        leave_ed=start,
        end=start + np.maximum(stay, 9 * HOUR),
        origin=np.full(len(patient), ELECTIVE),
        reason=reason,
        admitted=~no,
        intensive=reason == list(elective).index("bypass"),
        outbreak=no,
        died=no,
        virtual=no,
    )


def _clinic(rng: np.random.Generator, lives: Lives, patient: Ints, days: Ints) -> Episodes:
    days = days - np.maximum((days + 3) % 7 - 4, 0)  # no clinics on Saturday and Sunday
    known = (lives.onset[patient] <= days[:, None]).astype(np.float64)
    some = known.sum(axis=1) > 0
    reason = np.where(some, choose_by_row(rng, np.where(some[:, None], known, 1.0)), -1)
    start = days * DAY + 9 * HOUR + rng.integers(0, 92, len(patient)) * 300
    no = np.zeros(len(patient), bool)
    return Episodes(
        patient=patient,
        start=start,
        leave_ed=start,
        end=start + 20 * 60,
        origin=np.full(len(patient), CLINIC),
        reason=reason,
        admitted=no,
        intensive=no,
        outbreak=no,
        died=no,
        virtual=rng.random(len(patient)) < 0.12,
    )


def _outbreak(rng: np.random.Generator, people: People, lives: Lives) -> Episodes:
    """Older people admitted to the outbreak's ward within its weeks."""
    old = (people.birth_day < OUTBREAK_FIRST - 68 * 365) & (lives.last_day == END)
    pool = np.flatnonzero(old)
    cases = min(len(pool), int(np.clip(len(people) // 150, 9, 40)))
    patient = np.sort(rng.choice(pool, cases, replace=False))
    days = rng.integers(OUTBREAK_FIRST - 2, OUTBREAK_LAST - 8, cases)
    episodes = _acute(rng, people, lives, patient, days, admit=True, reasons=["fall", "delirium"])
    stay = rng.integers(8, 17, cases) * DAY
    return replace(
        episodes, end=episodes.leave_ed + stay, outbreak=np.ones(cases, bool), intensive=np.zeros(cases, bool)
    )


def _last_admissions(rng: np.random.Generator, people: People, lives: Lives) -> Episodes:
    """The admission in which a patient dies, for nearly half of the dead."""
    dead = np.flatnonzero(
        (lives.death_second < NEVER) & (lives.last_day > np.maximum(START, people.birth_day) + 60)
    )
    patient = dead[rng.random(len(dead)) < 0.45]
    death = lives.death_second[patient]
    stay = _stay_seconds(rng, np.full(len(patient), 6.0))
    episodes = _acute(
        rng,
        people,
        lives,
        patient,
        (death - stay) // DAY,
        admit=True,
        reasons=["pneumonia", "sepsis", "stroke_acute", "heart_failure_flare", "kidney_injury", "covid"],
    )
    start = np.minimum(death - stay, death - 9 * HOUR) // 60 * 60
    return replace(
        episodes, start=start, leave_ed=start + 4 * HOUR, end=death, died=np.ones(len(patient), bool)
    )


def _without_overlap(episodes: Episodes, lives: Lives) -> Episodes:
    """Episodes of which no two of one patient overlap and none outlasts its patient, in order of time."""
    fixed = episodes.outbreak | episodes.died
    begin = np.full(len(lives.smoking), NEVER)
    finish = np.full(len(lives.smoking), -NEVER)
    begin[episodes.patient[fixed]] = episodes.start[fixed] - DAY
    finish[episodes.patient[fixed]] = episodes.end[fixed] + DAY
    clash = ~fixed & (episodes.start < finish[episodes.patient]) & (episodes.end > begin[episodes.patient])
    limit = np.minimum(lives.death_second[episodes.patient], (END + 1) * DAY - 1)
    late = episodes.end > limit
    episodes = episodes.rows(~clash & ~late)
    episodes = episodes.rows(np.lexsort((episodes.end, episodes.start, episodes.patient)))
    while True:
        same = episodes.patient[1:] == episodes.patient[:-1]
        overlap = same & (episodes.start[1:] < episodes.end[:-1] + HOUR)
        if not overlap.any():
            return episodes
        second = np.flatnonzero(overlap) + 1
        fixed = (episodes.outbreak | episodes.died)[second]
        drop = np.where(fixed, second - 1, second)
        episodes = episodes.rows(np.setdiff1d(np.arange(len(episodes)), drop))


def make_episodes(people: People, lives: Lives, seed: int) -> Episodes:
    """Draw every patient's episodes; each patient has at least one."""
    rng = stream(seed, "episodes")
    middle = (START + END) // 2
    age = np.clip((middle - people.birth_day) / 365.25, 0, 100)
    ill = _ill(lives, np.arange(len(people)), np.full(len(people), middle))
    yearly = (0.045 + 0.0011 * age + 0.035 * ill) * 1.03 ** (5.5 - people.decile)
    outbreak = _outbreak(rng, people, lives)
    clinic = _visits(rng, people, lives, 0.16 + 0.13 * ill)
    parts = [
        outbreak,
        _last_admissions(rng, people, lives),
        _acute(rng, people, lives, *_visits(rng, people, lives, yearly)),
        _planned(rng, people, lives),
        _clinic(rng, lives, *clinic),
    ]
    episodes = _without_overlap(_together(parts), lives)
    unseen = np.setdiff1d(np.arange(len(people)), episodes.patient)
    first, last = _window(people, lives)
    extra = _clinic(rng, lives, unseen, np.maximum(first[unseen] + 7, (first[unseen] + last[unseen]) // 2))
    extra = extra.rows(extra.end < np.minimum(lives.death_second[unseen], END * DAY))
    return _without_overlap(_together([episodes, extra]), lives)
