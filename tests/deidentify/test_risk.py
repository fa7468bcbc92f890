"""Risk of re-identification, held against a plain reading of its definitions."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.cli import run
from lockgate.deidentify.ladder import ladder
from lockgate.deidentify.risk import RiskPolicy, measure, require
from lockgate.engine import Engine
from lockgate.errors import Refused, UsageError

Row = dict[str, Any]
QUASI = ("age", "sex", "place")


def plain(rows: list[Row], columns: tuple[str, ...]) -> dict[str, Any]:
    """The definitions, read out loud."""
    classes: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        classes[tuple(row[c] for c in columns)].append(row["illness"])
    sizes = [len(members) for members in classes.values()]
    values = [len(set(members)) for members in classes.values()]
    return {
        "records": len(rows),
        "classes": len(classes),
        "k": min(sizes),
        "uniques": sum(size == 1 for size in sizes),
        "below": {bound: sum(size for size in sizes if size < bound) for bound in (2, 3, 5, 10, 20)},
        "l": min(values),
        "homogeneous": sum(size for size, n in zip(sizes, values, strict=True) if n == 1),
    }


people = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.one_of(st.none(), st.integers(0, 4)),
            "sex": st.sampled_from(["F", "M", None]),
            "place": st.sampled_from(["a", "b", "", None]),
            "illness": st.sampled_from(["flu", "cold", None]),
        }
    ),
    min_size=1,
    max_size=60,
)
SCHEMA = pa.schema(
    [("age", pa.int64()), ("sex", pa.string()), ("place", pa.string()), ("illness", pa.string())]
)


@settings(max_examples=60, deadline=None)
@given(people)
def test_every_set_equals_the_plain_reading(rows: list[Row]) -> None:
    with Engine() as engine:
        engine.register("people", pa.Table.from_pylist(rows, schema=SCHEMA))
        found = {risk.columns: risk for risk in measure(engine, "people", QUASI, sensitive="illness")}
    assert set(found) == {c for size in (1, 2, 3) for c in combinations(QUASI, size)}
    for columns, risk in found.items():
        expected = plain(rows, columns)
        assert {name: getattr(risk, name) for name in expected} == expected
        assert risk.highest_risk == pytest.approx(1 / expected["k"])
        assert risk.expected_risk == pytest.approx(expected["classes"] / len(rows))


@settings(max_examples=12, deadline=None)
@given(people)
def test_the_ladder_ends_within_the_policy_or_with_nothing_left(rows: list[Row]) -> None:
    policy = RiskPolicy(k=3)
    with Engine() as engine:
        engine.register("people", pa.Table.from_pylist(rows, schema=SCHEMA))
        rungs = ladder(engine, "people", QUASI, policy)
    last = rungs[-1].risk
    assert rungs[0].column == ""
    assert not policy.reasons(last) or (last.classes == 1 and len(rows) < 3)
    below = [rung.risk.below[3] for rung in rungs]
    assert below == sorted(below, reverse=True)
    assert all(rung.risk.records == len(rows) for rung in rungs)
    assert max(Counter((rung.column, rung.form) for rung in rungs).values()) == 1


def furthest(rows: list[Row], columns: tuple[str, ...], sensitive: str) -> float:
    """t-closeness, read out loud: words by total variation, numbers by the earth mover's distance."""
    values = sorted({row[sensitive] for row in rows}, key=lambda v: (v is None, v))
    whole = Counter(row[sensitive] for row in rows)
    classes: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        classes[tuple(row[c] for c in columns)].append(row[sensitive])
    found = []
    for members in classes.values():
        here = Counter(members)
        gaps = [here[v] / len(members) - whole[v] / len(rows) for v in values]
        if sensitive == "illness":
            found.append(sum(abs(gap) for gap in gaps) / 2)
        else:
            running = [abs(sum(gaps[: n + 1])) for n in range(len(gaps))]
            found.append(sum(running) / max(len(values) - 1, 1))
    return max(found)


