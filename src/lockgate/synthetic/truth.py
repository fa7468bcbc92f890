"""The truth beside the data: who is who, where identifiers stand in free text, which effects were planted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lockgate.synthetic.draw import Ints
from lockgate.synthetic.episodes import OUTBREAK_FIRST, OUTBREAK_LAST, OUTBREAK_WARD
from lockgate.synthetic.hospital import ROLES
from lockgate.synthetic.imaging import AI_READER, AI_SENSITIVITY, AI_SPECIFICITY, FINDING
from lockgate.synthetic.lives import GRADIENT, NEVER
from lockgate.synthetic.microbiology import OUTBREAK_ORGANISM
from lockgate.synthetic.notes import KINDS as NOTE_KINDS
from lockgate.synthetic.notes import RADIOLOGY
from lockgate.synthetic.people import END, START
from lockgate.synthetic.reference import data, label, lsoas
from lockgate.synthetic.strings import (
    Bools,
    dates,
    day,
    join,
    numbered,
    optional,
    pick,
    picked,
    raw_bytes,
    strings,
)
from lockgate.synthetic.tables.community import KINDS, hba1c
from lockgate.synthetic.tables.files import Tables
from lockgate.synthetic.tables.wards import INCIDENT_RATE, INCIDENT_SLOPE, STAFFED_FROM
from lockgate.synthetic.world import World

TRIAL_DATE = day("2025-06-30")
TRIAL_AGES = (40, 80)
TRIAL_HBA1C = 53


def write_identifiers(world: World, tables: Tables, path: Path) -> int:
    """One line per text: its document, its patient, and where each identifier stands in it."""
    notes = world.notes
    report = notes.kind == RADIOLOGY
    document = pc.if_else(
        pa.array(report),
        numbered(np.maximum(notes.study, 0) + 1, 8, "J"),
        numbered(np.arange(1, len(notes) + 1), 8, "N"),
    )
    kinds = ["DocumentReference", "DiagnosticReport"]
    patient = world.encounters.patient[notes.encounter]
    parts = [
        join(
            '{"document_id":"',
            document,
            '","resource":"',
            pick(kinds, report.astype(np.int64)),
            '","type":"',
            pick(NOTE_KINDS, notes.kind),
            optional('","house":"', notes.house),
            numbered(patient + 1, 7, '","patient_id":"P', '","spans":'),
            notes.spans,
            "}\n",
        )
    ]
    for source in ("incidents", "feedback"):
        table = tables.written[source]
        rows = np.flatnonzero(pc.not_equal(table.spans, "[]").to_numpy(zero_copy_only=False))
        who = table.patient[rows]
        name = pc.if_else(pa.array(who >= 0), numbered(np.maximum(who, 0) + 1, 7, '"P', '"'), "null")
        parts.append(
            join(
                '{"document_id":"',
                picked(table.document, rows),
                f'","resource":"{source}","patient_id":',
                strings(name),
                ',"spans":',
                picked(table.spans, rows),
                "}\n",
            )
        )
    with path.open("wb") as file:
        for part in parts:
            file.write(raw_bytes(part))
    return sum(len(part) for part in parts)


def write_people(world: World, tables: Tables, folder: Path) -> dict[str, int]:
    """people.parquet, staff.parquet, and records.parquet (which record of which source is whose)."""
    people, lives, hospital = world.people, world.lives, world.hospital
    opted = np.full(len(people), -1)
    if tables.opted_out is not None and tables.opt_out_kind is not None:
        opted[tables.opted_out] = tables.opt_out_kind
    dead = lives.death_second < NEVER
    nothing = pa.scalar(None, pa.large_string())
    columns: dict[str, Any] = {
        "patient_id": people.patient_id,
        "nhs_number": people.nhs_number,
        "nhs_number_recorded": people.nhs_recorded,
        "hospital_number": people.hospital_number,
        "twin_of": pc.if_else(
            pa.array(people.twin < np.arange(len(people))), picked(people.patient_id, people.twin), nothing
        ),
        "prefix": people.prefix,
        "given_name": people.given,
        "middle_names": people.middle,
        "family_name": people.family,
        "former_name": people.former,
        "sex": pick(["M", "F"], people.female.astype(np.int64)),
        "birth_date": dates(people.birth_day),
        "death_date": pc.if_else(
            pa.array(dead), dates(np.where(dead, lives.death_second // 86_400, 0)), nothing
        ),
        "ethnicity": people.ethnicity,
        "address_line": people.address_line,
        "city": people.city,
        "postcode": people.postcode,
        "lsoa21": pick([code for code, _ in lsoas()], people.lsoa),
        "imd2025_decile": people.decile,
        "phone": people.phone,
        "email": people.email,
        "relative_name": people.relative,
        "relative_phone": people.relative_phone,
        "gp_practice_code": pick(hospital.practice_codes, people.practice),
        "gp_practice_name": pick(hospital.practices, people.practice),
        "gp_name": join(picked(hospital.gp_given, people.gp), " ", picked(hospital.gp_family, people.gp)),
        "severe_mental_illness": lives.group("severe_mental_illness") < NEVER,
        "opt_out": pick(KINDS, opted),
    }
    pq.write_table(pa.table(columns), folder / "people.parquet", compression="zstd")
    staff = pa.table(
        {
            "practitioner_id": pa.concat_arrays([hospital.staff_id, hospital.gp_id]),
            "given_name": pa.concat_arrays([hospital.staff_given, hospital.gp_given]),
            "family_name": pa.concat_arrays([hospital.staff_family, hospital.gp_family]),
            "role": pa.concat_arrays(
                [
                    pick([role for role, _ in ROLES], hospital.staff_role),
                    strings(["General Practitioner"] * len(hospital.gp_id)),
                ]
            ),
            "professional_number": pa.concat_arrays(
                [hospital.staff_number, pa.nulls(len(hospital.gp_id), pa.large_string())]
            ),
        }
    )
    pq.write_table(staff, folder / "staff.parquet", compression="zstd")
    records = _records(world, tables)
    pq.write_table(records, folder / "records.parquet", compression="zstd")
    return {"people": len(people), "staff": staff.num_rows, "records": records.num_rows}


def _records(world: World, tables: Tables) -> pa.Table:
    sources, ids, owners = [], [], []
    for source, table in tables.written.items():
        rows = np.flatnonzero(table.patient >= 0)
        sources.append(strings([source] * len(rows)))
        ids.append(picked(table.document, rows))
        owners.append(picked(world.people.patient_id, table.patient[rows]))
    return pa.table(
        {
            "source": pa.concat_arrays(sources),
            "record_id": pa.concat_arrays(ids),
            "patient_id": pa.concat_arrays(owners),
        }
    )


def _mean_by_decile(world: World, when: Ints) -> list[float | None]:
    known = when < NEVER
    age = (when - world.people.birth_day) / 365.25
    groups = [known & (world.people.decile == decile) for decile in range(1, 11)]
    return [round(float(age[group].mean()), 2) if group.any() else None for group in groups]


def _deprivation(world: World) -> dict[str, Any]:
    onset = np.sort(world.lives.onset, axis=1)
    return {
        "what": "Long-term conditions begin earlier where deprivation is greater.",
        "planted": {"years_later_at_onset_per_decile_less_deprived": GRADIENT},
        "measure": "age at the first of the conditions listed here, by IMD 2025 decile (1 = most deprived)",
        "condition_codes": {"SNOMED": [entry["code"] for entry in world.lives.conditions]},
        "mean_age_at_first_condition_by_decile": _mean_by_decile(world, onset[:, 0]),
        "mean_age_at_second_condition_by_decile": _mean_by_decile(world, onset[:, 1]),
        "expected_difference_years": [7, 12],
    }


def _outbreak(world: World) -> dict[str, Any]:
    cultures = world.cultures
    rows = np.flatnonzero(cultures.outbreak)
    organism = data("measures")["organisms"][OUTBREAK_ORGANISM]["code"]
    patients = np.unique(world.encounters.patient[cultures.encounter[rows]])
    return {
        "what": "One ward, a few weeks, one organism resistant to meropenem.",
        "ward_code": OUTBREAK_WARD,
        "from": dates([OUTBREAK_FIRST])[0].as_py(),
        "until": dates([OUTBREAK_LAST + 14])[0].as_py(),
        "organism": {"SNOMED": organism, "label": label("SNOMED", organism)},
        "resistant_to": {"LOINC": data("measures")["antibiotics"]["meropenem"]},
        "cases": len(patients),
        "patient_ids": picked(world.people.patient_id, patients).to_pylist(),
        "observation_ids": numbered(rows + 1, 8, "Q").to_pylist(),
    }


def _latest(who: Ints, when: Ints, value: np.ndarray[Any, Any], people: int) -> np.ndarray[Any, Any]:
    """The last value of each person up to the trial's date; NaN where there is none."""
    result = np.full(people, np.nan)
    rows = np.flatnonzero(when <= TRIAL_DATE)
    rows = rows[np.lexsort((when[rows], who[rows]))]
    result[who[rows]] = value[rows]
    return result


