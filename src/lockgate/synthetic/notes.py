"""Letters and notes: which are written, with what in them, and where every identifier stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.care import Diagnoses, diagnosis_codes
from lockgate.synthetic.draw import Ints, stream
from lockgate.synthetic.encounters import EMERGENCY, INPATIENT, Encounters
from lockgate.synthetic.hospital import TRUST_NAME, Hospital, practice_column, staff_names
from lockgate.synthetic.imaging import Studies
from lockgate.synthetic.letter_columns import LetterColumns
from lockgate.synthetic.letters import SETS, choose_letters
from lockgate.synthetic.letters import letters as letters_of_other_houses
from lockgate.synthetic.lives import Lives
from lockgate.synthetic.measures import Rounds
from lockgate.synthetic.people import People
from lockgate.synthetic.reference import data, label
from lockgate.synthetic.strings import DAY, dates, join, numbered, pick, picked, strings
from lockgate.synthetic.templates import Template, concatenated, fill, parse

# What the hospital itself writes, then what only the letters of other houses are.
HOUSE_KINDS = ("clinic_letter", "discharge_summary", "ward_note", "emergency_note", "radiology_report")
KINDS = (
    *HOUSE_KINDS,
    *("gp_referral", "nursing_handover", "operation_note", "safeguarding_note", "physiotherapy_note"),
    *(
        "mental_health_note",
        "maternity_note",
        "pathology_report",
        "telephone_note",
        "pharmacy_note",
        "email_note",
    ),
)
LOINC = (
    *("11488-4", "18842-5", "11506-3", "34111-5", "18748-4"),
    *("57133-1", "34746-8", "11504-8", "28653-4", "11508-1"),
    *("28627-8", "34777-3", "11526-1", "34748-4", "34109-9", "34109-9"),
)
RADIOLOGY = KINDS.index("radiology_report")
_POSITIVE = "There is air-space shadowing at the right base in keeping with consolidation."
_NEGATIVE = "No consolidation, collapse or effusion. Heart size normal."
_OTHER = "No acute bony injury or haemorrhage seen."


@dataclass(frozen=True)
class Notes:
    """One row per note. ``study`` is the imaging study of a radiology report, else -1."""

    kind: Ints
    encounter: Ints
    study: Ints
    time: Ints
    author: Ints
    text: pa.Array
    spans: pa.Array
    house: pa.Array  # in whose style it is written: NULL for the hospital's own

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class _Plan:
    kind: Ints
    encounter: Ints
    study: Ints
    time: Ints
    author: Ints


def _plan(rng: np.random.Generator, hospital: Hospital, encounters: Encounters, studies: Studies) -> _Plan:
    """Which notes are written: one or two for most encounters, one report for each study."""
    clinic = np.flatnonzero((encounters.kind > INPATIENT) & (rng.random(len(encounters)) < 0.75))
    stays = np.flatnonzero(encounters.kind == INPATIENT)
    emergency = np.flatnonzero((encounters.kind == EMERGENCY) & (rng.random(len(encounters)) < 0.7))
    middle = (encounters.start[stays] + encounters.end[stays]) // 2
    every = np.arange(len(studies))
    parts: list[tuple[int, Ints, Ints, Ints, Ints]] = [
        (0, clinic, np.full(len(clinic), -1), encounters.end[clinic], encounters.staff[clinic]),
        (1, stays, np.full(len(stays), -1), encounters.end[stays], encounters.staff[stays]),
        (2, stays, np.full(len(stays), -1), middle, rng.integers(0, len(hospital.staff_id), len(stays))),
        (
            3,
            emergency,
            np.full(len(emergency), -1),
            encounters.start[emergency] + 1800,
            encounters.staff[emergency],
        ),
        (4, studies.encounter, every, studies.started + 2700, studies.reader),
    ]
    columns = [np.concatenate([part[i] for part in parts]) for i in range(1, 5)]
    kind = np.concatenate([np.full(len(part[1]), part[0]) for part in parts])
    columns[2] = np.clip(columns[2], encounters.start[columns[0]], encounters.end[columns[0]]) // 60 * 60
    order = np.lexsort((kind, columns[0]))
    return _Plan(kind[order], *(column[order] for column in columns))


def _day_month_year(days: Ints) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Dates as 03/05/2024, 3 May 2024 and 03/05/24."""
    iso = dates(days)
    year, month, day = (pc.utf8_slice_codeunits(iso, *cut) for cut in ((0, 4), (5, 7), (8, 10)))
    number = pc.utf8_ltrim(day, characters="0")
    months = pick(data("words")["months"], pc.cast(month, pa.int64()).to_numpy() - 1)
    short = pc.utf8_slice_codeunits(year, 2, 4)
    return (
        join(day, "/", month, "/", year),
        join(number, " ", months, " ", year),
        join(day, "/", month, "/", short),
    )


