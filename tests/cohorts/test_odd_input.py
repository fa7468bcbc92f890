"""Odd definitions and odd folders: each is refused with its place and a next step, or has the meaning told here."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.cli import run
from lockgate.cohorts.definition import Criterion, Definition, Demographic, Group, Interval
from lockgate.cohorts.files import read_definition
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine
from lockgate.errors import UsageError

_spec = importlib.util.spec_from_file_location("generate", Path(__file__).with_name("test_generate.py"))
assert _spec and _spec.loader
generated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generated)

PLAIN = "entry: [{condition: 1+}]"


def circe(**parts: Any) -> str:
    return json.dumps(generated.SMALL | parts)


def concept(item: dict[str, Any]) -> str:
    return circe(ConceptSets=[{"id": 0, "name": "x", "expression": {"items": [item]}}])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "", "it is empty"),
        ("a.yaml", "# nothing", "it is empty"),
        ("a.yaml", "- 1", "an object is expected"),
        ("a.yaml", b"\xff\xfe\x00\x01", "is expected here"),
        ("a.yaml", b"entry: [{condition: 1\x00}]", "not YAML"),
        ("a.yaml", "entri: []", "did you mean entry?"),
        ("a.yaml", "entry: [{condtion: 1}]", "did you mean condition?"),
        ("a.yaml", "entry: [{condition: 1, agee: 3}]", "did you mean age?"),
        ("a.yaml", "entry: [{condition: 1}]\nentry: []", "entry is said twice"),
        ("a.yaml", "concept_sets: {a: b, b: a}\nentry: [{condition: a}]", "there is no concept set 'b'"),
        ("a.yaml", "a: &x {b: *x}\nentry: [*x]", "says more than a definition can"),
        ("a.yaml", "entry: [{condition: 99999999999999999999}]", "a concept id is expected"),
        ("a.yaml", "entry: [{condition: any, start: {from: 2020-01-01xyz}}]", "a day such as"),
        ("a.yaml", "entry: [{measurement: any, unit: any, value: nan}]", "a number is expected"),
        ("a.yaml", "entry: [{mention: 1}]", "without saying whether one that is negated counts"),
        ("a.json", "", "it is empty"),
        ("a.json", "[" * 50_000, "nested deeper"),
        ("a.json", "[]", "an object is expected"),
        ("a.json", circe(cdmVersionRange=">=6.0.0"), "it is for CDM 6.0.0"),
        ("a.json", circe(PrimaryCriterion={}), "did you mean PrimaryCriteria?"),
        ("a.json", concept({"concept": {"CONCEPT_ID": 10**30}}), "the number is beyond"),
        ("a.json", concept({"concept": {"CONCEPT_ID": 1}, "isExcluded": "yes"}), "true or false is expected"),
        ("a.txt", PLAIN, "a *.json or a *.yaml file"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(name: str, text: str | bytes, said: str) -> None:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(UsageError) as refused:
        read_definition(name, raw)
    assert said in str(refused.value)
    assert refused.value.remedy and name in str(refused.value.where)


def test_huge_days_are_refused_and_a_mark_of_byte_order_is_none() -> None:
    window = {"ObservationWindow": {"PriorDays": 10**12, "PostDays": 0}}
    with pytest.raises(UsageError, match="beyond 999,999"):
        read_definition("a.json", circe(PrimaryCriteria=generated.SMALL["PrimaryCriteria"] | window).encode())
    plain = circe().encode()
    assert read_definition("a.json", b"\xef\xbb\xbf" + plain) == read_definition("a.JSON", plain)


def test_concept_sets_read_at_once_are_those_read_field_by_field() -> None:
    concept: dict[str, Any] = {"CONCEPT_ID": 7, "CONCEPT_NAME": "n"}
    item = {"concept": concept, "includeDescendants": True, "includeMapped": False}
    named = {"id": 0, "name": "a set", "expression": {"items": [item | {"isExcluded": True}]}}
    again = {"id": 2, "name": "a set", "expression": {"items": [item | {"isExcluded": False}]}}
    plain = read_definition("1.json", circe(ConceptSets=[named, again]).encode())
    # a null says nothing, and takes the way of what isn't as ATLAS writes it
    again["expression"] = {"items": [item | {"isExcluded": None}]}
    assert read_definition("1.json", circe(ConceptSets=[named, again]).encode()) == plain
    assert [(name, len(items)) for name, items in plain.concept_sets] == [("a set", 1), ("a set (again)", 1)]
    concept["NAME"] = "n"
    with pytest.raises(UsageError, match=r"ConceptSets\[0\]\.expression\.items\[0\]\.concept"):
        read_definition("1.json", circe(ConceptSets=[named, again]).encode())
    with pytest.raises(UsageError, match="not JSON"):
        read_definition("1.json", circe(ConceptSets=[named]).encode().replace(b'"a set"', b'"\xff"'))


def test_a_definition_of_regions_may_be_for_cdm_6() -> None:
    told = circe(
        cdmVersionRange=">=6.1.0", PrimaryCriteria={"CriteriaList": [{"LocationRegion": {"CodesetId": 0}}]}
    )
    assert read_definition("a.json", told.encode()).entry[0].domain == "location_history"


# --- folders


class Folder:
    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.capsys = path, capsys
        self.omop = generated.write_omop(path / "omop", generated.PEOPLE)
        (path / "d.yaml").write_text(PLAIN)

    def change(self, table: str, column: str, values: pa.Array) -> None:
        file = self.omop / f"{table}.parquet"
        told = pq.read_table(file)
        pq.write_table(told.set_column(told.column_names.index(column), column, values), file)

    def rename(self, change: Callable[[str], str], *tables: str) -> None:
        for table in tables or generated.PEOPLE:
            file = self.omop / f"{table}.parquet"
            told = pq.read_table(file)
            file.unlink()
            told = told.rename_columns([change(name) for name in told.column_names])
            pq.write_table(told, self.omop / change(file.name))

    def run(self, definition: str = PLAIN) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
        (self.path / "d.yaml").write_text(definition)
        out = self.path / "rows.parquet"
        out.unlink(missing_ok=True)
        arguments = ["--omop", str(self.omop), "--definitions", str(self.path / "d.yaml"), "--out", str(out)]
        self.capsys.readouterr()
        code = run(["cohort", "generate", *arguments, "--json"])
        said = json.loads(self.capsys.readouterr().out)
        return code, said, pq.read_table(out).to_pylist() if out.exists() else []


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    return Folder(tmp_path, capsys)


STAY = [
    {
        "cohort_definition_id": 1,
        "subject_id": 7,
        "cohort_start_date": date(2020, 3, 1),
        "cohort_end_date": date(2020, 12, 31),
    }
]


def test_upper_case_names(folder: Folder) -> None:
    folder.rename(str.upper)
    assert folder.run()[2] == STAY


def test_a_datetime_stands_for_a_date_that_is_not_there(folder: Folder) -> None:
    moment = pa.array([pa.scalar(1583020800_000_000, pa.timestamp("us"))])  # 2020-03-01
    folder.change("condition_occurrence", "condition_start_date", moment)
    assert folder.run()[2] == STAY
    folder.rename(lambda name: name.replace("start_date", "start_datetime"), "condition_occurrence")
    _, said, rows = folder.run()
    assert rows == STAY and said["asked_absent"] == {}


@pytest.mark.parametrize("table", ["person", "observation_period", "condition_occurrence"])
def test_ids_that_are_numbers_as_text_are_numbers_and_others_are_refused_unseen(
    folder: Folder, table: str
) -> None:
    folder.change(table, "person_id", pa.array(["7"]))
    assert folder.run()[2] == STAY
    folder.change(table, "person_id", pa.array(["SECRET-7"]))
    if table == "person":  # whom nobody asks about
        assert folder.run()[2] == STAY
        return
    code, said, rows = folder.run()
    assert (code, rows) == (2, [])
    assert said["error"] == "a value of person_id is not a whole number" and "SECRET" not in json.dumps(said)


def test_days_as_text(folder: Folder) -> None:
    folder.change("condition_occurrence", "condition_start_date", pa.array(["2020-03-01"]))
    assert folder.run()[2] == STAY
    folder.change("condition_occurrence", "condition_start_date", pa.array(["01/03/2020"]))
    code, said, _ = folder.run()
    assert code == 2 and said["error"] == "a value of condition_start_date is not a day (2026-03-31)"
    assert "01/03" not in json.dumps(said)


def test_what_has_no_day_is_no_event_and_old_days_are_days(folder: Folder) -> None:
    folder.change("condition_occurrence", "condition_start_date", pa.array([None], pa.date32()))
    assert folder.run()[::2] == (0, [])
    folder.change("condition_occurrence", "condition_start_date", pa.array([date(1850, 1, 1)]))
    folder.change("observation_period", "observation_period_start_date", pa.array([date(1849, 1, 1)]))
    assert folder.run()[2] == [STAY[0] | {"cohort_start_date": date(1850, 1, 1)}]


def test_nobody_is_in_a_cohort_unobserved(folder: Folder) -> None:
    file = folder.omop / "observation_period.parquet"
    told = pq.read_table(file)
    pq.write_table(told.slice(0, 0), file)
    assert folder.run()[::2] == (0, [])
    pq.write_table(pa.concat_tables([told, told]), file)  # twice over: a stay is one
    assert folder.run()[2] == STAY


def test_an_event_in_two_periods_of_observation_is_one(folder: Folder) -> None:
    file = folder.omop / "observation_period.parquet"
    told = pq.read_table(file)
    later = told.set_column(
        told.column_names.index("observation_period_start_date"),
        "observation_period_start_date",
        pa.array([date(2020, 2, 1)]),
    )
    pq.write_table(pa.concat_tables([told, later]), file)
    near = "entry: [{condition: any, having: {all: [{condition: any, count: at least %d}]}}]"
    assert folder.run(near % 1)[2] == STAY
    assert folder.run(near % 2)[2] == []


def test_a_person_who_is_there_twice_passes_one_rule_once(folder: Folder) -> None:
    file = folder.omop / "person.parquet"
    told = pq.read_table(file)
    pq.write_table(pa.concat_tables([told, told]), file)
    grown, ill = "{person: {age: {from: 0}}}", "{condition: any, start: {to: 1990-01-01}}"
    assert folder.run(f"{PLAIN}\nrules: [{{name: a, all: [{grown}]}}]")[2] == STAY
    assert folder.run(f"{PLAIN}\nrules: [{{name: a, all: [{grown}, {ill}]}}]")[::2] == (0, [])


@pytest.mark.parametrize(("least", "stays"), [(1, 1), (2, 0)])
def test_a_group_that_asks_for_more_than_it_has_holds_for_nobody(
    folder: Folder, least: int, stays: int
) -> None:
    grown = Demographic((("Age", Interval(0, 200)),))
    entry = Criterion("condition_occurrence", group=Group("at_least", least, demographics=(grown,)))
    with Engine() as engine:
        open_omop(engine, folder.omop)
        assert generate(engine, [(1, Definition(entry=(entry,)))]).num_rows == stays


def test_what_is_asked_for_and_not_there_is_told(folder: Folder) -> None:
    rule = "rules: [{name: a, all: [{drug: any, count: none}, {condition: any, condition_type: 5, count: none}]}]"
    code, said, rows = folder.run(f"{PLAIN}\n{rule}")
    assert code == 0 and rows == STAY
    assert said["asked_absent"] == {
        "condition_occurrence.condition_type_concept_id": [1],
        "drug_exposure": [1],
    }


def test_csv_and_a_release_are_told_from_omop(folder: Folder) -> None:
    nested = folder.path / "release"
    nested.mkdir()
    shutil.copytree(folder.omop, nested / "omop")
    folder.omop = nested
    assert folder.run()[1]["remedy"] == f"name {nested / 'omop'}"
    folder.omop = folder.path / "csv"
    folder.omop.mkdir()
    (folder.omop / "person.csv").write_text("person_id\n7\n")
    assert "make it Parquet" in folder.run()[1]["remedy"]