def _trial(world: World) -> dict[str, Any]:
    people, lives = world.people, world.lives
    age = (TRIAL_DATE - people.birth_day) // 365.25
    value = _latest(*hba1c(world), len(people))
    psychiatric = np.minimum(lives.group("psychiatric"), lives.group("severe_mental_illness")) <= TRIAL_DATE
    severe = lives.group("severe_mental_illness") <= TRIAL_DATE
    alive = lives.death_second // 86_400 > TRIAL_DATE
    fits = alive & (age >= TRIAL_AGES[0]) & (age <= TRIAL_AGES[1]) & (value >= TRIAL_HBA1C)
    fits &= lives.has("type_2_diabetes") <= TRIAL_DATE
    excluded = [entry for entry in lives.conditions if entry.get("group")]
    medicines = [data("medicines")[name][0] for entry in excluded for name in entry["medicines"]]

    def count(chosen: Bools) -> int:
        return int(chosen.sum())

    return {
        "what": "A diabetes trial whose exclusion of psychiatric history shuts out people with severe mental illness.",
        "at": dates([TRIAL_DATE])[0].as_py(),
        "criteria": [
            {"id": "alive", "kind": "alive"},
            {"id": "age", "kind": "age", "at_least": TRIAL_AGES[0], "at_most": TRIAL_AGES[1]},
            {"id": "type 2 diabetes", "kind": "condition", "include": {"SNOMED": ["44054006"]}},
            {
                "id": "HbA1c",
                "kind": "measurement",
                "code": {"LOINC": "59261-8"},
                "source": "primary_care",
                "use": "latest",
                "at_least": TRIAL_HBA1C,
                "unit": "mmol/mol",
            },
            {
                "id": "no psychiatric history",
                "kind": "condition or medicine",
                "exclude": {"SNOMED": [entry["code"] for entry in excluded] + medicines},
            },
        ],
        "severe_mental_illness": {
            "SNOMED": [e["code"] for e in lives.conditions if e.get("group") == "severe_mental_illness"]
        },
        "eligible_without_the_last_criterion": {
            "all": count(fits),
            "severe_mental_illness": count(fits & severe),
        },
        "eligible": {
            "all": count(fits & ~psychiatric),
            "severe_mental_illness": count(fits & ~psychiatric & severe),
        },
    }


