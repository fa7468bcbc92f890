"""Notes in the styles of other houses: their spans are exact, and nothing of the patient's stands outside them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lockgate.errors import UsageError
from lockgate.synthetic import generate
from lockgate.synthetic.letter_columns import date_form, name_form, nhs_form, phone_form
from lockgate.synthetic.letters import SETS, letters
from lockgate.synthetic.reference import data
from lockgate.synthetic.strings import strings
from lockgate.synthetic.templates import Field


def _notes(hospital: Any) -> list[tuple[dict[str, Any], str]]:
    texts: dict[str, str] = {}
    for kind in ("DocumentReference", "DiagnosticReport"):
        for entry in hospital.resources(kind):
            part = (
                entry["content"][0]["attachment"]
                if kind == "DocumentReference"
                else entry.get("presentedForm", [None])[0]
            )
            if part:
                texts[entry["id"]] = base64.b64decode(part["data"]).decode()
    lines = (hospital.out / "truth" / "identifiers.jsonl").read_text(encoding="utf-8").splitlines()
    truths = [json.loads(line) for line in lines]
    return [(truth, texts[truth["document_id"]]) for truth in truths if truth["document_id"] in texts]


def test_every_house_and_kind_is_written_and_each_span_is_exact(other_houses: Any) -> None:
    notes, every = _notes(other_houses), letters(other_houses.out.name)
    assert {truth["house"] for truth, _ in notes} == {one.house for one in every}
    assert {truth["type"] for truth, _ in notes} >= {one.kind for one in every if one.who == "anybody"}
    shapes = {"NHS": r"[\d \u00a0./-]+", "STAFFID": r"(\d{5,7}|PH\d{6}|\d\dA\d{4}E)", "AGE90": r"9\d|1\d\d"}
    for truth, text in notes:
        last = 0
        for begin, end, kind in truth["spans"]:
            assert last <= begin < end <= len(text)
            assert text[begin:end] == text[begin:end].strip()
            assert re.fullmatch(shapes.get(kind, r"[\s\S]+"), text[begin:end])
            last = end


def test_nothing_of_the_patient_stands_outside_the_spans(other_houses: Any) -> None:
    people = {
        row["patient_id"]: row
        for row in pq.read_table(other_houses.out / "truth" / "people.parquet").to_pylist()
    }
    for truth, text in _notes(other_houses):
        person = people[truth["patient_id"]]
        rest = list(text)
        for begin, end, _ in truth["spans"]:
            rest[begin:end] = "\n" * (end - begin)
        left = "".join(rest).lower()
        digits = re.sub(r"\D", "", re.sub(r"\n+", "x", left))
        assert person["nhs_number"] not in digits and person["hospital_number"][1:] not in digits
        for column in ("postcode", "address_line", "email"):
            assert not person[column] or person[column].lower() not in left


def test_the_kinds_are_known_and_what_is_the_patients_is_this_patients(other_houses: Any) -> None:
    known = {
        part.kind
        for which in ("first", "second")
        for one in letters(which)
        for part in one.template
        if isinstance(part, Field) and part.kind
    }
    people = {
        row["patient_id"]: row
        for row in pq.read_table(other_houses.out / "truth" / "people.parquet").to_pylist()
    }
    short = data(SETS[other_houses.out.name][1])["short_names"]
    seen = set()
    for truth, text in _notes(other_houses):
        person = people[truth["patient_id"]]
        own = [person[name] or "" for name in ("given_name", "middle_names", "family_name", "former_name")]
        initials = {name[:1].lower() for name in own}
        for begin, end, kind in truth["spans"]:
            value = text[begin:end]
            assert kind in known
            if kind == "NHS":
                assert re.sub(r"\D", "", value) == person["nhs_number"]
            elif kind == "POSTCODE":
                assert (
                    person["postcode"].replace(" ", "").lower().startswith(re.sub(r"\s", "", value).lower())
                )
            elif kind == "NAME_PATIENT":
                assert value[0].lower() in initials or value == short.get(person["given_name"])
            elif kind == "PHONE_PATIENT":
                assert re.sub(r"\D", "", value)[-9:] == re.sub(r"\D", "", person["phone"])[-9:]
            seen.add(kind)
    assert seen >= {"NHS", "NAME_PATIENT", "PHONE_PATIENT", "POSTCODE"}


def test_a_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no set of letters 'hundredth'"):
        generate(tmp_path / "out", patients=60, letters="hundredth")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (name_form("caret", strings(["Ewa"]), strings(["Mazur"])), "MAZUR^EWA"),
        (name_form("initials_dots", strings(["Ewa"]), strings(["Mazur"])), "E.M."),
        (name_form("family_typo", strings(["Ewa"]), strings(["Mazur"])), "Maur"),
        (name_form("surname_comma_initial", strings(["Ewa"]), strings(["Mazur"])), "Mazur, E"),
        (date_form("ordinal", np.array([19_724])), "2nd January 2024"),
        (date_form("ordinal", np.array([19_733])), "11th January 2024"),
        (date_form("slash_bare", np.array([19_724])), "2/1/2024"),
        (name_form("given_letter", strings(["Ewa"]), strings(["Mazur"])), "Ewa M"),
        (date_form("dayname", np.array([19_724])), "Tues"),
        (date_form("long", np.array([19_733])), "11th of January 2024"),
        (date_form("day_three", np.array([19_724])), "Jan 2nd"),
        (date_form("mil", np.array([19_724])), "02JAN24"),
        (phone_form("pairs", strings(["07700 900123"])), "07700 90 01 23"),
        (phone_form("split", strings(["07700 900123"])), "077 0090 0123"),
        (nhs_form("pairs", strings(["9990123456"])), "99 90 12 34 56"),
        (phone_form("intl", strings(["07700 900123"])), "+44 7700 900123"),
        (name_form("family_initial", strings(["Ewa"]), strings(["Mazur"])), "Mazur E"),
        (name_form("initials_spaced", strings(["Ewa"]), strings(["Mazur"])), "E M"),
        (date_form("tick", np.array([19_724])), "2 Jan '24"),
        (date_form("spaced", np.array([19_724])), "02 01 24"),
        (date_form("hyphen_three", np.array([19_724])), "02-Jan-2024"),
        (date_form("month_year", np.array([19_724])), "January 2024"),
        (date_form("solid", np.array([19_724])), "02012024"),
        (phone_form("hyphens", strings(["07700 900123"])), "07700-900-123"),
        (phone_form("slash", strings(["01632 960123"])), "01632/960123"),
        (nhs_form("slashed", strings(["9990123456"])), "999/012/3456"),
        (nhs_form("boxed", strings(["9990123456"])), "9 9 9 0 1 2 3 4 5 6"),
    ],
)
def test_values_are_written_in_other_ways(made: pa.Array, expected: str) -> None:
    assert made.to_pylist() == [expected]
