"""The radiology system's extract, and the manifest of samples sent for sequencing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from lockgate.synthetic.draw import choose, stream
from lockgate.synthetic.lives import NEVER
from lockgate.synthetic.notes import RADIOLOGY, accession_numbers
from lockgate.synthetic.people import START
from lockgate.synthetic.reference import data, label
from lockgate.synthetic.sources.extract import Extract, either, mistype_nhs, none, same
from lockgate.synthetic.sources.known import Habits, as_known
from lockgate.synthetic.strings import DAY, dates, decimals, join, numbered, pick, picked, times
from lockgate.synthetic.tables.csvfile import Columns, take
from lockgate.synthetic.world import World

ADDENDA = 0.02  # of reports
_NICIP = {
    "chest_xray": "XCHES",
    "hip_xray": "XHIP",
    "ct_head": "CSKUH",
    "ct_chest": "CCHES",
    "ct_abdomen": "CABDO",
}


def radiology(world: World) -> Extract:
    """One row an examination with its report; an addendum is the same accession again, later, with the whole text."""
    rng = stream(world.seed, "radiology")
    notes, studies = world.notes, world.studies
    written = np.flatnonzero(notes.kind == RADIOLOGY)
    study = notes.study[written]
    encounter = studies.encounter[study]
    who, rows = world.encounters.patient[encounter], len(written)
    known = as_known(world, "radiology", Habits(no_nhs=0.05))
    scans = data("measures")["scans"]
    scan = studies.scan[study]
    codes = [entry[0] if entry[0][0].isdigit() else None for entry in scans.values()]
    words = [label("SNOMED" if entry[0][0].isdigit() else "OPCS4", entry[0]) for entry in scans.values()]
    hospital = world.hospital
    reader = studies.reader[study]
    local = picked(world.people.hospital_number, who)
    reported = notes.time[written]
    columns: Columns = {
        "accession": picked(accession_numbers(studies), study),
        "nhs_number": known.take("nhs_number", who),
        "hospital_number": local,
        "birth_date": known.take("birth_date", who),
        "sex": known.take("sex", who),
        "exam_code": pick([_NICIP[name] for name in scans], scan),
        "exam_name": pick(words, scan),
        "exam_snomed": pick(codes, scan),
        "modality": pick([entry[1] for entry in scans.values()], scan),
        "body_site_snomed": pick([entry[2] for entry in scans.values()], scan),
        "performed_at": times(studies.started[study], zone=False),
        "reported_at": times(np.maximum(reported, studies.started[study]), zone=False),
        "status": same("final", rows),
        "series": pick([str(entry[3]) for entry in scans.values()], scan),
        "images": pick([str(entry[4]) for entry in scans.values()], scan),
        "reported_by": join(
            "Dr ", picked(hospital.staff_given, reader), " ", picked(hospital.staff_family, reader)
        ),
        "report": picked(notes.text, written),
        "updated_at": times(reported + 60, zone=False),
    }
    more = np.flatnonzero(rng.random(rows) < ADDENDA)
    later = take(columns, more)
    later["status"] = same("addendum", len(more))
    later["report"] = join(later["report"], "\nAddendum: compared with previous imaging, no change.")
    later["updated_at"] = times(reported[more] + DAY, zone=False)
    columns = {name: pa.concat_arrays([column, later[name]]) for name, column in columns.items()}
    return Extract(
        columns,
        "radiology",
        np.concatenate([who, who[more]]),
        pa.concat_arrays([local, picked(local, more)]),
        known,
    )


def genomic_samples(world: World) -> Extract:
    """DNA sent to the genomic laboratory, of people with cancer and some others, with the consent of each."""
    rng = stream(world.seed, "genomics")
    lives, people = world.lives, world.people
    cancers = [i for i, entry in enumerate(lives.conditions) if entry.get("cancer")]
    onset = lives.onset[:, cancers].min(axis=1)
    ill = onset < NEVER
    chosen = np.where(ill, rng.random(len(people)) < 0.5, rng.random(len(people)) < 0.02)
    first = np.maximum(np.where(ill, onset, START), np.maximum(START, people.birth_day + 30))
    who = np.flatnonzero(chosen & (first < lives.last_day - 30))
    drawn = first[who] + (rng.random(len(who)) * (lives.last_day[who] - first[who] - 1)).astype(np.int64)
    known = as_known(world, "genomic_samples", Habits(no_nhs=0.02))
    tumour = ill[who] & (rng.random(len(who)) < 0.6)
    pair = np.concatenate([np.arange(len(who)), np.flatnonzero(tumour)])
    germline = np.arange(len(pair)) < len(who)
    person, day = who[pair], drawn[pair]
    rows = len(person)
    numbers, planted = mistype_nhs(rng, known.take("nhs_number", person), 0.004)
    consent = choose(rng, [88, 7, 5], len(who))[pair]
    local = picked(people.hospital_number, person)
    participant = numbered(pair + 1, 6, "GP")
    columns: Columns = {
        "sample_id": numbered(np.arange(1, rows + 1), 7, "GS"),
        "participant_id": participant,
        "nhs_number": numbers,
        "hospital_number": local,
        "birth_date": known.take("birth_date", person),
        "parent_sample_id": either(germline, None, none(rows)),
        "collected_at": times(day * DAY + 10 * 3600, zone=False),
        "received_at": times((day + 2) * DAY + 9 * 3600, zone=False),
        "sample_type": pick(["DNA, germline", "DNA, tumour"], (~germline).astype(np.int64)),
        "sample_type_snomed": same("258566005", rows),
        "assay": pick(["WGS", "panel"], rng.integers(0, 2, rows)),
        "genome_build": same("GRCh38", rows),
        "laboratory": same("Invented Genomic Laboratory Hub", rows),
        "quantity_ug": decimals(np.round(rng.uniform(1, 12, rows), 1)),
        "consent": pick(["research", "none", "withdrawn"], consent),
        "consent_date": dates(day - rng.integers(0, 10, len(who))[pair]),
        "withdrawn_on": either(consent == 2, dates(day + 20)),
        "file_name": join(
            participant, pick([".germline", ".tumour"], (~germline).astype(np.int64)), ".vcf.gz"
        ),
        "updated_at": times((day + 30) * DAY, zone=False),
    }
    return Extract(columns, "genomic_samples", person, local, known, planted)
