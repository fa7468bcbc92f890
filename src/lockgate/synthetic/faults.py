"""A few records that no gate should let in, planted in the FHIR files and listed in the truth file."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from lockgate.schema.nhs_number import check_digit
from lockgate.synthetic.fhir.common import HL7, LOCAL, NHS_NUMBER, UCUM, diagnosis, dumps, loinc
from lockgate.synthetic.ndjson import Block

NOBODY = "P9999999"
RESENT_LINES = 3


@dataclass(frozen=True)
class Fault:
    """One planted line: the file it is in, why it must be refused (capture's reason code), and the line."""

    kind: str
    reason: str
    detail: str
    line: str


def _observation(number: int, **changes: object) -> dict[str, object]:
    resource: dict[str, object] = {
        "resourceType": "Observation",
        "id": f"X{number:08d}",
        "meta": {"lastUpdated": "2025-11-03T09:12:00+00:00"},
        "status": "final",
        "category": [{"coding": [{"system": f"{HL7}/observation-category", "code": "vital-signs"}]}],
        "code": loinc("8867-4"),
        "subject": {"reference": "Patient/P0000001"},
        "effectiveDateTime": "2021-05-03T09:12:00+01:00",
        "valueQuantity": {"value": 78, "unit": "/min", "system": UCUM, "code": "/min"},
    }
    return resource | changes


def _wrong_patient() -> dict[str, object]:
    nine = "999031415"
    right = check_digit(nine)
    wrong = nine + str(((right if right is not None else 0) + 1) % 10)
    return {
        "resourceType": "Patient",
        "id": "P9999998",
        "meta": {"lastUpdated": "2025-11-03T09:12:00+00:00"},
        "identifier": [
            {"system": NHS_NUMBER, "value": wrong},
            {"system": f"{LOCAL}/hospital-number", "value": "H0000001"},
        ],
        "name": [{"use": "official", "family": "Mistyped", "given": ["Ada"]}],
        "gender": "female",
        "birthDate": "1964-02-29",
    }


def faults() -> list[Fault]:
    """The planted faults, in the order in which they end their files."""
    unit = {"value": 78, "unit": "furlongs", "system": UCUM, "code": "furlong"}
    stranger = {"reference": f"Patient/{NOBODY}"}
    impossible = {
        "resourceType": "Condition",
        "id": "X00000101",
        "meta": {"lastUpdated": "2025-11-03T09:12:00+00:00"},
        "clinicalStatus": {"coding": [{"system": f"{HL7}/condition-clinical", "code": "active"}]},
        "code": diagnosis("44054006"),
        "subject": {"reference": "Patient/P0000001"},
        "onsetDateTime": "2023-02-30",
    }
    return [
        Fault("Patient", "bad-nhs-number", "the check digit is wrong", dumps(_wrong_patient())),
        Fault("Condition", "impossible-date", "onset on 30 February", dumps(impossible)),
        Fault("Observation", "not-json", "the line breaks off", dumps(_observation(1))[:118]),
        Fault(
            "Observation",
            "unknown-unit",
            "a heart rate in furlongs",
            dumps(_observation(2, valueQuantity=unit)),
        ),
        Fault(
            "Observation",
            "missing-reference",
            "of a patient nobody sent",
            dumps(_observation(3, subject=stranger)),
        ),
        Fault(
            "Observation",
            "unknown-resource-type",
            "a resource type that FHIR has not",
            dumps(_observation(4, resourceType="Observatory")),
        ),
    ]


def resent_lines(block: Block) -> list[str]:
    """The first lines of a block once more: records that were sent twice."""
    columns: list[pa.Array] = block.build(0, min(RESENT_LINES, block.rows))
    return [line.rstrip("\n") for line in columns[0].to_pylist()]
