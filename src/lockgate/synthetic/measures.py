"""Observations: vital signs with NEWS2 at ward rounds, laboratory batches.

NEWS2 is scored by the bands of the Royal College of Physicians (2017), SpO2 scale 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.synthetic.care import Rows, severity
from lockgate.synthetic.draw import Floats, Ints, choose_by_row, spread, stream
from lockgate.synthetic.encounters import EMERGENCY, INPATIENT, Encounters
from lockgate.synthetic.episodes import ACUTE, HOUR, Episodes
from lockgate.synthetic.lives import Lives
from lockgate.synthetic.people import People
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import DAY, Bools

ALERT, CONFUSED, VOICE, PAIN, UNRESPONSIVE = range(5)
LEVELS = ("248234008", "130987000", "300202002", "450847001", "3862012")
MOST_ROUNDS = 28


@dataclass(frozen=True)
class Rounds(Rows):
    """One set of vital signs: breaths and beats per minute, per cent, mm Hg, degrees Celsius, litres per minute."""

    encounter: Ints
    time: Ints
    breaths: Ints
    saturation: Ints
    oxygen: Ints  # 0 on air
    systolic: Ints
    diastolic: Ints
    pulse: Ints
    temperature: Floats
    level: Ints
    news2: Ints


@dataclass(frozen=True)
class Labs(Rows):
    """One result; ``test`` indexes the laboratory tests of the measures file; ``batch`` counts blood samples."""

    batch: Ints
    encounter: Ints
    test: Ints
    time: Ints
    value: Floats


def _band(values: npt.NDArray[Any], edges: list[float], points: list[int]) -> Ints:
    return np.array(points, dtype=np.int64)[np.searchsorted(edges, values, side="right")]


def news2(
    breaths: Ints,
    saturation: Ints,
    oxygen: Bools,
    systolic: Ints,
    pulse: Ints,
    level: Ints,
    temperature: Floats,
) -> Ints:
    """The NEWS2 total of each set of vital signs (0 to 20)."""
    total: Ints = (
        _band(breaths, [9, 12, 21, 25], [3, 1, 0, 2, 3])
        + _band(saturation, [92, 94, 96], [3, 2, 1, 0])
        + 2 * oxygen.astype(np.int64)
        + _band(systolic, [91, 101, 111, 220], [3, 2, 1, 0, 3])
        + _band(pulse, [41, 51, 91, 111, 131], [3, 1, 0, 1, 2, 3])
        + 3 * (level != ALERT).astype(np.int64)
        + _band(np.round(temperature * 10), [351, 361, 381, 391], [3, 1, 0, 1, 2])
    )
    return total


def _round_times(rng: np.random.Generator, encounters: Encounters) -> tuple[Ints, Ints]:
    """(encounter, time) of every round: once in the emergency department, twice a day on a ward."""
    emergency = np.flatnonzero(encounters.kind == EMERGENCY)
    stays = np.flatnonzero(encounters.kind == INPATIENT)
    half = 12 * HOUR
    first = (encounters.start[stays] - 8 * HOUR) // half * half + half + 8 * HOUR
    count = np.clip((encounters.end[stays] - first + half - HOUR) // half, 0, MOST_ROUNDS)
    parent, number = spread(count)
    time = first[parent] + number * half + rng.integers(-20, 40, len(parent)) * 60
    inside = (time >= encounters.start[stays[parent]]) & (time < encounters.end[stays[parent]])
    encounter = np.concatenate([emergency, stays[parent][inside]])
    when = np.concatenate(
        [encounters.start[emergency] + rng.integers(5, 30, len(emergency)) * 60, time[inside]]
    )
    order = np.lexsort((when, encounter))
    return encounter[order], when[order]


def make_rounds(
    people: People, lives: Lives, episodes: Episodes, encounters: Encounters, seed: int
) -> Rounds:
    """Vital signs that are worst at arrival and mend over the stay (or don't, where the patient dies)."""
    rng = stream(seed, "rounds")
    encounter, time = _round_times(rng, encounters)
    rows = len(encounter)
    episode = encounters.episode[encounter]
    begun, ended = episodes.start[episode], episodes.end[episode]
    through = (time - begun) / np.maximum(ended - begun, 1)
    ill = severity(episodes)[episode] * np.where(
        episodes.died[episode], 0.6 + 0.6 * through, 1 - 0.8 * through
    )
    ill = np.maximum(ill + rng.normal(0, 0.7, rows), 0)
    lungs = lives.has("copd")[encounters.patient[encounter]] <= time // DAY
    saturation = np.clip(97.5 - 0.75 * ill - 1.5 * lungs + rng.normal(0, 1.1, rows), 72, 100).astype(np.int64)
    oxygen = np.where((saturation < 93) & (rng.random(rows) < 0.8), rng.integers(1, 9, rows), 0)
    saturation = np.where(oxygen > 0, np.minimum(saturation + 3, 99), saturation)
    infected = (episodes.origin[episode] == ACUTE) & (ill > 2)
    age = (time // DAY - people.birth_day[encounters.patient[encounter]]) / 365.25
    systolic = np.clip(118 + 0.3 * age - 4.5 * ill + rng.normal(0, 12, rows), 62, 232).astype(np.int64)
    child = age < 12
    breaths = np.clip(15 + 6 * child + 1.15 * ill + rng.normal(0, 1.6, rows), 7, 48).astype(np.int64)
    pulse = np.clip(72 + 25 * child + 4.5 * ill + rng.normal(0, 9, rows), 34, 175).astype(np.int64)
    temperature = np.round(np.clip(36.7 + 0.17 * ill * infected + rng.normal(0, 0.35, rows), 34, 41.2), 1)
    clouded = np.clip(0.012 * ill**1.6, 0, 0.6)
    levels = np.stack([1 - clouded, 0.55 * clouded, 0.25 * clouded, 0.12 * clouded, 0.08 * clouded], axis=1)
    level = choose_by_row(rng, levels)
    return Rounds(
        encounter=encounter,
        time=time,
        breaths=breaths,
        saturation=saturation,
        oxygen=oxygen,
        systolic=systolic,
        diastolic=np.clip((systolic * 0.6 + rng.normal(0, 6, rows)), 30, systolic - 12).astype(np.int64),
        pulse=pulse,
        temperature=temperature,
        level=level,
        news2=news2(breaths, saturation, oxygen > 0, systolic, pulse, level, temperature),
    )


def _batches(rng: np.random.Generator, encounters: Encounters) -> tuple[Ints, Ints]:
    """(encounter, time) of every blood sample."""
    length = encounters.end - encounters.start
    chance = np.choose(encounters.kind, [0.55, 1.0, 0.28, 0.0])
    counts = np.where(rng.random(len(encounters)) < chance, 1, 0)
    counts = np.where(encounters.kind == INPATIENT, 1 + np.minimum(length // (2 * DAY), 8), counts)
    encounter, number = spread(counts)
    early = encounters.start[encounter] + rng.integers(5, 18, len(encounter)) * 60
    morning = (
        (encounters.start[encounter] // DAY + 2 * number) * DAY
        + 6 * HOUR
        + rng.integers(0, 60, len(number)) * 60
    )
    time = np.where(number == 0, early, morning)
    inside = time < encounters.end[encounter]
    return encounter[inside], time[inside]


def _egfr(creatinine: Floats, age: Floats, female: Bools) -> Floats:
    """CKD-EPI 2009 without the term for race, creatinine in umol/L; ml/min/1.73 m2."""
    scaled = creatinine / 88.42 / np.where(female, 0.7, 0.9)
    power = np.where(female, -0.329, -0.411)
    value = 141 * np.minimum(scaled, 1) ** power * np.maximum(scaled, 1) ** -1.209 * 0.993**age
    return np.clip(value * np.where(female, 1.018, 1), 4, 140)


def make_labs(people: People, lives: Lives, episodes: Episodes, encounters: Encounters, seed: int) -> Labs:
    """Blood results that go with the person, the illness and each other."""
    rng = stream(seed, "labs")
    encounter, time = _batches(rng, encounters)
    patient, episode = encounters.patient[encounter], encounters.episode[encounter]
    day = time // DAY
    ill = severity(episodes)[episode] * (encounters.kind[encounter] <= INPATIENT)
    acute = list(data("conditions")["acute"].items())
    swabbed = np.array([bool(entry.get("swab")) or key == "covid" for key, entry in acute])
    kidney = np.array([key == "kidney_injury" for key, _ in acute])
    heart = np.array([key == "heart_attack" for key, _ in acute])
    is_acute = episodes.origin[episode] == ACUTE
    reason = np.where(is_acute, episodes.reason[episode], 0)
    state = {
        "sick": ill,
        "infected": ill * swabbed[reason] * is_acute,
        "kidney": 1.0 * (lives.has("kidney_disease")[patient] <= day) + 1.2 * kidney[reason] * is_acute,
        "liver": 1.0 * (lives.has("liver_cirrhosis")[patient] <= day),
        "diabetes": 1.0
        * (np.minimum(lives.has("type_2_diabetes"), lives.has("type_1_diabetes"))[patient] <= day),
        "heart": 1.0 * (heart[reason] & is_acute),
    }
    age = (day - people.birth_day[patient]) / 365.25
    tests: dict[str, dict[str, Any]] = data("measures")["labs"]
    parts: list[tuple[Ints, Ints, Floats]] = []
    creatinine = np.zeros(len(encounter))
    for number, (key, test) in enumerate(tests.items()):
        mean, between, within = test["value"]
        personal = rng.standard_normal(len(people))[patient]
        value = mean + between * personal + within * rng.standard_normal(len(patient))
        for name, amount in test.get("shift", {}).items():
            value = value + amount * state[name] * np.exp(0.25 * rng.standard_normal(len(patient)))
        if key == "creatinine":
            creatinine = value = np.maximum(value, 22)
        if key == "egfr":
            value = _egfr(creatinine, age, people.female[patient])
        value = np.round(np.maximum(value, test["range"][0] * 0.15 + 0.1), test["decimals"])
        held = np.flatnonzero((rng.random(len(patient)) < test["share"]) & ((key != "egfr") | (age >= 18)))
        parts.append((held, np.full(len(held), number), value[held]))
    batch, test_number, values = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.lexsort((test_number, batch))
    batch = batch[order]
    return Labs(batch, encounter[batch], test_number[order], time[batch], values[order])
