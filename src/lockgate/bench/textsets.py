"""The texts that free text is measured on: the synthetic hospital's, those of shared data, those of third parties.

The third parties' packages run in an environment of their own; nothing of theirs is imported here or kept.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lockgate.bench.core import environment
from lockgate.deidentify.text import Known, SiteNames
from lockgate.deidentify.text.known import from_notes_format
from lockgate.errors import UsageError
from lockgate.synthetic import generate

SHARED = Path(__file__).parents[4] / "shared" / "data" / "text" / "uk-notes.json"
GENERATORS = ["meddeid-data==0.4.2", "faker==40.54.0"]
TEMPLATES = ["presidio-evaluator==0.3.2"]
SEED = 20_261_122
# The sets of letters that were written blind, each after the one before had been looked at, and the seed of each. The
# first look of the first, the third and the fourth was taken at another seed, and rules were mended after it.
LETTERS = {
    "first": 20_270_101,
    "second": 20_270_315,
    "third": 20_280_401,
    "fourth": 20_320_204,
    "fifth": 20_330_517,
    "sixth": 20_340_623,
    "seventh": 20_341_117,
    "eighth": 20_350_209,
    "ninth": 20_360_311,
    "tenth": 20_370_418,
    "eleventh": 20_380_926,
    "twelfth": 20_391_105,
    "thirteenth": 20_400_714,
    "fourteenth": 20_410_723,
    "fifteenth": 20_420_819,
    "sixteenth": 20_430_903,
}

# meddeid-data: three of its six kinds of document were looked at while rules were written, three were not.
MEDDEID_UNSEEN = frozenset({"discharge_summary", "laboratory_report", "referral_letter"})
_MEDDEID_OWN = {
    "Name:Patient": "NAME_PATIENT", "ID:Patient": "MRN", "Address_Location:Patient": "ADDRESS", "Age_Birthdate": "DOB",
}  # fmt: skip
_TITLE = re.compile(r"(?:(?:Dr|Mr|Mrs|Ms|Miss|Mx|Prof|Professor|Sir|Sister|Nurse)\.?\s+)+")


@dataclass(frozen=True, slots=True)
class Note:
    """A note with its true spans ([begin, end, kind]), and what its patient's record and its site know."""

    document: str
    type: str
    text: str
    truth: list[list[Any]]
    known: Known | None = None
    site: SiteNames | None = None


def hospital(folder: Path, patients: int, seed: int = SEED, *, letters: str = "") -> list[Note]:
    """The notes and reports of a synthetic hospital, made in ``folder``, with its record and its site's names."""
    generate(folder, patients, seed, letters=letters)
    rows = pq.read_table(folder / "truth" / "people.parquet").to_pylist()
    people = {row["patient_id"]: Known.from_rows([_as_staged(row)]) for row in rows}
    site = _site(folder, rows)
    truth = {
        entry["document_id"]: entry
        for entry in map(json.loads, (folder / "truth" / "identifiers.jsonl").read_text("utf-8").splitlines())
    }
    notes = []
    for resource in (*_ndjson(folder, "DocumentReference"), *_ndjson(folder, "DiagnosticReport")):
        entry = truth.get(resource["id"])
        if entry is not None:
            form = (
                resource["content"][0]["attachment"]
                if "content" in resource
                else resource["presentedForm"][0]
            )
            text = base64.b64decode(form["data"]).decode("utf-8")
            kind = resource.get("type", resource.get("code", {})).get("text") or "note"
            notes.append(Note(resource["id"], kind, text, entry["spans"], people[entry["patient_id"]], site))
    return notes


