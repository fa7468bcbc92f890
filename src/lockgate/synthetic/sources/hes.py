"""The national extracts of the hospital's own care: HES admitted, outpatient and A&E, ECDS, adult critical care.

They name people by a token of NHS England and know no NHS number, name or day of birth. A&E ends with March 2020; ECDS
takes over. ICD-10 and OPCS-4 codes stand without their dots, as in the real files.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.care import diagnosis_codes, procedure_codes
from lockgate.synthetic.draw import Ints, choose, stream
from lockgate.synthetic.encounters import EMERGENCY, INPATIENT, OUTPATIENT
from lockgate.synthetic.episodes import ACUTE
from lockgate.synthetic.hospital import TRUST_CODE
from lockgate.synthetic.people import END
from lockgate.synthetic.reference import lsoas, mapped_from
from lockgate.synthetic.sources.extract import Extract, clock, day_of, either, same
from lockgate.synthetic.strings import DAY, dates, day, join, numbered, pick, picked
from lockgate.synthetic.tables.csvfile import Columns
from lockgate.synthetic.world import World

SOURCE = "hes"
ECDS_FROM = day("2020-04-01")
MOST_DIAGNOSES, MOST_PROCEDURES = 8, 4
NOT_ATTENDED = 0.06  # of appointments, besides those kept
_AE_GROUPS = ("10", "20", "80")


def tokens(world: World) -> pa.Array:
    """The person's token of NHS England, for each person of the world; it says nothing of anybody."""
    order = stream(world.seed, "hes tokens").permutation(len(world.people))
    return numbered(7_000_000 + order, 10, "TPI")


def _undotted(codes: list[str | None]) -> list[str | None]:
    return [None if code is None else code.replace(".", "") for code in codes]


def icd10() -> list[str | None]:
    """The ICD-10 code of each diagnosis, without its dot; R69X where none is known."""
    return [code or "R69X" for code in _undotted([mapped_from("ICD10", code) for code in diagnosis_codes()])]


def _person(world: World, who: Ints) -> Columns:
    people = world.people
    return {
        "SEX": pick(["1", "2"], people.female[who].astype(np.int64)),
        "ETHNOS": picked(people.ethnicity, who),
        "LSOA21": pick([code for code, _ in lsoas()], people.lsoa[who]),
        "GPPRAC": pick(world.hospital.practice_codes, people.practice[who]),
    }


def _years(days: Ints) -> pa.Array:
    """The financial year of a day, as 2324."""
    iso = dates(days)
    year = pc.cast(pc.utf8_slice_codeunits(iso, 2, 4), pa.int64()).to_numpy()
    month = pc.cast(pc.utf8_slice_codeunits(iso, 5, 7), pa.int64()).to_numpy()
    begins = year - (month < 4)
    return join(numbered(begins, 2), numbered(begins + 1, 2))


def _spread(parents: Ints, values: Ints, rows: int, most: int) -> list[Ints]:
    """The first ``most`` values of each parent, side by side; -1 where it has fewer. ``parents`` are in order."""
    first = np.searchsorted(parents, np.arange(rows))
    number = np.arange(len(parents)) - first[parents]
    side = [np.full(rows, -1) for _ in range(most)]
    for place in range(most):
        chosen = number == place
        side[place][parents[chosen]] = values[chosen]
    return side


def _diagnoses(world: World) -> list[Ints]:
    """The diagnoses of each encounter, the main one first: indices into ``diagnosis_codes()``, -1 for none."""
    table = world.diagnoses
    rows = np.flatnonzero(table.rank >= 1)
    rows = rows[np.lexsort((table.rank[rows], table.encounter[rows]))]
    return _spread(table.encounter[rows], table.code[rows], len(world.encounters), MOST_DIAGNOSES)


