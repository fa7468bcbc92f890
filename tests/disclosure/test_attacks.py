"""A library of attacks: each is tried on outputs as a job writes them, and stopped with its reason."""

from __future__ import annotations

import base64
import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockgate import outputs
from lockgate.disclosure import Rules, check_outputs, check_table, prepare, repair, repair_table
from lockgate.disclosure.tables import Table, write_csv
from lockgate.errors import Refused

Found = Callable[..., dict[str, set[str]]]
EXACT = Rules(rounding=1)


def test_margin_gives_a_single_withheld_cell_away(one_way: Callable[..., Table]) -> None:
    table = one_way([40, 30, 25, 3])
    n = table.counts["n"]
    n.hidden[3], n.values[3] = True, 0
    assert "derivable" in {f.rule for f in check_table(table, EXACT)}
    fixed = repair_table(one_way([40, 30, 25, 3]), EXACT)
    assert fixed.counts["n"].hidden.tolist() == [False, False, True, True, False]
    assert not check_table(fixed, EXACT)


def test_two_withheld_cells_whose_sum_is_small(one_way: Callable[..., Table]) -> None:
    """3 and 4 withheld: the margin says that both together are 7, so neither is 9."""
    fixed = repair_table(one_way([40, 30, 4, 3]), EXACT)
    assert fixed.counts["n"].hidden.tolist() == [False, True, True, True, False]


def test_withheld_cells_in_a_block_with_all_margins(two_way: Callable[..., Table]) -> None:
    inner = np.array([[3, 50, 60], [40, 4, 70], [80, 90, 5]])
    table = two_way(inner)
    n = table.counts["n"]
    small = (n.values > 0) & (n.values < 10)
    n.hidden, n.values = small, np.where(small, 0, n.values)
    assert sum(f.rule == "derivable" for f in check_table(table, EXACT)) == 3
    assert not check_table(repair_table(two_way(inner), EXACT), EXACT)


def test_total_less_its_parts_is_a_small_group(one_way: Callable[..., Table]) -> None:
    assert {f.rule for f in check_table(one_way([40, 30, 25], total=98), EXACT)} == {"remainder"}
    assert not check_table(one_way([40, 30, 25], total=115), EXACT)


def test_complement_within_a_row(job: Path, found: Found) -> None:
    frame = {"ward": ["a", "b", "c"], "people": [40, 50, 60], "with_event": [36, 20, 60]}
    outputs.table(
        frame, "events", title="events", dimensions=["ward"], counts=["people", "with_event"],
        subset_of={"with_event": "people"},
    )  # fmt: skip
    assert {"complement", "class"} <= found(EXACT)["events.csv"]
    refusing = Rules(rounding=1, class_disclosure="refuse")
    fixed = repair(job, job.parent / "safe", refusing)
    assert [v.decision for v in fixed.verdicts] == ["pass", "pass"]
    text = (job.parent / "safe" / "events.csv").read_text().splitlines()
    assert text[1:] == ["a,40,[c]", "b,50,20", "c,60,[c]"]


def test_complement_that_nobody_declared(job: Path, found: Found) -> None:
    frame = {"ward": ["a", "b"], "people": [40, 50], "alive": [37, 20]}
    outputs.table(frame, "t", title="t", dimensions=["ward"], counts=["people", "alive"])
    assert "complement" in found(EXACT)["t.csv"]


def test_difference_of_two_releases(job: Path, counts: Callable[..., None], found: Found) -> None:
    counts("first", {"a": 100, "b": 200})
    released = repair(job, job.parent / "r1", EXACT)
    assert {v.decision for v in released.verdicts} == {"pass"}
    job.joinpath("outputs.json").unlink()
    job.joinpath("first.csv").unlink()
    counts("second", {"a": 101, "b": 230})
    assert found(EXACT, earlier=[job.parent / "r1"])["second.csv"] == {"difference"}
    fixed = repair(job, job.parent / "r2", EXACT, earlier=[job.parent / "r1"])
    assert {v.decision for v in fixed.verdicts} == {"pass"}
    assert (job.parent / "r2" / "second.csv").read_text() == "group,n\na,[c]\nb,230\n"


def test_the_same_data_again_is_no_difference(job: Path, counts: Callable[..., None], found: Found) -> None:
    counts("first", {"a": 101, "b": 203})
    repair(job, job.parent / "r1")
    files = prepare(job.parent / "r1", job.parent / "public")
    assert files[-1].name == "result.json"
    assert "difference" not in found(Rules(), earlier=[job.parent / "public"])["first.csv"]


