"""Dates as they are written: read with their form, and written in it again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.deidentify.text.written import read, settled, treat, weekday_before

ANCHOR = date(2024, 6, 1)


@pytest.mark.parametrize(
    ("text", "shifted", "month", "year"),
    [
        ("12/03/2024", "20/06/2024", "03/2024", "2024"),
        ("1/3/24", "9/6/24", "03/2024", "2024"),
        ("4/23/2024", "8/1/2024", "04/2024", "2024"),  # no 23rd month: as Americans write
        ("2024-03-12", "2024-06-20", "2024-03", "2024"),
        ("12.03.2024", "20.06.2024", "03.2024", "2024"),
        ("20240312", "20240620", "2024/03", "2024"),
        ("12 Mar 24", "20 Jun 24", "Mar 2024", "2024"),
        ("12-Mar-2024", "20-Jun-2024", "Mar 2024", "2024"),
        ("3rd of MARCH 2024", "11th of JUNE 2024", "MARCH 2024", "2024"),
        ("March 3rd, 2024", "June 11th, 2024", "March 2024", "2024"),
        ("12 May '24", "20 August '24", "May 2024", "2024"),
        ("March 2024", "June 2024", "March 2024", "2024"),
        ("12th of March", "20th of June", "March", None),
        ("3/4", "12/7", None, None),
        ("12/03/2024 14:30", "20/06/2024 14:30", "03/2024", "2024"),
    ],
)
def test_a_date_keeps_its_form(text: str, shifted: str, month: str | None, year: str | None) -> None:
    written = read(text)
    assert written is not None
    there = settled(written, ANCHOR)
    assert there is not None
    assert treat(there, "shift", 100) == shifted
    assert treat(written, "month") == month
    assert treat(written, "year") == year
    assert treat(written, "exact") == text


@pytest.mark.parametrize(
    "text", ["31/02/2024", "Smarch 12", "13/13/2024", "yesterday", "", "1/2/3/4", "29 Feb 2023"]
)
def test_what_is_no_date_is_not_guessed(text: str) -> None:
    assert read(text) is None


@given(
    st.dates(date(1920, 1, 1), date(2030, 1, 1)),
    st.dates(date(1920, 1, 1), date(2030, 1, 1)),
    st.integers(-365, 365).filter(bool),
    st.sampled_from(["%d/%m/%Y", "%Y-%m-%d", "%d %B %Y", "%d.%m.%Y", "%d %b %Y", "%B %d, %Y"]),
)
def test_intervals_hold(one: date, two: date, offset: int, form: str) -> None:
    moved = []
    for day in (one, two):
        written = read(day.strftime(form))
        assert written is not None and written.day == day
        again = read(str(treat(written, "shift", offset)))
        assert again is not None
        moved.append(again.day)
    assert moved[1] - moved[0] == two - one
    assert moved[0] - one == timedelta(days=offset)


def test_a_date_without_a_year_lies_nearest_to_the_notes_day() -> None:
    written = read("28 Dec")
    assert written is not None and written.yearless
    assert settled(written, date(2024, 1, 5))._replace(form="").day == date(2023, 12, 28)  # type: ignore[union-attr]
    assert settled(written, None) is None


def test_a_weekday_right_before_a_date_is_found_in_its_form() -> None:
    assert weekday_before("seen on Monday, 12/3/24", 16) == (8, 14, "{Weekday}")
    assert weekday_before("seen on Thurs 12 May", 14) == (8, 13, "{Wee}")
    assert weekday_before("on Monday she was well. 12 May", 24) is None
