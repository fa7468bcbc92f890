"""A library of attacks on the gate for outputs: what a job would write to get at a few people, and what must stop it.

Each attack writes a job's outputs with the library that jobs use, in one go or after an earlier release, and names the
rule that must speak. The tests run the same library.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockgate import outputs
from lockgate.disclosure import Rules, check_outputs, prepare, repair
from lockgate.disclosure.known import NOTHING, Cells, Groups, Known

EXACT = Rules(rounding=1)
ROUNDED = Rules()
PEOPLE = 300


@dataclass(frozen=True)
class Attack:
    """An attack: what it tries, the rules that stop it, and how it writes; ``before`` is released first,
    ``known`` was shown otherwise."""

    name: str
    stops: frozenset[str]
    write: Callable[[], None]
    before: Callable[[], None] | None = None
    rules: Rules = EXACT
    elsewhere: bool = False
    known: Callable[[], Known] | None = None


@contextmanager
def _job(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    kept = os.environ.get("LOCKGATE_OUTPUTS")
    os.environ["LOCKGATE_OUTPUTS"] = str(folder)
    try:
        yield folder
    finally:
        if kept is None:
            del os.environ["LOCKGATE_OUTPUTS"]
        else:
            os.environ["LOCKGATE_OUTPUTS"] = kept


def attempt(attack: Attack) -> set[str]:
    """The rules that spoke against an attack (of those that hold a file back or send it to a person)."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        released: list[Path] = []
        if attack.before is not None:
            with _job(place / "before") as folder:
                attack.before()
            if any(v.decision == "fail" for v in repair(folder, place / "safe", attack.rules).verdicts):
                raise AssertionError(f"{attack.name}: what is released before doesn't pass")
            prepare(
                place / "safe", place / "released", attack.rules, accepted=[p.name for p in folder.iterdir()]
            )
            released.append(place / "released")
        with _job(place / "now") as folder:
            attack.write()
        others, own = (released, []) if attack.elsewhere else ([], released)
        known = attack.known() if attack.known else NOTHING
        verdicts = check_outputs(folder, attack.rules, earlier=own, elsewhere=others, known=known)
        return {f.rule for v in verdicts for f in v.findings if f.severity != "note"}


def counts(
    name: str, groups: dict[str, int | str], total: str | None = None, dimension: str = "group"
) -> None:
    """A table of one dimension."""
    outputs.table(
        {dimension: list(groups), "n": list(groups.values())}, name, title=name, dimensions=[dimension], counts=["n"],
        total_rows={dimension: total} if total else None,
    )  # fmt: skip


def both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    """Two outputs of one job."""

    def write() -> None:
        first()
        second()

    return write


def _summary(values: list[float], *statistics: str, decimals: int = 1, name: str = "t") -> None:
    frame = {"id": list(range(len(values))), "v": values}
    outputs.summary(frame, name, title="t", value="v", unit="id", statistics=statistics, decimals=decimals)


def _people() -> dict[str, list[Any]]:
    rng = np.random.default_rng(8)
    age = rng.normal(60, 12, PEOPLE)
    return {
        "id": list(range(PEOPLE)),
        "age": age.tolist(),
        "cost": (100 + 3 * age + rng.normal(0, 20, PEOPLE)).tolist(),
        "ward": ["a"] * 150 + ["b"] * 147 + ["c"] * 3,
        "income": [1.0 + i % 7 for i in range(PEOPLE - 1)] + [1e7],
    }


def _model(name: str, terms: list[str], people: int = PEOPLE) -> None:
    data = {column: values[:people] for column, values in _people().items()}
    outputs.model(data, name, title="m", outcome="cost", terms=terms, unit="id")


def _saturated() -> None:
    frame = {"term": [f"g{i}" for i in range(1, 10)], "estimate": [1.0] * 9}
    outputs.regression(
        frame, "m", title="m", term="term", estimates=["estimate"], n=60, df=50, method="linear",
        design={"group": [f"g{i // 6}" for i in range(60)]},
    )  # fmt: skip


def _degrees() -> None:
    frame = {"term": ["a", "b"], "estimate": [1.0, 2.0]}
    outputs.regression(
        frame, "m", title="m", term="term", estimates=["estimate"], n=14, df=2, method="linear"
    )


def _survival() -> None:
    frame = {
        "id": list(range(60)),
        "days": [float(i) for i in range(60)],
        "died": [i % 3 == 0 for i in range(60)],
    }
    outputs.survival(frame, "km", title="km", time="days", event="died", unit="id", every=1)


def _plain_curve() -> None:
    frame = {"day": [1, 5, 9, 12, 30], "n": [200] * 5, "s": [1.0, 0.995, 0.985, 0.97, 0.9]}
    outputs.table(
        frame,
        "km",
        title="km",
        dimensions=["day"],
        counts=["n"],
        statistics={"s": {"kind": "ratio", "n": "n"}},
    )


