"""circe-be's other fixtures whose definitions are written in Java; each of its execution fixtures has a test."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.definition import (
    Adjustment,
    ConceptItem,
    ConceptSet,
    Counted,
    Criterion,
    Definition,
    In,
    OffsetExit,
)
from lockgate.cohorts.domains import by_circe
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine


def _sibling(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fixtures = _sibling("test_circe_fixtures")
write_omop = fixtures.random_cohorts.write_omop
Stay = tuple[int, int, str, str]


def stays(folder: Path, tables: Any, definitions: dict[int, Definition]) -> list[Stay]:
    """The rows of definitions over tables of rows, days as text."""
    with Engine(threads=1) as engine:
        open_omop(engine, write_omop(folder / "omop", tables))
        rows = generate(engine, list(definitions.items())).to_pylist()
    return [(n, who, start.isoformat(), end.isoformat()) for n, who, start, end in map(dict.values, rows)]


def verified(verify: Any) -> list[Stay]:
    ((_, rows),) = verify.items()
    return sorted(tuple(row.values()) for row in rows)


def expression(folder: Path, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "cohortgeneration" / f"{name}.json").read_text())
    return told


# --- whole cohorts, with the variations that circe-be's tests make


def test_condition_status(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, "cohortgeneration/conditionOccurrence/conditionStatusTest")
    told = {}
    for number, asked in (
        (1, {}),
        (2, {"ConditionStatus": []}),
        (3, {"ConditionStatus": [{"CONCEPT_ID": 1}]}),
    ):
        told[number] = read_circe(
            json.dumps({"PrimaryCriteria": {"CriteriaList": [{"ConditionOccurrence": asked}]}})
        )
    assert stays(tmp_path, tables, told) == verified(verify)


def test_counts_of_correlated_events(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, "cohortgeneration/correlatedCriteria/countsTest")
    base = expression(folder, "correlatedCriteria/countsExpression")
    other = expression(folder, "correlatedCriteria/visitExpression")
    told = {1: read_circe(json.dumps(base)), 4: read_circe(json.dumps(other))}
    for number, kind, count in ((2, 2, 1), (3, 1, 0)):
        base["AdditionalCriteria"]["CriteriaList"][0]["Occurrence"] |= {"Type": kind, "Count": count}
        told[number] = read_circe(json.dumps(base))
    assert stays(tmp_path, tables, told) == verified(verify)


def test_groups(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, "cohortgeneration/correlatedCriteria/groupTest")
    base = expression(folder, "correlatedCriteria/groupExpression")
    told = {1: read_circe(json.dumps(base))}
    group = base["AdditionalCriteria"]
    for number, how in ((2, "AT_LEAST"), (3, "AT_MOST")):
        group |= {"Type": how, "Count": 2}
        told[number] = read_circe(json.dumps(base))
    # circe-be's remark says "at most 1" and its code 2; its expected rows are those of 1
    group["Count"] = 1
    told[3] = read_circe(json.dumps(base))
    group["Type"] = "ALL"
    group["Groups"][0] |= {"Type": "AT_MOST", "Count": 0}
    told[4] = read_circe(json.dumps(base))
    group["Groups"] = []
    told[5] = read_circe(json.dumps(base))
    assert stays(tmp_path, tables, told) == verified(verify)


def test_first_occurrences(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, "cohortgeneration/firstOccurrence/firstOccurrenceTest")
    base = expression(folder, "firstOccurrence/firstOccurrenceTestExpression")
    kinds = ("ConditionEra", "ConditionOccurrence", "DeviceExposure", "DrugEra", "DrugExposure", "Measurement",
             "Observation", "ProcedureOccurrence", "Specimen", "VisitOccurrence", "PayerPlanPeriod")  # fmt: skip
    told = {}
    for number, kind in enumerate(kinds, 1):
        of = {} if kind == "PayerPlanPeriod" else {"CodesetId": 0}
        base["PrimaryCriteria"]["CriteriaList"] = [{kind: {"First": True, **of}}]
        told[number] = read_circe(json.dumps(base))
    assert stays(tmp_path, tables, told) == verified(verify)


# --- events of one kind


def of_kind(tables: Any, criterion: Criterion) -> tuple[Any, Definition]:
    """The tables with everybody always observed, and a definition whose stays are the events of a criterion."""
    people = {row["person_id"] for row in tables["person"]}
    always = ("1950-01-01", "2050-01-01")
    observed = [
        {"observation_period_id": 100 + n, "person_id": n, "observation_period_start_date": always[0],
         "observation_period_end_date": always[1]}
        for n in sorted(people)
    ]  # fmt: skip
    return tables | {"observation_period": observed}, Definition((criterion,), exit=OffsetExit(True, 0))


# what each of circe-be's tests of ConceptSetSelection asks: attribute -> number of its concept set
SELECTED = {
    "ConditionEra": {"Gender": 1},
    "ConditionOccurrence": {"Gender": 1, "ConditionType": 1, "ProviderSpecialty": 3, "VisitType": 2},
    "Death": {"Gender": 1, "DeathType": 1},
    "DeviceExposure": {"Gender": 1, "DeviceType": 1, "ProviderSpecialty": 3, "VisitType": 2},
    "DoseEra": {"Gender": 1, "Unit": 3},
    "DrugEra": {"Gender": 1},
    "DrugExposure": {"Gender": 1, "DrugType": 2, "DoseUnit": 2, "RouteConcept": 3, "ProviderSpecialty": 3,
                     "VisitType": 2},
    "Measurement": {
        "Gender": 1, "MeasurementType": 2, "Operator": 3, "ValueAsConcept": 2, "Unit": 1, "ProviderSpecialty": 3,
        "VisitType": 2,
    },
    "Observation": {
        "Gender": 1, "ObservationType": 1, "Qualifier": 3, "ValueAsConcept": 2, "Unit": 1, "ProviderSpecialty": 3,
        "VisitType": 2,
    },
    "ProcedureOccurrence": {"Gender": 1, "ProcedureType": 2, "Modifier": 3, "ProviderSpecialty": 3, "VisitType": 2},
    "Specimen": {"Gender": 1, "SpecimenType": 2, "Unit": 3, "AnatomicSite": 2, "DiseaseStatus": 3},
    "VisitOccurrence": {"Gender": 1, "VisitType": 2, "ProviderSpecialty": 3, "PlaceOfService": 2},
}  # fmt: skip


@pytest.mark.parametrize("kind", SELECTED)
def test_concepts_in_a_set(shared_data: Path, tmp_path: Path, kind: str) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, f"criteria/{kind[0].lower()}{kind[1:]}ConceptSet")
    asked = {f"{name}CS": {"CodesetId": number} for name, number in SELECTED[kind].items()}
    sets = [
        {"id": n, "name": f"{n}", "expression": {"items": [{"concept": {"CONCEPT_ID": n}}]}}
        for n in (1, 2, 3)
    ]
    told = {"ConceptSets": sets, "PrimaryCriteria": {"CriteriaList": [{kind: {"CodesetId": 1, **asked}}]}}
    (criterion,) = read_circe(json.dumps(told)).entry
    observed, definition = of_kind(tables, criterion)
    (expected,) = verify.values()
    assert stays(tmp_path, observed, {1: definition}) == [
        (1, row["person_id"], row["start_date"], row["end_date"]) for row in expected
    ]


def test_observation_periods_of_a_type(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, "criteria/observationPeriodConceptSet")
    criterion = Criterion("observation_period", tests=(("PeriodType", In(concept_set=(ConceptItem(1),))),))
    (expected,) = verify.values()
    assert stays(tmp_path, tables, {1: Definition((criterion,), exit=OffsetExit(True, 0))}) == [
        (1, row["person_id"], row["start_date"], row["end_date"]) for row in expected
    ]


@pytest.mark.parametrize("kind", ["observationPeriod", "payerPlanPeriod"])
def test_periods_moved_and_replaced(shared_data: Path, tmp_path: Path, kind: str) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, f"criteria/{kind}DateOffset")
    simple = Criterion(by_circe()[kind[0].upper() + kind[1:]].name)
    moved = msgspec.structs.replace(simple, adjustment=Adjustment("start", 15, "end", -10))
    told = {"simple": simple, "date_adjust": moved}
    # the periods of the fixture are asked for, and of everybody: they are counted as payer plan periods are
    name = "payer_plan_period"
    if kind == "observationPeriod":
        tables[name] = [
            {
                key.replace("observation_period", name): value
                for key, value in row.items()
                if "type" not in key
            }
            for row in tables["observation_period"]
        ]
        told = {what: msgspec.structs.replace(criterion, domain=name) for what, criterion in told.items()}
    for what, criterion in told.items():
        observed, definition = of_kind(tables, criterion)
        assert stays(tmp_path / what, observed, {1: definition}) == sorted(
            (1, row["person_id"], row["start_date"], row["end_date"]) for row in verify[f"{kind}.{what}"]
        ), what


def test_visit_details_by_concept_sets(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, cohort, verify = fixtures.prepared(folder, "corelatedcriteria/visitDetailCodesetCriteria")
    one: ConceptSet = (ConceptItem(1), ConceptItem(3), ConceptItem(5))
    tables["concept"] = [{"concept_id": n, "invalid_reason": None} for n in range(1, 7)]
    entry = fixtures.indexed(tables, cohort, Criterion("visit_detail"))
    asked = [("Gender", "gender"), ("ProviderSpecialty", "provider"), ("PlaceOfService", "provider")]
    for name, named in asked:
        for outside in (False, True):
            criterion = Criterion("visit_detail", tests=((name, In(concept_set=one, outside=outside)),))
            counted = Counted(criterion, "exactly", 1, fixtures.PRIOR_YEAR)
            expected = verify[f"visit_detail_codeset_criteria.{named}_{'not_' if outside else ''}in_codeset"]
            found = fixtures.people(tmp_path / f"{name}{outside}", tables, entry, [counted])
            assert found == [{row["person_id"] for row in expected}]


# --- negative controls: the events of a concept, or of those below it, each a stay of one day

NEGATIVE: dict[str, tuple[str, ConceptSet, bool]] = {
    "allOccurrences/allOccurrencesTest": ("drug_exposure", (ConceptItem(1, True),), False),
    "firstOccurrence/firstOccurrenceTest": ("condition_occurrence", (ConceptItem(1, True),), True),
    "detectOnDescendants/detectOnDescendantsTrueTest": (
        "procedure_occurrence", (ConceptItem(1, True), ConceptItem(1, excluded=True)), False
    ),
    "detectOnDescendants/detectOnDescendantsFalseTest": ("observation", (ConceptItem(1),), False),
}  # fmt: skip


@pytest.mark.parametrize("case", NEGATIVE)
def test_negative_controls(shared_data: Path, tmp_path: Path, case: str) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    tables, _, verify = fixtures.prepared(folder, f"negativecontrols/{case}")
    domain, concepts, first = NEGATIVE[case]
    observed, definition = of_kind(tables, Criterion(domain, concepts, first=first))
    definition = msgspec.structs.replace(definition, exit=OffsetExit(False, 0))
    assert stays(tmp_path, observed, {1: definition}) == verified(verify)


# --- all of them


def test_each_execution_fixture_has_a_test(shared_data: Path) -> None:
    folder = shared_data / "omop" / "circe-be-fixtures"
    there = {str(path.relative_to(folder)).removesuffix("_PREP.json") for path in folder.rglob("*_PREP.json")}
    whole = ("conditionOccurrence/conditionStatusTest", "correlatedCriteria/countsTest", "correlatedCriteria/groupTest",
             "firstOccurrence/firstOccurrenceTest", "limits/limitTest", *fixtures.WHOLE)  # fmt: skip
    tested = {f"cohortgeneration/{case}" for case in whole}
    tested |= {f"windowcriteria/window{kind}" for kind in (*fixtures.KINDS, "ObservationPeriodUserDefined")}
    kinds = {kind[0].lower() + kind[1:] for kind in (*SELECTED, "ObservationPeriod")}
    tested |= {f"criteria/{kind}ConceptSet" for kind in kinds}
    moved = {*fixtures.MOVED, "ObservationPeriod", "PayerPlanPeriod"}
    tested |= {f"criteria/{kind[0].lower()}{kind[1:]}DateOffset" for kind in moved}
    tested |= {f"corelatedcriteria/{case}" for case in (*fixtures.COUNTED, "visitDetailCodesetCriteria")}
    tested |= {f"negativecontrols/{case}" for case in NEGATIVE}
    assert tested == there
    assert len(there) == 65
