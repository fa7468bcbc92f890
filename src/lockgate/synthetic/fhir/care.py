"""Encounter, Condition, MedicationRequest, MedicationAdministration, Procedure, AllergyIntolerance, Immunization."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lockgate.synthetic.care import diagnosis_codes, medicine_names, procedure_codes
from lockgate.synthetic.encounters import INPATIENT
from lockgate.synthetic.fhir.common import (
    CVX,
    DMD,
    HL7,
    SNOMED,
    UCUM,
    coding,
    concept,
    concepts,
    diagnosis,
    dumps,
    encounter,
    head,
    procedure,
    reference,
    snomed,
    subject,
)
from lockgate.synthetic.hospital import TRUST_CODE
from lockgate.synthetic.ndjson import Block, Lines
from lockgate.synthetic.reference import data, dmd_of, label
from lockgate.synthetic.strings import dates, decimals, grouped, join, numbered, pick, times, where
from lockgate.synthetic.world import World

_TYPES = ("4525004", "32485007", "281036007", "281036007")


def _updated(seconds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    return join('"meta":{"lastUpdated":"', times(seconds), '"},')


def encounters(world: World) -> Block:
    """Every encounter with the wards it went through."""
    rows, episodes, hospital = world.encounters, world.episodes, world.hospital
    offsets = np.searchsorted(rows.move_encounter, np.arange(len(rows) + 1))
    classes = [
        ("EMER", "emergency"),
        ("IMP", "inpatient encounter"),
        ("AMB", "ambulatory"),
        ("VR", "virtual"),
    ]
    types = [f'"type":[{dumps(snomed(code))}],' for code in _TYPES]
    leaving = ["home", "exp"]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        moves = slice(int(offsets[first]), int(offsets[last]))
        stays = join(
            '{"location":{"reference":"Location/',
            pick(hospital.ward_codes, rows.move_ward[moves]),
            '"},"period":{"start":"',
            times(rows.move_start[moves]),
            '","end":"',
            times(rows.move_end[moves]),
            '"}}',
        )
        lists = grouped(stays, offsets[first : last + 1] - offsets[first])
        index = np.arange(first, last)
        kind = rows.kind[cut]
        inpatient = kind == INPATIENT
        return [
            join(
                head("Encounter", index, "E"),
                _updated(rows.end[cut]),
                '"status":"finished","class":',
                pick(
                    [
                        f'{{"system":"{HL7}/v3-ActCode","code":"{code}","display":"{words}"}},'
                        for code, words in classes
                    ],
                    kind,
                ),
                pick(types, kind),
                '"serviceType":{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/'
                'NHSDataDictionary-treatment-function","code":"',
                pick(hospital.ward_specialties, rows.ward[cut]),
                '"}]},',
                subject(rows.patient[cut]),
                '"participant":[{',
                numbered(rows.staff[cut] + 1, 4, '"individual":{"reference":"Practitioner/S', '"}}],'),
                '"period":{"start":"',
                times(rows.start[cut]),
                '","end":"',
                times(rows.end[cut]),
                '"},',
                where(
                    inpatient,
                    '"hospitalization":{"admitSource":{"coding":[{"system":"',
                    f'{HL7}/admit-source","code":"',
                    pick(["emd", "outp"], (episodes.origin[rows.episode[cut]] != 0).astype(np.int64)),
                    '"}]},"dischargeDisposition":{"coding":[{"system":"',
                    f'{HL7}/discharge-disposition","code":"',
                    pick(leaving, episodes.died[rows.episode[cut]].astype(np.int64)),
                    '"}]}},',
                ),
                '"location":[',
                lists,
                f'],"serviceProvider":{{"reference":"Organization/{TRUST_CODE}"}}}}\n',
            )
        ]

    return Block(len(rows), build)


def conditions(world: World) -> Block:
    """Problem lists and encounter diagnoses."""
    rows, where_seen = world.diagnoses, world.encounters
    values = [diagnosis(code) for code in diagnosis_codes()]
    category = [
        f'"category":[{{"coding":[{{"system":"{HL7}/condition-category","code":"{code}"}}]}}],'
        for code in ("problem-list-item", "encounter-diagnosis")
    ]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        at = rows.encounter[cut]
        return [
            join(
                head("Condition", np.arange(first, last), "C"),
                _updated(rows.recorded[cut]),
                f'"clinicalStatus":{{"coding":[{{"system":"{HL7}/condition-clinical","code":"active"}}]}},'
                f'"verificationStatus":{{"coding":[{{"system":"{HL7}/condition-ver-status","code":"confirmed"}}]}},',
                pick(category, np.minimum(rows.rank[cut], 1)),
                concepts(values, rows.code[cut]),
                subject(where_seen.patient[at]),
                encounter(at),
                '"onsetDateTime":"',
                dates(rows.onset_day[cut]),
                '","recordedDate":"',
                times(rows.recorded[cut]),
                numbered(where_seen.staff[at] + 1, 4, '","recorder":{"reference":"Practitioner/S', '"}}\n'),
            )
        ]

    return Block(len(rows), build)


def _medicine_concepts() -> list[dict[str, object]]:
    values: list[dict[str, object]] = []
    for code, *_ in data("medicines").values():
        words = label("SNOMED", code)
        moiety = dmd_of(code)
        first = [coding(DMD, moiety, words)] if moiety else []
        values.append({"coding": [*first, coding(SNOMED, code, words)], "text": words})
    return values


def _doses() -> list[str]:
    """Each medicine's usual dose as a FHIR quantity."""
    return [
        f'{{"value":{dose},"unit":"{unit.strip("[]{}")}","system":"{UCUM}","code":"{unit}"}}'
        for _, dose, unit, _ in data("medicines").values()
    ]


