"""Our own YAML: what it says, what it refuses, and that it loses nothing on the way to itself and to Circe."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lockgate.cli import run
from lockgate.cohorts.authored import read_yaml
from lockgate.cohorts.authored_write import write_yaml
from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.circe_write import write_circe
from lockgate.cohorts.codes import unknown_concepts
from lockgate.cohorts.count import count
from lockgate.cohorts.definition import (
    CodeItem,
    ConceptItem,
    Counted,
    Criterion,
    Days,
    Definition,
    Demographic,
    Group,
    In,
    Interval,
    OffsetExit,
    Rule,
    Window,
)
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine
from lockgate.errors import UsageError

_spec = importlib.util.spec_from_file_location(
    "random_cohorts", Path(__file__).with_name("random_cohorts.py")
)
assert _spec and _spec.loader
random_cohorts = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(random_cohorts)

DIABETES = """
name: Type 2 diabetes, then metformin
concept_sets:
  diabetes:
    concepts: [201826+]
    ICD-10: [E11+, E14.9]
    except: {concepts: [4063043+]}
  metformin: {dm+d: [109081006+]}
entry:
  - condition: diabetes
    first: true
    age: {from: 18}
observed: {before: 365}
entry_limit: first
rules:
  - name: metformin within a year, no insulin before
    all:
      - drug: metformin
        count: at least 2
        within: {from: 0, to: 365}
      - drug: 1596977+
        count: none
        within: {to: -1}
      - any:
          - measurement: {LOINC: [4548-4]}
            value: {from: 48}
            unit: mmol/mol
          - person: {sex: female}
