"""Cohorts of what notes mention: "a radiology report mentions pulmonary embolism, not negated"."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.circe_write import write_circe
from lockgate.cohorts.explain import text_of
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine
from lockgate.errors import UsageError

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("random_cohorts.py"))
assert _spec and _spec.loader
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)

PE, PE_BELOW, RADIOLOGY, LETTER = 440417, 4120091, 3000, 3001
SAID = "negated=false;subject=patient;certainty=positive;conditional=false;historical=false"
# person, kind of note, concept, term_exists, term_temporal, term_modifiers
MENTIONS = [
    (1, RADIOLOGY, PE, "Y", "present", f"{SAID};section=impression"),
    (2, RADIOLOGY, PE_BELOW, "Y", "present", f"{SAID};section=history"),
    (3, RADIOLOGY, PE, "N", "present", SAID.replace("negated=false", "negated=true")),
    (4, LETTER, PE, "Y", "past", SAID.replace("historical=false", "historical=true")),
    (5, RADIOLOGY, PE, "N", "present", SAID.replace("subject=patient", "subject=other")),
    (6, RADIOLOGY, PE, "N", "present", SAID.replace("positive", "rule_out")),
    (7, RADIOLOGY, PE, "Y", None, None),  # OMOP: where nothing qualifies it, it is so
    (8, RADIOLOGY, PE, "N", None, None),  # not so, and it isn't said why
    (9, RADIOLOGY, PE, None, None, None),
    (10, RADIOLOGY, 0, "Y", "present", f"{SAID};code=EF;operator==;value=35;unit=%"),
]  # fmt: skip


def tables() -> dict[str, list[dict[str, Any]]]:
    return {
        "person": [{"person_id": n, "gender_concept_id": 8532, "year_of_birth": 1970} for n in range(1, 11)],
        "observation_period": [
            {"observation_period_id": n, "person_id": n, "observation_period_start_date": "2020-01-01",
             "observation_period_end_date": "2020-12-31"}
            for n in range(1, 11)
        ],
        "concept": [{"concept_id": n} for n in (PE, PE_BELOW, RADIOLOGY, LETTER)],
        "concept_ancestor": [{"ancestor_concept_id": PE, "descendant_concept_id": PE_BELOW}],
        "note": [
            {"note_id": 100 + who, "person_id": who, "note_date": "2020-05-01", "note_class_concept_id": kind}
            for who, kind, *_ in MENTIONS
        ],
        "note_nlp": [
            {"note_nlp_id": who, "note_id": 100 + who, "note_nlp_concept_id": concept, "term_exists": exists,
             "term_temporal": temporal, "term_modifiers": modifiers}
            for who, _, concept, exists, temporal, modifiers in MENTIONS
        ],
    }  # fmt: skip


ASKED = {
    f"{{mention: {PE}+, negated: false, note_class: {RADIOLOGY}}}": {1, 2, 5, 6, 7},
    f"{{mention: {PE}+, exists: true, note_class: {RADIOLOGY}}}": {1, 2, 7},
    f"{{mention: {PE}+, negated: false, other_person: false, uncertain: false, historical: false}}": {1, 2, 7},
    f"{{mention: {PE}, negated: any}}": {1, 3, 4, 5, 6, 7, 8, 9},
    f"{{mention: {PE}+, negated: true}}": {3},
    f"{{mention: {PE}+, negated: any, historical: true}}": {4},
    f"{{mention: {PE}+, negated: any, section_name: {{is: impression}}}}": {1},
    "{mention: any, negated: false, code: {is: EF}, value: {to: 40}, unit: '%'}": {10},
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    with Engine(threads=1) as running:
        open_omop(running, drawn.write_omop(tmp_path / "omop", tables()))
        yield running


def test_who_has_which_mention(engine: Engine, tmp_path: Path) -> None:
    told = [read_yaml(f"entry: [{asked}]") for asked in ASKED]
    rows = generate(engine, list(enumerate(told))).to_pylist()
    build_index(engine, tmp_path / "index")
    index = BitmapIndex(tmp_path / "index")
    answered = set()
    for number, (asked, expected) in enumerate(ASKED.items()):
        assert {row["subject_id"] for row in rows if row["cohort_definition_id"] == number} == expected, asked
        by_bitmap = index.persons(told[number])
        assert by_bitmap in (None, len(expected)), asked
        if by_bitmap is not None:
            answered.add(asked)
    assert answered == {f"{{mention: {PE}, negated: any}}"}  # what is said of a mention is for the tables


def test_atlas_has_no_mentions_and_our_json_has() -> None:
    told = read_yaml(f"entry: [{{mention: {PE}+, negated: false, uncertain: true}}]")
    with pytest.raises(UsageError, match="Circe can't say what a text mentions"):
        write_circe(told)
    assert read_circe(write_circe(told, ours=True)) == told
    text = text_of(told)
    assert "a mention in note" not in text.replace("a mention in a note", "")
    assert "it is not negated" in text and "it is uncertain" in text
