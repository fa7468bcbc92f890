"""What is known already (counts told in Explore, public tables, results) beside a table, person by person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate import outputs
from lockgate.disclosure import Rules, check_outputs, repair
from lockgate.disclosure.joint import Family
from lockgate.disclosure.known import Cells, Groups, Known, check_known, groups_of
from lockgate.disclosure.ledger import Asker, Ledger
from lockgate.disclosure.tables import Table
from lockgate.site import Site

RULES, EXACT = Rules(), Rules(threshold=4, rounding=1)
ANN = Asker("ann", "p1")


def question(people: Any, shown: int, *, told: bool = True, number: str = "7") -> Groups:
    members = np.array(sorted(people), dtype=np.int64)
    return Groups(
        number, "explore", np.array([0, len(members)]), members, np.array([told]), np.array([shown])
    )


def cells(**groups: Any) -> Cells:
    """Whom each cell counts, of a table of one dimension."""
    pairs = [(number, who) for number, people in enumerate(groups.values()) for who in people]
    cell, person = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Cells([(label,) for label in groups], cell, person)


def written(groups: dict[str, Any], name: str = "by_group", total: str | None = "All") -> Cells:
    """A table of the groups in the job's folder, and whom it counts."""
    rows = [(who, label) for label, people in groups.items() for who in people]
    frame = {"id": [who for who, _ in rows], "group": [label for _, label in rows]}
    outputs.counts(frame, name, title=name, unit="id", by=["group"], total=total)
    return cells(**groups)


def test_a_total_and_a_count_shown_in_explore_one_person_apart(job: Path, tmp_path: Path) -> None:
    """The attacker asks for everybody but one person in Explore, then has the whole counted in a job."""
    groups = {"a": range(200), "b": range(200, 448)}
    known = Known([question(range(447), 445)], {"by_group": written(groups)})
    assert not [f for v in check_outputs(job, RULES) for f in v.findings if f.rule == "difference"]
    found = [f for v in check_outputs(job, RULES, known=known) for f in v.findings if f.rule == "difference"]
    assert [(f.where, f.message, f.severity) for f in found] == [
        (
            "group = All; column n",
            "1 to 9 people away from a count shown in Explore (question 7)",
            "fail",
        )
    ]
    fixed = repair(job, tmp_path / "safe", RULES, known=known)
    assert not fixed.left_out and all(v.decision == "pass" for v in fixed.verdicts)
    rows = (tmp_path / "safe" / "by_group.csv").read_text().splitlines()[1:]
    hidden = {row.split(",")[0] for row in rows if row.endswith("[c]")}
    assert "All" in hidden and len(hidden) == 2, "a part too, else the parts would tell it"


def test_the_same_people_are_no_difference_nor_is_what_rounding_shows_alike(job: Path) -> None:
    groups = {"a": range(200), "b": range(200, 446)}
    told = [question(range(446), 445), question(range(199), 200, number="8"), question(range(500, 900), 400)]
    known = Known(told, {"by_group": written(groups)})
    assert not [
        f for v in check_outputs(job, RULES, known=known) for f in v.findings if f.rule == "difference"
    ]


@pytest.mark.parametrize(
    ("asked", "shown", "told", "message"),
    [
        (range(203), 205, True, "it leaves a group of 1 to 9 people"),
        (range(70), 70, True, "it leaves a group of 1 to 9 people"),
        (range(203), 0, False, "which it completes"),
    ],
)
def test_what_a_group_leaves_beside_an_explore_count(
    job: Path, asked: range, shown: int, told: bool, message: str
) -> None:
    """All in the group but three; the group that is all but seven of what was asked; what Explore withheld."""
    groups = {"a": range(200), "b": range(203, 448)} if shown != 70 else {"a": range(63), "b": range(80, 448)}
    known = Known([question(asked, shown, told=told)], {"by_group": written(groups, total=None)})
    found = [f for v in check_outputs(job, RULES, known=known) for f in v.findings if f.rule == "difference"]
    assert found and all(f.where == "group = a; column n" for f in found)
    assert any(message in f.message or "away from" in f.message for f in found)


def test_a_withheld_cell_that_explore_told_fails(job: Path, one_way: Callable[..., Table]) -> None:
    """Thirty of a ward are withheld to keep three of another: the thirty were told before."""
    table = one_way([40, 30, 3])
    table.counts["n"].hidden[:] = [False, True, True, False]
    whom = Cells([("g0",), ("g1",), ("g2",)], np.repeat([0, 1, 2], [40, 30, 3]), np.arange(73))
    found = list(check_known(table, Known([question(range(40, 70), 30)], {"t": whom}), RULES))
    assert [(f.where, f.repairable) for f in found] == [("group = g1; column n", False)]


