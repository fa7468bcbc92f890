"""What ``lockgate link`` reads, refuses and leaves behind: formats, encodings, ragged lines, artefacts, samples."""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.bench.linkage import pair_scores, registers
from lockgate.bench.population import COLUMNS, population, population_files, worn
from lockgate.engine import Engine
from lockgate.errors import LockgateError, UsageError
from lockgate.identity.linkage import Options, explain_pair, judge, link_tables, parse_map, reading, records
from lockgate.identity.linkage.fields import fields_of
from lockgate.schema import nhs_number

HEADER = ["id", "name", "born"]
ROWS = [["1", "Zoë", "1950-01-02"], ["2", "Bea", "1960-03-04"], ["3", "Carl, the elder", "1970-05-06"]]


def _read(
    path: Path, encoding: str = "", mapping: str = "given_name=name,birth_date=born"
) -> list[tuple[Any, ...]]:
    fields = fields_of(parse_map(mapping), parse_map(mapping))
    with Engine(threads=1) as engine:
        records.prepare(engine)
        reading.read(engine, path, "left", "id", fields, "--id", encoding)
        return engine.rows("SELECT * EXCLUDE (n) FROM link_raw_left ORDER BY n")


def _csv(rows: list[list[str]], sign: str = ",") -> str:
    return "".join(sign.join(f'"{x}"' if sign in x else x for x in row) + "\n" for row in [HEADER, *rows])


@pytest.mark.parametrize("name", [
    "a.csv", "a.tsv", "semi.csv", "a.csv.gz", "bom.csv", "utf16.csv", "a.jsonl", "array.json", "a.parquet", "noname",
])  # fmt: skip
def test_formats_and_encodings_say_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    objects = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    if name in ("a.parquet", "noname"):  # known by its first bytes
        pq.write_table(pa.Table.from_pylist(objects), path)
    elif name == "array.json":
        path.write_text(json.dumps(objects))
    elif name == "a.jsonl":
        path.write_text("\n".join(map(json.dumps, objects)))
    elif name == "a.csv.gz":
        path.write_bytes(gzip.compress(_csv(ROWS).encode()))
    else:
        sign = {"a.tsv": "\t", "semi.csv": ";"}.get(name, ",")
        path.write_text(
            _csv(ROWS, sign), encoding={"bom.csv": "utf-8-sig", "utf16.csv": "utf-16"}.get(name, "utf-8")
        )
    assert [(str(ident), *rest) for ident, *rest in _read(path)] == [tuple(row) for row in ROWS]


def test_latin_1_is_said_and_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(_csv(ROWS), encoding="latin-1")
    with pytest.raises(UsageError, match="isn't UTF-8"):
        _read(path)
    assert _read(path, "latin-1")[0][1] == "Zoë"


