"""The whole hospital in memory, before any of it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lockgate.synthetic.care import (
    Allergies,
    Diagnoses,
    Doses,
    Orders,
    Procedures,
    Vaccines,
    make_allergies,
    make_diagnoses,
    make_doses,
    make_orders,
    make_procedures,
    make_vaccines,
)
from lockgate.synthetic.encounters import Encounters, make_encounters
from lockgate.synthetic.episodes import Episodes, make_episodes
from lockgate.synthetic.hospital import GPS_PER_PRACTICE, Hospital, make_hospital
from lockgate.synthetic.imaging import Reads, Studies, make_reads, make_studies
from lockgate.synthetic.lives import Lives, make_lives
from lockgate.synthetic.measures import Labs, Rounds, make_labs, make_rounds
from lockgate.synthetic.microbiology import Cultures, make_cultures
from lockgate.synthetic.notes import Notes, make_notes
from lockgate.synthetic.people import People, make_people

Progress = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """Everything that is true of one synthetic hospital."""

    seed: int
    hospital: Hospital
    people: People
    lives: Lives
    episodes: Episodes
    encounters: Encounters
    diagnoses: Diagnoses
    orders: Orders
    doses: Doses
    procedures: Procedures
    allergies: Allergies
    vaccines: Vaccines
    rounds: Rounds
    labs: Labs
    cultures: Cultures
    studies: Studies
    reads: Reads
    notes: Notes


def make_world(patients: int, seed: int, progress: Progress, *, letters: str = "") -> World:
    """Draw a hospital. The same number of patients and seed give the same hospital, whoever writes its ``letters``."""
    progress("people and their lives")
    hospital = make_hospital(patients, seed)
    people = make_people(patients, seed, len(hospital.practices), GPS_PER_PRACTICE)
    lives = make_lives(people, seed)
    progress("encounters and care")
    episodes = make_episodes(people, lives, seed)
    encounters = make_encounters(hospital, episodes, seed)
    diagnoses = make_diagnoses(lives, episodes, encounters, seed)
    orders = make_orders(lives, episodes, encounters, seed)
    progress("observations, laboratory, imaging")
    rounds = make_rounds(people, lives, episodes, encounters, seed)
    studies = make_studies(episodes, encounters, hospital.staff_of("Radiologist"), seed)
    labs = make_labs(people, lives, episodes, encounters, seed)
    progress("letters and notes")
    notes = make_notes(people, lives, hospital, encounters, diagnoses, rounds, studies, seed, letters=letters)
    return World(
        seed=seed,
        hospital=hospital,
        people=people,
        lives=lives,
        episodes=episodes,
        encounters=encounters,
        diagnoses=diagnoses,
        orders=orders,
        doses=make_doses(orders, encounters, seed),
        procedures=make_procedures(lives, episodes, encounters, hospital.ward("THR"), seed),
        allergies=make_allergies(people, encounters, seed),
        vaccines=make_vaccines(people, lives, seed),
        rounds=rounds,
        labs=labs,
        cultures=make_cultures(episodes, encounters, seed),
        studies=studies,
        reads=make_reads(people, encounters, studies, seed),
        notes=notes,
    )