def test_two_releases_that_withhold_different_cells(job: Path, one_way: Callable[..., Table]) -> None:
    """The first hides g3 and g2, the second g3 and g1: together they leave only g3, which its total then gives."""
    first = repair_table(one_way([40, 30, 25, 3]), EXACT)
    second = one_way([40, 30, 25, 3])
    n = second.counts["n"]
    n.hidden[[1, 3]] = True
    n.values[[1, 3]] = 0
    assert not check_table(second, EXACT)
    assert {f.rule for f in check_table(second, EXACT, [first])} == {"difference"}
    mended = repair_table(second, EXACT, [first])
    assert not check_table(mended, EXACT, [first])


def test_a_margin_that_stands_in_another_table(job: Path, found: Found) -> None:
    inner = {"group": ["a", "a", "b", "b"], "sex": ["F", "M", "F", "M"], "n": [40, outputs.HIDDEN, 50, 60]}
    outputs.table(inner, "by_sex", title="t", dimensions=["group", "sex"], counts=["n"])
    assert "derivable" not in found(EXACT)["by_sex.csv"]
    outputs.table(
        {"group": ["a", "b"], "n": [44, 110]}, "by_group", title="t", dimensions=["group"], counts=["n"]
    )
    assert "derivable" in found(EXACT)["by_sex.csv"]


def test_totals_of_other_people_in_another_table_do_no_harm(job: Path) -> None:
    frame = {"group": ["a", "a", "b", "b"], "sex": ["F", "M", "F", "M"], "n": [40, 4, 50, 60]}
    outputs.table(frame, "ill", title="t", dimensions=["group", "sex"], counts=["n"])
    outputs.table(
        {"group": ["a", "b"], "n": [30, 900]}, "others", title="t", dimensions=["group"], counts=["n"]
    )
    fixed = repair(job, job.parent / "safe", EXACT)
    assert {v.decision for v in fixed.verdicts} == {"pass"} and not fixed.left_out


def test_repair_minds_margins_in_another_table(job: Path) -> None:
    inner = {"group": ["a", "a", "a", "b", "b"], "age": [1, 2, 3, 1, 2], "n": [40, 4, 30, 50, 60]}
    outputs.table(inner, "inner", title="t", dimensions=["group", "age"], counts=["n"])
    outputs.table(
        {"group": ["a", "b"], "n": [74, 110]}, "outer", title="t", dimensions=["group"], counts=["n"]
    )
    fixed = repair(job, job.parent / "safe", EXACT)
    assert {v.decision for v in fixed.verdicts} == {"pass"}
    assert (job.parent / "safe" / "inner.csv").read_text().splitlines()[1:4] == [
        "a,1,40",
        "a,2,[c]",
        "a,3,[c]",
    ]


def test_percentile_of_three_people(job: Path, found: Found) -> None:
    people = {"id": [1, 2, 3], "stay": [4.0, 9.0, 30.0]}
    outputs.summary(people, "stay", title="stay", value="stay", unit="id", statistics=["median", "quartiles"])
    assert {"threshold", "statistic"} <= found()["stay.csv"]
    more = {"id": list(range(15)), "stay": [float(i) for i in range(15)]}
    outputs.summary(more, "stay15", title="stay", value="stay", unit="id", statistics=["median", "quartiles"])
    assert found()["stay15.csv"] == {"quantile"}


def test_one_person_makes_up_a_sum(job: Path, found: Found) -> None:
    people = {"id": list(range(30)), "cost": [100.0] * 29 + [90_000.0]}
    outputs.summary(people, "cost", title="cost", value="cost", unit="id", statistics=["sum", "mean"])
    assert "dominance" in found()["cost.csv"]
    repair(job, job.parent / "safe")
    assert (job.parent / "safe" / "cost.csv").read_text().splitlines()[1] == "30,[c],[c]"


def test_negative_values_dont_hide_a_dominant_person(job: Path, found: Found) -> None:
    """Signed shares would be 0.02; by absolute value one person is most of it."""
    people = {"id": list(range(30)), "change": [1.0] * 28 + [-2_000.0, 1_000.0]}
    outputs.summary(people, "change", title="change", value="change", unit="id", statistics=["sum"])
    assert "dominance" in found()["change.csv"]