@pytest.mark.parametrize(
    ("name", "text", "where", "says"),
    [
        ("a.csv", _csv([*ROWS, ["4", "ann", "1950-01-01", "more"]]), "line 5", "hasn't the columns"),
        ("a.csv", _csv([*ROWS[:1], ["4", "ann"], *ROWS]), "line 3", "hasn't the columns"),
        ("a.csv", _csv(ROWS) + '4,"ann,1950-01-01\n', "line 5", "a quote is opened"),
        ("a.csv", "id,name,name,born\n1,a,b,1950\n", "line 1", "a column twice: name"),
        ("a.jsonl", '{"id": 1, "name": "a", "born": "1950"}\n{oh no\n', "line 2", "can't be read as jsonl"),
        ("a.csv", "", "a.csv", "is empty"),
        ("a.parquet", "PAR1, it says", "a.parquet", "can't be read as parquet"),
        ("a.xlsx", "PK", "a.xlsx", "of no format"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    name: str, text: str, where: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError, match=says) as refusal:
        _read(path)
    told = str(refusal.value).replace(str(tmp_path), "")
    assert where in told and "ann," not in told


def test_odd_values_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    odd = [["007", "😀 " + "x" * 300_000, "1950"], ["8", "a\x00b", "1951"], ["9", "  ", "n/a"]]
    path.write_text(_csv(odd), encoding="utf-8")
    assert [row[0] for row in _read(path)] == ["007", "8", "9"]


def test_an_age_and_its_year_are_a_year_of_birth(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "id,name,years,taken\n1,a,36,1861\n2,b,3 months,4 May 1861\n3,c,,1861\n4,d,old,1861\n5,e,400,1861\n"
    )
    found = _read(path, mapping="given_name=name,age=years,age_at=taken")
    assert [row[2] for row in found] == ["1825", "1861", None, None, None]
    with pytest.raises(UsageError, match="go together"):
        fields_of(parse_map("given_name=a,age=b"), parse_map("given_name=a,age=b"))


def test_whole_names_are_taken_apart() -> None:
    with Engine(threads=1) as engine:
        records.prepare(engine)
        for text, given, family in (
            ("Smith, John", "john", "smith"),
            ("Dr. John Henry Smith", "john", "smith"),
            ("Thomas Clifford, 1st Baron Clifford of Chudleigh", "thomas", "clifford"),
            ("John Smith Jr.", "john", "smith"),
        ):
            whole = engine.one("SELECT link_whole_name($1)", [text])
            assert (whole.split()[0], whole.split()[-1]) == (given, family)
        others = engine.one("SELECT link_others('thomas de clifford of chudleigh', 'thomas', 'chudleigh')")
        assert others == "clifford"


@pytest.mark.parametrize(
    ("born", "says"), [("02/01/56", "dates can't be read"), ("Whitsun", "dates can't be read")]
)
def test_dates_that_cannot_be_read_are_no_missing_dates(born: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(_csv([[str(n), f"n{n}", born] for n in range(9)]))
    with Engine(threads=1) as engine, pytest.raises(LockgateError, match=says):
        link_tables(
            engine, path, None, "id", parse_map("given_name=name,birth_date=born"), tmp_path / "o.parquet"
        )
    path.write_text(_csv([["1", "a", "1950-01-01"]]))
    with Engine(threads=1) as engine, pytest.raises(UsageError, match="one row"):
        link_tables(
            engine, path, None, "id", parse_map("given_name=name,birth_date=born"), tmp_path / "o.parquet"
        )


MAP = "given_name=given,family_name=family,birth_date=born,postcode=postcode,sex=sex"


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], set[Any]]:
    """Two registers, one of them JSON lines, linked with everything that can be left behind."""
    folder = tmp_path_factory.mktemp("linked")
    people = registers(folder, people=200, seed=5)
    with people.right.open() as file:
        (folder / "right.jsonl").write_text("\n".join(json.dumps(row) for row in csv.DictReader(file)))
    with Engine() as engine:
        found = link_tables(
            engine, people.left, folder / "right.jsonl", "id", parse_map(MAP), folder / "links.parquet",
            options=Options(artefacts=folder / "made", model_out=folder / "model.json", sample=folder / "sample.csv",
                            sample_size=60),
        )  # fmt: skip
    return folder, found.as_dict(), people.true_links


def test_artefacts_hold_every_number_and_no_value(linked: tuple[Path, dict[str, Any], set[Any]]) -> None:
    folder, report, _ = linked
    made = folder / "made"
    with (made / "parameters.csv").open() as file:
        rows = list(csv.DictReader(file))
    levels = json.loads((made / "settings.json").read_text())["comparisons"]
    assert len(rows) == sum(len(one["comparison_levels"]) - 1 for one in levels)
    for row in rows:
        assert math.isclose(float(row["weight"]), math.log2(float(row["m"]) / float(row["u"])), abs_tol=0.001)
    assert json.loads((made / "report.json").read_text())["pairs"] == report["pairs"]
    text = "".join(path.read_text() for path in made.iterdir()).lower()
    assert "elizabeth" not in text and "lg1" not in text


def test_a_pair_is_explained(linked: tuple[Path, dict[str, Any], set[Any]]) -> None:
    folder, _, true = linked
    with Engine() as engine:
        pairs = engine.rows("FROM read_parquet($1)", [str(folder / "links.parquet")])
        left, right, *_ = next(pair for pair in pairs if pair[:2] in true and pair[3] != "model")
        told = explain_pair(
            engine, folder / "left.csv", folder / "right.jsonl", "id", parse_map(MAP), (left, right),
            folder / "model.json",
        )  # fmt: skip
        assert "name+birth_date+postcode" in told["steps"] and told["probability"] > 0.99
        assert told["waterfall"][-1]["sum"] == pytest.approx(told["weight"], abs=0.01)
        with pytest.raises(UsageError, match="no such id"):
            explain_pair(
                engine, folder / "left.csv", folder / "right.jsonl", "id", parse_map(MAP), ("nobody", right),
                folder / "model.json",
            )  # fmt: skip


def test_a_random_sample_judges_the_linkage(
    linked: tuple[Path, dict[str, Any], set[Any]], tmp_path: Path
) -> None:
    folder, report, true = linked
    with (folder / "sample.csv").open() as file:
        rows = list(csv.DictReader(file))
    strata = report["sample"]
    assert sum(one["drawn"] for one in strata.values()) == len(rows) <= 60
    assert sum(one["pairs"] for name, one in strata.items() if name.startswith("linked")) == report["pairs"]
    assert any(row["linked"] == "False" for row in rows)
    filled = tmp_path / "filled.csv"

    def fill(answers: list[str]) -> None:
        with filled.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "same": said} for row, said in zip(rows, answers, strict=True))

    fill(["yes" if (row["id_l"], row["id_r"]) in true else "no" for row in rows])
    told = judge(filled)
    with Engine() as engine:
        found = engine.rows("SELECT id_l, id_r FROM read_parquet($1)", [str(folder / "links.parquet")])
    precision, _ = pair_scores(found, true)
    low, high = told["precision_95"]
    assert low <= precision <= high + 1e-9 and told["empty"] == 0
    fill(["maybe"] * len(rows))
    with pytest.raises(UsageError, match="line 2"):
        judge(filled)
    fill([""] * len(rows))
    with pytest.raises(UsageError, match="no linked pair has an answer"):
        judge(filled)


def test_the_population_is_what_it_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    people = population(3000, rng)
    assert len(set(people["nhs"])) == 3000 and all(map(nhs_number.valid, people["nhs"][:300]))
    twins = np.flatnonzero(people["twin"] >= 0)
    assert len(twins) and (people["twin"][people["twin"][twins]] == twins).all()
    assert (people["born"][twins] == people["born"][people["twin"][twins]]).all()
    table = worn(people, np.arange(3000), "L", rng)
    assert table.column_names == ["id", *COLUMNS]
    for column, low, high in (
        ("nhs_number", 0.04, 0.09),
        ("postcode", 0.01, 0.04),
        ("birth_date", 0.0, 0.02),
    ):
        assert low <= table[column].null_count / 3000 <= high
    changed = np.mean(np.array(table["postcode"].to_pylist()) != people["postcode"])
    assert 0.06 < changed < 0.16  # moved, slipped or missing
    made = population_files(tmp_path, 600, 300, seed=2)
    sides = [set(pq.read_table(path)["id"].to_pylist()) for path in (made.left, made.right)]
    assert made.shared == 250 == len({one[1:] for one in sides[0]} & {one[1:] for one in sides[1]})
