"""Which resources go into which file."""

from __future__ import annotations

from lockgate.synthetic.fhir import care, documents, people, results
from lockgate.synthetic.ndjson import Block
from lockgate.synthetic.world import World


def resources(world: World) -> dict[str, list[Block]]:
    """Resource type -> the blocks of its file, in the order of writing."""
    return {
        "Organization": [people.organisations(world)],
        "Location": [people.locations(world)],
        "Practitioner": people.practitioners(world),
        "Patient": [people.patients(world)],
        "Encounter": [care.encounters(world)],
        "Condition": [care.conditions(world)],
        "AllergyIntolerance": [care.allergies(world)],
        "Immunization": [care.immunisations(world)],
        "MedicationRequest": [care.medication_requests(world)],
        "MedicationAdministration": [care.administrations(world)],
        "Procedure": [care.procedures(world)],
        "Specimen": [results.specimens(world)],
        "Observation": [
            results.social_history(world),
            results.vital_signs(world),
            results.laboratory(world),
            results.cultures(world),
        ],
        "ImagingStudy": [documents.imaging_studies(world)],
        "DiagnosticReport": [
            documents.laboratory_reports(world),
            documents.microbiology_reports(world),
            documents.imaging_reports(world),
        ],
        "DocumentReference": [documents.documents(world)],
    }