def test_a_dominated_part_follows_from_its_total(job: Path, found: Found) -> None:
    people = {
        "id": list(range(60)),
        "site": ["a"] * 20 + ["b"] * 20 + ["c"] * 20,
        "cost": [10.0 + i for i in range(59)] + [9_000.0],
    }
    outputs.summary(
        people, "cost", title="c", by=["site"], value="cost", unit="id", statistics=["sum"], total="All"
    )
    repair(job, job.parent / "safe")
    rows = [line.split(",") for line in (job.parent / "safe" / "cost.csv").read_text().splitlines()[1:]]
    assert [row[2] for row in rows][2:] == ["[c]", "[c]"]


def test_percentages_of_the_unrounded_counts(job: Path, found: Found) -> None:
    frame = {
        "ward": ["a", "b"],
        "n": [200, 300],
        "events": [50, 100],
        "share": [100 * 52 / 203, 100 * 99 / 301],
    }
    outputs.table(
        frame,
        "p",
        title="p",
        dimensions=["ward"],
        counts=["n", "events"],
        percentages={"share": ("events", "n")},
    )
    assert found()["p.csv"] == {"percentage"}
    repair(job, job.parent / "safe")
    assert (job.parent / "safe" / "p.csv").read_text().splitlines()[1:] == ["a,200,50,25.0", "b,300,100,33.3"]


def test_saturated_model(job: Path, found: Found) -> None:
    frame = {"term": ["age", "sex"], "estimate": [1.5, 2.5]}
    outputs.regression(
        frame, "m", title="m", term="term", estimates=["estimate"], n=14, df=2, method="linear"
    )
    assert found()["m.csv"] == {"degrees of freedom", "model"}
    outputs.regression(
        frame, "m2", title="m", term="term", estimates=["estimate"], n=140, df=130, method="linear"
    )
    assert found()["m2.csv"] == {"model"}  # a person is asked: it brings no evidence


def test_statistics_that_give_the_unrounded_count_back(job: Path, found: Found) -> None:
    """n = sum / mean, and n = (t sd / half the interval) squared, where the decimals are many."""
    rng = np.random.default_rng(8)
    people = {"id": list(range(83)), "age": rng.normal(50, 10, 83).tolist()}
    outputs.summary(people, "sums", title="t", value="age", unit="id", statistics=["mean", "sum"], decimals=3)
    outputs.summary(
        people, "widths", title="t", value="age", unit="id", statistics=["sd", "interval"], decimals=3
    )
    outputs.summary(
        people, "coarse", title="t", value="age", unit="id", statistics=["sd", "interval"], decimals=1
    )
    rules = found()
    assert "rounding undone" in rules["sums.csv"] & rules["widths.csv"]
    assert "rounding undone" not in rules["coarse.csv"] | found(EXACT)["sums.csv"]
    assert {v.decision for v in repair(job, job.parent / "safe").verdicts} == {"pass"}
    n, mean, total = (job.parent / "safe" / "sums.csv").read_text().splitlines()[1].split(",")
    assert (n, total) == ("85", "[c]") and mean != "[c]"


def test_records_dressed_as_a_table(job: Path, found: Found) -> None:
    frame = {
        "person": [str(10**7 + i) for i in range(40)],
        "n": [1] * 40,
        "age": [40.0 + i for i in range(40)],
    }
    outputs.table(
        frame,
        "t",
        title="t",
        dimensions=["person"],
        counts=["n"],
        statistics={"age": {"kind": "mean", "n": "n"}},
    )
    assert "row-level data" in found()["t.csv"]
    assert "t.csv" in repair(job, job.parent / "safe").left_out


def hidings(i: int) -> dict[str, bytes]:
    big, little = struct.pack(">q", i), struct.pack("<q", i)
    return {
        "digits": str(i).encode(),
        "with commas": f"{i:,}".encode(),
        "over two cells": f"{str(i)[:9]},{str(i)[9:]}".encode(),
        "one digit a line": "\n".join(str(i)).encode(),
        "within digits": f"77{i}88".encode(),
        "backwards": str(i)[::-1].encode(),
        "as a float": repr(float(i)).encode(),
        "as fifteen digits": f"{float(i):.14e}".encode(),
        "hexadecimal": hex(i).encode(),
        "hexadecimal, little-endian": little.hex().encode(),
        "hexadecimal with spaces": " ".join(f"{b:02x}" for b in big).encode(),
        "hexadecimal of the digits": str(i).encode().hex().encode(),
        "base64 of the digits": base64.b64encode(str(i).encode()),
        "base64 of the bytes": base64.b64encode(big),
        "base64 for addresses": base64.urlsafe_b64encode(b"x" + little).rstrip(b"="),
        "base64 twice": base64.b64encode(base64.b64encode(str(i).encode())),
        "base32": base64.b32encode(str(i).encode()),
        "zlib in base64": base64.b64encode(zlib.compress(str(i).encode())),
        "gzip in base64": base64.b64encode(gzip.compress(b"person " + str(i).encode())),
    }


