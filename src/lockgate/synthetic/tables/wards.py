"""Ward staffing by shift, safety incidents and patient feedback.

Planted here: the rate of incidents per shift rises with the share of planned registered-nurse hours that was not
worked, by ``exp(INCIDENT_SLOPE * shortfall)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Floats, Ints, choose, stream
from lockgate.synthetic.episodes import HOUR
from lockgate.synthetic.hospital import staff_names
from lockgate.synthetic.people import END
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import DAY, dates, day, decimals, join, numbered, pick, picked, times
from lockgate.synthetic.tables.csvfile import Columns, flawed_nhs
from lockgate.synthetic.templates import fill, parse
from lockgate.synthetic.world import World

STAFFED_FROM = day("2024-01-01")
SHIFTS = (("early", 7 * HOUR, 7.5), ("late", 14 * HOUR + 1800, 7.5), ("night", 21 * HOUR + 1800, 10.0))
INCIDENT_SLOPE = 3.0
INCIDENT_RATE = 0.045


@dataclass(frozen=True)
class Shifts:
    """One row per ward, day and shift; hours worked and planned."""

    ward: Ints
    day: Ints
    shift: Ints
    planned_rn: Floats
    actual_rn: Floats
    planned_hca: Floats
    actual_hca: Floats
    beds: Ints

    @property
    def shortfall(self) -> Floats:
        """The share of planned registered-nurse hours not worked, at least 0."""
        return np.maximum(1 - self.actual_rn / self.planned_rn, 0)


def make_shifts(world: World) -> Shifts:
    """Two years of shifts of every ward with beds."""
    rng = stream(world.seed, "shifts")
    hospital = world.hospital
    wards = [
        i for i, kind in enumerate(hospital.ward_kinds) if kind in ("ward", "critical_care", "emergency")
    ]
    days = np.arange(STAFFED_FROM, END + 1)
    ward, when, shift = (
        grid.ravel() for grid in np.meshgrid(np.array(wards), days, np.arange(len(SHIFTS)), indexing="ij")
    )
    beds = np.array(hospital.ward_beds)[ward]
    hours = np.array([length for *_, length in SHIFTS])[shift]
    ratio = np.array([7.0, 8.0, 10.0])[shift]
    ratio = np.where(np.array(hospital.ward_kinds)[ward] == "critical_care", 1.3, ratio)
    planned_rn = np.ceil(beds / ratio) * hours
    planned_hca = np.ceil(beds / (ratio + 2)) * hours
    habit = rng.uniform(0.02, 0.14, len(hospital.ward_codes))[ward]
    weekend = 0.04 * ((when + 3) % 7 >= 5)
    missing = np.clip(habit + weekend + rng.normal(0, 0.13, len(ward)), -0.08, 0.6)
    season = 0.06 * np.cos((when - day("2024-01-10")) / 365.25 * 2 * np.pi)
    return Shifts(
        ward=ward,
        day=when,
        shift=shift,
        planned_rn=planned_rn,
        actual_rn=np.round(planned_rn * (1 - missing) * 4) / 4,
        planned_hca=planned_hca,
        actual_hca=np.round(
            planned_hca * (1 - np.clip(missing + rng.normal(0, 0.1, len(ward)), -0.1, 0.6)) * 4
        )
        / 4,
        beds=np.clip(beds * (0.9 + season) + rng.normal(0, 1.5, len(ward)), 1, beds).astype(np.int64),
    )


def staffing(world: World, shifts: Shifts) -> Columns:
    """The roster as sent."""
    return {
        "ward_code": pick(world.hospital.ward_codes, shifts.ward),
        "shift_date": dates(shifts.day),
        "shift": pick([name for name, *_ in SHIFTS], shifts.shift),
        "planned_rn_hours": decimals(shifts.planned_rn),
        "actual_rn_hours": decimals(shifts.actual_rn),
        "planned_hca_hours": decimals(shifts.planned_hca),
        "actual_hca_hours": decimals(shifts.actual_hca),
        "occupied_beds": decimals(shifts.beds),
    }


def _someone_there(world: World, ward: Ints, time: Ints) -> Ints:
    """A patient who was on the ward at the time: the one who came last; -1 where nobody was."""
    moves = world.encounters
    scale = np.int64(1) << 40
    keys = moves.move_ward * scale + moves.move_start
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], ward * scale + time, side="right") - 1
    move = order[np.clip(place, 0, len(order) - 1)]
    there = (place >= 0) & (moves.move_ward[move] == ward)
    there &= (moves.move_start[move] <= time) & (moves.move_end[move] > time)
    return np.where(there, moves.patient[moves.move_encounter[move]], -1)


@dataclass(frozen=True)
class Written:
    """A table as sent, whose rows are whose (-1: nobody's), and the identifiers in its free text."""

    columns: Columns
    patient: Ints
    document: pa.Array  # the record's id
    spans: pa.Array  # identifiers of the free text, as in the notes
    counts: dict[str, int]


def incidents(world: World, shifts: Shifts) -> Written:
    """Incidents per shift, some of which name the patient, and some of those in the description too."""
    rng = stream(world.seed, "incidents")
    kinds = data("words")["incidents"]
    count = rng.poisson(INCIDENT_RATE * np.exp(INCIDENT_SLOPE * shifts.shortfall))
    shift = np.repeat(np.arange(len(count)), count)
    starts = np.array([start for _, start, _ in SHIFTS])[shifts.shift[shift]]
    hours = np.array([length for *_, length in SHIFTS])[shifts.shift[shift]]
    time = (
        shifts.day[shift] * DAY
        + starts
        + (rng.random(len(shift)) * hours * 0.92 * HOUR).astype(np.int64) // 60 * 60
    )
    last = (END + 1) * DAY - 60
    time = np.minimum(time, last - 3600)
    order = np.argsort(time, kind="stable")
    shift, time = shift[order], time[order]
    kind = choose(rng, [entry[2] for entry in kinds], len(shift))
    patient = _someone_there(world, shifts.ward[shift], time)
    patient = np.where(np.array([entry[0] in ("STAF", "COMM") for entry in kinds])[kind], -1, patient)
    named = patient >= 0
    who = np.maximum(patient, 0)
    people = world.people
    nothing = pa.scalar(None, pa.large_string())
    nhs, blank, wrong = flawed_nhs(
        rng, pc.if_else(pa.array(named), picked(people.nhs_number, who), nothing), 0.04, 0.015
    )
    plain = pick([entry[3] for entry in kinds], kind)
    by_name = named & (rng.random(len(shift)) < 0.4)
    columns = {"prefix": picked(people.prefix, who), "family": picked(people.family, who), "text": plain}
    with_name, spans = fill(parse("{prefix} {family!NAME_PATIENT}: {text}"), columns, len(shift))
    reported = np.minimum(time + rng.integers(10, 60 * 30, len(time)) * 60, last)
    harm: dict[str, float] = data("words")["harm"]
    number = numbered(np.arange(1, len(shift) + 1), 7, "INC")
    return Written(
        columns={
            "incident_id": number,
            "reported_at": times(reported),
            "occurred_at": times(time),
            "ward_code": pick(world.hospital.ward_codes, shifts.ward[shift]),
            "nhs_number": nhs,
            "hospital_number": pc.if_else(pa.array(named), picked(people.hospital_number, who), nothing),
            "category_code": pick([entry[0] for entry in kinds], kind),
            "category": pick([entry[1] for entry in kinds], kind),
            "harm": pick(list(harm), choose(rng, list(harm.values()), len(shift))),
            "description": pc.if_else(pa.array(by_name), with_name, plain),
            "last_updated": times(reported),
        },
        patient=patient,
        document=number,
        spans=pc.if_else(pa.array(by_name), spans, pa.scalar("[]", pa.large_string())),
        counts={"nhs_number_blank": blank, "nhs_number_wrong_check_digit": wrong},
    )


def feedback(world: World) -> Written:
    """Friends and Family comments after one encounter in six; nobody is named but, at times, a member of staff."""
    rng = stream(world.seed, "feedback")
    rows = world.encounters
    chosen = np.flatnonzero(rng.random(len(rows)) < 0.16)
    words = data("words")
    weights: dict[int, float] = words["feedback_weights"]
    rating = choose(rng, list(weights.values()), len(chosen))
    flat = [(place, comment) for place, mark in enumerate(weights) for comment in words["feedback"][mark]]
    offsets = np.array([sum(place < mark for place, _ in flat) for mark in range(len(weights))])
    sizes = np.array([len(words["feedback"][mark]) for mark in weights])
    comment = offsets[rating] + (rng.random(len(chosen)) * sizes[rating]).astype(np.int64)
    plain = pick([text for _, text in flat], comment)
    _, short, _ = staff_names(world.hospital)
    thanked = (rating == 0) & (rng.random(len(chosen)) < 0.1)
    member = picked(short, rng.integers(0, len(short), len(chosen)))
    warm, spans = fill(
        parse("Thank you {staff!NAME_STAFF}. {text}"), {"staff": member, "text": plain}, len(chosen)
    )
    codes = world.hospital.ward_codes
    services = [words["services"].get(code, words["services"]["*"]) for code in codes]
    iso = dates(np.minimum(rows.end[chosen] // DAY + rng.integers(0, 15, len(chosen)), END))
    year, month, date = (pc.utf8_slice_codeunits(iso, *cut) for cut in ((0, 4), (5, 7), (8, 10)))
    number = numbered(np.arange(1, len(chosen) + 1), 7, "FFT")
    return Written(
        columns={
            "response_id": number,
            "received_on": join(date, "/", month, "/", year),
            "ward_code": pick(codes, rows.ward[chosen]),
            "service": pick(services, rows.ward[chosen]),
            "rating": pick([str(mark) for mark in weights], rating),
            "comment": pc.if_else(pa.array(thanked), warm, plain),
        },
        patient=np.full(len(chosen), -1),
        document=number,
        spans=pc.if_else(pa.array(thanked), spans, pa.scalar("[]", pa.large_string())),
        counts={},
    )


__all__ = ["Shifts", "Written", "feedback", "incidents", "make_shifts", "staffing"]