def _reader(world: World) -> dict[str, Any]:
    reads, studies = world.reads, world.studies
    female = world.people.female[world.encounters.patient[studies.encounter[reads.study]]]
    truth = studies.positive[reads.study]
    observed: dict[str, Any] = {}
    for reader, is_ai in (("ai", True), ("human", False)):
        for sex, chosen in (("F", female), ("M", ~female)):
            rows = (reads.ai == is_ai) & chosen & truth
            share = round(float(reads.call[rows].mean()), 3) if rows.any() else None
            observed.setdefault(reader, {})[sex] = {"positives": int(rows.sum()), "sensitivity": share}
    return {
        "what": "The AI reader of chest X-rays misses more consolidation in women.",
        "reader": AI_READER,
        "finding": FINDING,
        "planted": {"sensitivity": AI_SENSITIVITY, "specificity": AI_SPECIFICITY},
        "observed": observed,
    }


def write_effects(world: World, tables: Tables, faults: list[dict[str, Any]], path: Path) -> None:
    """effects.json: each planted effect with its parameters and codes, the planted faults, the flaws of tables."""
    shifts = tables.shifts
    effects = {
        "schema": "lockgate.synthetic-truth/1",
        "seed": world.seed,
        "patients": len(world.people),
        "from": dates([START])[0].as_py(),
        "until": dates([END])[0].as_py(),
        "effects": {
            "age_at_diagnosis_by_deprivation": _deprivation(world),
            "incidents_by_understaffing": {
                "what": "Incidents per shift rise with the share of planned registered-nurse hours not worked.",
                "planted": {
                    "incidents_per_shift": f"{INCIDENT_RATE} * exp({INCIDENT_SLOPE} * shortfall)",
                    "rate": INCIDENT_RATE,
                    "slope": INCIDENT_SLOPE,
                    "shortfall": "max(0, 1 - actual_rn_hours / planned_rn_hours)",
                },
                "from": dates([STAFFED_FROM])[0].as_py(),
                "shifts": len(shifts.ward),
                "incidents": len(tables.written["incidents"].patient),
            },
            "ward_outbreak": _outbreak(world),
            "trial_exclusion": _trial(world),
            "reader_weaker_in_one_group": _reader(world),
        },
        "faults": faults,
        "flaws_of_tables": tables.flaws,
        "opt_outs": {
            "people": len(tables.opted_out) if tables.opted_out is not None else 0,
            "in_force_national_data_opt_out": int((tables.opt_out_kind == 0).sum())
            if tables.opt_out_kind is not None
            else 0,
        },
    }
    path.write_text(json.dumps(effects, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