def _procedures(world: World) -> tuple[list[Ints], list[Ints]]:
    """The procedures of each encounter and the day of each; -1 for none."""
    table = world.procedures
    rows = np.lexsort((table.start, table.encounter))
    count = len(world.encounters)
    codes = _spread(table.encounter[rows], table.code[rows], count, MOST_PROCEDURES)
    return codes, _spread(table.encounter[rows], table.start[rows] // DAY, count, MOST_PROCEDURES)


def _born(world: World, who: Ints) -> tuple[pa.Array, pa.Array]:
    born = dates(world.people.birth_day[who])
    return pc.utf8_slice_codeunits(born, 5, 7), pc.utf8_slice_codeunits(born, 0, 4)


def _episodes(world: World) -> tuple[Ints, Ints, Ints, Ints]:
    """Consultant episodes: (move, encounter, place in the stay, whether the last). Theatre is no episode."""
    moves = world.encounters
    kept = np.flatnonzero(moves.move_ward != world.hospital.ward("THR"))
    stay = moves.kind[moves.move_encounter[kept]] == INPATIENT
    move = kept[stay]
    encounter = moves.move_encounter[move]
    first = np.searchsorted(encounter, encounter)
    order = np.arange(len(encounter)) - first + 1
    last = np.append(encounter[1:] != encounter[:-1], True) if len(encounter) else np.zeros(0, bool)
    return move, encounter, order, last.astype(np.int64)


def admitted(world: World) -> Extract:
    """HES APC: a row per consultant episode, ordinary stays and their transfers between wards."""
    moves = world.encounters
    move, encounter, order, last = _episodes(world)
    who = moves.patient[encounter]
    rows = len(move)
    episode = moves.episode[encounter]
    ended = last == 1
    died = world.episodes.died[episode]
    month, year = _born(world, who)
    specialty = pick(world.hospital.ward_specialties, moves.move_ward[move])
    diagnoses = [side[encounter] for side in _diagnoses(world)]
    codes, days = _procedures(world)
    columns: Columns = {
        "FYEAR": _years(moves.move_end[move] // DAY),
        "EPIKEY": numbered(500_000_000 + np.arange(rows), 12),
        "TOKEN_PERSON_ID": picked(tokens(world), who),
        "SUSSPELLID": numbered(800_000_000 + encounter, 12),
        "PROCODE3": same(TRUST_CODE, rows),
        "SITETRET": same(f"{TRUST_CODE}01", rows),
        "ADMIDATE": day_of(moves.start[encounter]),
        "ADMIMETH": pick(["11", "21"], (world.episodes.origin[episode] == ACUTE).astype(np.int64)),
        "ADMISORC": same("19", rows),
        "CLASSPAT": same("1", rows),
        "DISDATE": either(ended, day_of(moves.end[encounter]), same("1800-01-01", rows)),
        "DISMETH": either(ended, pick(["1", "4"], died.astype(np.int64)), same("8", rows)),
        "DISDEST": either(ended, pick(["19", "79"], died.astype(np.int64)), same("98", rows)),
        "EPISTART": day_of(moves.move_start[move]),
        "EPIEND": day_of(moves.move_end[move]),
        "EPIORDER": numbered(order, 2),
        "EPISTAT": same("3", rows),
        "TRETSPEF": specialty,
        "MAINSPEF": specialty,
        "MYDOB": join(month, year),
        **_person(world, who),
    }
    for place, side in enumerate(diagnoses, 1):
        columns[f"DIAG_{place:02d}"] = pick(icd10(), side)
    # what was done is told once, in the first episode of the stay
    told = order == 1
    opcs = _undotted(list(procedure_codes()))
    for place, (side, done) in enumerate(zip(codes, days, strict=True), 1):
        chosen = np.where(told, side[encounter], -1)
        columns[f"OPERTN_{place:02d}"] = pick(opcs, chosen)
        columns[f"OPDATE_{place:02d}"] = either(chosen >= 0, dates(np.maximum(done[encounter], 0)))
    return Extract(columns, SOURCE, who, columns["TOKEN_PERSON_ID"])


def outpatients(world: World) -> Extract:
    """HES OP: appointments kept, and some that were not."""
    rng = stream(world.seed, "hes op")
    seen = world.encounters
    kept = np.flatnonzero(seen.kind >= OUTPATIENT)
    missed = kept[rng.random(len(kept)) < NOT_ATTENDED]
    at = np.concatenate([kept, missed])
    absent = np.arange(len(at)) >= len(kept)
    who = seen.patient[at]
    appointment = seen.start[at] // DAY
    appointment = np.where(absent, np.maximum(appointment - 14, world.people.birth_day[who] + 1), appointment)
    rows = len(at)
    codes, _ = _procedures(world)
    known = rng.random(rows) < 0.15  # most appointments bear no diagnosis
    main = _diagnoses(world)[0][at]
    done = np.where(absent, -1, codes[0][at])
    specialty = pick(world.hospital.ward_specialties, seen.ward[at])
    columns: Columns = {
        "FYEAR": _years(appointment),
        "ATTENDKEY": numbered(600_000_000 + np.arange(rows), 12),
        "TOKEN_PERSON_ID": picked(tokens(world), who),
        "PROCODE3": same(TRUST_CODE, rows),
        "APPTDATE": dates(appointment),
        "ATTENDED": either(absent, same("3", rows), same("5", rows)),
        "ATENTYPE": pick(["1", "2", "21"], np.where(seen.kind[at] > OUTPATIENT, 2, rng.integers(0, 2, rows))),
        "FIRSTATT": pick(["1", "2"], rng.integers(0, 2, rows)),
        "OUTCOME": pick(["1", "2"], rng.integers(0, 2, rows)),
        "REFSOURC": same("03", rows),
        "TRETSPEF": specialty,
        "MAINSPEF": specialty,
        **_person(world, who),
        "DIAG_01": pick([*icd10(), "R69X"], np.where(known & ~absent, main, len(icd10()))),
        "OPERTN_01": pick([*_undotted(list(procedure_codes())), "X997"], np.where(done < 0, -1, done)),
    }
    columns["OPERTN_01"] = pc.fill_null(columns["OPERTN_01"], "X997")
    return Extract(columns, SOURCE, who, columns["TOKEN_PERSON_ID"])


def _attendances(world: World, before: bool) -> Ints:
    seen = world.encounters
    early = seen.start // DAY < ECDS_FROM
    return np.flatnonzero((seen.kind == EMERGENCY) & (early if before else ~early))


def emergency(world: World) -> Extract:
    """HES A&E, to March 2020: codes of the A&E lists of their time."""
    rng = stream(world.seed, "hes ae")
    seen = world.encounters
    at = _attendances(world, before=True)
    who, rows = seen.patient[at], len(at)
    minutes = (seen.end[at] - seen.start[at]) // 60
    admitted_too = world.episodes.admitted[seen.episode[at]]

    def time(seconds: Ints) -> pa.Array:
        return pc.replace_substring(clock(seconds), pattern=":", replacement="")

    columns: Columns = {
        "FYEAR": _years(seen.start[at] // DAY),
        "AEKEY": numbered(700_000_000 + np.arange(rows), 12),
        "TOKEN_PERSON_ID": picked(tokens(world), who),
        "PROCODE3": same(TRUST_CODE, rows),
        "ARRIVALDATE": day_of(seen.start[at]),
        "ARRIVALTIME": time(seen.start[at]),
        "DEPTIME": time(seen.end[at]),
        "DEPDUR": numbered(minutes, 5),
        "AEARRIVALMODE": pick(["1", "2"], rng.integers(0, 2, rows)),
        "AEATTENDCAT": same("1", rows),
        "AEATTENDDISP": pick(["03", "01"], admitted_too.astype(np.int64)),
        "AEREFSOURCE": same("01", rows),
        "AEPATGROUP": pick(_AE_GROUPS, choose(rng, [2, 1, 7], rows)),
        **_person(world, who),
        "DIAGSCHEME": same("01", rows),
        "DIAG2_01": numbered(1 + world.episodes.reason[seen.episode[at]] % 38, 2),
        "INVEST2_01": numbered(rng.integers(1, 25, rows), 2),
        "TREAT2_01": numbered(rng.integers(1, 35, rows), 2),
    }
    return Extract(columns, SOURCE, who, columns["TOKEN_PERSON_ID"])


def ecds(world: World) -> Extract:
    """ECDS, from April 2020: SNOMED CT, a bar between values."""
    seen = world.encounters
    at = _attendances(world, before=False)
    who, rows = seen.patient[at], len(at)
    month, year = _born(world, who)
    codes = diagnosis_codes()
    sides = [side[at] for side in _diagnoses(world)[:3]]
    person = _person(world, who)
    columns: Columns = {
        "EPIKEY": numbered(900_000_000 + np.arange(rows), 12),
        "TOKEN_PERSON_ID": picked(tokens(world), who),
        "PROVIDER_CODE": same(TRUST_CODE, rows),
        "ARRIVAL_DATE": day_of(seen.start[at]),
        "ARRIVAL_TIME": join(clock(seen.start[at]), ":00"),
        "DEPARTURE_DATE": day_of(seen.end[at]),
        "DEPARTURE_TIME": join(clock(seen.end[at]), ":00"),
        "ATTENDANCE_CATEGORY": same("1", rows),
        "CHIEF_COMPLAINT": pick(codes, sides[0]),
        "BIRTH_YEAR": year,
        "BIRTH_MONTH": month,
        "STATED_GENDER": person["SEX"],
        "ETHNIC_CATEGORY": person["ETHNOS"],
        "LSOA_2021": person["LSOA21"],
        "PRACTICE_CODE_PATIENT_REGISTRATION": person["GPPRAC"],
    }
    for place, side in enumerate(sides, 1):
        columns[f"DIAGNOSIS_CODE_{place}"] = pick(codes, side)
        columns[f"DIAGNOSIS_QUALIFIER_{place}"] = either(side >= 0, same("410605003", rows))
    return Extract(columns, SOURCE, who, columns["TOKEN_PERSON_ID"], delimiter="|", suffix="txt")


def critical_care(world: World) -> Extract:
    """Adult critical care: a row per time in the intensive care unit, with days of support of the organ systems."""
    rng = stream(world.seed, "critical care")
    moves = world.encounters
    move, encounter, order, _ = _episodes(world)
    unit = moves.move_ward[move] == world.hospital.ward("ICU")
    number = np.flatnonzero(unit)
    move, encounter = move[unit], encounter[unit]
    who, rows = moves.patient[encounter], len(move)
    begins, ends = moves.move_start[move], moves.move_end[move]
    length = np.maximum(ends // DAY - begins // DAY + 1, 1)
    table, codes = world.procedures, list(procedure_codes())

    def had(code: str) -> np.ndarray:
        return np.isin(encounter, table.encounter[table.code == codes.index(code)])

    ventilated, kidneys = had("E85.1"), had("X40.3")
    heart = rng.random(rows) < 0.4
    support = {
        "BRESSUPDAYS": np.where(ventilated, length // 3, length),
        "ARESSUPDAYS": np.where(ventilated, np.maximum(length - length // 3, 1), 0),
        "BCARDSUPDAYS": length,
        "ACARDSUPDAYS": np.where(heart, np.maximum(length // 2, 1), 0),
        "RENSUPDAYS": np.where(kidneys, np.maximum(length // 2, 1), 0),
        "CCLEV2DAYS": np.where(ventilated, length // 3, length),
        "CCLEV3DAYS": np.where(ventilated, length - length // 3, 0),
    }
    organs = 1 + ventilated + heart + kidneys
    columns: Columns = {
        "EPIKEY": numbered(500_000_000 + number, 12),
        "ORDERINSPELL": numbered(order[unit], 2),
        "TOKEN_PERSON_ID": picked(tokens(world), who),
        "SUSSPELLID": numbered(800_000_000 + encounter, 12),
        "PROCODE3": same(TRUST_CODE, rows),
        "ADMIDATE": day_of(moves.start[encounter]),
        "CCSTARTDATE": day_of(begins),
        "CCSTARTTIME": join(clock(begins), ":00"),
        "CCDISDATE": dates(np.minimum(ends // DAY, END)),
        "CCDISTIME": join(clock(ends), ":00"),
        "CCUNITFUN": same("01", rows),
        "UNITBEDCONFIG": same("05", rows),
        **{name: numbered(days, 3) for name, days in support.items()},
        "ORGSUPMAX": numbered(organs, 1),
    }
    return Extract(columns, SOURCE, who, columns["TOKEN_PERSON_ID"])


def extracts(world: World) -> dict[str, Extract]:
    """The files of this source, by contract."""
    return {
        "hes_apc": admitted(world),
        "hes_op": outpatients(world),
        "hes_ae": emergency(world),
        "ecds": ecds(world),
        "critical_care": critical_care(world),
    }