def _people_columns(people: People, hospital: Hospital) -> dict[str, pa.Array]:
    """Everything of a patient that a note may hold, in the shapes notes hold it; one row per patient."""
    nhs = people.nhs_number
    cuts = [pc.utf8_slice_codeunits(nhs, *cut) for cut in ((0, 3), (3, 6), (6, 10))]
    slash, words, _ = _day_month_year(people.birth_day)
    gp = people.gp
    female = pa.array(people.female)
    return {
        "full": join(people.given, " ", people.family),
        "caps": join(pc.utf8_upper(people.family), ", ", people.given),
        "initial": join(pc.utf8_slice_codeunits(people.given, 0, 1), " ", people.family),
        "given": people.given,
        "family": people.family,
        "prefix": people.prefix,
        "nhs_plain": nhs,
        "nhs_spaced": join(cuts[0], " ", cuts[1], " ", cuts[2]),
        "nhs_dashed": join(cuts[0], "-", cuts[1], "-", cuts[2]),
        "hospital_number": people.hospital_number,
        "dob_slash": slash,
        "dob_words": words,
        "address": people.address_line,
        "city": people.city,
        "postcode": people.postcode,
        "phone": people.phone,
        "email": pc.if_else(pc.is_null(people.email), "patient.mail@example.org", people.email),
        "relative": people.relative,
        "relative_given": people.relative_given,
        "relation": people.relation,
        "relative_phone": people.relative_phone,
        "gp_family": picked(hospital.gp_family, gp),
        "gp_full": join(picked(hospital.gp_given, gp), " ", picked(hospital.gp_family, gp)),
        "practice": practice_column(hospital, people.practice),
        "their": pc.if_else(female, "her", "his").cast(pa.large_string()),
        "their_caps": pc.if_else(female, "Her", "His").cast(pa.large_string()),
        "them": pc.if_else(female, "her", "him").cast(pa.large_string()),
    }


def _lists(lives: Lives, patient: Ints, day: Ints) -> tuple[pa.Array, pa.Array]:
    """The long-term conditions and medicines of each note's patient at its time, in words."""
    chosen = [i for i, entry in enumerate(lives.conditions) if entry["p"] >= 0.07]
    medicines: dict[str, list[Any]] = data("medicines")
    history: pa.Array = strings([""] * len(patient))
    drugs: pa.Array = history
    for i in chosen:
        entry = lives.conditions[i]
        known = pa.array(lives.onset[patient, i] <= day)
        words = lives.keys[i].replace("_", " ").replace("copd", "COPD")
        history = pc.if_else(known, join(history, words, ", "), history)
        if entry["medicines"]:
            name = entry["medicines"][0]
            dose = f"{name.replace('_', ' ')} {medicines[name][1]} {medicines[name][2].strip('[]{}')}"
            drugs = pc.if_else(known, join(drugs, dose, "; "), drugs)
    return _closed(history, "nil of note", 2), _closed(drugs, "none", 2)


