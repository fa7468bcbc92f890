"""Each rule by itself: a table of cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockgate.disclosure import (
    Rules,
    dominated,
    is_small,
    model_reasons,
    quantile_unsafe,
    round_counts,
    safe_count,
)
from lockgate.disclosure.core import differs_by_few, full_classes, percentage, shown_bounds
from lockgate.disclosure.patterns import identifying
from lockgate.errors import UsageError

RULES = Rules()


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (0, 0),
        (1, "<10"),
        (9, "<10"),
        (10, 10),
        (12, 10),
        (13, 15),
        (100, 100),
        (1_002, 1_000),
        (1_003, 1_005),
    ],
)
def test_safe_count(n: int, shown: str | int) -> None:
    assert safe_count(n) == shown


def test_safe_count_by_policy() -> None:
    assert safe_count(0, Rules(zeros="suppress")) == "<10"
    assert safe_count(7, Rules(threshold=5, rounding=1)) == 7
    with pytest.raises(ValueError, match="negative"):
        safe_count(-1)


@pytest.mark.parametrize("base", [1, 2, 3, 5, 7, 10])
def test_rounding_is_to_the_nearest_and_its_bounds_are_exact(base: int) -> None:
    rules = Rules(threshold=2, rounding=base)
    counts = np.arange(0, 200)
    shown = round_counts(counts, rules)
    assert (shown % base == 0).all()
    assert (np.abs(shown - counts) * 2 <= base).all()
    for value in set(shown.tolist()):
        low, high = shown_bounds([value], rules)
        behind = [
            int(n) for n in counts if round_counts([n], rules)[0] == value and (n >= 2 or value == n == 0)
        ]
        if behind and max(behind) < 190 and value:
            assert (int(low[0]), int(high[0])) == (min(behind), max(behind))


def test_small_counts_and_zeros() -> None:
    assert is_small([0, 1, 9, 10], RULES).tolist() == [False, True, True, False]
    assert is_small([0, 1, 9, 10], Rules(zeros="suppress")).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("largest", "second", "rules", "expected"),
    [
        (0.10, 0.10, RULES, False),
        (0.51, 0.01, RULES, True),  # (1, 50)
        (0.49, 0.48, RULES, True),  # p %: the rest, .03, is less than 10 % of .49
        (0.40, 0.30, RULES, False),
        (0.40, 0.30, Rules(dominance_n=2, dominance_k=60), True),
        (0.0, 0.0, RULES, False),  # nothing there
        (1.0, 0.0, RULES, True),
    ],
)
def test_dominance(largest: float, second: float, rules: Rules, expected: bool) -> None:
    assert bool(dominated([largest], [second], rules)[0]) is expected


@pytest.mark.parametrize(
    ("n", "q", "unsafe"), [(3, 0.5, True), (19, 0.5, True), (20, 0.5, False), (39, 0.25, True), (40, 0.75, False),
                           (199, 0.95, True), (200, 0.95, False)],
)  # fmt: skip
def test_quantiles_need_people_on_both_sides(n: int, q: float, unsafe: bool) -> None:
    assert bool(quantile_unsafe([n], q, RULES)[0]) is unsafe


def test_models_need_degrees_of_freedom() -> None:
    assert model_reasons(100, 95, RULES) == []
    assert len(model_reasons(12, 3, RULES)) == 1
    assert len(model_reasons(8, 3, RULES)) == 2
    assert model_reasons(50, 50, RULES)


def test_class_disclosure_differences_and_percentages() -> None:
    assert full_classes(np.array([[20, 0, 0], [10, 10, 0], [9, 0, 0]]), RULES).tolist() == [
        True,
        False,
        False,
    ]
    assert differs_by_few([100, 100, 100, 100], [100, 101, 91, 90], RULES).tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert percentage([1, 0, 5], [4, 0, 10]).tolist()[::2] == [25.0, 50.0]


def test_rules_are_strict(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="threshhold"):
        Rules.parse({"threshhold": 5})
    with pytest.raises(UsageError, match="threshold"):
        Rules.parse({"threshold": "10"})
    path = tmp_path / "rules.yaml"
    path.write_text("threshold: 7\nrounding: 10\nzeros: suppress\n")
    assert Rules.load(path) == Rules(threshold=7, rounding=10, zeros="suppress")
    path.write_text("- 1\n")
    with pytest.raises(UsageError, match="mapping"):
        Rules.load(path)
    with pytest.raises(UsageError):
        Rules.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NHS 943 476 5919", "NHS number"),
        ("9434765919", "NHS number"),
        ("a.b@example.org", "e-mail"),
        ("lives at LS1 3EX", "postcode"),
        ("ring 0113 496 0999", "telephone"),
        ("ring +44 113 496 0999", "telephone"),
        ("see https://example.org/x", "web"),
    ],
)
def test_identifiers_by_form(text: str, kind: str) -> None:
    assert any(kind in found for found in identifying(text))


@pytest.mark.parametrize(
    "text", ["943 476 5918", "1,234,567", "ICD-10 E11.9 and I10", "0.1134960999", "IMD 2025, 2019-24"]
)
def test_what_only_looks_like_an_identifier(text: str) -> None:
    assert list(identifying(text)) == []
