"""A cohort is read strictly and means what it says: compared with a plain loop over the rows."""

from __future__ import annotations

import random
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.cohorts import Cohort
from lockgate.engine.omop import find_omop
from lockgate.errors import UsageError

MALE, FEMALE, UNKNOWN = 8507, 8532, 0


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"all": []}',
        '{"all": [{}]}',
        '{"any": [{"sex": [8507]}]}',
        '{"all": [{"sex": []}]}',
        '{"all": [{"sex": ["8507"]}]}',
        '{"all": [{"birth_year": {}}]}',
        '{"all": [{"birth_year": {"from": 2000, "to": 1990}}]}',
        '{"all": [{"birth_year": {"from": 1900}, "sex": [8507]}]}',
        '{"all": [{"events": "condition_occurrence"}]}',
        '{"all": [{"events": "secrets", "concepts": [1]}]}',
        '{"all": [{"events": "measurement", "concepts": [1], "minimum": 3}]}',
        "all: [sex: 8507",
        '{"all": [',
        "- 1",
        "",
    ],
)
def test_what_is_unknown_or_empty_is_refused(text):
    with pytest.raises(UsageError):
        Cohort.read(text)


def test_yaml_and_json_are_the_same():
    yaml = """
    all:
      - events: condition_occurrence
        concepts: [201826]
        descendants: true
        source_codes: [{vocabulary: ICD10, code: E11}]
      - birth_year: {from: 1950, to: 1980}
      - sex: [8532]
    """
    cohort = Cohort.read(yaml)
    assert cohort == Cohort.read(cohort.model_dump_json(by_alias=True))
    assert cohort.tables() == (
        "person", "observation_period", "concept", "condition_occurrence", "concept_ancestor"
    )  # fmt: skip
    assert "ICD10 E11" in cohort.describe()
    assert "born" not in cohort.describe()


@pytest.fixture
def hospital(tmp_path):
    """Two hundred people with random conditions, and the same as plain lists."""
    chooser = random.Random(11)
    people = [
        (person, chooser.choice([MALE, FEMALE, UNKNOWN]), chooser.randint(1930, 2010))
        for person in range(1, 201)
    ]
    events = [
        (chooser.randint(1, 200), chooser.choice([10, 11, 12, 20]), chooser.choice([0, 90, 91]))
        for _ in range(300)
    ]
    ancestors = [(10, 11), (11, 12), (10, 12)]
    concepts = [(90, "ICD10", "E11"), (91, "ICD10", "I10"), (20, "SNOMED", "38341003"), (0, "None", "E11")]
    tables = (
        ("person", ("person_id", "gender_concept_id", "year_of_birth"), people),
        # only the first is observed: a cohort of this form asks of everybody
        ("observation_period", ("person_id", "observation_period_id", "observation_period_start_date",
                                "observation_period_end_date"), [(1, 1, date(2020, 1, 1), date(2020, 1, 2))]),
        ("condition_occurrence", ("condition_occurrence_id", "person_id", "condition_concept_id",
                                  "condition_source_concept_id", "condition_start_date"),
         [(n, *event, date(1890, 1, 1)) for n, event in enumerate(events)]),
        ("concept_ancestor", ("ancestor_concept_id", "descendant_concept_id"), ancestors),
        ("concept", ("concept_id", "vocabulary_id", "concept_code"),
         [*concepts, *((n, "x", str(n)) for n in (10, 11, 12))]),
    )  # fmt: skip
    for name, columns, rows in tables:
        values = zip(*rows, strict=True)
        pq.write_table(
            pa.table(dict(zip(columns, map(list, values), strict=True))), tmp_path / f"{name}.parquet"
        )
    return find_omop(tmp_path), people, events, set(ancestors), concepts


def brute_force(cohort, people, events, ancestors, concepts):
    def holds(rule, person, sex, born):
        if hasattr(rule, "sex"):
            return sex in rule.sex
        if hasattr(rule, "birth_year"):
            years = rule.birth_year
            return (years.start is None or born >= years.start) and (years.to is None or born <= years.to)
        codes = {(code.vocabulary, code.code) for code in rule.source_codes}
        coded = {concept for concept, vocabulary, code in concepts if (vocabulary, code) in codes and concept}
        for someone, standard, source in events:
            if someone != person:
                continue
            if standard in rule.concepts or source in coded or standard in coded:
                return True
            if rule.descendants and any((ancestor, standard) in ancestors for ancestor in rule.concepts):
                return True
        return False

    return {
        person for person, sex, born in people if all(holds(rule, person, sex, born) for rule in cohort.all)
    }


def test_the_definition_finds_whom_a_plain_loop_finds(hospital):
    folder, *rows = hospital
    chooser = random.Random(7)
    choices = [
        lambda: {"sex": chooser.sample([MALE, FEMALE, UNKNOWN], chooser.randint(1, 2))},
        lambda: {"birth_year": {"from": chooser.randint(1930, 1990)}},
        lambda: {"birth_year": {"to": chooser.randint(1950, 2010)}},
        lambda: {
            "events": "condition_occurrence",
            "concepts": chooser.sample([10, 11, 20], chooser.randint(1, 2)),
            "descendants": chooser.random() < 0.5,
        },
        lambda: {"events": "condition_occurrence", "source_codes": [{"vocabulary": "ICD10", "code": "E11"}]},
        lambda: {
            "events": "condition_occurrence",
            "concepts": [12],
            "source_codes": [{"vocabulary": "SNOMED", "code": "38341003"}],
        },
    ]
    sizes = set()
    for _ in range(25):
        cohort = Cohort.of({"all": [chooser.choice(choices)() for _ in range(chooser.randint(1, 3))]})
        found = cohort.people(folder)["person_id"].to_pylist()
        assert len(found) == len(set(found))
        assert set(found) == brute_force(cohort, *rows), cohort
        sizes.add(len(found))
    assert len(sizes) > 10


def test_a_code_is_a_value_and_never_sql_and_an_unknown_one_is_nobodys(hospital):
    folder, *_ = hospital
    cohort = Cohort.of(
        {
            "all": [
                {
                    "events": "condition_occurrence",
                    "source_codes": [{"vocabulary": "x", "code": "') OR true --"}],
                }
            ]
        }
    )
    assert cohort.people(folder).num_rows == 0
