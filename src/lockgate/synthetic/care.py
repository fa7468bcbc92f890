"""What the care consists of: diagnoses, medicines ordered and given, procedures, allergies, vaccines."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lockgate.synthetic.draw import Ints, choose, spread, stream
from lockgate.synthetic.encounters import EMERGENCY, INPATIENT, Encounters
from lockgate.synthetic.episodes import ACUTE, CLINIC, ELECTIVE, HOUR, Episodes
from lockgate.synthetic.lives import NEVER, Lives
from lockgate.synthetic.people import END, START, People
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import DAY, Bools

SYMPTOMS = (
    "29857009",
    "21522001",
    "279039007",
    "271594007",
)  # why a person without a long-term condition comes


@dataclass(frozen=True)
class Rows:
    """Base of the column-wise tables: all columns are NumPy arrays of one length."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))


@dataclass(frozen=True)
class Diagnoses(Rows):
    """Problem-list entries (rank 0) and encounter diagnoses (rank 1 and up); ``code`` indexes ``diagnosis_codes()``."""

    encounter: Ints
    code: Ints
    rank: Ints
    onset_day: Ints
    recorded: Ints


@dataclass(frozen=True)
class Orders(Rows):
    """Prescriptions; ``medicine`` indexes the medicines file; ``inpatient`` ones are given on the ward."""

    encounter: Ints
    medicine: Ints
    start: Ints
    days: Ints
    inpatient: Bools


@dataclass(frozen=True)
class Doses(Rows):
    """Doses given on the ward: the order and the time."""

    order: Ints
    time: Ints


@dataclass(frozen=True)
class Procedures(Rows):
    """``code`` indexes ``procedure_codes()``."""

    encounter: Ints
    code: Ints
    start: Ints
    end: Ints


def diagnosis_codes() -> list[str]:
    """Every SNOMED diagnosis code: the long-term conditions first, in their order."""
    table = data("conditions")
    found = [entry["code"] for entry in table["long_term"].values()]
    for entry in [*table["acute"].values(), *table["elective"].values()]:
        found += [] if entry["code"] in found else [entry["code"]]
    return found + [code for code in SYMPTOMS if code not in found]


def procedure_codes() -> list[str]:
    """Every OPCS-4 procedure code in use."""
    table = data("conditions")
    found: list[str] = [entry["procedure"] for entry in table["elective"].values()]
    found += [code for entry in table["acute"].values() for code in entry.get("procedure", [])]
    found += [*table["clinic_procedures"].values(), "E85.1", "E85.2"]
    return list(dict.fromkeys(found))


def medicine_names() -> list[str]:
    """The keys of the medicines file in their order."""
    return list(data("medicines"))


def first_encounter_from(encounters: Encounters, patient: Ints, second: Ints) -> Ints:
    """The first encounter of each patient at or after a time; -1 where there is none."""
    scale = np.int64(1) << 40
    keys = encounters.patient * scale + encounters.start
    place = np.searchsorted(keys, patient * scale + np.maximum(second, 0))
    safe = np.minimum(place, len(encounters) - 1)
    return np.where((place < len(encounters)) & (encounters.patient[safe] == patient), safe, -1)


def _reason_code(episodes: Episodes, rng: np.random.Generator) -> Ints:
    """The diagnosis code of each episode's reason."""
    table, codes = data("conditions"), diagnosis_codes()
    result = np.array([codes.index(code) for code in SYMPTOMS])[rng.integers(0, len(SYMPTOMS), len(episodes))]
    for origin, kind in ((ACUTE, "acute"), (ELECTIVE, "elective")):
        places = np.array([codes.index(entry["code"]) for entry in table[kind].values()])
        rows = episodes.origin == origin
        result[rows] = places[episodes.reason[rows]]
    clinic = (episodes.origin == CLINIC) & (episodes.reason >= 0)
    result[clinic] = episodes.reason[clinic]
    return result


