"""Free text: speed with and without the patient's record, and what is found of what was planted."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lockgate.bench.core import Measure
from lockgate.deidentify.text import Known, find, scrub_note
from lockgate.deidentify.text.metrics import Score
from lockgate.synthetic import generate

# A note: its id, its text, the true spans, and what is known of its patient.
Note = tuple[str, str, list[list[Any]], Known]


def run(quick: bool = False) -> list[Measure]:
    """Scrub the notes of a synthetic hospital; recall and precision against its truth file.

    The rules were written before these templates were seen, and a few cues after; docs/how-to/free-text.md says which
    figures are of which kind, and has those of text by other hands.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "hospital"
        generate(out, 60 if quick else 300, 20_261_122)
        notes = _notes(out)
    characters = sum(len(text) for _, text, _, _ in notes)
    measures = []
    for known in (True, False):
        score = Score()
        started = time.process_time()
        found = [find(text, person if known else None) for _, text, _, person in notes]
        seconds = time.process_time() - started
        for (document, text, truth, _), spans in zip(notes, found, strict=True):
            score.add(document, len(text), truth, spans)
        what = "with the patient's record" if known else "without it"
        measures += [
            Measure(f"free text, {what}", characters / seconds, "characters/s", target=400_000),
            Measure(f"recall by whole span, {what}", score.recall, "", target=0.97 if known else 0.90),
            Measure(f"precision by character, {what}", score.precision, "", target=0.93),
        ]
        if known:
            measures.append(
                Measure("recall of the patient's own identifiers", score.own_recall, "", target=0.995)
            )
    withheld = sum(scrub_note(text, person).text is None for _, text, _, person in notes)
    measures.append(
        Measure(
            "notes withheld by the residual audit",
            withheld / len(notes),
            "",
            target=0.01,
            higher_is_better=False,
        )
    )
    return measures


def _notes(hospital: Path) -> list[Note]:
    """The notes of a synthetic hospital with their truth and what its record knows of each patient."""
    people = {
        row["patient_id"]: Known.from_rows([_as_staged(row)])
        for row in pq.read_table(hospital / "truth" / "people.parquet").to_pylist()
    }
    truth = {}
    for line in (hospital / "truth" / "identifiers.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        truth[entry["document_id"]] = entry
    notes = []
    with gzip.open(hospital / "fhir" / "DocumentReference.ndjson.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            resource = json.loads(line)
            entry = truth.get(resource["id"])
            if entry is None:
                continue
            data = resource["content"][0]["attachment"]["data"]
            text = base64.b64decode(data).decode("utf-8")
            notes.append((resource["id"], text, entry["spans"], people[entry["patient_id"]]))
    return notes


def _as_staged(person: dict[str, Any]) -> dict[str, Any]:
    """A row of the truth about people under the names of staged columns."""
    return person | {
        "local_number": person["hospital_number"],
        "former_names": [person["former_name"]],
        "phone": [person["phone"]],
        "contact_names": [person["relative_name"]],
        "contact_phones": [person["relative_phone"]],
        "gp_practice": person["gp_practice_name"],
    }
