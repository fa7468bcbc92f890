"""Survival curves, regressions, maps and cohorts a person apart: what would tell of few people is stopped."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lockgate import outputs
from lockgate.disclosure import Rules, check_outputs, prepare, repair

Found = Callable[..., dict[str, set[str]]]
EXACT = Rules(rounding=1)


def watched(n: int = 400, groups: int = 2) -> dict[str, list[object]]:
    rng = np.random.default_rng(3)
    days = np.minimum(rng.exponential(500, n).round() + 1, 365)
    return {
        "id": list(range(n)),
        "days": days.tolist(),
        "died": (days < 365).tolist(),
        "sex": ["FMX"[i % groups] for i in range(n)],
    }


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_a_curve_is_mended_by_merging_its_steps(job: Path, found: Found) -> None:
    outputs.survival(
        watched(), "km", title="km", time="days", event="died", unit="id", every=7, by="sex", until=360
    )
    assert "survival" in found()["km.csv"]
    fixed = repair(job, job.parent / "safe")
    assert {v.decision for v in fixed.verdicts} == {"pass"}, [
        f.as_dict() for v in fixed.verdicts for f in v.findings
    ]
    rows = read(job.parent / "safe" / "km.csv")
    assert 4 < len(rows) < 60
    assert all(int(r["events"]) % 5 == 0 and int(r["events"]) != 5 for r in rows)
    curve, sex = 1.0, ""
    for r in rows:  # a reader who has the counts has the curve: it tells no more
        curve = 1.0 if r["sex"] != sex else curve
        sex = r["sex"]
        curve *= 1 - int(r["events"]) / (int(r["at_risk"]) - int(r["censored"]) / 2)
        assert abs(curve - float(r["survival"])) < 1e-4
        assert float(r["low"]) <= float(r["survival"]) <= float(r["high"])
    assert any("merged" in note for note in fixed.done["km.csv"])


def test_a_curve_of_true_counts_beside_rounded_ones_is_refused(job: Path, found: Found) -> None:
    """The counts are rounded, the curve isn't: its steps give the counts back."""
    outputs.survival(watched(), "km", title="km", time="days", event="died", unit="id", every=90)
    assert repair(job, job.parent / "safe").verdicts
    rows = read(job.parent / "safe" / "km.csv")
    rows[1]["survival"] = str(float(rows[1]["survival"]) - 0.003)
    (job.parent / "safe" / "km.csv").write_text(
        "\n".join([",".join(rows[0]), *(",".join(r.values()) for r in rows)]) + "\n"
    )
    verdicts = {v.file: {f.rule for f in v.findings} for v in check_outputs(job.parent / "safe")}
    assert {"survival", "changed"} <= verdicts["km.csv"]


def test_a_curve_handed_in_as_a_plain_statistic(job: Path, found: Found) -> None:
    frame = {"day": [1, 5, 9, 12, 30], "n": [200] * 5, "s": [1.0, 0.995, 0.985, 0.97, 0.9]}
    outputs.table(
        frame,
        "km",
        title="km",
        dimensions=["day"],
        counts=["n"],
        statistics={"s": {"kind": "ratio", "n": "n"}},
    )
    assert found(EXACT)["km.csv"] == {"survival"}


def test_a_curve_of_few_people_is_left_out(job: Path) -> None:
    frame = {"id": list(range(14)), "days": [float(i) for i in range(14)], "died": [True] * 7 + [False] * 7}
    outputs.survival(frame, "km", title="km", time="days", event="died", unit="id", every=2)
    assert "too few people" in repair(job, job.parent / "safe").left_out["km.csv"]