def _two_way(name: str, cells: list[int | str], totals: bool = False) -> None:
    rows = ["a", "a", "b", "b"] + (["All", "All"] if totals else [])
    columns = ["F", "M"] * (3 if totals else 2)
    outputs.table(
        {"group": rows, "sex": columns, "n": cells}, name, title=name, dimensions=["group", "sex"], counts=["n"],
        total_rows={"group": "All"} if totals else None,
    )  # fmt: skip


def _hidden_block() -> None:
    h = outputs.HIDDEN
    frame = {
        "row": [r for r in ("r0", "r1", "r2", "All") for _ in range(4)],
        "column": ["c0", "c1", "c2", "All"] * 4,
        "n": [h, 50, 60, 113, 40, h, 70, 114, 80, 90, h, 175, 123, 144, 135, 402],
    }
    totals = {"row": "All", "column": "All"}
    outputs.table(frame, "t", title="t", dimensions=["row", "column"], counts=["n"], total_rows=totals)


def _part(name: str, part: list[int], declared: bool) -> None:
    frame = {"ward": ["a", "b", "c"], "people": [40, 50, 60], "ill": part}
    outputs.table(
        frame, name, title=name, dimensions=["ward"], counts=["people", "ill"],
        subset_of={"ill": "people"} if declared else None,
    )  # fmt: skip


def _percentage(share: list[float]) -> None:
    frame = {"ward": ["a", "b"], "n": [1000, 1000], "ill": [105, 200], "share": share}
    outputs.table(
        frame, "t", title="t", dimensions=["ward"], counts=["n", "ill"], subset_of={"ill": "n"},
        percentages={"share": ("ill", "n")},
    )  # fmt: skip


def _rows() -> None:
    frame = {"person": [str(10**7 + i) for i in range(40)], "n": [1] * 40}
    outputs.table(frame, "t", title="t", dimensions=["person"], counts=["n"])


def _totals(name: str, dimension: str, cells: list[int]) -> None:
    counts(name, {"x": cells[0], "y": cells[1], "All": sum(cells)}, "All", dimension)


H = outputs.HIDDEN
ONE = [1.0] * 28


def _withheld_otherwise() -> None:
    cells: dict[str, int | str] = {"a": 40, "b": H, "c": 25, "d": H, "All": 98}
    counts("one", cells, "All")
    counts("two", cells | {"b": 30, "c": H}, "All")


def _few_above_nought() -> None:
    _summary([0.0] * 997 + [5.0, 6.0, 7.0], "mean", decimals=4)


def _rate() -> None:
    frame = {"ward": ["a", "b"], "n": [1000, 2000], "rate": [0.003, 0.21]}
    outputs.table(
        frame, "t", title="t", dimensions=["ward"], counts=["n"], statistics={"rate": {"kind": "rate", "n": "n"}}
    )  # fmt: skip


def _shown_in_explore() -> Known:
    """448 people, 200 of group a; all of them but one were counted in Explore."""
    told = Groups(
        "7", "explore", np.array([0, 447]), np.arange(447), np.array([True]), np.array([445])
    )  # fmt: skip
    cell = np.repeat([0, 1], [200, 248])
    return Known([told], {"t": Cells([("a",), ("b",)], cell, np.arange(448))})