def _closed(values: pa.Array, empty: str, tail: int) -> pa.Array:
    return pc.if_else(pc.equal(values, ""), empty, pc.utf8_slice_codeunits(values, 0, -tail)).cast(
        pa.large_string()
    )


def accession_numbers(studies: Studies) -> pa.Array:
    """The accession number of each study."""
    return numbered(2_400_000 + np.arange(len(studies)), 7, "RX")


def _latest_round(rounds: Rounds, encounter: Ints, time: Ints) -> Ints:
    """The last ward round of each note's encounter before it, else the first after; -1 where there was none."""
    scale = np.int64(1) << 40
    last = len(rounds) - 1
    place = (
        np.searchsorted(rounds.encounter * scale + rounds.time, encounter * scale + time, side="right") - 1
    )
    place = np.clip(place, 0, last)
    place = np.where(rounds.encounter[place] == encounter, place, np.minimum(place + 1, last))
    return np.where(rounds.encounter[place] == encounter, place, -1)


def make_notes(
    people: People,
    lives: Lives,
    hospital: Hospital,
    encounters: Encounters,
    diagnoses: Diagnoses,
    rounds: Rounds,
    studies: Studies,
    seed: int,
    *,
    letters: str = "",
) -> Notes:
    """Write every note, with a set of ``letters`` in its houses' styles. Each knows where its identifiers stand."""
    rng = stream(seed, "notes")
    plan = _plan(rng, hospital, encounters, studies)
    own = _people_columns(people, hospital)
    main = np.zeros(len(encounters), dtype=np.int64)
    first = diagnoses.rank == 1
    main[diagnoses.encounter[first]] = diagnoses.code[first]
    labels = [label("SNOMED", code).lower() for code in diagnosis_codes()]
    fillers = data("words")["fillers"]
    jobs, kinds, houses = _written(rng, plan, people, encounters, seed, letters)
    filler = rng.integers(0, len(fillers), len(plan.kind))
    names, short_names, roles = staff_names(hospital)
    order, texts, spans = [], [], []
    for rows, template in jobs:
        encounter, author = plan.encounter[rows], plan.author[rows]
        staff, patient, day = (
            encounters.staff[encounter],
            encounters.patient[encounter],
            plan.time[rows] // DAY,
        )
        wanted = {part.column for part in template if not isinstance(part, str)}
        columns = {name: picked(own[name], patient) for name in wanted & own.keys()}
        columns |= _time_columns(encounters, encounter, day)
        at = _latest_round(rounds, encounter, plan.time[rows])
        columns |= {
            "hospital": strings([TRUST_NAME] * len(rows)),
            "hospital_town": strings(["Lockbridge"] * len(rows)),
            "age": pc.cast(pa.array((day - people.birth_day[patient]) * 4 // 1461), pa.large_string()),
            "diagnosis": pick(labels, main[encounter]),
            "filler": pick(fillers, filler[rows]),
            "ward": pick(hospital.ward_names, encounters.ward[encounter]),
            "staff": picked(names, author),
            "staff_short": picked(short_names, staff),
            "staff_number": picked(hospital.staff_number, author),
            "role": picked(roles, author),
        }
        vitals = (
            ("news2", rounds.news2, 0),
            ("systolic", rounds.systolic, 128),
            ("diastolic", rounds.diastolic, 76),
        )
        for name, values, usual in vitals:
            columns[name] = pc.cast(pa.array(np.where(at < 0, usual, values[at])), pa.large_string())
        if wanted & {"past", "medicines"}:
            columns["past"], columns["medicines"] = _lists(lives, patient, day)
        reports = plan.study[rows[0]] >= 0
        if reports:
            columns |= _report_columns(hospital, studies, plan.study[rows], names)
        if missing := sorted(wanted - columns.keys()):
            days = {"date": day, "start": encounters.start[encounter] // DAY, "next": day + 42}
            reader = studies.reader[plan.study[rows]] if reports else author
            more = LetterColumns(
                people, hospital, seed, rows, patient, days, author, reader, SETS[letters][1]
            )
            columns |= {name: more[name] for name in missing}
        text, places = fill(template, columns, len(rows))
        order.append(rows)
        texts.append(text)
        spans.append(places)
    back = np.argsort(np.concatenate(order)) if order else np.array([], dtype=np.int64)
    return Notes(
        kinds,
        plan.encounter,
        plan.study,
        plan.time,
        plan.author,
        picked(concatenated(texts), back),
        picked(concatenated(spans), back),
        houses,
    )


def _written(
    rng: np.random.Generator, plan: _Plan, people: People, encounters: Encounters, seed: int, letters: str
) -> tuple[list[tuple[Ints, Template]], Ints, pa.Array]:
    """Which notes are written by which template; what kind of note each then is, and in which house's style."""
    count = len(plan.kind)
    if not letters:
        templates = {kind: [parse(text.rstrip("\n")) for text in data("notes")[kind]] for kind in HOUSE_KINDS}
        forms = np.array([len(templates[kind]) for kind in HOUSE_KINDS])[plan.kind]
        variant = (rng.random(count) * forms).astype(np.int64)
        jobs = [
            (np.flatnonzero((plan.kind == number) & (variant == form)), template)
            for number, kind in enumerate(HOUSE_KINDS)
            for form, template in enumerate(templates[kind])
        ]
        kinds, houses = plan.kind, pa.nulls(count, pa.large_string())
    else:
        patient = encounters.patient[plan.encounter]
        age = (plan.time // DAY - people.birth_day[patient]) * 4 // 1461
        every = letters_of_other_houses(letters)
        chosen = choose_letters(every, seed, list(HOUSE_KINDS), plan.kind, age, people.female[patient])
        jobs = [(np.flatnonzero(chosen == place), one.template) for place, one in enumerate(every)]
        kinds = np.array([KINDS.index(one.kind) for one in every])[chosen]
        houses = pick([one.house for one in every], chosen)
    return [(rows, template) for rows, template in jobs if len(rows)], kinds, houses


def _time_columns(encounters: Encounters, encounter: Ints, day: Ints) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for name, days in (("date", day), ("start", encounters.start[encounter] // DAY), ("next", day + 42)):
        slash, words, short = _day_month_year(days)
        columns |= {f"{name}_slash": slash, f"{name}_words": words, f"{name}_short": short}
    return columns


def _report_columns(
    hospital: Hospital, studies: Studies, study: Ints, names: pa.Array
) -> dict[str, pa.Array]:
    scans = data("measures")["scans"]
    chest = studies.scan[study] == list(scans).index("chest_xray")
    finding = np.where(chest, np.where(studies.positive[study], 0, 1), 2)
    titles = [key.replace("_", " ").replace("ct ", "CT ").replace("xray", "X-ray") for key in scans]
    return {
        "scan": pick([title[0].upper() + title[1:] for title in titles], studies.scan[study]),
        "finding": pick([_POSITIVE, _NEGATIVE, _OTHER], finding),
        "accession": picked(accession_numbers(studies), study),
        "radiologist": picked(names, studies.reader[study]),
        "radiologist_number": picked(hospital.staff_number, studies.reader[study]),
    }


def conclusion(studies: Studies) -> pa.Array:
    """The one-line conclusion of each study's report; no identifier stands in it."""
    chest = studies.scan == list(data("measures")["scans"]).index("chest_xray")
    return pick([_POSITIVE, _NEGATIVE, _OTHER], np.where(chest, np.where(studies.positive, 0, 1), 2))


__all__ = ["KINDS", "LOINC", "RADIOLOGY", "Notes", "accession_numbers", "conclusion", "make_notes"]
