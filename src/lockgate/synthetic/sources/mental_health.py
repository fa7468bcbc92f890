"""The mental health trust's submission: nine tables of MHSDS for people with depression, anxiety or severe illness.

Its own numbers for people, NHS numbers for most. People with severe mental illness have spells on its wards, some of
them under the Mental Health Act; scores of the PHQ-9 fall with treatment.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from lockgate.synthetic.draw import Floats, Ints, choose, spread, stream
from lockgate.synthetic.lives import NEVER
from lockgate.synthetic.people import END, START
from lockgate.synthetic.reference import mapped_from
from lockgate.synthetic.sources.extract import Extract, either, mistype_nhs, same
from lockgate.synthetic.sources.known import Habits, as_known
from lockgate.synthetic.strings import dates, decimals, join, numbered, pick, picked
from lockgate.synthetic.tables.csvfile import Columns
from lockgate.synthetic.world import World

SOURCE = "mental_health"
PHQ9 = "720433000"
GROUPS = ("psychiatric", "severe_mental_illness")
SUBMITTED = "2026-01-20T09:00:00"
Table = Callable[[Columns, Ints], Extract]  # columns, and whose row each is: places among the referred
_WARDS = ("MH-OAK", "MH-ASH", "MH-ELM")


def _instant(days: Ints, minutes: Ints) -> pa.Array:
    return join(dates(days), "T", numbered(minutes // 60, 2), ":", numbered(minutes % 60, 2), ":00")


def _referred(world: World) -> tuple[Ints, Ints, Ints, np.ndarray]:
    """(person, day referred, condition, severe) of everyone the trust knows: the first mental illness from 2019."""
    lives = world.lives
    rng = stream(world.seed, "mental health")
    columns = [i for i, entry in enumerate(lives.conditions) if entry.get("group") in GROUPS]
    onset = lives.onset[:, columns]
    first = np.maximum(onset.min(axis=1), START)
    severe = lives.group("severe_mental_illness") < NEVER
    chosen = (onset.min(axis=1) < NEVER) & (severe | (rng.random(len(first)) < 0.5))
    day = first + rng.integers(5, 120, len(first))
    chosen &= day + 60 < np.minimum(lives.last_day, END)
    who = np.flatnonzero(chosen)
    return who, day[who], np.array(columns)[onset.argmin(axis=1)][who], severe[who]


def _contacts(rng: np.random.Generator, day: Ints, last: Ints, severe: np.ndarray) -> tuple[Ints, Ints]:
    """(referral, day) of every contact: fortnightly at first, then monthly."""
    count = np.where(severe, rng.integers(8, 30, len(day)), rng.integers(2, 12, len(day)))
    parent, number = spread(count)
    when = day[parent] + 10 + number * np.where(number < 6, 14, 28) + rng.integers(0, 5, len(parent))
    when -= np.maximum((when + 3) % 7 - 4, 0)  # not on Saturday or Sunday
    inside = when <= last[parent]
    return parent[inside], when[inside]


def extracts(world: World) -> dict[str, Extract]:
    """The nine tables, by contract."""
    rng = stream(world.seed, "mental health care")
    who, day, condition, severe = _referred(world)
    people, lives = world.people, world.lives
    last = np.minimum(lives.last_day[who], END) - 1
    count = len(who)
    known = as_known(world, SOURCE, Habits(no_nhs=0.04, moved=0.12))
    numbers, planted = mistype_nhs(rng, known.take("nhs_number", who), 0.004)
    local = numbered(30_000 + rng.permutation(60_000 if count < 60_000 else count)[:count], 6, "MH")
    request = numbered(np.arange(1, count + 1), 7, "SR")
    bad = np.zeros(count, dtype=np.bool_)
    bad[[row for row, _ in planted]] = True
    held = (bad, local)

    def table(columns: Columns, of: Ints) -> Extract:
        columns = {**columns, "SubmittedAt": same(SUBMITTED, len(of))}
        waiting = [(int(row), "missing-reference") for row in np.flatnonzero(held[0][of])]
        return Extract(columns, SOURCE, who[of], picked(local, of), known, waiting)

    every = np.arange(count)
    mpi = table(
        {
            "LocalPatientId": local,
            "NHSNumber": numbers,
            "NHSNumberStatus": same("01", count),
            "BirthDate": known.take("birth_date", who),
            "Gender": pick(["1", "2"], people.female[who].astype(np.int64)),
            "EthnicCategory": picked(people.ethnicity, who),
            "Postcode": known.take("postcode", who),
            "GPPracticeCode": pick(world.hospital.practice_codes, people.practice[who]),
        },
        every,
    )
    mpi.planted = planted
    ended = (rng.random(count) < 0.6) & ~severe
    until = np.minimum(day + rng.integers(120, 500, count), last)
    referral = table(
        {
            "ServiceRequestId": request,
            "LocalPatientId": local,
            "ReferralReceivedDate": dates(day),
            "ReferralReceivedTime": same("10:30", count),
            "SourceOfReferral": pick(["A1", "B1", "D1"], choose(rng, [7, 2, 1], count)),
            "PrimaryReason": pick(["05", "04", "01"], np.where(severe, 2, rng.integers(0, 2, count))),
            "ServiceType": pick(["A02", "A14"], severe.astype(np.int64)),
            "DischargeDate": either(ended, dates(np.maximum(until, day))),
        },
        every,
    )
    at, when = _contacts(rng, day, np.where(ended, np.maximum(until, day), last), severe)
    minute = rng.integers(9 * 60, 17 * 60, len(at))
    contact = table(
        {
            "CareContactId": numbered(np.arange(1, len(at) + 1), 8, "CC"),
            "LocalPatientId": picked(local, at),
            "ServiceRequestId": picked(request, at),
            "ContactDate": dates(when),
            "ContactTime": join(numbered(minute // 60, 2), ":", numbered(minute % 60, 2)),
            "DurationMinutes": pick(["30", "45", "60"], rng.integers(0, 3, len(at))),
            "Mechanism": pick(["01", "02", "11"], choose(rng, [6, 3, 1], len(at))),
            "LocationType": pick(["E01", "A01"], choose(rng, [8, 2], len(at))),
            "Attendance": pick(["5", "7", "3"], choose(rng, [85, 3, 12], len(at))),
        },
        at,
    )
    return {
        "mhs001_mpi": mpi,
        "mhs101_referral": referral,
        "mhs201_care_contact": contact,
        **_inpatients(rng, table, local, day, last, severe),
        **_diagnoses(world, rng, table, (local, request), day, condition),
        "mhs606_scored_assessment": _scores(rng, table, (local, request), (at, when), day),
    }


def _inpatients(
    rng: np.random.Generator, table: Table, local: pa.Array, day: Ints, last: Ints, severe: np.ndarray
) -> dict[str, Extract]:
    """Spells, their ward stays and periods under the Mental Health Act, of people with severe mental illness."""
    of = np.flatnonzero(severe & (rng.random(len(day)) < 0.5) & (day + 80 < last))
    if not len(of):
        of = np.flatnonzero(day + 80 < last)[:1]
    begins = day[of] + rng.integers(5, 30, len(of))
    length = rng.integers(8, 45, len(of))
    ends = np.minimum(begins + length, last[of])
    spell = numbered(np.arange(1, len(of) + 1), 7, "HS")
    people = picked(local, of)
    minute = rng.integers(0, 24 * 60, len(of))
    time = join(numbered(minute // 60, 2), ":", numbered(minute % 60, 2))
    rows = len(of)
    detained = np.flatnonzero(rng.random(rows) < 0.6) if rows > 1 else np.arange(rows)
    held_until = np.minimum(begins[detained] + 28, ends[detained])
    return {
        "mhs501_hospital_spell": table(
            {
                "HospitalSpellId": spell,
                "LocalPatientId": people,
                "StartDate": dates(begins),
                "StartTime": time,
                "SourceOfAdmission": same("19", rows),
                "MethodOfAdmission": same("21", rows),
                "DischargeDate": dates(ends),
                "DischargeTime": same("23:50", rows),
                "DischargeDestination": same("19", rows),
            },
            of,
        ),
        "mhs502_ward_stay": table(
            {
                "WardStayId": numbered(np.arange(1, rows + 1), 7, "WS"),
                "HospitalSpellId": spell,
                "LocalPatientId": people,
                "WardCode": pick(_WARDS, rng.integers(0, len(_WARDS), rows)),
                "WardType": same("03", rows),
                "StartDate": dates(begins),
                "StartTime": time,
                "EndDate": dates(ends),
                "EndTime": same("23:50", rows),
            },
            of,
        ),
        "mhs401_mha_period": table(
            {
                "MHAPeriodId": numbered(np.arange(1, len(detained) + 1), 7, "MA"),
                "LocalPatientId": picked(people, detained),
                "LegalStatus": pick(["02", "03"], rng.integers(0, 2, len(detained))),
                "StartDate": dates(begins[detained]),
                "StartTime": picked(time, detained),
                "EndDate": dates(held_until),
                "EndTime": same("23:50", len(detained)),
            },
            of[detained],
        ),
    }


def _diagnoses(
    world: World,
    rng: np.random.Generator,
    table: Table,
    named: tuple[pa.Array, pa.Array],
    day: Ints,
    condition: Ints,
) -> dict[str, Extract]:
    """The diagnosis that led to the referral in ICD-10, and a long-term illness of the body in SNOMED CT."""
    local, request = named
    entries = world.lives.conditions
    codes = [mapped_from("ICD10", entry["code"]) for entry in entries]
    every = np.arange(len(day))
    coded = _instant(day + 10, rng.integers(9 * 60, 16 * 60, len(day)))
    body = [i for i, entry in enumerate(entries) if not entry.get("group")]
    also = np.flatnonzero(rng.random(len(day)) < 0.3)
    return {
        "mhs604_primary_diagnosis": table(
            {
                "ServiceRequestId": request,
                "LocalPatientId": local,
                "Scheme": same("02", len(day)),
                "Diagnosis": pick(codes, condition),
                "CodedAt": coded,
            },
            every,
        ),
        "mhs605_secondary_diagnosis": table(
            {
                "ServiceRequestId": picked(request, also),
                "LocalPatientId": picked(local, also),
                "Scheme": same("06", len(also)),
                "Diagnosis": pick([entries[i]["code"] for i in body], rng.integers(0, len(body), len(also))),
                "CodedAt": picked(coded, also),
            },
            also,
        ),
    }


def _scores(
    rng: np.random.Generator,
    table: Table,
    named: tuple[pa.Array, pa.Array],
    contacts: tuple[Ints, Ints],
    day: Ints,
) -> Extract:
    """PHQ-9 at every third contact: 18 at first, four fewer with each half year, never below 1."""
    local, request = named
    at, when = contacts
    chosen = np.flatnonzero(np.arange(len(at)) % 3 == 0)
    at, when = at[chosen], when[chosen]
    score: Floats = 18 - 4 * (when - day[at]) / 182 + rng.normal(0, 2.5, len(at))
    return table(
        {
            "ServiceRequestId": picked(request, at),
            "LocalPatientId": picked(local, at),
            "Assessment": same(PHQ9, len(at)),
            "Score": decimals(np.clip(np.round(score), 1, 27)),
            "CompletedAt": _instant(when, rng.integers(9 * 60, 17 * 60, len(at))),
        },
        at,
    )