ATTACKS = [
    Attack("a count shown in Explore one person apart", frozenset({"difference"}),
           lambda: counts("t", {"a": 200, "b": 248, "All": 448}, "All"), rules=ROUNDED, known=_shown_in_explore),
    Attack("two tables of one request that withhold different cells", frozenset({"difference"}), _withheld_otherwise),
    Attack("rows in the order of their counts, small ones between", frozenset({"order"}),
           lambda: counts("t", {"d": 90, "b": 70, "f": H, "a": 40, "e": H, "c": 20})),
    Attack("a mean of which three people have a value", frozenset({"dominance"}), _few_above_nought),
    Attack("three events as a rate of a thousand people", frozenset({"rate"}), _rate),
    Attack("a small number in words", frozenset({"text"}),
           lambda: outputs.text("note", "Of these, three older patients died.")),
    Attack("a small count shown", frozenset({"threshold"}), lambda: counts("t", {"a": 3, "b": 200})),
    Attack("margin less the cells shown", frozenset({"derivable"}),
           lambda: counts("t", {"a": 40, "b": 30, "c": H, "All": 73}, "All")),
    Attack("two withheld cells whose sum is small", frozenset({"derivable"}),
           lambda: counts("t", {"a": 40, "b": H, "c": H, "All": 47}, "All")),
    Attack("a block of withheld cells with all margins", frozenset({"derivable"}), _hidden_block),
    Attack("a total with a small group outside its parts", frozenset({"remainder"}),
           lambda: counts("t", {"a": 40, "b": 30, "c": 25, "All": 98}, "All")),
    Attack("a total that is not declared", frozenset({"undeclared total"}),
           lambda: counts("t", {"a": 40, "b": H, "Total": 43})),
    Attack("margins in another table", frozenset({"derivable"}),
           both(lambda: _two_way("by_sex", [40, H, 50, 60]), lambda: counts("by_group", {"a": 44, "b": 110}))),
    Attack("the complement of a part", frozenset({"complement"}), lambda: _part("t", [36, 20, 25], True)),
    Attack("the complement of a part nobody declared", frozenset({"complement"}),
           lambda: _part("t", [37, 20, 25], False)),
    Attack("everybody of a group in one class", frozenset({"class"}), lambda: _part("t", [40, 20, 25], True)),
    Attack("a column of noughts: one class in two dimensions", frozenset({"class"}),
           lambda: _two_way("t", [40, 0, 50, 60])),
    Attack("two releases that differ by a person", frozenset({"difference"}),
           lambda: counts("t", {"a": 101, "b": 230}), lambda: counts("first", {"a": 100, "b": 230})),
    Attack("the same job repeated a month later", frozenset({"difference"}),
           lambda: counts("t", {"a": 107, "b": 238}), lambda: counts("t", {"a": 100, "b": 230})),
    Attack("two releases that withhold different cells", frozenset({"difference"}),
           lambda: counts("t", {"a": 40, "b": H, "c": 25, "d": H, "All": 98}, "All"),
           lambda: counts("t", {"a": 40, "b": 30, "c": 25, "d": 3, "All": 98}, "All")),
    Attack("two cohorts a person apart in one request", frozenset({"difference"}),
           both(lambda: counts("one", {"a": 100, "b": 230}), lambda: counts("two", {"a": 99, "b": 230}))),
    Attack("totals of two cohorts a few apart, split otherwise", frozenset({"difference"}),
           both(lambda: _totals("one", "sex", [120, 130]), lambda: _totals("two", "age", [100, 147]))),
    Attack("another project's table a person apart", frozenset({"difference"}),
           lambda: counts("t", {"a": 101, "b": 230}), lambda: counts("first", {"a": 100, "b": 230}), elsewhere=True),
    Attack("a percentile of three people", frozenset({"quantile", "statistic"}),
           lambda: _summary([4.0, 9.0, 30.0], "median", "quartiles")),
    Attack("a quartile of fifteen people", frozenset({"quantile"}),
           lambda: _summary([float(i) for i in range(15)], "quartiles")),
    Attack("a sum that one person makes", frozenset({"dominance"}), lambda: _summary([100.0] * 29 + [9e4], "sum")),
    Attack("a sum of two, each of whom can estimate the other", frozenset({"dominance"}),
           lambda: _summary([0.1] * 28 + [500.0, 450.0], "sum")),
    Attack("negative values that hide a large one", frozenset({"dominance"}),
           lambda: _summary([*ONE, -2000.0, 1000.0], "sum")),
    Attack("values that cancel to nought", frozenset({"dominance"}), lambda: _summary([*ONE, 5000.0, -5000.0], "mean")),
    Attack("a spread of one degree of freedom", frozenset({"degrees of freedom"}),
           lambda: _summary([float(i) for i in range(10)], "sd")),
    Attack("counts that are not rounded", frozenset({"rounding"}),
           lambda: counts("t", {"a": 101, "b": 203}), rules=ROUNDED),
    Attack("a sum and a mean that undo the rounding", frozenset({"rounding undone"}),
           lambda: _summary(np.linspace(20, 90, 83).tolist(), "mean", "sum", decimals=3), rules=ROUNDED),
    Attack("an interval and a deviation that undo the rounding", frozenset({"rounding undone"}),
           lambda: _summary(np.linspace(20, 90, 83).tolist(), "sd", "interval", decimals=3), rules=ROUNDED),
    Attack("a percentage of the true counts", frozenset({"percentage"}), lambda: _percentage([10.3, 20.0])),
    Attack("a survival curve with a step for each death", frozenset({"survival"}), _survival),
    Attack("a survival curve handed in as a ratio", frozenset({"survival"}), _plain_curve),
    Attack("a saturated model", frozenset({"saturated model"}), _saturated),
    Attack("a model of two degrees of freedom", frozenset({"degrees of freedom"}), _degrees),
    Attack("a term of three people in a model", frozenset({"model"}), lambda: _model("m", ["ward", "age"])),
    Attack("a record that decides its own fit", frozenset({"influence"}), lambda: _model("m", ["income"])),
    Attack("a model fitted again without one person", frozenset({"difference"}),
           both(lambda: _model("all", ["age"]), lambda: _model("without", ["age"], PEOPLE - 1))),
    Attack("records dressed as a table", frozenset({"row-level data"}), _rows),
    Attack("figures in a text", frozenset({"text"}),
           lambda: outputs.text("note", "There were 3 patients and 7 nurses.")),
]  # fmt: skip
