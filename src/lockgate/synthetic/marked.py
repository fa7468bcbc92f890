"""The letters of the sets as plain texts in which identifiers are marked: to train a reader of identifiers on."""

from __future__ import annotations

import json

from lockgate.deidentify.text import spans as kinds
from lockgate.deidentify.text.spans import Span
from lockgate.synthetic.world import make_world

# The kinds of ``truth/identifiers.jsonl`` as the scrubber calls them.
KINDS = {
    "NAME_PATIENT": kinds.NAME,
    "NAME_RELATIVE": kinds.RELATIVE,
    "NAME_STAFF": kinds.STAFF,
    "NHS": kinds.NHS_NUMBER,
    "NHS_OTHER": kinds.NHS_NUMBER,
    "MRN": kinds.HOSPITAL_NUMBER,
    "STAFFID": kinds.STAFF_NUMBER,
    "NINO": kinds.NI_NUMBER,
    "DOB": kinds.BIRTH_DATE,
    "DATE": kinds.DATE,
    "AGE90": kinds.AGE,
    "ADDRESS": kinds.ADDRESS,
    "ADDRESS_OTHER": kinds.ADDRESS,
    "POSTCODE": kinds.POSTCODE,
    "LOCATION": kinds.PLACE,
    "ORG": kinds.ORGANISATION,
    "PHONE": kinds.PHONE,
    "PHONE_PATIENT": kinds.PHONE,
    "EMAIL": kinds.EMAIL,
    "EMAIL_STAFF": kinds.EMAIL,
    "URL": kinds.URL,
    "PLATE": kinds.VEHICLE,
}


def marked(letters: str, patients: int, seed: int) -> list[tuple[str, list[Span]]]:
    """Every note of a hospital of so many patients, in the styles of a set of letters, with its true spans."""
    notes = make_world(patients, seed, lambda said: None, letters=letters).notes
    return [
        (text, [Span(begin, end, KINDS[kind]) for begin, end, kind in json.loads(spans)])
        for text, spans in zip(notes.text.to_pylist(), notes.spans.to_pylist(), strict=True)
    ]
