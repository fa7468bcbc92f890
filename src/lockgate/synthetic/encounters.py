"""Encounters as the record has them, and the wards that a patient went through.

An episode through the emergency department with an admission becomes two encounters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockgate.synthetic.draw import Ints, stream
from lockgate.synthetic.episodes import ACUTE, CLINIC, ELECTIVE, HOUR, OUTBREAK_WARD, Episodes
from lockgate.synthetic.hospital import Hospital
from lockgate.synthetic.reference import data

EMERGENCY, INPATIENT, OUTPATIENT, VIRTUAL = range(4)


@dataclass(frozen=True)
class Encounters:
    """One row per FHIR encounter, in order of patient and time, and the ward stays within them."""

    episode: Ints
    patient: Ints
    kind: Ints
    start: Ints
    end: Ints
    ward: Ints  # the ward or clinic that is responsible
    staff: Ints
    move_encounter: Ints
    move_ward: Ints
    move_start: Ints
    move_end: Ints

    def __len__(self) -> int:
        return len(self.patient)


def _wards(hospital: Hospital, episodes: Episodes) -> Ints:
    acute, elective = data("conditions")["acute"], data("conditions")["elective"]
    by_reason = {
        ACUTE: np.array([hospital.ward(entry["ward"]) for entry in acute.values()]),
        ELECTIVE: np.array([hospital.ward(entry["ward"]) for entry in elective.values()]),
    }
    ward = np.full(len(episodes), hospital.ward("OPD"))
    for origin, table in by_reason.items():
        rows = episodes.origin == origin
        ward[rows] = table[episodes.reason[rows]]
    ward[episodes.outbreak] = hospital.ward(OUTBREAK_WARD)
    return ward


def make_encounters(hospital: Hospital, episodes: Episodes, seed: int) -> Encounters:
    """Turn episodes into encounters (an admission through the emergency department is two) and ward stays."""
    rng = stream(seed, "encounters")
    ward = _wards(hospital, episodes)
    number = np.arange(len(episodes))
    via_ed = episodes.origin == ACUTE
    clinic = episodes.origin == CLINIC
    parts = [
        (number[via_ed], np.full(int(via_ed.sum()), EMERGENCY), episodes.start, episodes.leave_ed),
        (
            number[episodes.admitted],
            np.full(int(episodes.admitted.sum()), INPATIENT),
            episodes.leave_ed,
            episodes.end,
        ),
        (
            number[clinic],
            np.where(episodes.virtual[clinic], VIRTUAL, OUTPATIENT),
            episodes.start,
            episodes.end,
        ),
    ]
    episode = np.concatenate([rows for rows, *_ in parts])
    kind = np.concatenate([kinds for _, kinds, *_ in parts])
    start = np.concatenate([begins[rows] for rows, _, begins, _ in parts])
    end = np.concatenate([ends[rows] for rows, _, _, ends in parts])
    order = np.lexsort((start, episodes.patient[episode]))
    episode, kind, start, end = episode[order], kind[order], start[order], end[order]
    where = np.where(kind == EMERGENCY, hospital.ward("ED"), ward[episode])
    moves = _moves(rng, hospital, episodes, episode, kind, start, end, where)
    doctors = hospital.staff_of("Consultant", "Registrar")
    return Encounters(
        episode, episodes.patient[episode], kind, start, end, where, rng.choice(doctors, len(episode)), *moves
    )


def _moves(
    rng: np.random.Generator,
    hospital: Hospital,
    episodes: Episodes,
    episode: Ints,
    kind: Ints,
    start: Ints,
    end: Ints,
    ward: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Where in the hospital an encounter went: acute unit, ward, theatre, intensive care, ward again."""
    length = end - start
    stays = kind == INPATIENT
    acute_unit = stays & (episodes.origin[episode] == ACUTE) & (ward != hospital.ward("AMU"))
    acute_unit &= (rng.random(len(kind)) < 0.75) & ~episodes.outbreak[episode]
    leave_acute = start + np.where(
        acute_unit, np.minimum(length // 3, rng.integers(4, 40, len(kind)) * HOUR), 0
    )
    theatre = stays & (episodes.origin[episode] == ELECTIVE)
    cut = np.where(theatre, start + length // 10, leave_acute)
    after_theatre = np.where(theatre, cut + np.minimum(length // 5, 3 * HOUR), cut)
    intensive = stays & episodes.intensive[episode]
    into = np.where(intensive & ~theatre, after_theatre + (end - after_theatre) // 6, after_theatre)
    out = np.where(intensive, into + (end - into) // 3, into)
    segments = [
        (np.where(acute_unit, hospital.ward("AMU"), ward), start, np.where(theatre, cut, leave_acute)),
        (np.full(len(kind), hospital.ward("THR")), cut, after_theatre),
        (ward, after_theatre, into),
        (np.full(len(kind), hospital.ward("ICU")), into, out),
        (ward, out, end),
    ]
    numbers = np.arange(len(kind))
    columns = [
        np.concatenate([numbers for _ in segments]),
        np.concatenate([place for place, _, _ in segments]),
        np.concatenate([begins // 60 * 60 for _, begins, _ in segments]),
        np.concatenate([ends // 60 * 60 for _, _, ends in segments]),
    ]
    real = columns[3] > columns[2]
    columns = [column[real] for column in columns]
    order = np.lexsort((columns[2], columns[0]))
    encounter, place, begins, ends = (column[order] for column in columns)
    return encounter, place, begins, ends
