"""The check digit, in Python and in SQL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.engine import Engine
from lockgate.schema import nhs_number

nine = st.text("0123456789", min_size=9, max_size=9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9434765919", True),  # the NHS Data Dictionary's example
        ("943 476 5919", True),
        ("943-476-5919", True),
        ("9434765918", False),
        ("9434765910", False),
        ("943476591", False),
        ("94347659190", False),
        ("1111111111", False),
        ("0000000000", False),
        ("", False),
        ("943476591X", False),
        ("९४३४७६५९१९", False),
        (None, False),
    ],
)
def test_known_numbers(value: str | None, expected: bool) -> None:
    assert nhs_number.valid(value) is expected


@given(nine)
def test_exactly_one_last_digit_is_right_or_none(first: str) -> None:
    right = [digit for digit in "0123456789" if nhs_number.valid(first + digit)]
    digit = nhs_number.check_digit(first)
    assert right == ([] if digit is None or first + str(digit) == str(digit) * 10 else [str(digit)])


@given(nine, st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(first: str, place: int, change: int) -> None:
    digit = nhs_number.check_digit(first)
    if digit is None:
        return
    number = first + str(digit)
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert not nhs_number.valid(wrong)


def test_sql_agrees_with_python() -> None:
    values = [f"{n * 7919 % 10**10:010d}" for n in range(5000)]
    values += [
        "943 476 5919",
        "943\u00a0476\u20115919",
        " 9434765919\n",
        "1111111111",
        "",
        "x",
        "12345678901",
    ]
    with Engine(threads=1) as engine:
        engine.execute(nhs_number.SQL_MACRO)
        rows = engine.rows(
            "SELECT v, nhs_number_valid(v), nhs_number_clean(v) FROM (SELECT unnest(?) AS v)",
            [[*values, None]],
        )
    assert len(rows) == len(values) + 1
    for value, valid, clean in rows:
        assert (valid, clean) == (nhs_number.valid(value), nhs_number.clean(value))
