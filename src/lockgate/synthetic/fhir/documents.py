"""DiagnosticReport, ImagingStudy and DocumentReference resources. Texts travel as base64 of UTF-8 plain text."""

from __future__ import annotations

import base64

import numpy as np
import pyarrow as pa

from lockgate.synthetic.fhir.common import (
    HL7,
    LOCAL,
    coding,
    concepts,
    dumps,
    encounter,
    head,
    loinc,
    procedure,
    subject,
)
from lockgate.synthetic.hospital import staff_names
from lockgate.synthetic.microbiology import issued
from lockgate.synthetic.ndjson import Block, Lines
from lockgate.synthetic.notes import KINDS, LOINC, RADIOLOGY, accession_numbers, conclusion
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import decimals, grouped, join, numbered, pick, picked, strings, times
from lockgate.synthetic.world import World

_SECTION = f"{HL7}/v2-0074"


def _base64(texts: pa.Array) -> pa.Array:
    return strings([base64.b64encode(text.encode()).decode("ascii") for text in texts.to_pylist()])


def _category(code: str) -> str:
    return f'"status":"final","category":[{{"coding":[{{"system":"{_SECTION}","code":"{code}"}}]}}],'


def laboratory_reports(world: World) -> Block:
    """One report per blood sample, naming its results."""
    labs, where_seen = world.labs, world.encounters
    _, starts = np.unique(labs.batch, return_index=True)
    ends = np.append(starts[1:], len(labs))
    offsets = np.append(starts, len(labs))
    code = dumps(loinc("11502-2"))

    def build(first: int, last: int) -> Lines:
        row = starts[first:last]
        at, when = labs.encounter[row], labs.time[row]
        inner = numbered(np.arange(starts[first], ends[last - 1]) + 1, 9, '{"reference":"Observation/K', '"}')
        lists = grouped(inner, offsets[first : last + 1] - offsets[first])
        return [
            join(
                head("DiagnosticReport", np.arange(first, last), "W"),
                '"meta":{"lastUpdated":"',
                times(when + 5400),
                '"},',
                _category("LAB"),
                f'"code":{code},',
                subject(where_seen.patient[at]),
                encounter(at),
                '"effectiveDateTime":"',
                times(when),
                '","issued":"',
                times(when + 5400),
                '","result":[',
                lists,
                "]}\n",
            )
        ]

    return Block(len(starts), build, chunk=20_000)


def microbiology_reports(world: World) -> Block:
    """One report per culture."""
    rows, where_seen = world.cultures, world.encounters
    code = dumps(loinc("18725-2"))

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        index, at = np.arange(first, last), rows.encounter[cut]
        return [
            join(
                head("DiagnosticReport", index, "F"),
                '"meta":{"lastUpdated":"',
                times(issued(rows)[cut]),
                '"},',
                _category("MB"),
                f'"code":{code},',
                subject(where_seen.patient[at]),
                encounter(at),
                '"effectiveDateTime":"',
                times(rows.collected[cut]),
                '","issued":"',
                times(issued(rows)[cut]),
                '","specimen":[',
                numbered(index + 1, 8, '{"reference":"Specimen/B', '"}'),
                '],"result":[',
                numbered(index + 1, 8, '{"reference":"Observation/Q', '"}]}\n'),
            )
        ]

    return Block(len(rows), build)