@pytest.mark.parametrize("how", list(hidings(2**61)))
def test_pseudonyms_in_any_encoding(how: str, data: tuple[Path, int], job: Path) -> None:
    folder, person = data
    outputs.text("note", f"Findings {hidings(person)[how].decode()} end")
    verdict = {v.file: v for v in check_outputs(job, pseudonyms=folder)}["note.md"]
    assert verdict.decision == "fail"
    found = [f for f in verdict.findings if f.rule == "pseudonym"]
    assert found, how
    assert all(str(person) not in str(f.as_dict()) for f in found)


def test_a_pseudonym_as_label_title_or_file_name(data: tuple[Path, int], job: Path) -> None:
    folder, person = data
    outputs.table(
        {"group": [str(person)], "n": [20]}, "t", title=f"for {person}", dimensions=["group"], counts=["n"]
    )
    verdicts = {v.file: v for v in check_outputs(job, pseudonyms=folder)}
    assert {"t.csv", "outputs.json"} <= {
        n for n, v in verdicts.items() if any(f.rule == "pseudonym" for f in v.findings)
    }


def test_nothing_leaves_unchecked(job: Path, counts: Callable[..., None]) -> None:
    counts("small", {"a": 3, "b": 200})
    with pytest.raises(Refused) as refused:
        prepare(job, job.parent / "public")
    assert any("threshold" in reason for reason in refused.value.reasons)
    assert not (job.parent / "public").exists()


def test_above_two_dimensions_totals_over_a_withheld_cell_go_too(job: Path) -> None:
    rows: list[dict[str, Any]] = []
    for a in ("x", "y"):
        for b in ("x", "y"):
            for c in ("x", "y"):
                rows.append({"a": a, "b": b, "c": c, "n": 4 if (a, b, c) == ("x", "x", "x") else 50})
    for a in ("x", "y"):
        rows.append({"a": a, "b": "All", "c": "All", "n": sum(r["n"] for r in rows[:8] if r["a"] == a)})
    rows.append({"a": "All", "b": "All", "c": "All", "n": 354})
    outputs.table(
        rows,
        "t",
        title="t",
        dimensions=["a", "b", "c"],
        counts=["n"],
        total_rows={"a": "All", "b": "All", "c": "All"},
    )
    fixed = repair(job, job.parent / "safe", EXACT)
    assert {v.decision for v in fixed.verdicts} == {"pass"}
    lines = (job.parent / "safe" / "t.csv").read_text().splitlines()
    assert [line for line in lines if line.endswith("[c]")] == [
        "x,x,x,[c]",
        "x,All,All,[c]",
        "All,All,All,[c]",
    ]


def test_a_missing_group_is_a_row_of_its_own(job: Path) -> None:
    people = {
        "id": list(range(60)),
        "ethnicity": ["A"] * 30 + [None] * 30,
        "age": [float(40 + i % 9) for i in range(60)],
    }
    outputs.summary(people, "t", title="t", by=["ethnicity"], value="age", unit="id", statistics=["mean"])
    repair(job, job.parent / "safe")
    labels = [line.split(",")[0] for line in (job.parent / "safe" / "t.csv").read_text().splitlines()]
    assert labels == ["ethnicity", "A", "Not stated", "All"]


def test_written_csv_reads_back_the_same(one_way: Callable[..., Table]) -> None:
    fixed = repair_table(one_way([40, 30, 4, 3]), Rules())
    assert write_csv(fixed).splitlines()[3] == "g2,[c]"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", " +n", "@n", "-n"])
def test_a_column_name_that_a_spreadsheet_runs(job: Path, found: Found, name: str) -> None:
    frame = {"ward": ["a", "b"], name: [40, 50]}
    outputs.table(frame, "wards", title="Wards", dimensions=["ward"], counts=[name])
    assert "formula" in found()["wards.csv"]


def test_labels_of_letters_and_digits_mixed_look_like_identifiers(job: Path, found: Found) -> None:
    labels = [np.base_repr(2**61 + 7919 * i, 36) for i in range(30)]
    outputs.table(
        {"group": labels, "n": [20] * 30}, "groups", title="Groups", dimensions=["group"], counts=["n"]
    )
    assert "row-level data" in found()["groups.csv"]
