"""Pieces of JSON that many resources share."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lockgate.synthetic.reference import label, mapped_from, snomed_of
from lockgate.synthetic.strings import numbered, pick

SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
OPCS4 = "https://fhir.hl7.org.uk/CodeSystem/OPCS-4"
DMD = "https://dmd.nhs.uk"
CVX = "http://hl7.org/fhir/sid/cvx"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
LOCAL = "https://lockgate.example"
HL7 = "http://terminology.hl7.org/CodeSystem"

Index = npt.NDArray[np.int64]


def dumps(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    """One coding; without a display where there is none."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(system: str, code: str, display: str | None = None) -> dict[str, object]:
    """A codeable concept of one coding."""
    return {"coding": [coding(system, code, display)]} | ({"text": display} if display else {})


def snomed(code: str) -> dict[str, object]:
    """A SNOMED CT concept with its plain words."""
    return concept(SNOMED, code, label("SNOMED", code))


def loinc(code: str) -> dict[str, object]:
    """A LOINC concept with its plain words."""
    return concept(LOINC, code, label("LOINC", code))


def diagnosis(code: str) -> dict[str, object]:
    """A diagnosis by SNOMED CT and, where the code list has one, ICD-10."""
    words = label("SNOMED", code)
    icd = mapped_from("ICD10", code)
    codings = [coding(SNOMED, code, words)] + ([coding(ICD10, icd, words)] if icd else [])
    return {"coding": codings, "text": words}


def procedure(code: str) -> dict[str, object]:
    """A procedure by OPCS-4 and, where the code list has one, SNOMED CT; a SNOMED code stands alone."""
    if not code[0].isalpha():
        return snomed(code)
    words = label("OPCS4", code)
    term = snomed_of("OPCS4", code)
    codings = [coding(OPCS4, code, words)] + ([coding(SNOMED, term, words)] if term else [])
    return {"coding": codings, "text": words}


def concepts(values: list[dict[str, object]], index: Index, name: str = "code") -> pa.Array:
    """``"code":{...},`` for each row, from a short list of concepts."""
    return pick([f'"{name}":{dumps(value)},' for value in values], index)


def head(kind: str, index: Index, prefix: str, width: int = 8) -> pa.Array:
    """``{"resourceType":...,"id":"...",``; the id is the row's number after the prefix."""
    return numbered(index + 1, width, f'{{"resourceType":"{kind}","id":"{prefix}', '",')


def reference(name: str, kind: str, index: Index, prefix: str, width: int = 8) -> pa.Array:
    """``"subject":{"reference":"Patient/P0000001"},`` for each row."""
    return numbered(index + 1, width, f'"{name}":{{"reference":"{kind}/{prefix}', '"},')


def subject(patient: Index, name: str = "subject") -> pa.Array:
    """The reference to the patient."""
    return reference(name, "Patient", patient, "P", 7)


def encounter(index: Index, name: str = "encounter") -> pa.Array:
    """The reference to the encounter."""
    return reference(name, "Encounter", index, "E")