@settings(max_examples=40, deadline=None)
@given(people, st.sampled_from([("illness", ("age", "sex")), ("age", ("sex", "place"))]))
def test_closeness_equals_the_plain_reading(rows: list[Row], asked: tuple[str, tuple[str, ...]]) -> None:
    sensitive, columns = asked
    with Engine() as engine:
        engine.register("people", pa.Table.from_pylist(rows, schema=SCHEMA))
        risk = measure(engine, "people", columns, sensitive=sensitive, closeness=True, all_sets=False)[0]
        engine.execute(
            f"CREATE TABLE few AS SELECT {', '.join((*columns, sensitive))}, count(*) n FROM people GROUP BY ALL"
        )
        weighed = measure(
            engine, "few", columns, sensitive=sensitive, closeness=True, all_sets=False, weight="n"
        )[0]
    assert risk.t == pytest.approx(furthest(rows, columns, sensitive))
    assert weighed == risk or weighed.t == pytest.approx(risk.t)
    assert RiskPolicy(k=2, share=1, t=(risk.t or 0) + 0.01).reasons(risk) == []


def test_dates_postcodes_and_numbers_have_forms_of_their_own() -> None:
    rows = [
        {
            "born": f"19{40 + i % 50}-0{1 + i % 9}-1{i % 9}",
            "postcode": f"NW{i % 9} 4QX",
            "weight": 50.0 + i % 37,
        }
        for i in range(200)
    ]
    with Engine() as engine:
        engine.register("raw", pa.Table.from_pylist(rows))
        engine.execute("CREATE TABLE people AS SELECT CAST(born AS DATE) AS born, postcode, weight FROM raw")
        rungs = ladder(engine, "people", ["born", "postcode", "weight"], RiskPolicy(k=5))
    said = {(rung.column, rung.form) for rung in rungs[1:]}
    assert not RiskPolicy(k=5).reasons(rungs[-1].risk)
    assert any(column == "born" and "date" in form for column, form in said)


def test_a_table_over_its_policy_is_refused_with_the_reason() -> None:
    rows = [{"age": i // 4, "sex": "F", "place": "a", "illness": "flu"} for i in range(40)]
    with Engine() as engine:
        engine.register("people", pa.Table.from_pylist(rows, schema=SCHEMA))
        risk = measure(engine, "people", QUASI, sensitive="illness")[0]
    require(risk, RiskPolicy(k=3), "people")
    with pytest.raises(Refused) as refusal:
        require(risk, RiskPolicy(k=5, share=0.1, l=2), "people")
    assert [reason.split(" ")[0] for reason in refusal.value.reasons] == ["100.00%", "a"]


@pytest.mark.parametrize(
    ("columns", "sensitive", "said"),
    [
        (["age", "height"], None, "no column 'height'"),
        ([], None, "no quasi-identifier"),
        (["age", "AGE"], None, "named twice"),
        (["age", "sex"], "sex", "at once"),
    ],
)
def test_what_makes_no_sense_is_refused(columns: list[str], sensitive: str | None, said: str) -> None:
    with Engine() as engine:
        engine.register("people", SCHEMA.empty_table())
        with pytest.raises(UsageError, match=said):
            measure(engine, "people", columns, sensitive=sensitive)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"age": i % 7, "sex": "FM"[i % 2], "place": "a", "illness": "flu" if i % 3 else "cold"}
        for i in range(90)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "t.parquet")
    path = str(tmp_path / "t.parquet")
    asked = ["risk", path, "--quasi-identifiers", "age, sex,place", "--sensitive", "illness"]
    assert run([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["k"], found["uniques"], found["classes"], found["l"]) == (6, 0, 14, 2)
    assert len(found["sets"]) == 7
    assert found["notes"] == ["place has one value only: it tells nothing"]
    assert run([*asked, "--k", "10", "--share", "0", "--ladder"]) == 1
    assert "smaller than 10" in capsys.readouterr().out
    assert run(["risk", str(tmp_path / "none.csv"), "--quasi-identifiers", "a"]) == 2
    (tmp_path / "t.csv").write_text("age,sex\n" + "1,F\n" * 5)
    assert run(["risk", str(tmp_path / "t.csv"), "--quasi-identifiers", "age,sex", "--share", "0"]) == 0
    (tmp_path / "bad.parquet").write_text("no parquet")
    assert run(["risk", str(tmp_path / "bad.parquet"), "--quasi-identifiers", "a"]) == 2
