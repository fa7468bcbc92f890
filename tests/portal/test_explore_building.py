"""Changes of a cohort as plain data: of definitions that others wrote, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import UsageError
from lockgate.portal.explore import building
from lockgate.portal.explore.shown import parts


def test_what_atlas_leaves_out_or_writes_null_can_be_built_on() -> None:
    sparse: dict[str, Any] = {
        "ConceptSets": None,
        "PrimaryCriteria": {"CriteriaList": [{"Death": {}}], "ObservationWindow": None},
        "InclusionRules": None,
        "EndStrategy": None,
        "CollapseSettings": None,
    }
    assert parts(sparse)["rules"] == []
    grown, number = building.add_set(sparse, "Any")
    assert number == 0
    grown = building.add_rule(grown, {"rule_name": "late", "how": "AT_LEAST", "how_many": "1"})
    grown = building.add_condition(grown, 0, {"kind": "VisitOccurrence", "any_code": "yes", "count": "2"})
    grown = building.set_entry(grown, {"prior_days": "30", "limit": "Last"})
    grown = building.set_exit(grown, {"exit": "days", "exit_days": "0"})
    told = parts(grown)
    assert (
        told["rules"][0]["how"].startswith("at least 1")
        and "at least 2 visits" in told["rules"][0]["conditions"][0]
    )
    assert sparse["InclusionRules"] is None, "a change is a copy"
    assert building.remove_condition(grown, 0, 0)["InclusionRules"][0]["expression"]["CriteriaList"] == []


@pytest.mark.parametrize(
    "window", [("9", "before", "", "after"), ("", "before", "9", "after"), ("0", "after", "0", "after")]
)
def test_windows_open_to_a_side(window: tuple[str, str, str, str]) -> None:
    form = dict(zip(("days_from", "from_side", "days_to", "to_side"), window, strict=True))
    begun = {**building.empty(), "PrimaryCriteria": {"CriteriaList": [{"Death": {}}]}}
    grown = building.add_rule(begun, {"rule_name": "r", "how": "ALL"})
    grown = building.add_condition(grown, 0, {"kind": "Death", "count": "1", **form})
    bounds = building.definition_of(grown).rules[0].group.counted[0].windows[0]
    signed = [
        int(days) * (-1 if side == "before" else 1) if days else edge
        for (days, side), edge in zip(
            (window[:2], window[2:]), ("observation start", "observation end"), strict=True
        )
    ]
    assert [bounds.begin, bounds.finish] == signed


def test_definitions_of_the_library_are_shown_and_changed(shared_data: Path) -> None:
    files = sorted((shared_data / "omop" / "phenotype-library").rglob("*.json"))[::25]
    seen = 0
    for file in files:
        told = json.loads(file.read_bytes())
        expression = told.get("expression", told)
        if "PrimaryCriteria" not in expression:
            continue
        seen += 1
        before = parts(expression)
        grown = building.add_demographics(expression, {"who_age_from": "40"}, ["8507"])
        assert len(parts(grown)["rules"]) == len(before["rules"]) + 1
        assert building.remove_rule(grown, len(before["rules"])) == {
            **expression, "InclusionRules": expression.get("InclusionRules") or []
        }  # fmt: skip
        for one in building.sets(expression):
            try:
                building.remove_set(expression, one["id"])
            except UsageError as error:
                assert "is used" in error.message
    assert seen > 20