def imaging_reports(world: World) -> Block:
    """The radiologist's report of every study: conclusion, and the whole text as an attachment."""
    notes, studies, where_seen = world.notes, world.studies, world.encounters
    rows = np.flatnonzero(notes.kind == RADIOLOGY)
    rows = rows[np.argsort(notes.study[rows])]
    words = conclusion(studies)
    code = dumps(loinc(LOINC[RADIOLOGY]))

    def build(first: int, last: int) -> Lines:
        row = rows[first:last]
        study, at = notes.study[row], notes.encounter[row]
        return [
            join(
                head("DiagnosticReport", study, "J"),
                '"meta":{"lastUpdated":"',
                times(notes.time[row]),
                '"},',
                _category("RAD"),
                f'"code":{code},',
                subject(where_seen.patient[at]),
                encounter(at),
                '"effectiveDateTime":"',
                times(studies.started[study]),
                '","issued":"',
                times(notes.time[row]),
                '","resultsInterpreter":[',
                numbered(studies.reader[study] + 1, 4, '{"reference":"Practitioner/S', '"}'),
                '],"imagingStudy":[',
                numbered(study + 1, 8, '{"reference":"ImagingStudy/I', '"}'),
                '],"conclusion":"',
                picked(words, study),
                '","presentedForm":[{"contentType":"text/plain","language":"en","data":"',
                _base64(picked(notes.text, row)),
                '","title":"Imaging report","creation":"',
                times(notes.time[row]),
                '"}]}\n',
            )
        ]

    return Block(len(rows), build, chunk=10_000)


def imaging_studies(world: World) -> Block:
    """The studies themselves."""
    studies, where_seen = world.studies, world.encounters
    scans = list(data("measures")["scans"].values())
    modality = [dumps(coding("http://dicom.nema.org/resources/ontology/DCM", kind)) for _, kind, *_ in scans]
    site = [dumps(coding("http://snomed.info/sct", body)) for _, _, body, *_ in scans]
    sizes = [f'"numberOfSeries":{series},"numberOfInstances":{images},' for *_, series, images in scans]
    images_of = np.array([images for *_, images in scans])
    codes = [f'"procedureCode":[{dumps(procedure(code))}],' for code, *_ in scans]
    accession = accession_numbers(studies)

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        scan, at = studies.scan[cut], studies.encounter[cut]
        return [
            join(
                head("ImagingStudy", np.arange(first, last), "I"),
                '"meta":{"lastUpdated":"',
                times(studies.started[cut]),
                f'"}},"identifier":[{{"type":{{"coding":[{{"system":"{HL7}/v2-0203","code":"ACSN"}}]}},'
                f'"system":"{LOCAL}/accession","value":"',
                accession.slice(first, last - first),
                '"}],"status":"available","modality":[',
                pick(modality, scan),
                "],",
                subject(where_seen.patient[at]),
                encounter(at),
                '"started":"',
                times(studies.started[cut]),
                '",',
                pick(sizes, scan),
                pick(codes, scan),
                '"series":[{',
                numbered(
                    np.arange(first, last) + 1, 8, '"uid":"1.2.826.0.1.3680043.10.9999.', '","modality":'
                ),
                pick(modality, scan),
                ',"bodySite":',
                pick(site, scan),
                ',"numberOfInstances":',
                decimals(images_of[scan]),
                "}]}\n",
            )
        ]

    return Block(len(studies), build)


def documents(world: World) -> Block:
    """Letters and notes."""
    notes, where_seen = world.notes, world.encounters
    rows = np.flatnonzero(notes.kind != RADIOLOGY)
    kinds = [loinc(code) for code in LOINC]
    names, _, _ = staff_names(world.hospital)
    titles = [kind.replace("_", " ").capitalize() for kind in KINDS]

    def build(first: int, last: int) -> Lines:
        row = rows[first:last]
        at = notes.encounter[row]
        when = times(notes.time[row])
        return [
            join(
                head("DocumentReference", row, "N"),
                '"meta":{"lastUpdated":"',
                when,
                '"},"status":"current","docStatus":"final",',
                concepts(kinds, notes.kind[row], "type"),
                subject(where_seen.patient[at]),
                '"date":"',
                when,
                numbered(
                    notes.author[row] + 1, 4, '","author":[{"reference":"Practitioner/S', '","display":"'
                ),
                picked(names, notes.author[row]),
                '"}],"content":[{"attachment":{"contentType":"text/plain; charset=utf-8","language":"en","data":"',
                _base64(picked(notes.text, row)),
                '","title":"',
                pick(titles, notes.kind[row]),
                '","creation":"',
                when,
                '"}}],"context":{"encounter":[',
                numbered(at + 1, 8, '{"reference":"Encounter/E', '"}]}}\n'),
            )
        ]

    return Block(len(rows), build, chunk=10_000)