def _ndjson(folder: Path, resource: str) -> Iterator[dict[str, Any]]:
    with gzip.open(folder / "fhir" / f"{resource}.ndjson.gz", "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _site(folder: Path, people: list[dict[str, Any]]) -> SiteNames | None:
    """What a release takes from the staged tables: staff, organisations, sites, towns of patients."""
    staff = [name for one in _ndjson(folder, "Practitioner") for name in one.get("name", [])]
    organisations = list(_ndjson(folder, "Organization"))
    return SiteNames.of(
        staff=(" ".join([*name.get("given", []), name.get("family", "")]) for name in staff),
        organisations={
            *(one["name"] for one in organisations),
            *(one["name"] for one in _ndjson(folder, "Location") if one.get("id") == "SITE"),
            *(row["gp_practice_name"] for row in people if row["gp_practice_name"]),
        },
        places={
            *(row["city"] for row in people if row["city"]),
            *(
                place["city"]
                for one in organisations
                for place in one.get("address", [])
                if place.get("city")
            ),
        },
    )


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


def uk_notes(remainder: int = 1) -> list[Note]:
    """Notes of shared data whose patient's number leaves ``remainder`` when halved: the odd ones were held out.

    The file tells no authors, and its notes no type: the first words stand for it.
    """
    if not SHARED.is_file():
        raise UsageError("the shared data isn't there", where=str(SHARED), remedy="put it beside the clone")
    content = json.loads(SHARED.read_text("utf-8"))
    people = {person["id"]: Known.from_rows([from_notes_format(person)]) for person in content["patients"]}
    return [
        Note(str(number), _first_words(note["text"]), note["text"], note["spans"], people[note["pid"]])
        for number, note in enumerate(content["notes"])
        if note["pid"] % 2 == remainder
    ]


_OPENINGS = {
    "nursing": "Nursing note",
    "tel": "Telephone note",
    "mdt": "MDT",
    "ed": "ED note",
    "ward": "Ward note",
}


def _first_words(text: str) -> str:
    first = (re.match(r"\W*([A-Za-z]+)", text) or ["", "note"])[1].lower()
    return _OPENINGS.get(first, "Letter" if "\nRe:" in text or "Dear" in text else "Other note")


def third_parties(folder: Path, count: int, seed: int = SEED) -> dict[str, list[Note]] | None:
    """Notes by meddeid-data and sentences by presidio-evaluator's templates; None where they can't be had."""
    python = environment(folder / "generators", GENERATORS, TEMPLATES)
    if python is None:
        return None
    tool = python.parent / "meddeid-data"
    out = folder / "meddeid.jsonl"
    made = subprocess.run(
        [str(tool), "generate", "--language-profile", "en-GB", "--seed", str(seed), "--count", str(2 * count),
         "--output", str(out)], capture_output=True, timeout=600)  # fmt: skip
    filled = subprocess.run(
        [str(python), "-c", _FILL, str(count), str(seed)], capture_output=True, text=True, timeout=300
    )
    if made.returncode or filled.returncode:
        return None
    meddeid = list(map(json.loads, out.read_text("utf-8").splitlines()))
    sentences = [
        Note(str(number), "sentence", text, spans)
        for number, (text, spans) in enumerate(map(json.loads, filled.stdout.splitlines()))
    ]
    return {
        "meddeid": list(_meddeid(meddeid, strict=False)),
        "meddeid, as labelled": list(_meddeid(meddeid, strict=True)),
        "templates": sentences,
    }


def _meddeid(documents: Iterable[dict[str, Any]], *, strict: bool) -> Iterator[Note]:
    """Documents of the three kinds not looked at. ``strict``: every label of the package's, as it has it; else without
    what no rule here calls an identifier (professions, ages under 90) and without the title before a name.
    """
    for document in documents:
        kind = document["metadata"]["document_type"]
        if kind not in MEDDEID_UNSEEN:
            continue
        truth = []
        for span in document["spans"]:
            begin, end, label, words = span["begin"], span["end"], span["label"], span["text"]
            young = label == "Age_Birthdate" and words.endswith("old") and not re.match(r"9\d|1\d\d", words)
            if not strict and (label == "Profession" or young):
                continue
            title = _TITLE.match(words) if label.startswith("Name") and not strict else None
            truth.append([begin + (title.end() if title else 0), end, _MEDDEID_OWN.get(label, label)])
        yield Note(document["document_id"], kind, document["text"], truth)


# Every second template (the odd lines; the even ones were looked at) whose blanks are identifiers, filled by Faker.
_FILL = r"""
import importlib.util, json, pathlib, random, re, sys
from faker import Faker
count, seed = int(sys.argv[1]), int(sys.argv[2])
fake = Faker("en_GB"); Faker.seed(seed); random.seed(seed)
home = pathlib.Path(importlib.util.find_spec("presidio_evaluator").submodule_search_locations[0])
lines = (home / "data_generator" / "raw_data" / "templates.txt").read_text(encoding="utf-8").splitlines()[::2]
def day():
    form = random.choice(["%d/%m/%Y", "%d %B %Y", "%Y-%m-%d", "%d.%m.%y", "%B %d, %Y"])
    return fake.date_of_birth().strftime(form)
kinds = {
    "person": ("NAME", lambda: fake.first_name() + " " + fake.last_name()),
    "name": ("NAME", lambda: fake.first_name() + " " + fake.last_name()),
    "name_female": ("NAME", lambda: fake.first_name_female() + " " + fake.last_name()),
    "name_male": ("NAME", lambda: fake.first_name_male() + " " + fake.last_name()),
    "first_name": ("NAME", fake.first_name), "last_name": ("NAME", fake.last_name),
    "first_name_female": ("NAME", fake.first_name_female), "first_name_male": ("NAME", fake.first_name_male),
    "address": ("ADDRESS", fake.address), "street_address": ("ADDRESS", fake.street_address),
    "street_name": ("ADDRESS", fake.street_name), "building_number": ("ADDRESS", fake.building_number),
    "city": ("PLACE", fake.city), "zipcode": ("POSTCODE", fake.postcode), "postcode": ("POSTCODE", fake.postcode),
    "phone_number": ("PHONE", fake.phone_number), "email": ("EMAIL", fake.email), "url": ("URL", fake.url),
    "date_of_birth": ("DOB", day), "date_time": ("DATE", day), "organization": ("ORG", fake.company),
    "prefix": (None, fake.prefix), "prefix_female": (None, fake.prefix_female),
    "prefix_male": (None, fake.prefix_male), "country": (None, fake.country), "age": (None, lambda: "45"),
}
blank = re.compile(r"\{\{\s*(\w+)\s*\}\}")
fit = [x for x in lines if blank.search(x) and all(b.lower() in kinds for b in blank.findall(x))]
for number in range(count):
    text, spans, last = "", [], 0
    line = fit[number % len(fit)].replace("\\n", "\n").replace("\\t", "\t")
    for match in blank.finditer(line):
        text += line[last:match.start()]
        kind, make = kinds[match.group(1).lower()]
        value = str(make())
        if kind:
            spans.append([len(text), len(text) + len(value), kind])
        text += value
        last = match.end()
    print(json.dumps([text + line[last:], spans]))
"""