def make_diagnoses(lives: Lives, episodes: Episodes, encounters: Encounters, seed: int) -> Diagnoses:
    """Problem lists (when first seen after onset) and what each encounter was for."""
    rng = stream(seed, "diagnoses")
    patient, condition = np.nonzero(lives.onset < NEVER)
    onset = lives.onset[patient, condition]
    seen = first_encounter_from(encounters, patient, (onset + 1) * DAY)
    listed = seen >= 0
    problems = (seen[listed], condition[listed], np.zeros(int(listed.sum()), np.int64), onset[listed])
    every = np.arange(len(encounters))
    reason = _reason_code(episodes, rng)[encounters.episode]
    main = (every, reason, np.ones(len(every), np.int64), encounters.start // DAY)
    stays = np.flatnonzero(encounters.kind == INPATIENT)
    known = lives.onset[encounters.patient[stays]] <= (encounters.start[stays] // DAY)[:, None]
    known &= rng.random(known.shape) < 0.8
    rank = np.cumsum(known, axis=1)
    known &= rank <= 5
    row, column = np.nonzero(known)
    other = column != reason[stays[row]]
    row, column = row[other], column[other]
    secondary = (
        stays[row],
        column,
        rank[row, column] + 1,
        lives.onset[encounters.patient[stays[row]], column],
    )
    columns = [np.concatenate(parts) for parts in zip(problems, main, secondary, strict=True)]
    recorded = encounters.start[columns[0]] + rng.integers(10, 50, len(columns[0])) * 60
    recorded = np.minimum(recorded, encounters.end[columns[0]])
    order = np.lexsort((columns[2], columns[0]))
    encounter, code, place, begun = (column[order] for column in columns)
    return Diagnoses(encounter, code, place, begun, recorded[order])


def _condition_medicines(
    lives: Lives, patient: Ints, at_day: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """(row, medicine) for the long-term medicines of patients at a time; one person keeps to the same medicines."""
    names = medicine_names()
    rows, medicines = [], []
    for column, entry in enumerate(lives.conditions):
        for place, name in enumerate(entry["medicines"]):
            takes = (patient * 7919 + column * 104729 + place * 31) % 100 < (85 if place == 0 else 45)
            found = np.flatnonzero((lives.onset[patient, column] <= at_day) & takes)
            rows.append(found)
            medicines.append(np.full(len(found), names.index(name)))
    row, medicine = np.concatenate(rows), np.concatenate(medicines)
    unique = np.unique(row * 1000 + medicine)
    return unique // 1000, unique % 1000


def make_orders(lives: Lives, episodes: Episodes, encounters: Encounters, seed: int) -> Orders:
    """Medicines for the acute illness, long-term medicines on the ward, and prescriptions to take home."""
    rng = stream(seed, "orders")
    names = medicine_names()
    parts: list[tuple[Ints, Ints, Ints, Ints, Bools]] = []
    stays = np.flatnonzero(encounters.kind == INPATIENT)
    length = np.maximum((encounters.end - encounters.start)[stays] // DAY, 1)

    def add(encounter: Ints, medicine: Ints, start: Ints, days: Ints, inpatient: bool) -> None:
        parts.append((encounter, medicine, start, days, np.full(len(encounter), inpatient)))

    acute = list(data("conditions")["acute"].values())
    begun = encounters.start[stays] + rng.integers(10, 110, len(stays)) * 60
    for number, entry in enumerate(acute):
        for name in entry["medicines"]:
            chosen = (episodes.origin == ACUTE)[encounters.episode[stays]] & (
                episodes.reason[encounters.episode[stays]] == number
            )
            chosen &= rng.random(len(stays)) < 0.7
            add(
                stays[chosen],
                np.full(int(chosen.sum()), names.index(name)),
                begun[chosen],
                length[chosen],
                True,
            )
    planned = np.flatnonzero(episodes.origin[encounters.episode[stays]] == ELECTIVE)
    for name in ("paracetamol", "morphine", "enoxaparin", "ondansetron"):
        chosen = planned[rng.random(len(planned)) < 0.75]
        add(stays[chosen], np.full(len(chosen), names.index(name)), begun[chosen], length[chosen], True)
    intensive = np.flatnonzero(episodes.intensive[encounters.episode[stays]])
    for name in ("propofol", "noradrenaline"):
        days = np.maximum(length[intensive] // 3, 1)
        add(stays[intensive], np.full(len(intensive), names.index(name)), begun[intensive], days, True)
    row, medicine = _condition_medicines(
        lives, encounters.patient[stays], encounters.start[stays] // DAY, rng
    )
    add(stays[row], medicine, begun[row], length[row], True)
    home = rng.random(len(row)) < 0.9
    alive = ~episodes.died[encounters.episode[stays[row]]]
    taken = row[home & alive]
    add(
        stays[taken],
        medicine[home & alive],
        encounters.end[stays[taken]] - 2 * HOUR,
        np.full(len(taken), 28),
        False,
    )
    clinics = np.flatnonzero(encounters.kind > INPATIENT)
    row, medicine = _condition_medicines(
        lives, encounters.patient[clinics], encounters.start[clinics] // DAY, rng
    )
    kept = rng.random(len(row)) < 0.5
    row, medicine = row[kept], medicine[kept]
    add(clinics[row], medicine, encounters.end[clinics[row]] - 300, np.full(len(row), 56), False)
    columns = [np.concatenate([part[i] for part in parts]) for i in range(5)]
    key = columns[0] * 2000 + columns[1] * 2 + columns[4]
    _, first = np.unique(key, return_index=True)
    columns = [column[first] for column in columns]
    columns[2] = np.clip(columns[2], encounters.start[columns[0]], encounters.end[columns[0]])
    return Orders(*columns)


def make_doses(orders: Orders, encounters: Encounters, seed: int) -> Doses:
    """One dose a day of every inpatient order, at the morning round or when the order was written."""
    rng = stream(seed, "doses")
    row = np.flatnonzero(orders.inpatient)
    parent, number = spread(np.minimum(orders.days[row] + 1, 15))
    order = row[parent]
    morning = (orders.start[order] // DAY + number) * DAY + 8 * HOUR + rng.integers(0, 60, len(order)) * 60
    time = np.where(number == 0, orders.start[order] + rng.integers(15, 90, len(order)) * 60, morning)
    given = (time > orders.start[order]) & (time < encounters.end[orders.encounter[order]])
    return Doses(order[given], time[given])


def make_procedures(
    lives: Lives, episodes: Episodes, encounters: Encounters, hospital_theatre: int, seed: int
) -> Procedures:
    """Operations in theatre, procedures of an acute illness, organ support, procedures in clinics."""
    rng = stream(seed, "procedures")
    table, codes = data("conditions"), procedure_codes()
    origin = episodes.origin[encounters.episode]
    reason = episodes.reason[encounters.episode]
    stay = encounters.kind == INPATIENT
    length = encounters.end - encounters.start
    found: list[tuple[Ints, int, float]] = []
    for number, entry in enumerate(table["acute"].values()):
        for place, code in enumerate(entry.get("procedure", [])):
            chosen = np.flatnonzero(stay & (origin == ACUTE) & (reason == number))
            found.append(
                (chosen[rng.random(len(chosen)) < (0.6 if place == 0 else 0.3)], codes.index(code), 0.2)
            )
    intensive = np.flatnonzero(stay & episodes.intensive[encounters.episode] & (origin == ACUTE))
    for code, chance in (("E85.1", 0.55), ("E85.2", 0.3), ("X40.3", 0.15)):
        found.append((intensive[rng.random(len(intensive)) < chance], codes.index(code), 0.3))
    for key, code in table["clinic_procedures"].items():
        chosen = np.flatnonzero(
            (origin == CLINIC) & (encounters.kind != 3) & (reason == lives.keys.index(key))
        )
        found.append((chosen[rng.random(len(chosen)) < 0.35], codes.index(code), 0.1))
    encounter = np.concatenate([rows for rows, _, _ in found])
    code_column = np.concatenate([np.full(len(rows), code) for rows, code, _ in found])
    share = np.concatenate([np.full(len(rows), part) for rows, _, part in found])
    start = encounters.start[encounter] + (length[encounter] * share).astype(np.int64) // 60 * 60
    end = np.minimum(start + rng.integers(5, 60, len(start)) * 60, encounters.end[encounter])
    theatre = np.flatnonzero(encounters.move_ward == hospital_theatre)
    planned = np.array([codes.index(entry["procedure"]) for entry in table["elective"].values()])
    operated = encounters.move_encounter[theatre]
    return Procedures(
        np.concatenate([encounter, operated]),
        np.concatenate([code_column, planned[reason[operated]]]),
        np.concatenate([start, encounters.move_start[theatre] + 10 * 60]),
        np.concatenate([end, encounters.move_end[theatre]]),
    )


@dataclass(frozen=True)
class Allergies(Rows):
    """``code`` indexes the allergies of the measures file."""

    patient: Ints
    code: Ints
    recorded: Ints


@dataclass(frozen=True)
class Vaccines(Rows):
    """``code`` indexes the vaccines of the measures file."""

    patient: Ints
    code: Ints
    time: Ints


def make_allergies(people: People, encounters: Encounters, seed: int) -> Allergies:
    """One allergy for one person in eight, recorded at the first encounter."""
    rng = stream(seed, "allergies")
    seen, first = np.unique(encounters.patient, return_index=True)
    chosen = rng.random(len(seen)) < 0.12
    weights = list(data("measures")["allergies"].values())
    return Allergies(
        seen[chosen], choose(rng, weights, int(chosen.sum())), encounters.start[first[chosen]] + 6 * 60
    )


def make_vaccines(people: People, lives: Lives, seed: int) -> Vaccines:
    """Vaccines of older people and people with long-term conditions."""
    rng = stream(seed, "vaccines")
    shares: dict[str, Any] = data("measures")["vaccines"]
    first = np.maximum(START + 200, people.birth_day + 400)
    room = lives.last_day - first
    eligible = ((lives.onset < NEVER).any(axis=1) | (people.birth_day < END - 70 * 366)) & (room > 30)
    rows, code = [], []
    for number, share in enumerate(shares.values()):
        chosen = np.flatnonzero(eligible & (rng.random(len(people)) < share))
        rows.append(chosen)
        code.append(np.full(len(chosen), number))
    patient = np.concatenate(rows)
    day = first[patient] + (rng.random(len(patient)) * (room[patient] - 1)).astype(np.int64)
    covid = np.concatenate(code) == list(shares).index("208")
    launched = np.int64(np.datetime64("2021-01-11", "D").astype(np.int64))
    kept = ~covid | (day >= launched)
    time = day * DAY + rng.integers(9 * 60, 17 * 60, len(day)) * 60
    return Vaccines(patient[kept], np.concatenate(code)[kept], time[kept])


def severity(episodes: Episodes) -> npt.NDArray[np.float64]:
    """How ill each episode's patient is, from 0 (well) to 8."""
    table = data("conditions")["acute"]
    values = np.array([float(entry["severity"]) for entry in table.values()])
    result = np.ones(len(episodes))
    rows = episodes.origin == ACUTE
    result[rows] = values[episodes.reason[rows]]
    level: npt.NDArray[np.float64] = result + 1.5 * episodes.intensive + 2 * episodes.died
    return level


__all__ = [
    "EMERGENCY",
    "Allergies",
    "Diagnoses",
    "Doses",
    "Orders",
    "Procedures",
    "Rows",
    "Vaccines",
    "diagnosis_codes",
    "first_encounter_from",
    "make_allergies",
    "make_diagnoses",
    "make_doses",
    "make_orders",
    "make_procedures",
    "make_vaccines",
    "medicine_names",
    "procedure_codes",
    "severity",
]
