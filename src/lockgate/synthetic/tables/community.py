"""Primary care, deaths, opt-outs, the tissue bank, AI reads and postcodes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Floats, Ints, choose, stream
from lockgate.synthetic.imaging import AI_READER, FINDING, HUMAN_READER
from lockgate.synthetic.lives import NEVER
from lockgate.synthetic.notes import accession_numbers
from lockgate.synthetic.people import END, START, postcodes
from lockgate.synthetic.reference import data, dmd_of, label, lsoas, mapped_from
from lockgate.synthetic.strings import DAY, dates, decimals, numbered, pick, picked, strings, times
from lockgate.synthetic.tables.csvfile import Columns, flawed_nhs
from lockgate.synthetic.tables.wards import Written
from lockgate.synthetic.world import World

EXTRACT_SHARE = 0.88  # of the patients' practices send an extract for


def in_extract(world: World) -> Ints:
    """The patients whose general practice is in the extract."""
    return np.flatnonzero(stream(world.seed, "primary care").random(len(world.people)) < EXTRACT_SHARE)


class _Events:
    """Grows the event table: each call adds events of one code."""

    def __init__(self) -> None:
        self.codes: list[tuple[str, str, str, str, str]] = []  # type, system, code, term, unit
        self.parts: list[tuple[Ints, Ints, Ints, Floats]] = []

    def add(
        self, kind: str, system: str, code: str, term: str, unit: str, who: Ints, day: Ints, value: Floats
    ) -> None:
        self.codes.append((kind, system, code, term, unit))
        self.parts.append((who, day, np.full(len(who), len(self.codes) - 1), value))

    def columns(self) -> tuple[Ints, Ints, Ints, Floats]:
        who, day, code, value = (np.concatenate([part[i] for part in self.parts]) for i in range(4))
        order = np.lexsort((code, day, who))
        return who[order], day[order], code[order], value[order]


def _yearly(rng: np.random.Generator, world: World, who: Ints, since: Ints) -> tuple[Ints, Ints]:
    """A yearly event for each person from a day (or 2019) to the end of their record."""
    last = world.lives.last_day
    first = np.maximum(np.maximum(since, START), world.people.birth_day[who] + 1)
    first = first + rng.integers(10, 330, len(who))
    count = np.maximum((last[who] - first) // 365 + 1, 0)
    row = np.repeat(np.arange(len(who)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    day = first[row] + number * 365 + rng.integers(-8, 9, len(row))
    inside = (day <= last[who[row]]) & (day >= np.maximum(since[row], START))
    return who[row][inside], day[inside]


def hba1c(world: World) -> tuple[Ints, Ints, Floats]:
    """HbA1c (mmol/mol) once a year in everyone with type 2 diabetes whose practice sends an extract."""
    rng = stream(world.seed, "hba1c")
    onset = world.lives.has("type_2_diabetes")
    who = in_extract(world)
    who = who[onset[who] < NEVER]
    level = 48 + rng.gamma(2.4, 5.5, len(world.people))
    who, day = _yearly(rng, world, who, onset[who])
    return who, day, np.round(level[who] + rng.normal(0, 3, len(who)))


def primary_care(world: World) -> Written:
    """The extract: diagnoses at their onset, long-term medicines and measurements once a year."""
    rng = stream(world.seed, "extract")
    lives, people = world.lives, world.people
    inside = in_extract(world)
    events = _Events()
    for number, entry in enumerate(lives.conditions):
        who = inside[lives.onset[inside, number] < NEVER]
        onset = lives.onset[who, number]
        words = label("SNOMED", entry["code"])
        events.add("diagnosis", "SNOMED", entry["code"], words, "", who, onset, np.full(len(who), np.nan))
        if entry["medicines"]:
            code, dose, unit, _ = data("medicines")[entry["medicines"][0]]
            treated, day = _yearly(rng, world, who, onset)
            moiety = dmd_of(code)
            system, sent = ("dm+d", moiety) if moiety else ("SNOMED", code)
            events.add(
                "medication",
                system,
                sent,
                label("SNOMED", code),
                unit,
                treated,
                day,
                np.full(len(day), float(dose)),
            )
    who, day, value = hba1c(world)
    events.add("measurement", "LOINC", "59261-8", label("LOINC", "59261-8"), "mmol/mol", who, day, value)
    raised = lives.has("hypertension")
    who, day = _yearly(rng, world, inside[raised[inside] < NEVER], raised[inside][raised[inside] < NEVER])
    value = np.round(rng.normal(138, 14, len(who)))
    events.add("measurement", "LOINC", "8480-6", label("LOINC", "8480-6"), "mm[Hg]", who, day, value)
    adult = inside[people.birth_day[inside] < START - 18 * 365]
    day = np.minimum(START + rng.integers(0, 700, len(adult)), lives.last_day[adult])
    events.add(
        "measurement", "LOINC", "39156-5", label("LOINC", "39156-5"), "kg/m2", adult, day, lives.bmi[adult]
    )
    who, day, code, value = events.columns()
    kinds = [entry[0] for entry in events.codes]
    nhs, blank, wrong = flawed_nhs(rng, picked(people.nhs_number, who), 0.004, 0.0)
    number = numbered(np.arange(1, len(who) + 1), 9, "GP")
    nothing = pa.scalar(None, pa.large_string())
    measured = pa.array(~np.isnan(value))
    return Written(
        columns={
            "event_id": number,
            "nhs_number": nhs,
            "birth_date": dates(people.birth_day[who]),
            "sex": pick(["M", "F"], people.female[who].astype(np.int64)),
            "practice_code": pick(world.hospital.practice_codes, people.practice[who]),
            "event_date": dates(day),
            "event_type": pick(kinds, code),
            "code_system": pick([entry[1] for entry in events.codes], code),
            "code": pick([entry[2] for entry in events.codes], code),
            "term": pick([entry[3] for entry in events.codes], code),
            "value": pc.if_else(measured, decimals(np.nan_to_num(value)), nothing),
            "unit": pc.if_else(measured, pick([entry[4] for entry in events.codes], code), nothing),
            "updated_at": times(np.minimum(np.maximum(day, START) + 1, END) * DAY + 18 * 3600),
        },
        patient=who,
        document=number,
        spans=strings([]),
        counts={"nhs_number_blank": blank, "nhs_number_wrong_check_digit": wrong},
    )


def deaths(world: World) -> Written:
    """The death register's records of the hospital's patients, wherever they died."""
    rng = stream(world.seed, "death register")
    lives, people = world.lives, world.people
    who = np.flatnonzero(lives.death_second < NEVER)
    day = lives.death_second[who] // DAY
    here = np.zeros(len(people), dtype=bool)
    here[world.episodes.patient[world.episodes.died]] = True
    causes = ["J18.9", "I25.9", "F03", "J44.9", "C34.9", "C18.9", "C50.9", "C61", "I64", "A41.9", "N18.9"]
    cause = choose(rng, [5, 4, 3, 3, 0.3, 0.3, 0.2, 0.2, 2, 1.5, 1], len(who))
    for code in ("C61", "C50.9", "C18.9", "C34.9"):
        for number, entry in enumerate(lives.conditions):
            if mapped_from("ICD10", entry["code"]) == code:
                ill = (lives.onset[who, number] <= day) & (rng.random(len(who)) < 0.7)
                cause = np.where(ill, causes.index(code), cause)
    places = ["hospital", "home", "care home", "hospice"]
    place = np.where(here[who], 0, 1 + choose(rng, [45, 40, 15], len(who)))
    nhs, blank, wrong = flawed_nhs(rng, picked(people.nhs_number, who), 0.01, 0.0)
    number = numbered(np.arange(1, len(who) + 1), 6, "DR")
    return Written(
        columns={
            "record_id": number,
            "nhs_number": nhs,
            "birth_date": dates(people.birth_day[who]),
            "death_date": dates(day),
            "place": pick(places, place),
            "cause_icd10": pick(causes, cause),
            "recorded_at": times(np.minimum(day + rng.integers(2, 9, len(who)), END) * DAY + 12 * 3600),
        },
        patient=who,
        document=number,
        spans=strings([]),
        counts={"nhs_number_blank": blank, "nhs_number_wrong_check_digit": wrong},
    )


KINDS = ("national_data_opt_out", "local_objection", "research_consent_withdrawn")


def opt_outs(world: World) -> tuple[Columns, Ints, Ints]:
    """About three in a hundred people object; one in ten of them took it back. Also who, and which kind."""
    rng = stream(world.seed, "opt-outs")
    who = np.flatnonzero(rng.random(len(world.people)) < 0.03)
    who = who if len(who) else np.array([0])
    kind = choose(rng, [88, 8, 4], len(who))
    first = np.maximum(START, world.people.birth_day[who] + 30)
    begin = first + (rng.random(len(who)) * (END - 200 - first)).astype(np.int64)
    ended = rng.random(len(who)) < 0.1
    until = np.minimum(begin + 180, END)
    columns = {
        "nhs_number": picked(world.people.nhs_number, who),
        "kind": pick(KINDS, kind),
        "from_date": dates(begin),
        "until_date": pc.if_else(pa.array(ended), dates(until), pa.scalar(None, pa.large_string())),
    }
    return columns, who, np.where(ended, -1, kind)


def tissue(world: World) -> Written:
    """Samples of people with cancer, and of some others, with what they consented to."""
    rng = stream(world.seed, "tissue")
    lives, people = world.lives, world.people
    cancers = [i for i, entry in enumerate(lives.conditions) if entry.get("cancer")]
    onset = np.maximum(lives.onset[:, cancers].min(axis=1), np.maximum(START, people.birth_day + 30))
    ill = lives.onset[:, cancers].min(axis=1) < NEVER
    who = np.flatnonzero(np.where(ill, rng.random(len(people)) < 0.6, rng.random(len(people)) < 0.03))
    first = np.where(ill[who], onset[who], np.maximum(START, people.birth_day[who] + 30))
    who, first = who[first < lives.last_day[who] - 3], first[first < lives.last_day[who] - 3]
    day = first + (rng.random(len(who)) * (lives.last_day[who] - first)).astype(np.int64)
    kinds = [
        ("blood", "119297000"),
        ("plasma", "119361006"),
        ("tumour tissue", "258435002"),
        ("DNA", "258566005"),
    ]
    kind = choose(rng, [4, 3, 3, 2], len(who))
    kind = np.where(~ill[who] & (kind == 2), 0, kind)
    site_of = {"breast_cancer": ("breast", "76752008"), "prostate_cancer": ("prostate", "41216001")}
    site_of |= {"lung_cancer": ("lung", "39607008"), "colon_cancer": ("colon", "71854001")}
    sites = [site_of[lives.keys[column]] for column in cancers]
    site = np.where((kind == 2), lives.onset[:, cancers].argmin(axis=1)[who], -1)
    consent = choose(rng, [80, 14, 6], len(who))
    nhs, blank, wrong = flawed_nhs(rng, picked(people.nhs_number, who), 0.03, 0.012)
    born = dates(people.birth_day[who])
    year, month, date = (pc.utf8_slice_codeunits(born, *cut) for cut in ((0, 4), (5, 7), (8, 10)))
    swap = (rng.random(len(who)) < 0.006) & (pc.cast(date, pa.int64()).to_numpy() <= 12)
    swapped = pc.binary_join_element_wise(year, date, month, pa.scalar("-", pa.large_string()))
    number = numbered(np.arange(1, len(who) + 1), 6, "TB")
    return Written(
        columns={
            "sample_id": number,
            "nhs_number": nhs,
            "hospital_number": picked(people.hospital_number, who),
            "birth_date": pc.if_else(pa.array(swap), swapped, born),
            "collected_at": times(day * DAY + rng.integers(8 * 60, 17 * 60, len(who)) * 60),
            "sample_type": pick([name for name, _ in kinds], kind),
            "sample_type_snomed": pick([code for _, code in kinds], kind),
            "site": pick([name for name, _ in sites], site),
            "site_snomed": pick([code for _, code in sites], site),
            "quantity_ml": decimals(np.round(rng.uniform(0.2, 8, len(who)), 1)),
            "consent": pick(["research", "none", "withdrawn"], consent),
            "consent_date": dates(np.maximum(day - rng.integers(0, 3, len(who)), START)),
            "freezer": numbered(rng.integers(1, 40, len(who)), 2, "FZ"),
        },
        patient=who,
        document=number,
        spans=strings([]),
        counts={
            "nhs_number_blank": blank,
            "nhs_number_wrong_check_digit": wrong,
            "birth_date_day_and_month_swapped": int(swap.sum()),
        },
    )


def ai_reads(world: World) -> Columns:
    """The AI's and the radiologists' readings of chest X-rays, with the reference standard."""
    reads = world.reads
    kind = reads.ai.astype(np.int64)
    return {
        "read_id": numbered(np.arange(1, len(reads) + 1), 8, "RD"),
        "accession": picked(accession_numbers(world.studies), reads.study),
        "reader": pick([HUMAN_READER, AI_READER], kind),
        "reader_kind": pick(["human", "ai"], kind),
        "finding": pick([FINDING], np.zeros(len(reads), dtype=np.int64)),
        "score": decimals(reads.score),
        "call": pick(["false", "true"], reads.call.astype(np.int64)),
        "reference": pick(["false", "true"], world.studies.positive[reads.study].astype(np.int64)),
        "read_at": times(reads.time),
    }


def postcode_lookup() -> Columns:
    """Every postcode of the catchment with its small area."""
    codes, area = postcodes()
    return {"pcds": codes, "lsoa21": pick([code for code, _ in lsoas()], area)}
