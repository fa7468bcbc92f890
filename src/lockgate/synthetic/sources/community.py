"""Adult social care (Client Level Data), safety events sent to LFPSE, comments of two other trusts, rosters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints, choose, stream
from lockgate.synthetic.encounters import EMERGENCY, INPATIENT
from lockgate.synthetic.people import END
from lockgate.synthetic.reference import data
from lockgate.synthetic.sources.extract import Extract, either, mistype_nhs, none, same
from lockgate.synthetic.sources.known import Habits, as_known
from lockgate.synthetic.strings import DAY, dates, day, decimals, join, numbered, pick, picked, strings, times
from lockgate.synthetic.tables.csvfile import Columns
from lockgate.synthetic.tables.wards import SHIFTS, Shifts, Written
from lockgate.synthetic.world import World

COUNCIL = "E10009999"  # no council has this code
LFPSE_FROM = day("2025-01-01")  # the local incident system's last day was the one before
_HARM = {"fatal": "1", "severe": "2", "moderate": "3", "low": "4", "none": "5"}
_CHALLENGES = {"FALL": "2", "SKIN": "1", "INFE": "5"}
_STEPS = ("Request", "Assessment", "Service", "Review")


def social_care(world: World) -> Extract:
    """Request, assessment, service and review after a stay in hospital, of people of 70 and more; monthly prices."""
    rng = stream(world.seed, "social care")
    people, seen = world.people, world.encounters
    stays = np.flatnonzero(seen.kind == INPATIENT)
    _, final = np.unique(seen.patient[stays][::-1], return_index=True)
    last = stays[len(stays) - 1 - final]
    who = seen.patient[last]
    left = seen.end[last] // DAY
    old = (left - people.birth_day[who]) / 365.25 >= 70
    fits = old & ~world.episodes.died[seen.episode[last]] & (left + 150 < world.lives.last_day[who])
    fits &= rng.random(len(who)) < 0.55
    who, left = who[fits], left[fits]
    client = np.repeat(np.arange(len(who)), len(_STEPS))
    step = np.tile(np.arange(len(_STEPS)), len(who))
    begins = left[client] + np.array([2, 6, 14, 120])[step] + rng.integers(0, 4, len(client))
    long_term = rng.random(len(who)) < 0.6
    service = step == 2
    ends = np.where(long_term[client], begins, np.minimum(begins + 42, END))
    rows = len(client)
    person = who[client]
    known = as_known(world, "social_care", Habits(no_nhs=0.15, former_name=0.7, moved=0.15, born=0.006))
    numbers, planted = mistype_nhs(rng, known.take("nhs_number", person), 0.002)
    named = numbered(4_000_000 + rng.permutation(9 * len(people))[: len(people)], 8, "LA")
    home = rng.random(len(who)) < 0.7
    placed = np.where(home, 0, 1)[client]
    columns: Columns = {
        "local_authority": same(COUNCIL, rows),
        "event_reference": numbered(np.arange(1, rows + 1), 8, "CLD"),
        "la_person_id": picked(named, person),
        "nhs_number": numbers,
        "birth_date": known.take("birth_date", person),
        "gender": pick(["Male", "Female"], people.female[person].astype(np.int64)),
        "ethnicity": picked(people.ethnicity, person),
        "postcode": known.take("postcode", person),
        "client_type": same("Service User", rows),
        "primary_support_reason": same("Physical Support: Personal Care Support", rows),
        "event_type": pick(_STEPS, step),
        "event_start": dates(begins),
        "event_end": either(service & long_term[client], None, dates(ends)),
        "route_of_access": either(step == 0, same("Discharge from Hospital", rows)),
        "assessment_type": either(step == 1, same("Long Term Assessment", rows)),
        "service_type": either(
            service,
            pick(
                ["Short Term Support: ST-Max", "Long Term Support: Community"],
                long_term[client].astype(np.int64),
            ),
        ),
        "service_component": either(service, pick(["Home Support", "Residential Care"], placed)),
        "delivery_mechanism": either(service, same("CASSR Managed Personal Budget", rows)),
        "review_reason": either(step == 3, same("Planned", rows)),
        "event_outcome": pick(
            ["Progress to Assessment", "Progress to Support Planning", None, "No Change in Package"], step
        ),
        "unit_cost": either(service, pick(["21.5", "812"], placed)),
        "cost_frequency": either(service, pick(["Hourly", "Weekly"], placed)),
        "planned_units_per_week": either(service, pick(["10.5", "1"], placed)),
        "updated_at": join(dates(np.minimum(begins + 30, END)), "T08:00:00"),
    }
    return Extract(
        columns, "social_care", person, pc.coalesce(numbers, picked(named, person)), known, planted
    )


def lfpse(world: World, incidents: Written) -> Extract:
    """The incidents from 2025 on, as the national service has them: codes of taxonomy 5. And good care, and risks."""
    rng = stream(world.seed, "lfpse")
    local = incidents.columns
    sent = np.flatnonzero(reported_later(incidents))
    take = {name: picked(column, sent) for name, column in local.items()}
    rows = len(sent)
    who = incidents.patient[sent]
    kind = np.where(who < 0, np.where(rng.random(rows) < 0.5, 1, 0), 0)
    extra = np.flatnonzero((who < 0) & (rng.random(rows) < 0.2))
    kind[extra] = 2
    occurred = take["occurred_at"]
    category = take["category_code"].to_pylist()
    harmed = kind == 0
    numbers = take["nhs_number"]
    known = as_known(world, "lfpse", Habits(no_nhs=0.0))
    people = world.people
    there = pa.array(who >= 0)
    own = pc.if_else(there, picked(people.nhs_number, np.maximum(who, 0)), pa.scalar(None, pa.large_string()))
    valid = pc.is_valid(numbers).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(
        valid & ~pc.fill_null(pc.equal(numbers, own), False).to_numpy(zero_copy_only=False)
    )
    columns: Columns = {
        "reference": pc.replace_substring(take["incident_id"], pattern="INC", replacement="LFP"),
        "event_type": pick(["incident", "risk", "good_care"], kind),
        "reported_at": pc.utf8_slice_codeunits(take["reported_at"], 0, 19),
        "occurred_on": pc.utf8_slice_codeunits(occurred, 0, 10),
        "occurred_time": pc.utf8_slice_codeunits(occurred, 11, 16),
        "ward_code": take["ward_code"],
        "nhs_number": numbers,
        "hospital_number": take["hospital_number"],
        "service": same("1", rows),
        "process": strings([{"MEDI": "6", "DETE": "7", "COMM": "9"}.get(code, "12") for code in category]),
        "involved_agents": strings(["4" if code == "MEDI" else "10" for code in category]),
        "safety_challenges": strings([_CHALLENGES.get(code, "6") for code in category]),
        "medication_problem": strings(["3" if code == "MEDI" else None for code in category]),
        "physical_harm": either(harmed, strings([_HARM[harm] for harm in take["harm"].to_pylist()])),
        "psychological_harm": either(harmed, pick(["4", "3", "2"], choose(rng, [8, 2, 0.5], rows))),
        "level_of_concern": pick(["1", "3", "4", "5"], rng.integers(0, 4, rows)),
        "description": take["description"],
        "last_updated": pc.utf8_slice_codeunits(take["last_updated"], 0, 19),
    }
    named = pc.coalesce(columns["hospital_number"], numbers)
    return Extract(columns, "lfpse", who, named, known, [(int(row), "bad-nhs-number") for row in wrong])


def reported_later(incidents: Written) -> np.ndarray:
    """Which incidents were reported when the trust had gone over to the national service."""
    cut = dates([LFPSE_FROM])[0].as_py()
    later = pc.greater_equal(incidents.columns["reported_at"], pa.scalar(cut, pa.large_string()))
    return np.asarray(later.to_numpy(zero_copy_only=False), dtype=np.bool_)


def fft_comments(world: World) -> Extract:
    """Comments of the mental health trust (day first) and the ambulance trust, which writes dates both ways."""
    rng = stream(world.seed, "fft comments")
    seen = world.encounters
    at = np.flatnonzero((seen.kind == EMERGENCY) & (rng.random(len(seen)) < 0.08))
    rows = len(at)
    ambulance = rng.random(rows) < 0.5
    words = data("words")
    weights: dict[int, float] = words["feedback_weights"]
    rating = choose(rng, list(weights.values()), rows)
    spoken = [[text for text in words["feedback"][mark] if text] for mark in weights]
    comment = [spoken[mark][int(rng.integers(0, len(spoken[mark])))] for mark in rating.tolist()]
    iso = dates(seen.end[at] // DAY)
    year, month, date = (pc.utf8_slice_codeunits(iso, *cut) for cut in ((0, 4), (5, 7), (8, 10)))
    american = ambulance & (rng.random(rows) < 0.4)
    columns: Columns = {
        "comment_id": numbered(np.arange(1, rows + 1), 7, "FC"),
        "trust": pick(["NHFT", "NEAS"], ambulance.astype(np.int64)),
        "date": pc.if_else(
            pa.array(american), join(month, "/", date, "/", year), join(date, "/", month, "/", year)
        ),
        "service_type_1": pick(["mental_health", "emergency_and_urgent_care"], ambulance.astype(np.int64)),
        "service_type_2": none(rows),
        "fft_categorical_answer": pick([str(mark) for mark in weights], rating),
        "fft_question": same("What did we do well?", rows),
        "fft_answer": strings(comment),
    }
    return Extract(columns, "fft_comments")


def rosters(world: World, shifts: Shifts) -> Extract:
    """Heads by ward, shift, group and band, from the hours of the staffing table: nobody is named."""
    rng = stream(world.seed, "rosters")
    hours = np.array([length for *_, length in SHIFTS])[shifts.shift]
    parts: list[tuple[Ints, np.ndarray, np.ndarray]] = []
    for planned, actual in ((shifts.planned_rn, shifts.actual_rn), (shifts.planned_hca, shifts.actual_hca)):
        parts.append((np.arange(len(hours)), np.round(planned / hours), np.round(actual / hours)))
    every = np.concatenate([rows for rows, *_ in parts])
    group = np.repeat([0, 1], len(hours))
    planned = np.concatenate([part[1] for part in parts]).astype(np.int64)
    actual = np.concatenate([part[2] for part in parts]).astype(np.int64)
    bank = np.minimum(rng.poisson(0.25, len(every)), actual)
    agency = np.minimum(rng.poisson(0.1, len(every)), actual - bank)
    columns: Columns = {
        "ward_code": pick(world.hospital.ward_codes, shifts.ward[every]),
        "shift_date": dates(shifts.day[every]),
        "shift": pick([name for name, *_ in SHIFTS], shifts.shift[every]),
        "staff_group": pick(["RN", "HCA"], group),
        "band": pick(["5", "2"], group),
        "planned_staff": decimals(planned),
        "actual_staff": decimals(actual),
        "bank_staff": decimals(bank),
        "agency_staff": decimals(agency),
        "absent_staff": decimals(np.clip(planned - actual + bank + agency, 0, planned)),
        "planned_hours": decimals(planned * hours[every]),
        "actual_hours": decimals(actual * hours[every]),
        "updated_at": times((shifts.day[every] + 1) * DAY + 8 * 3600, zone=False),
    }
    return Extract(columns, "rosters")
