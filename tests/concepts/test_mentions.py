"""What notes say: terms, short forms, sections and context, values; on invented sentences."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest

from lockgate.cli import run
from lockgate.concepts import Annotator, Dictionary, Entry, annotate, contexts
from lockgate.concepts.fold import Folded
from lockgate.concepts.readers import from_file
from lockgate.errors import UsageError

TERMS = """
    pulmonary embolism|asthma|heart failure|type 2 diabetes|chronic obstructive pulmonary disease|chest pain|pneumonia|
    pleural effusion|consolidation|hypertension|myocardial infarction|stroke|shortness of breath|fever|
    deep vein thrombosis|multiple sclerosis|oedema|Crohn's disease|fracture of femur|carcinoma of breast|
    Malignant tumour of colon (disorder)|Diabetes, type 1|AIDS|fractured neck of femur|haemorrhage|breast|penicillin
"""
NAMES = [term.strip() for term in TERMS.split("|")]
READER = Annotator(Dictionary.of([Entry(term, number + 1, number + 1) for number, term in enumerate(NAMES)]))


def said(text: str) -> dict[str, str]:
    """What is found in a text -> its name in the dictionary, or the value."""
    return {
        text[one.begin : one.end]: one.entry.term if one.entry else one.value.name
        for one in READER.annotate(text)
    }


def meant(text: str, term: str) -> str:
    """The letters of what is said of a term: n(egated) h(istorical) c(onditional) o(ther) u(ncertain) a(sked)."""
    one = next(one for one in READER.annotate(text) if text[one.begin : one.end].lower() == term.lower())
    return "".join(
        name[0]
        for name in ("negated", "historical", "conditional", "other", "uncertain", "asked")
        if getattr(one.context, name)
    )


@pytest.mark.parametrize(
    ("text", "written", "term"),
    [
        ("Known Crohns disease", "Crohns disease", "Crohn's disease"),
        ("ankle edema", "edema", "oedema"),
        ("right femur fractures", "femur fractures", "fracture of femur"),
        ("a hemorrhage", "hemorrhage", "haemorrhage"),
        ("breast carcinoma", "breast carcinoma", "carcinoma of breast"),
        ("colon cancer", "colon cancer", "Malignant tumour of colon (disorder)"),
        ("type-1 diabetes", "type-1 diabetes", "Diabetes, type 1"),
        ("heart\n   failure, treated", "heart\n   failure", "heart failure"),
        ("#NOF repaired", "NOF", "fractured neck of femur"),
        ("SOB at night", "SOB", "shortness of breath"),
        ("pmh copd", "copd", "chronic obstructive pulmonary disease"),
        ("Dx\u00a0Pneum\u00f3nia.", "Pneum\u00f3nia", "pneumonia"),
    ],
)
def test_a_term_in_other_forms(text, written, term):
    assert said(text)[written] == term


@pytest.mark.parametrize(
    "text",
    [
        "he pees", "PE: heent normal", "she aids him", "on MS contin and morphine MS", "chest. Pain", "heart, failure",
        "asthmatic", "pe class at school",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_term(text):
    assert said(text) == {}


def test_the_longest_term_is_taken_and_places_are_the_originals():
    text = "CA   carcinoma of  breast;\n\n  pleural\teffusion"
    found = READER.annotate(text)
    assert [text[one.begin : one.end] for one in found] == ["carcinoma of  breast", "pleural\teffusion"]
    folded = Folded("a  b\n c")
    assert folded.text == " a b c " and [folded.origin(place) for place in (1, 3, 5)] == [0, 3, 6]


def test_a_note_defines_its_own_short_forms():
    text = "Pulmonary embolism (PMB) was found. PMB treated. Physical effort (PE) limited; PE again."
    found = READER.annotate(text)
    assert [text[one.begin : one.end] for one in found] == ["Pulmonary embolism", "PMB", "PMB"]
    assert {one.entry.term for one in found} == {"pulmonary embolism"}


@pytest.mark.parametrize(
    ("text", "term", "letters"),
    [
        ("No chest pain or fever.", "fever", "n"),
        ("No chest pain but fever since Monday.", "fever", ""),
        ("Denies fever, chest pain, or SOB.", "SOB", "n"),
        ("There is no change in the pleural effusion.", "pleural effusion", ""),
        ("Pneumonia has been ruled out.", "Pneumonia", "n"),
        ("Pneumonia cannot be excluded.", "Pneumonia", "u"),
        ("Chest pain: nil. Fever: yes.", "chest pain", "n"),
        ("Not only fever, chest pain too.", "fever", ""),
        ("History of stroke, presents with fever.", "stroke", "h"),
        ("History of stroke, presents with fever.", "fever", ""),
        ("Stroke ten years ago.", "stroke", "h"),
        ("3 day history of fever.", "fever", ""),
        ("?PE", "PE", "a"),
        ("CT to rule out PE.", "PE", "a"),
        ("Likely pneumonia.", "pneumonia", "u"),
        ("Return if chest pain recurs.", "chest pain", "c"),
        ("DVT prophylaxis given.", "DVT", "c"),
        ("Mother had a stroke.", "stroke", "o"),
        ("Came with her mother, who reported fever.", "fever", ""),
        ("FH: father MI at 50.\nPC: chest pain", "MI", "o"),
        ("FH: father MI at 50.\nPC: chest pain", "chest pain", ""),
        ("PMH: asthma, stroke. No fever.", "stroke", "h"),
        ("PMH\nAsthma\nStroke\n\nO/E fever", "stroke", "h"),
        ("PMH\nAsthma\nStroke\n\nO/E fever", "fever", ""),
        ("Seen in clinic. PMH: asthma. Fever today.", "fever", ""),
        ("Pneumonia resolved.", "pneumonia", "n"),
        ("NO EVIDENCE OF PULMONARY EMBOLISM.", "pulmonary embolism", "n"),
        ("No.\nFever noted", "fever", ""),
    ],
)  # fmt: skip
def test_how_a_mention_is_meant(text, term, letters):
    assert meant(text, term) == letters


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("EF 35-40%", "name=ejection_fraction;value=35;value_high=40;unit=%"),
        ("LVEF was estimated at <30 %", "name=ejection_fraction;operator=<;value=30;unit=%"),
        ("HbA1c 7.4%", "name=hba1c;value=7.4;unit=%"),
        ("HbA1c of 58 mmol/mol", "name=hba1c;value=58;unit=mmol/mol"),
        ("GCS E3V4M5", "name=gcs;value=12;unit={score};qualifier=E3V4M5"),
        ("Gleason 3+4=7", "name=gleason;value=7;unit={score};qualifier=3+4"),
        ("smoked, 20 pack-years", "name=pack_years;value=20;unit={pack_years}"),
        ("drinks 10-14 units per week", "name=alcohol_units_per_week;value=10;value_high=14;unit=/wk"),
        ("ex-smoker", "name=smoking_status;qualifier=ex_smoker"),
        ("never smoked", "name=smoking_status;qualifier=never"),
        ("a mass of 32 x 21 mm", "name=size;value=32;unit=mm;qualifier=32x21"),
        ("staged T2aN1M0", "name=tnm;qualifier=T2aN1M0"),
        ("BMI: 31.2 kg/m2", "name=body_mass_index;value=31.2;unit=kg/m2"),
        ("ECOG PS 1", "name=ecog;value=1;unit={score}"),
    ],
)
def test_values(text, told):
    assert READER.annotate(text)[0].modifiers().endswith(f";{told}")


def test_a_pressure_is_two_values_and_odd_numbers_are_none():
    found = [(one.value.name, one.value.value) for one in READER.annotate("BP 135/82 on arrival")]
    assert found == [("systolic", 135), ("diastolic", 82)]
    assert not READER.annotate("BMI 3121, BP 12/3/2024, EF 180%, NEWS2 70, weight lost, T 3rd")


def test_contexts_of_places_that_others_found():
    text = "No murmurs. Gallop heard."
    assert [one.negated for one in contexts(text, [(12, 18), (3, 10)])] == [False, True]


def test_a_table_of_notes():
    notes = pa.table({"document_id": [1, 2, 3], "text": ["No stroke.", None, "x\x00 stroke"]})
    found = annotate(notes, READER).to_pylist()
    assert [(row["document_id"], row["term_exists"], row["lexical_variant"]) for row in found] == [
        ("1", "N", "stroke")
    ]
    assert found[0]["term_modifiers"] == (
        "negated=true;subject=patient;certainty=positive;conditional=false;historical=false"
    )


def test_the_command(tmp_path, capsys):
    notes, terms, out = tmp_path / "n.jsonl", tmp_path / "t.csv", tmp_path / "o.jsonl"
    terms.write_text("term,concept_id,code\nwibble fever,12,\nPurple toe,,HP:1\n")
    texts = ["No wibble fevers. Purple toe.", "", "\ufffd", "a" * 20]
    lines = [
        json.dumps({"document_id": f"d{i}", "patient_id": "p", "text": text}) for i, text in enumerate(texts)
    ]
    notes.write_text("\n".join([*lines, "no json", '{"document_id": "z"}', "[1]"]) + "\n")
    assert run(["annotate", str(notes), "--out", str(out), "--dictionary", str(terms), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["notes"], result["annotated"], result["withheld"], result["mentions"]) == (7, 3, 4, 2)
    assert result["reasons"] == {"not-a-note": 2, "broken-encoding": 1, "no-text": 1}
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["document_id"] for line in told] == ["d0", "d1", "d2", "d3", "line-5", "z", "line-7"]
    first, second = told[0]["mentions"]
    assert (first["concept_id"], first["term_exists"], first["lexical_variant"]) == (12, "N", "wibble fevers")
    assert (second["code"], second["term_exists"]) == ("HP:1", "Y")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"name,id\nx,1\n", ":1"),
        (b"term,concept_id\nx,one\n", ":2"),
        (b"term,concept_id\n,1\n", ":2"),
        (b"term,concept_id\nx,1,2\n", ":2"),
        (b"term,code\nx,a b\n", ":2"),
        (b"\xff\xfe", ".csv"),
    ],
)
def test_a_dictionary_that_cannot_be_read(tmp_path, content, where):
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        from_file(path)
    assert str(raised.value.where).endswith(where)


def test_an_ontology(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text(
        'format-version: 1.2\n\n[Term]\nid: HP:1\nname: Purple toe\nsynonym: "Violet toe" EXACT []\n'
        'synonym: "Foot colour" RELATED []\n\n[Term]\nid: HP:2\nname: Gone\nis_obsolete: true\n\n'
        "[Typedef]\nid: x\nname: y\n"
    )
    assert [(entry.term, entry.code) for entry in from_file(path)] == [
        ("Purple toe", "HP:1"),
        ("Violet toe", "HP:1"),
    ]


def test_packed_notes_and_a_broken_pack(tmp_path, capsys):
    notes, out = tmp_path / "n.jsonl.gz", tmp_path / "o.jsonl"
    packed = gzip.compress(b'{"document_id": "a", "text": "Known gout."}\n' * 50)
    notes.write_bytes(packed)
    assert run(["annotate", str(notes), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["annotated"] == 50
    notes.write_bytes(packed[:-20])
    before = out.read_bytes()
    assert run(["annotate", str(notes), "--out", str(out)]) == 2
    assert out.read_bytes() == before
