"""A cohort is read strictly and means what it says: compared with a plain loop over the rows."""

from __future__ import annotations

import random

import pytest

from lockgate.cohorts import Cohort, compile_sql
from lockgate.engine import Engine
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
    assert cohort.tables() == ("person", "condition_occurrence", "concept_ancestor", "concept")
    assert "ICD10 E11" in cohort.describe()
    assert "born" not in cohort.describe()


@pytest.fixture
def hospital():
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
    with Engine() as engine:
        for name, columns, rows in (
            ("person", "person_id, gender_concept_id, year_of_birth", people),
            ("condition_occurrence", "person_id, condition_concept_id, condition_source_concept_id", events),
            ("concept_ancestor", "ancestor_concept_id, descendant_concept_id", ancestors),
            ("concept", "concept_id, vocabulary_id, concept_code", concepts),
        ):
            values = ", ".join(str(row) for row in rows)
            engine.execute(f"CREATE TABLE {name} AS SELECT * FROM (VALUES {values}) t({columns})")
        yield engine, people, events, set(ancestors), concepts


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


def test_sql_finds_whom_a_plain_loop_finds(hospital):
    engine, *rows = hospital
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
    for _ in range(60):
        cohort = Cohort.of({"all": [chooser.choice(choices)() for _ in range(chooser.randint(1, 3))]})
        found = [person for (person,) in engine.rows(compile_sql(cohort))]
        assert len(found) == len(set(found))
        assert set(found) == brute_force(cohort, *rows), cohort
        sizes.add(len(found))
    assert len(sizes) > 20


def test_a_code_is_a_value_and_never_sql(hospital):
    engine, *_ = hospital
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
    assert engine.rows(compile_sql(cohort)) == []