def test_greenwood_and_the_life_table_as_by_hand(job: Path) -> None:
    """Three intervals: 100 people, 20 deaths and 10 censored, then 10 and 0, then 0 and the rest."""
    days = [1.0] * 30 + [2.0] * 10 + [3.0] * 60
    died = [True] * 20 + [False] * 10 + [True] * 10 + [False] * 60
    outputs.survival(
        {"i": list(range(100)), "d": days, "e": died}, "t", title="t", time="d", event="e", unit="i", every=1
    )
    rows = read(job / "t.csv")
    assert [(r["at_risk"], r["events"], r["censored"]) for r in rows] == [
        ("100", "20", "10"), ("70", "10", "0"), ("60", "0", "60"),
    ]  # fmt: skip
    assert float(rows[0]["survival"]) == pytest.approx(1 - 20 / 95, abs=1e-4)
    assert float(rows[2]["survival"]) == pytest.approx((1 - 20 / 95) * (1 - 10 / 70), abs=1e-4)


def people(n: int = 300) -> dict[str, list[object]]:
    rng = np.random.default_rng(8)
    age = rng.normal(60, 12, n)
    sex = rng.integers(0, 2, n)
    ill = rng.random(n) < 1 / (1 + np.exp(4 - 0.05 * age - 0.5 * sex))
    return {
        "id": list(range(n)),
        "age": age.tolist(),
        "sex": ["FM"[s] for s in sex],
        "ill": ill.astype(int).tolist(),
        "cost": (100 + 3 * age + 50 * sex + rng.normal(0, 20, n)).tolist(),
    }


def test_a_model_with_its_evidence_passes_by_rule(job: Path, found: Found) -> None:
    data = people()
    outputs.model(data, "cost", title="m", outcome="cost", terms=["age", "sex"], unit="id")
    outputs.model(data, "ill", title="m", outcome="ill", terms=["age", "sex"], unit="id", family="logistic")
    assert {v.decision for v in check_outputs(job) if v.file != "outputs.json"} == {"pass"}
    rows = {r["term"]: r for r in read(job / "cost.csv")}
    design = np.column_stack([np.ones(300), data["age"], [s == "F" for s in data["sex"]]]).astype(float)
    known = "sex: F against M" if "sex: F against M" in rows else "sex: M against F"
    if known == "sex: M against F":
        design[:, 2] = 1 - design[:, 2]
    beta, *_ = np.linalg.lstsq(design, np.array(data["cost"], dtype=float), rcond=None)
    assert float(rows["age"]["estimate"]) == pytest.approx(beta[1], abs=1e-3)
    assert float(rows[known]["estimate"]) == pytest.approx(beta[2], abs=1e-3)
    files = prepare(job, job.parent / "public", accepted=["outputs.json"])
    assert "rarest" not in files[-1].read_text()


def test_logistic_coefficients_solve_the_score_equations(job: Path) -> None:
    data = people()
    outputs.model(
        data, "ill", title="m", outcome="ill", terms=["age"], unit="id", family="logistic", decimals=9
    )
    slope = float(read(job / "ill.csv")[0]["estimate"])
    age, ill = np.array(data["age"], dtype=float), np.array(data["ill"], dtype=float)
    low, high = -20.0, 20.0  # the intercept that fits the total, for this slope
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if (1 / (1 + np.exp(-middle - slope * age))).sum() < ill.sum() else (low, middle)
        )
    residual = ill - 1 / (1 + np.exp(-low - slope * age))
    assert abs((residual * age).sum()) < 1e-3


def test_a_category_of_three_people(job: Path, found: Found) -> None:
    data = people()
    data["ward"] = ["a"] * 150 + ["b"] * 147 + ["c"] * 3
    outputs.model(data, "m", title="m", outcome="cost", terms=["ward", "age"], unit="id")
    assert "model" in found()["m.csv"]


def test_a_record_that_decides_its_own_fit(job: Path, found: Found) -> None:
    data = people()
    data["income"] = [1.0 + i % 7 for i in range(299)] + [1e7]
    outputs.model(data, "m", title="m", outcome="cost", terms=["income"], unit="id")
    assert found()["m.csv"] == {"influence"}


