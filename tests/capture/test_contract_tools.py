"""Contracts drafted from a sample, and what `contract check` says of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgate.capture.tabular.check import check_contract
from lockgate.capture.tabular.contract import Contract
from lockgate.capture.tabular.draft import write_contract
from lockgate.capture.tabular.formats import with_point
from lockgate.capture.tabular.load import contracts, read_yaml
from lockgate.capture.tabular.shapes import fits
from lockgate.cli import run
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError

HEAD = (
    "Round ID,Hospital Number,NHS number,Date of birth,Sex,Seen on,Seen at,Diagnosis,Operation,Drug,Code,Notes,"
    "Last updated\n"
)
ROW = '{},9434765919,1950-01-01,F,{},{},109081006,{},"{} was seen by Dr Jones on the ward",{}'
ROWS = [
    ROW.format("1,H1", "03/04/2024,10:15", "I50.1,G451", "A10", "Ada Example", "2024-04-03T10:00:00"),
    ROW.format("2,H2", "04/05/2024,10:20", "E11.9,G459", "A11", "Bob Sample", "2024-04-04T10:00:00").replace(
        "9434765919", "9434765870"
    ),
    ROW.format("3,H3", "05/06/2024,10:25", "R69X,-", "B12", "Cy Example", "2024-04-05T10:00:00").replace(
        "9434765919", "9449304106"
    ),
]
VALUES = ("9434765919", "Example", "Jones", "1950", "I50.1", "109081006", "H1", "03/04")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "rounds.csv"
    path.write_text(HEAD + "\n".join(ROWS) + "\n")
    return path


@pytest.fixture
def draft(sample: Path, tmp_path: Path) -> Path:
    """A drafted contract whose choices are made."""
    folder = tmp_path / "rounds"
    write_contract(sample, folder, "rounds")
    text = (folder / "contract.yaml").read_text()
    text = text.replace(
        "CHOOSE: dmy or mdy: every value of the sample reads as both; ask the source", "dmy"
    ).replace("CHOOSE: ICD10 or OPCS4, or leave this key out", "ICD10")
    (folder / "contract.yaml").write_text(text.replace("CHOOSE: ", ""))
    return folder


def test_a_draft_says_what_the_sample_shows_and_repeats_no_value_of_it(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rounds"
    written = write_contract(sample, folder, "rounds")
    text = "\n".join(path.read_text() for path in written)
    assert not [value for value in VALUES if value in text]
    assert {path.name for path in written} == {
        "contract.yaml", "condition.sql", "procedure.sql", "medication.sql", "patient.sql"
    }  # fmt: skip
    raw: Any = read_yaml(folder / "contract.yaml")
    assert raw["key"] == ["round_id"] and raw["version"] == "last_updated" and raw["sentinels"] == ["-"]
    assert raw["person"] == ["hospital_number", "nhs_number"]
    columns = raw["columns"]
    assert columns["nhs_number"] == {"type": "nhs_number", "identifies": True}
    assert columns["date_of_birth"] == {"type": "date", "identifies": True}
    assert columns["notes"] == {"identifies": True}
    assert columns["seen_at"] == {"type": "time"}
    assert [columns[name]["code_system"] for name in ("diagnosis", "operation", "drug")] == [
        "ICD10",
        "OPCS4",
        "dm+d",
    ]
    # What only a person can tell is left open.
    assert columns["seen_on"]["date_formats"][0].startswith("CHOOSE: dmy or mdy")
    assert columns["code"]["code_system"].startswith("CHOOSE: ICD10 or OPCS4")


def test_open_choices_are_each_named_and_a_finished_draft_is_sound(
    sample: Path, draft: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    write_contract(sample, again, "rounds")
    open_ones = [problem.where for problem in check_contract(again).problems if "left open" in problem.what]
    assert open_ones == [
        "contract.yaml: owner",
        "contract.yaml: legal_basis",
        "contract.yaml: columns.seen_on.date_formats",
        "contract.yaml: columns.code.code_system",
    ]
    report = check_contract(draft, sample)
    assert report.ok, report.problems
    assert (report.sample["received"], report.sample["sound"]) == (3, 3)
    assert report.sample["rows"] == {"patient": 3, "condition": 3, "medication": 3, "procedure": 2}


def test_dates_that_settle_themselves_and_dates_that_are_mixed(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "id,a,b,c\n1,13/04/2024,04/13/2024,13/04/2024\n2,01/02/2024,01/02/2024,04/14/2024\n3,,,01/02/2024\n"
    )
    write_contract(path, tmp_path / "d", "d")
    raw: Any = read_yaml(tmp_path / "d" / "contract.yaml")
    assert raw["columns"]["a"]["date_formats"] == ["dmy"]
    assert raw["columns"]["b"]["date_formats"] == ["mdy"]
    assert raw["columns"]["c"]["date_formats"] == ["dmy", "mdy"]
    assert raw["columns"]["c"]["ambiguous"].startswith("CHOOSE: quarantine or flag")


def test_an_empty_sample_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(UsageError, match="the sample is empty"):
        write_contract(empty, tmp_path / "drafted", "drafted")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.parquet", b"PAR1xxxxPAR1", "Parquet file can't be read"),
        ("a.csv", b"PK\x03\x04 and so on", "spreadsheet's workbook"),
        ("a.csv.gz", b"no gzip", "can't be read: not a gzip file"),
        ("a.csv", b"id,,note\n1,2,3\n", "column 2 has no name"),
        ("a.csv", b"A report of things\n\nid,note\n1,a\n2,b\n", "no row of the sample has as many values"),
    ],
)
def test_a_sample_that_is_no_table_is_refused_for_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((UsageError, Refused), match=said):
        write_contract(tmp_path / name, tmp_path / "a", "a")


def test_a_draft_looks_past_rows_that_cannot_be_read_and_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(
        b'Patient No;NHS Number;Result\n1;2;3;4\nA1;9434765919;5,4\nA2;9434765870;1.204,7\nA3;;"-0,5"\n'
    )
    written = write_contract(path, tmp_path / "r", "r")[0].read_text()
    assert "from 3 rows" in written and "could not be read: 1." in written
    columns = read_yaml(tmp_path / "r" / "contract.yaml")["columns"]
    assert columns["result"] == {"type": "number", "decimal": ","}
    assert columns["nhs_number"]["type"] == "nhs_number"


def test_a_sample_without_a_header_is_refused_without_its_values(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(ROWS[0] + "\n")
    with pytest.raises(UsageError, match="does not look like column names") as refusal:
        write_contract(path, tmp_path / "x", "x")
    assert not [value for value in VALUES if value in str(refusal.value)]


BREAK: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "yaml": (lambda d: (d / "contract.yaml").write_text("a: [\n"), "contract.yaml:2", "is not YAML"),
    "unknown key": (lambda d: _yaml(d, "key:", "keys:"), "contract.yaml", "keys: unknown key"),
    "no key": (lambda d: _yaml(d, "key: [round_id]", "# no"), "contract.yaml", "key: Field required"),
    "no legal basis": (
        lambda d: _yaml(d, "legal_basis:", "#"),
        "contract.yaml",
        "legal_basis: Field required",
    ),
    "undeclared": (
        lambda d: _sql(d, "diagnosis AS", "diagnoses AS"),
        "condition.sql",
        'column "diagnoses" not found',
    ),
    "does not compile": (lambda d: _sql(d, "FROM item", "FROM"), "condition.sql", "syntax error"),
    "no such staged column": (
        lambda d: _sql(d, "AS start_at", "AS started_at"),
        "condition.sql",
        "no column started_at",
    ),
    "lacks": (lambda d: _sql(d, ", item_hash, batch_id", ""), "condition.sql", "lacks item_hash, batch_id"),
    "no table": (
        lambda d: shutil.copy(d / "patient.sql", d / "people.sql"),
        "people.sql",
        "no staged table is called so",
    ),
    "rule": (
        lambda d: _yaml(
            d, "columns:", "rules: [{column: sex, when: nothing = 1, say: x, reason: odd}]\ncolumns:"
        ),
        "contract.yaml: rules",
        "no reason is called odd",
    ),
}


def _yaml(folder: Path, old: str, new: str) -> None:
    text = (folder / "contract.yaml").read_text()
    assert old in text
    (folder / "contract.yaml").write_text(text.replace(old, new, 1))


def _sql(folder: Path, old: str, new: str) -> None:
    text = (folder / "condition.sql").read_text()
    assert old in text
    (folder / "condition.sql").write_text(text.replace(old, new))


@pytest.mark.parametrize("case", BREAK)
def test_what_is_wrong_is_said_with_its_place(draft: Path, case: str) -> None:
    spoil, where, what = BREAK[case]
    spoil(draft)
    report = check_contract(draft)
    errors = [problem for problem in report.problems if problem.kind == "error"]
    assert any(problem.where.endswith(where) and what in problem.what for problem in errors), errors
    assert all(problem.remedy for problem in errors)


def test_all_problems_are_said_at_once(draft: Path) -> None:
    _sql(draft, "diagnosis AS code", "diagnoses AS code")
    (draft / "result.sql").write_text("SELECT 1 AS nonsense FROM item")
    _yaml(draft, "columns:", "rules: [{column: sex, when: 'nothing = 1', say: x, reason: odd}]\ncolumns:")
    _yaml(draft, "# deletes:", "deletes: {column: ward, values: [D]}\n#")
    _yaml(draft, "columns:\n", "columns:\n  ward: {}\n  idle: {}\n")
    text = (
        (draft / "procedure.sql").read_text().replace("version_at, deleted", "version_at, false AS deleted")
    )
    (draft / "procedure.sql").write_text(text)
    said = " ".join(f"{problem.where} {problem.what}" for problem in check_contract(draft).problems)
    for part in (
        "diagnoses",
        "nonsense",
        "lacks source",
        "odd",
        "when",
        "false AS deleted",
        "never used: idle",
    ):
        assert part in said


def test_a_dry_run_counts_by_reason_and_keeps_nothing(draft: Path, sample: Path) -> None:
    sample.write_text(
        sample.read_text() + ROWS[0].replace("9434765919", "9434765918").replace("1,H1", "9,H1") + "\nx,y\n"
    )
    report = check_contract(draft, sample)
    assert [(one["reason"], one["rows"]) for one in report.sample["reasons"]] == [
        ("bad-nhs-number", 1),
        ("wrong-columns", 1),
    ]
    assert not [value for value in VALUES if value in json.dumps(report.as_dict())]


@pytest.mark.parametrize("name", contracts())
def test_every_contract_that_ships_is_sound(name: str) -> None:
    import lockgate.capture

    report = check_contract(Path(lockgate.capture.__file__).parent / "contracts" / name)
    assert report.ok, report.problems


@pytest.mark.parametrize(
    ("system", "code", "is_one"),
    [
        ("SNOMED", "22298006", True),
        ("SNOMED", "22298007", False),
        ("SNOMED", "29857009", True),
        ("dm+d", "109081006", True),
        ("ICD10", "I50.1", True),
        ("ICD10", "R69X", True),
        ("ICD10", "hello", False),
        ("OPCS4", "G45.1", True),
        ("LOINC", "59261-8", True),
    ],
)
def test_codes_by_their_shape(system: str, code: str, is_one: bool) -> None:
    with Engine(threads=1) as engine:
        assert engine.one(f"SELECT {fits(system, 'x')} FROM (SELECT '{code}' AS x)") is is_one


def test_the_commands(sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "made")

    def call(*words: str) -> tuple[int, dict[str, Any]]:
        code = run(["contract", *words, "--json"])
        return code, json.loads(capsys.readouterr().out)

    assert call("new", str(sample), "--name", "made", "--out", out)[0] == 0
    assert call("new", str(sample), "--name", "made", "--out", out)[0] == 2
    code, report = call("check", out)
    assert code == 1 and len(report["problems"]) == 4
    assert call("check", "postcodes")[0] == 0
    assert call("check", "nothing")[0] == 2
    assert "hes_apc" in {one["name"] for one in call("list")[1]["contracts"]}
    shown = call("show", "postcodes")[1]
    assert list(shown["columns"]) == ["pcds", "lsoa21"]
    assert Contract.model_validate({k: v for k, v in shown.items() if k in Contract.model_fields})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5,4", 5.4),
        ("1.204,7", 1204.7),
        ("-0,5", -0.5),
        ("1.204", 1204),
        ("7", 7),
        ("1.2", None),
        ("5,4,1", None),
    ],
)
def test_a_decimal_comma_is_read_and_nothing_is_guessed(text: str, value: float | None) -> None:
    with Engine(threads=1) as engine:
        assert engine.one(f"SELECT CAST({with_point(repr(text), ',')} AS DOUBLE)") == value