def test_public_tables_and_results_are_known_by_person_too(one_way: Callable[..., Table]) -> None:
    table = one_way([40, 33], False)
    whom = cells(g0=range(40), g1=range(40, 73))
    public = Family.of("ages", 100, [np.arange(47)], np.array([True]), np.array([45]))
    earlier = groups_of(one_way([36, 60], False), cells(g0=range(36), g1=range(500, 560)), "t of r1")
    said = [
        f.message for f in check_known(table, Known([Groups.of_family(public), *earlier], {"t": whom}), RULES)
    ]
    assert said[0] == "1 to 9 people away from a table that is public (ages)"
    assert any("released earlier (t of r1)" in message for message in said)


def test_a_table_that_nobody_knows_whom_it_counts_is_compared_by_its_totals(
    one_way: Callable[..., Table],
) -> None:
    table = one_way([200, 248])
    found = list(check_known(table, Known([question(range(447), 445)]), RULES))
    assert [(f.severity, f.where) for f in found] == [("review", "a total of n, t.csv")]
    assert not list(check_known(table, Known([question(range(200), 195)]), RULES)), "no cell by its number"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.lists(st.lists(st.integers(0, 59), min_size=1, max_size=40, unique=True), min_size=1, max_size=4),
)
def test_pairs_a_few_people_apart_are_found_exactly(of: list[int], asked: list[list[int]]) -> None:
    """Against sets: counts that are exact, every told row and every question."""
    groups = {f"g{n}": {who for who, group in enumerate(of) if group == n} for n in sorted(set(of))}
    groups["All"] = set(range(len(of)))
    table = _table({label: len(people) for label, people in groups.items()})
    whom = cells(**{label: people for label, people in groups.items() if label != "All"})
    told = [question(people, len(people), number=str(n)) for n, people in enumerate(asked)]
    expected = {
        (f"group = {label}; column n", f"1 to 3 people away from a count shown in Explore (question {n})")
        for label, people in groups.items()
        for n, those in enumerate(asked)
        if 0 < len(people ^ set(those)) < 4 and len(people) != len(those)
        if people & set(those)
    }
    found = {(f.where, f.message) for f in check_known(table, Known(told, {"t": whom}), EXACT)}
    assert {one for one in found if "away from" in one[1]} == expected


def _table(cells: dict[str, int]) -> Table:
    from lockgate.disclosure.manifest import TableEntry
    from lockgate.disclosure.tables import read_table

    entry = TableEntry.model_validate(
        {"kind": "table", "name": "t", "file": "t.csv", "title": "t", "rows": len(cells),
         "columns": [{"name": "group", "role": "dimension"}, {"name": "n", "role": "count"}],
         "totals": {"group": "All"}}
    )  # fmt: skip
    return read_table(entry, "group,n\n" + "".join(f"{label},{n}\n" for label, n in cells.items()))


def test_cells_that_share_people_are_parted() -> None:
    """Somebody of two wards: each cell is there once, and the total counts them once."""
    table = _table({"a": 30, "b": 30, "c": 20, "All": 70})
    whom = cells(a=range(30), b=range(20, 50), c=range(50, 70))
    found = groups_of(table, whom, "t")
    assert sorted(row for groups in found for row in groups.rows.tolist()) == [0, 1, 2, 3]
    sizes = {
        int(row): int(size) for groups in found for row, size in zip(groups.rows, groups.sizes, strict=True)
    }
    assert sizes == {0: 30, 1: 30, 2: 20, 3: 70}
    assert all(len(set(groups.members.tolist())) == len(groups.members) for groups in found)


def test_the_ledger_holds_questions_against_results_and_tells_what_a_project_knows(site: Site) -> None:
    ledger, everyone = Ledger(site), np.arange(1, 2001, dtype=np.int64)

    def ask(key: str, people: Any, asker: Asker = ANN) -> Any:
        return ledger.ask(
            key,
            np.array(people, dtype=np.int64),
            lambda: everyone,
            release="2026.1",
            asker=asker,
            rules=RULES,
        )

    first = ask("a", range(1, 301))
    assert ask("b", range(1, 298)).status == "held"
    stranger = ask("c", range(1, 401), Asker("ben", "p2"))
    told = {groups.name: groups for groups in ledger.told_to(ANN)}
    assert set(told) == {"1", str(first.question)}, "one's own, and how many the release has"
    assert str(stranger.question) in {groups.name for groups in ledger.told_to(Asker("cat", "p2"))}
    assert set(ledger.told_to(Asker("", "p2"))[0].members) == set(range(2000)), "places, not ids"

    places = ledger.places(np.arange(1001, 1101, dtype=np.int64))
    released = Groups("t of r1", "released", np.array([0, 100]), places, np.array([True]), np.array([100]))
    ledger.release("r1", [released], actor="test")
    near = ask("d", range(1001, 1100))
    assert (near.status, near.people) == ("held", 100), "everybody knows the result"
    rest = ask("e", range(1001, 1104), Asker("ben", "p2"))
    assert (rest.status, rest.people) == ("held", 100)
    kept = ledger.told_to(Asker("dan"))[-1]
    assert (kept.name, kept.members.tolist()) == ("t of r1", places.tolist())
    assert [entry.detail["surface"] for entry in site.audit.entries("ledger.released")] == ["r1"]
