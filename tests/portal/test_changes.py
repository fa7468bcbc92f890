"""What changed between two versions of answers, exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lockgate.portal.applications.bank import load
from lockgate.portal.applications.changes import changed_keys, changes, words

BEFORE = {
    "title": "Age at first diagnosis",
    "columns": {"person": ["person_id", "year_of_birth"]},
    "people": [{"username": "ben", "role": "Statistician"}],
    "dates": "month",
    "linkages": [],
}


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_is_lost_in_a_comparison_of_texts(old: str, new: str) -> None:
    parts = words(old, new)
    assert "".join(text for how, text in parts if how != "removed") == new
    assert "".join(text for how, text in parts if how != "added") == old


def test_each_kind_of_answer_is_compared_in_its_parts() -> None:
    after = {
        "title": "Age at second diagnosis",
        "columns": {"person": ["person_id", "race_concept_id"], "incident": ["incident_id"]},
        "people": [{"username": "ben", "role": "Statistician"}, {"username": "cy", "role": ""}],
        "dates": "exact",
        "linkages": ["incident"],
        "cohort": {"name": "x"},
        "of_another_bank": 1,
    }
    found = {item.key: item for item in changes(load(), "research", BEFORE, after)}
    assert ("removed", "first ") in found["title"].parts and ("added", "second ") in found["title"].parts
    assert found["columns"].items == (
        ("removed", "person.year_of_birth"), ("added", "person.race_concept_id"), ("added", "incident.incident_id"),
    )  # fmt: skip
    assert found["people"].items == (("added", "cy"),)
    assert found["dates"].items == (("removed", "The month"), ("added", "The day"))
    assert found["linkages"].items == (("added", "Patient safety incidents"),)
    assert found["cohort"].items and found["of_another_bank"].items
    order = [item.key for item in changes(load(), "research", BEFORE, after)]
    assert order.index("title") < order.index("people") < order.index("columns")
    assert order[-1] == "of_another_bank"


def test_no_answer_and_an_empty_one_are_the_same() -> None:
    assert changed_keys({"linkages": []}, {}) == frozenset()
    assert changes(load(), "research", BEFORE, dict(BEFORE)) == []