exit: {after: start, days: 365}
era: 30
censor_window: {from: 2020-01-01}
"""


def test_it_says_what_is_meant() -> None:
    diabetes = (
        ConceptItem(201826, True),
        CodeItem("ICD10", "E11", True),
        CodeItem("ICD10", "E14.9"),
        ConceptItem(4063043, True, excluded=True),
    )
    metformin = (CodeItem("dm+d", "109081006", True),)
    hba1c = (CodeItem("LOINC", "4548-4"),)
    assert read_yaml(DIABETES) == Definition(
        entry=(
            Criterion(
                "condition_occurrence",
                diabetes,
                diabetes,
                first=True,
                tests=(("Age", Interval(18)),),
                either=True,
            ),
        ),
        days_before=365,
        entry_limit="first",
        rules=(
            Rule(
                "metformin within a year, no insulin before",
                Group(
                    "all",
                    counted=(
                        Counted(
                            Criterion("drug_exposure", metformin, metformin, either=True),
                            "at_least",
                            2,
                            (Window(0, 365),),
                        ),
                        Counted(
                            Criterion("drug_exposure", (ConceptItem(1596977, True),)),
                            "exactly",
                            0,
                            (Window("observation start", -1),),
                        ),
                    ),
                    groups=(
                        Group(
                            "any",
                            counted=(
                                Counted(
                                    Criterion(
                                        "measurement",
                                        hba1c,
                                        hba1c,
                                        tests=(
                                            ("Unit", In((), (CodeItem("UCUM", "mmol/mol"),))),
                                            ("ValueAsNumber", Interval(48)),
                                        ),
                                        either=True,
                                    ),
                                    "at_least",
                                    1,
                                ),
                            ),
                            demographics=(Demographic((("Gender", In((8532,))),)),),
                        ),
                    ),
                ),
            ),
        ),
        exit=OffsetExit(False, 365),
        era_gap=30,
        censor_from=date(2020, 1, 1),
        name="Type 2 diabetes, then metformin",
        concept_sets=(("diabetes", diabetes), ("metformin", metformin)),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("entry: []", "entry: a cohort needs events to begin with"),
        ("entries: [{condition: 1}]", "entries: the format has no such field here"),
        ("entry: [{condition: diabetes}]", "entry[0].condition: there is no concept set 'diabetes'"),
        ("entry: [{condition: 1, condition: 2}]", "condition is said twice"),
        ("entry: [{condition: 1, drug: 2}]", "entry[0]: it names more than one kind of event"),
        ("entry: [{disease: 1}]", "entry[0]: it names no kind of event"),
        ("entry: [{condition: 1, refills: 2}]", "entry[0].refills: condition has no such field"),
        ("entry: [{condition: {concepts: []}}]", "entry[0].condition.concepts: the list is empty"),
        ("concept_sets: {a: []}\nentry: [{condition: a}]", "concept_sets.a: an empty concept set"),
        ("entry: [{condition: {except: {ICD10: E11}}}]", "entry[0].condition: an empty concept set"),
        ("entry: [{condition: {concepts: [E11]}}]", "concepts[0]: a concept id is expected here"),
        ("entry: [{measurement: 1, value: {from: 7}}]", "entry[0]: a value without a unit"),
        (
            "entry: [{measurement: 1, value: {}, unit: any}]",
            "entry[0].value: a range names at least one of its ends",
        ),
        (
            "entry: [{measurement: 1, value: {from: 7, to: 6}, unit: any}]",
            "entry[0].value: the range ends before",
        ),
        (
            "entry: [{measurement: 1, value: {from: 7, over: 6}, unit: any}]",
            "entry[0].value: an end is said twice",
        ),
        ("entry: [{measurement: 1, value: {from: nan}, unit: any}]", "value.from: a number is expected here"),
        ("entry: [{condition: 1, start: {from: 2020-02-30}}]", "start.from: a day such as"),
        ("entry: [{condition: 1, first: yes}]", "entry[0].first: it is none of true, false"),
        ("entry: [{condition: 1, match: either}]", "entry[0].match: it needs source beside it"),
        ("entry: [{condition_era: 1, source: 2}]", "condition_era has no concept as recorded"),
        ("entry: [{condition: 1}]\nobserved: {before: -1}", "observed.before: it can't be less than 0"),
        ("entry: [{condition: 1}]\nlimit: second", "limit: it is none of all, first, last"),
        ("entry: [{condition: 1}]\nexit: {days: 3}", "exit: either after (start or end) and days, or drugs"),
        ("entry: [{condition: 1}]\nrules: [{name: x}]", "rules[0]: one of all, any, at least N, at most N"),
        ("entry: [{condition: 1}]\nrules: [{at least 3: [{drug: 1}]}]", "there are only 1 in the list"),
        ("entry: [{condition: 1}]\nrules: [{any 3: [{drug: 1}]}]", "all and any have no number"),
        (
            "entry: [{condition: 1}]\nrules: [{all: [{person: {}}]}]",
            "rules[0].all[0].person: it asks nothing",
        ),
        ("entry: [{condition: 1}]\nrules: [{all: [{drug: 1, count: 3}]}]", "count: it is none of at least N"),
        (
            "entry: [{condition: 1}]\nrules: [{all: [{drug: 1, within: {from: 30, to: 0}}]}]",
            "rules[0].all[0].within: it ends before it begins",
        ),
        (
            "entry: [{condition: 1}]\ncensor_window: {from: 2021-01-01, to: 2020-01-01}",
            "censor_window: it ends before it begins",
        ),
        ("entry: [{condition: 1}", "it is not YAML"),
        ("a: &a [*a]", "it says more than a definition can"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_path(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_yaml(text, "mine.yaml")
    assert "mine.yaml" in str(raised.value)
    assert said in str(raised.value)


def test_the_phenotype_library_in_our_yaml_and_back(shared_data: Path) -> None:
    read = read_definitions(shared_data / "omop" / "phenotype-library")
    for number, _, definition in read[::40]:
        assert read_yaml(write_yaml(definition)) == definition, number
    for number, _, definition in read[::5]:
        assert read_circe(write_circe(definition)) == definition, number


def test_nothing_is_lost_on_the_way() -> None:
    known = ("ends before it begins", "there are only", "an empty concept set", "it asks nothing",
             "a range names at least")  # fmt: skip
    kept = {"yaml": 0, "circe": 0}
    for seed in range(150):
        definition = random_cohorts.Drawn(seed).definition()
        try:
            assert read_yaml(write_yaml(definition)) == definition
            kept["yaml"] += 1
        except UsageError as error:  # what nobody would write
            assert any(said in error.message for said in known), error
        try:
            written = write_circe(definition, ours=True)
        except UsageError as error:
            assert "Circe can't say" in error.message
            continue
        kept["circe"] += 1
        assert read_circe(written) == definition
    assert min(kept.values()) > 30, kept


def test_circe_has_no_codes_and_no_either() -> None:
    with pytest.raises(UsageError, match="Circe can't say ICD10 E11"):
        write_circe(read_yaml("concept_sets: {a: {ICD10: [E11]}}\nentry: [{condition: 1}]"))
    with pytest.raises(UsageError, match="either of two columns"):
        write_circe(read_yaml("entry: [{condition: 1, source: 2, match: either}]"))


# --- codes by vocabulary

PEOPLE: dict[str, list[dict[str, Any]]] = {
    "person": [{"person_id": n, "gender_concept_id": 8532, "year_of_birth": 1970} for n in range(1, 6)],
    "observation_period": [
        {
            "observation_period_id": n,
            "person_id": n,
            "observation_period_start_date": "2020-01-01",
            "observation_period_end_date": "2020-12-31",
        }
        for n in range(1, 6)
    ],
    "concept": [
        {"concept_id": 10, "vocabulary_id": "SNOMED", "concept_code": "44054006"},
        {"concept_id": 11, "vocabulary_id": "SNOMED", "concept_code": "1"},
        {"concept_id": 20, "vocabulary_id": "ICD10", "concept_code": "E11"},
        {"concept_id": 21, "vocabulary_id": "ICD10", "concept_code": "E11.9"},
        {"concept_id": 22, "vocabulary_id": "ICD10", "concept_code": "E10"},
    ],
    "concept_ancestor": [{"ancestor_concept_id": 10, "descendant_concept_id": 11}],
    # person: standard concept, concept as recorded
    "condition_occurrence": [
        {
            "condition_occurrence_id": person,
            "person_id": person,
            "condition_concept_id": standard,
            "condition_source_concept_id": source,
            "condition_start_date": "2020-03-01",
        }
        for person, standard, source in [(1, 10, 20), (2, 11, 21), (3, 21, None), (4, 0, 22), (5, 10, 11)]
    ],
}
for _concept in PEOPLE["concept"]:
    _concept["invalid_reason"] = None


@pytest.mark.parametrize(
    ("asked", "people"),
    [
        ("condition: {ICD10: E11}", {1}),
        ("condition: {ICD-10: e11+}", {1, 2, 3}),
        ("condition: {ICD10: E119}", {2, 3}),
        ("condition: {ICD10: [E11+], except: {ICD10: [E11.9]}}", {1}),
        ("condition: {SNOMED CT: 44054006}", {1, 5}),
        ("condition: {SNOMED: 44054006+}", {1, 2, 5}),
        ("condition: 11", {2}),
        ("condition: {SNOMED: 1}", {2, 5}),
        ("condition: any, source: {ICD10: E10}", {4}),
        ("condition: {SNOMED: 1}, source: none", {2}),
        ("condition: 10, source: {ICD10: E11+}", {1}),
        ("condition: {SNOMED: 1}, first: true", {2, 5}),
        ("condition: {concepts: 10, ICD10: E10}", {1, 4, 5}),
        ("condition: 99", set()),
    ],
)
def test_codes_are_found_as_recorded_or_as_mapped(tmp_path: Path, asked: str, people: set[int]) -> None:
    definition = read_yaml(f"entry: [{{{asked}}}]")
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", PEOPLE))
        found = generate(engine, [(1, definition)])
        assert set(found["subject_id"].to_pylist()) == people
        assert count(engine, definition) == (len(people), len(people))
        assert unknown_concepts(engine, [(1, definition)]) == ([99] if "99" in asked else [])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("{ICD10: [E11, X99]}", "no ICD10 X99 (correct the code, or take it out)"),
        ("{SNOMED: 1, except: {SNOMED: 2}}", "no SNOMED 2"),
        ("{OPCS4: K40}", "has nothing of OPCS4: load that vocabulary"),
    ],
)
def test_an_unknown_code_is_refused(tmp_path: Path, asked: str, said: str) -> None:
    with Engine(threads=1) as engine:
        open_omop(engine, random_cohorts.write_omop(tmp_path / "omop", PEOPLE))
        with pytest.raises(UsageError) as raised:
            count(engine, read_yaml(f"entry: [{{condition: {asked}}}]"))
    assert said in str(raised.value)


def test_counts_are_safe_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    omop = random_cohorts.write_omop(tmp_path / "omop", PEOPLE)
    (tmp_path / "mine.yaml").write_text("id: 7\nname: any\nentry: [{condition: any}, {drug: 99}]")
    true = tmp_path / "true.parquet"
    told = ["cohort", "count", "--omop", str(omop), "--definitions", str(tmp_path / "mine.yaml"), "--json"]
    assert run([*told, "--true-counts", str(true)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["counts"] == [
        {"id": 7, "file": "mine.yaml", "name": "any", "persons": "<10", "stays": None, "from": "tables"}
    ]
    assert said["unknown_concepts"] == [99]
    import pyarrow.parquet as pq

    assert pq.read_table(true).to_pylist() == [{"cohort_definition_id": 7, "persons": 5, "stays": 5}]


def test_days_of_one_end() -> None:
    definition = read_yaml("entry: [{condition: 1, start: {to: 2020-05-01}}]")
    assert dict(definition.entry[0].tests)["OccurrenceStartDate"] == Days(high=date(2020, 5, 1))
