"""The catalogue entry of a release as HDR UK dataset metadata 4.0.0.

Source: HDR UK schemata, https://github.com/HDRUK/schemata, model HDRUK 4.0.0. Every enumerated word used here is one of
that schema's; ``check_entry`` holds an entry against the schema itself.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import jsonschema

from lockgate.catalogue.counts import Counted
from lockgate.curate import Release
from lockgate.errors import UsageError
from lockgate.schema import MEANINGS, RELEASE
from lockgate.site import Site

VERSION = "4.0.0"
NAMESPACE = uuid.UUID(
    "6f0b0c5e-43a6-5a53-9d1f-6d3f5f6a2c11"
)  # ours: identifiers of releases are uuid5 under it
# vocabulary_id of OMOP -> HDR UK's word for it
ENCODINGS = {
    "SNOMED": "SNOMED CT",
    "ICD10": "ICD10",
    "OPCS4": "OPCS4",
    "dm+d": "DM+D",
    "LOINC": "LOINC",
    "RxNorm": "RXNORM",
    "ATC": "ATC",
    "Read": "READ",
}
# A table with rows -> the topic of HDR UK's tree that it belongs to
TOPICS = {
    "condition_occurrence": ("Health and disease", "Others"),
    "measurement": ("Measurements/Tests", "Laboratory"),
    "drug_exposure": ("Treatments/Interventions", "Therapeutic"),
    "procedure_occurrence": ("Treatments/Interventions", "Others"),
    "person_deprivation": ("Socioeconomic", "Deprivation"),
}
SETTINGS = {
    "Emergency": "Secondary care - Accident and Emergency",
    "Inpatient": "Secondary care - In-patients",
    "Outpatient": "Secondary care - Outpatients",
}
MATERIALS = "Tissue"


def make_entry(
    site: Site, release: Release, counted: Counted, vocabularies: list[str], earlier: list[str]
) -> dict[str, Any]:
    """The entry of a release; ``vocabularies`` are the vocabulary_ids its codes come from.

    The data set is one, whatever its releases: they are its versions. ``earlier``: releases described before.
    """
    config, section = site.config.catalogue, site.config.site
    created = _stamp(release.manifest["created_at"])
    title = (config.title or f"{section.name}: research database")[:150]
    contact = config.contact or None
    observed = str(release.manifest["data_until"])
    tables = [name for name in release.tables if name in RELEASE and release.tables[name]]
    return {
        "identifier": str(uuid.uuid5(NAMESPACE, section.ods_code or section.name)),
        "version": f"{release.number}.0",
        "revisions": [{"version": f"{number}.0"} for number in earlier],
        "issued": created,
        "modified": created,
        "summary": {
            "title": title,
            "abstract": (
                config.abstract
                or f"De-identified records of people cared for by {section.name}, curated to the OMOP Common Data Model"
                " 5.4 and linked with incidents, feedback, staffing and samples where the site holds them."
            )[:500],
            "dataCustodian": {
                "identifier": config.identifier or section.ods_code or section.name[:50],
                "name": section.name[:150],
                "contactPoint": contact,
            },
            "populationSize": counted.people,
            "keywords": [
                "OMOP CDM",
                "Electronic health records",
                "Secondary care",
                "Trusted research environment",
            ],
            "contactPoint": contact,
        },
        "documentation": {
            "description": "Tables and columns are listed under structural metadata. Direct identifiers are removed,"
            " ids are keyed pseudonyms that are made anew for every project, dates and places are generalised by the"
            " site's policy, and people who objected are left out. Ages above the site's highest are counted as that"
            " one. Counts here are rounded, and small ones withheld.",
            "inPipeline": "Available",
        },
        "coverage": {
            "spatial": config.spatial,
            **_ages(counted),
            "materialType": [MATERIALS] if "tissue_sample" in tables else ["None/not available"],
            "followUp": _follow_up(counted),
            "pathway": "Emergency, inpatient, outpatient and virtual care of one hospital trust, with what other"
            " sources are linked to it.",
        },
        "provenance": {
            "origin": {
                "purpose": ["Care", "Administrative"],
                "datasetType": _topics(tables),
                "source": ["EPR", *(["LIMS"] if "measurement" in tables else [])],
                "collectionSource": sorted(SETTINGS.values()),
                "imageContrast": "Not stated",
            },
            "temporal": {
                "publishingFrequency": config.publishing_frequency,
                "distributionReleaseDate": created[:10],
                "startDate": str(counted.first or observed),
                "endDate": str(counted.last) if counted.last else None,
                "timeLag": "Variable",
            },
        },
        "accessibility": {
            "usage": {
                "dataUseLimitation": ["Project-specific restrictions"],
                "dataUseRequirements": [
                    "Disclosure control",
                    "Project-specific restrictions",
                    "Time limit on use",
                ],
            },
            "access": {
                "accessRights": config.access_rights
                or "One application, decided by the research centre and the data protection office.",
                "accessServiceCategory": "TRE/SDE",
                "accessService": "A trusted research environment: code comes to the data, runs without network, and"
                " only checked results leave.",
                "deliveryLeadTime": config.delivery_lead_time,
                "jurisdiction": ["GB"],
                "dataController": config.data_controller or section.name,
                "dataProcessor": config.data_controller or section.name,
            },
            "formatAndStandards": {
                "vocabularyEncodingScheme": sorted({ENCODINGS[v] for v in vocabularies if v in ENCODINGS})
                or ["LOCAL"],
                "conformsTo": ["OMOP"],
                "language": ["en"],
                "format": ["application/vnd.apache.parquet"],
            },
        },
        "observations": [
            _observation("Persons", counted.people, observed, "people in the release"),
            _observation("Events", counted.events, observed, "dated rows about people"),
        ],
        "structuralMetadata": {"tables": [_table(name) for name in tables]},
        "demographicFrequency": {
            "age": [{"bin": label, "count": n} for label, n in counted.age.items()],
            "ethnicity": [{"bin": label, "count": n} for label, n in counted.ethnicity.items()],
            "disease": [
                {"diseaseCode": code, "diseaseCodeVocabulary": vocabulary, "count": n}
                for code, vocabulary, n in counted.diseases
            ],
        },
    }


def check_entry(entry: dict[str, Any], schema: Path) -> list[str]:
    """What an entry breaks of HDR UK's JSON Schema (its file): one line each with the place, none when it is valid.

    Raises UsageError when the schema can't be read.
    """
    try:
        rules = json.loads(schema.read_bytes())
        jsonschema.Draft202012Validator.check_schema(rules)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        raise UsageError(
            "can't be read as a JSON Schema",
            where=str(schema),
            remedy="give the schema.json of HDR UK's metadata model 4.0.0 (github.com/HDRUK/schemata)",
        ) from error
    validator = jsonschema.Draft202012Validator(rules, format_checker=jsonschema.FormatChecker())
    found = sorted(validator.iter_errors(entry), key=lambda error: list(map(str, error.absolute_path)))
    return [
        f"{'/'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message[:200]}" for error in found
    ]


def _stamp(moment: str) -> str:
    return moment.replace("+00:00", "Z")


def _observation(node: str, value: int, day: str, what: str) -> dict[str, Any]:
    return {
        "observedNode": node,
        "measuredValue": value,
        "disambiguatingDescription": f"{what}, rounded",
        "observationDate": day,
        "measuredProperty": "Count",
    }


def _ages(counted: Counted) -> dict[str, int]:
    if counted.age_range is None:
        return {}
    return {"typicalAgeRangeMin": counted.age_range[0], "typicalAgeRangeMax": counted.age_range[1]}


def _follow_up(counted: Counted) -> str:
    if counted.first is None or counted.last is None:
        return "Unknown"
    years = (counted.last - counted.first).days / 365.25
    return (
        "> 10 Years"
        if years > 10
        else "1 - 10 Years"
        if years >= 1
        else "6 - 12 Months"
        if years >= 0.5
        else "0 - 6 Months"
    )


def _topics(tables: list[str]) -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {"Health and disease": ["Others"]}
    for table, (topic, subtopic) in TOPICS.items():
        if table in tables and subtopic not in found.setdefault(topic, []):
            found[topic].append(subtopic)
    return [{"name": name, "subTypes": subtopics} for name, subtopics in found.items()]


def _table(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": MEANINGS[name],
        "columns": [
            {
                "name": column.name,
                "dataType": column.type,
                "description": describe_role(column.role),
                "sensitive": column.role in SENSITIVE,
            }
            for column in RELEASE[name]
            if column.askable
        ],
    }


# Roles of columns that describe a person rather than name a row or a concept.
SENSITIVE = frozenset({"quasi", "text", "place"})
ROLES = {
    "concept": "A concept id of the OMOP vocabularies; 0 where the code has no standard concept.",
    "date": "A date or time, generalised by the site's policy and again by the project's scope.",
    "number": "A number.",
    "code": "A code or short word as the source sent it.",
    "text": "Free text after identifiers were taken out.",
    "place": "A place, generalised.",
    "quasi": "An attribute that with others could single somebody out.",
    "label": "A name or property of a code.",
}


def describe_role(role: str) -> str:
    """What a column of a role holds, in a sentence."""
    if role.startswith("key:"):
        return f"The id of a {role.removeprefix('key:').replace('_', ' ')}: a keyed pseudonym, each project's own."
    return ROLES[role]