def medication_requests(world: World) -> Block:
    """Prescriptions: on the ward, to take home, from clinic."""
    rows, where_seen = world.orders, world.encounters
    values = _medicine_concepts()
    names, medicines = medicine_names(), data("medicines")
    often = {1: "once a day", 2: "twice a day", 3: "three times a day", 4: "four times a day"}
    dosage = [
        f'"dosageInstruction":[{{"text":"{medicines[name][1]} {medicines[name][2].strip("[]{}")} '
        f'{often[medicines[name][3]]}","timing":{{"repeat":{{"frequency":{medicines[name][3]},"period":1,'
        f'"periodUnit":"d"}}}},"doseAndRate":[{{"doseQuantity":{quantity}}}]}}],'
        for name, quantity in zip(names, _doses(), strict=True)
    ]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        at = rows.encounter[cut]
        supply = '"dispenseRequest":{"expectedSupplyDuration":{"value":'
        return [
            join(
                head("MedicationRequest", np.arange(first, last), "M"),
                _updated(rows.start[cut]),
                '"status":"completed","intent":"order","category":[{"coding":[{"system":"',
                f'{HL7}/medicationrequest-category","code":"',
                pick(["community", "inpatient"], rows.inpatient[cut].astype(np.int64)),
                '"}]}],',
                concepts(values, rows.medicine[cut], "medicationCodeableConcept"),
                subject(where_seen.patient[at]),
                encounter(at),
                '"authoredOn":"',
                times(rows.start[cut]),
                '",',
                reference("requester", "Practitioner", where_seen.staff[at], "S", 4),
                pick(dosage, rows.medicine[cut]),
                supply,
                decimals(rows.days[cut]),
                f',"unit":"day","system":"{UCUM}","code":"d"}}}}}}\n',
            )
        ]

    return Block(len(rows), build)


def administrations(world: World) -> Block:
    """Doses given on the ward."""
    rows, orders, where_seen = world.doses, world.orders, world.encounters
    values, quantities = _medicine_concepts(), _doses()

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        order = rows.order[cut]
        at = orders.encounter[order]
        medicine = orders.medicine[order]
        return [
            join(
                head("MedicationAdministration", np.arange(first, last), "A"),
                _updated(rows.time[cut]),
                '"status":"completed",',
                concepts(values, medicine, "medicationCodeableConcept"),
                subject(where_seen.patient[at]),
                encounter(at, "context"),
                '"effectiveDateTime":"',
                times(rows.time[cut]),
                '",',
                reference("request", "MedicationRequest", order, "M"),
                '"dosage":{"dose":',
                pick(quantities, medicine),
                "}}\n",
            )
        ]

    return Block(len(rows), build)


def procedures(world: World) -> Block:
    """Operations and other procedures."""
    rows, where_seen = world.procedures, world.encounters
    values = [procedure(code) for code in procedure_codes()]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        at = rows.encounter[cut]
        return [
            join(
                head("Procedure", np.arange(first, last), "R"),
                _updated(rows.end[cut]),
                '"status":"completed",',
                concepts(values, rows.code[cut]),
                subject(where_seen.patient[at]),
                encounter(at),
                '"performedPeriod":{"start":"',
                times(rows.start[cut]),
                '","end":"',
                times(rows.end[cut]),
                '"},"performer":[{',
                numbered(where_seen.staff[at] + 1, 4, '"actor":{"reference":"Practitioner/S', '"}}]}\n'),
            )
        ]

    return Block(len(rows), build)


def allergies(world: World) -> Block:
    """Allergies to medicines and food."""
    rows = world.allergies
    codes = list(data("measures")["allergies"])
    values = [snomed(code) for code in codes]
    kinds = ["medication" if code in ("91936005", "294505008") else "food" for code in codes]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        return [
            join(
                head("AllergyIntolerance", np.arange(first, last), "L"),
                _updated(rows.recorded[cut]),
                f'"clinicalStatus":{{"coding":[{{"system":"{HL7}/allergyintolerance-clinical","code":"active"}}]}},'
                '"category":["',
                pick(kinds, rows.code[cut]),
                '"],"criticality":"high",',
                concepts(values, rows.code[cut]),
                subject(rows.patient[cut], "patient"),
                '"recordedDate":"',
                times(rows.recorded[cut]),
                '"}\n',
            )
        ]

    return Block(len(rows), build)


def immunisations(world: World) -> Block:
    """Vaccines given."""
    rows = world.vaccines
    values = [concept(CVX, code, label("CVX", code)) for code in data("measures")["vaccines"]]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        return [
            join(
                head("Immunization", np.arange(first, last), "V"),
                _updated(rows.time[cut]),
                '"status":"completed",',
                concepts(values, rows.code[cut], "vaccineCode"),
                subject(rows.patient[cut], "patient"),
                '"occurrenceDateTime":"',
                times(rows.time[cut]),
                '","primarySource":true,"lotNumber":"',
                numbered(rows.time[cut] // 86_400 % 997, 4, "LOT"),
                '"}\n',
            )
        ]

    return Block(len(rows), build)