def test_a_saturated_model_gives_means_back(job: Path, found: Found) -> None:
    data = people(60)
    group = [f"g{i // 6}" for i in range(60)]
    frame = {"term": [f"g{i}" for i in range(1, 10)], "estimate": [1.0] * 9}
    outputs.regression(
        frame, "m", title="m", term="term", estimates=["estimate"], n=60, df=50, method="linear",
        design={"group": group},
    )  # fmt: skip
    assert {"saturated model", "model"} <= found()["m.csv"]
    outputs.regression(
        frame, "liar", title="m", term="term", estimates=["estimate"], n=60, df=58, method="linear",
        design={"age": data["age"]},
    )  # fmt: skip
    assert "degrees of freedom" in found()["liar.csv"]


def test_a_model_fitted_again_without_one_person(job: Path, found: Found) -> None:
    data = people()
    outputs.model(data, "all", title="m", outcome="cost", terms=["age"], unit="id")
    outputs.model(
        {k: v[:-1] for k, v in data.items()}, "without", title="m", outcome="cost", terms=["age"], unit="id"
    )
    assert found()["without.csv"] == {"difference"}


def test_two_cohorts_a_person_apart_in_one_request(
    job: Path, counts: Callable[..., None], found: Found
) -> None:
    counts("cohort", {"a": 100, "b": 230})
    counts("cohort_without", {"a": 99, "b": 230})
    assert found(EXACT)["cohort_without.csv"] == {"difference"}
    fixed = repair(job, job.parent / "safe", EXACT)
    assert {v.decision for v in fixed.verdicts} == {"pass"}
    assert (job.parent / "safe" / "cohort_without.csv").read_text() == "group,n\na,[c]\nb,230\n"


def test_totals_of_tables_that_are_split_otherwise(job: Path, found: Found) -> None:
    by_sex = {"sex": ["F", "M", "All"], "n": [120, 130, 250]}
    by_age = {"age": ["<50", "50+", "All"], "n": [100, 147, 247]}
    outputs.table(by_sex, "by_sex", title="t", dimensions=["sex"], counts=["n"], total_rows={"sex": "All"})
    outputs.table(by_age, "by_age", title="t", dimensions=["age"], counts=["n"], total_rows={"age": "All"})
    assert found(EXACT) == {"by_sex.csv": set(), "by_age.csv": {"difference"}, "outputs.json": set()}


def test_what_another_project_released_is_asked_about(job: Path, counts: Callable[..., None]) -> None:
    counts("first", {"a": 100, "b": 230})
    repair(job, job.parent / "theirs", EXACT)
    for name in ("outputs.json", "first.csv"):
        (job / name).unlink()
    counts("mine", {"a": 103, "b": 230})
    (verdict,) = (
        v for v in check_outputs(job, EXACT, elsewhere=[job.parent / "theirs"]) if v.file == "mine.csv"
    )
    assert verdict.decision == "review"
    assert {f.rule for f in verdict.findings} == {"difference"}


def test_a_map_is_drawn_from_its_table(job: Path) -> None:
    frame = {"area": ["North", "East", "South", "West"], "n": [40, 3, 55, 60]}
    outputs.table(frame, "areas", title="Areas", dimensions=["area"], counts=["n"])
    places = {"North": (1, 0), "East": (2, 1), "South": (1, 2), "West": (0, 1)}
    outputs.chart("areas", "map", kind="map", x="area", y="n", title="Where", places=places)
    assert {v.file: v.decision for v in check_outputs(job)}["map"] == "fail"
    repair(job, job.parent / "safe")
    svg = {p.name: p for p in prepare(job.parent / "safe", job.parent / "public")}["map.svg"].read_text()
    assert svg.count("[c]") >= 2 and ">55<" in svg and ">3<" not in svg and "<title" in svg
    with pytest.raises(outputs.OutputError, match="a place of its own"):
        outputs.chart(
            "areas", "m2", kind="map", x="area", y="n", title="t", places={"North": (1, 0), "East": (1, 0)}
        )
