"""Changes of a cohort as plain data: of definitions that others wrote, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lockgate.errors import UsageError
from lockgate.portal.explore import asked, building, events, spots
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
    grown = events.add(
        grown, "rule-0-event-new", {"kind": "VisitOccurrence", "any_code": "yes", "count": "2"}
    )[0]
    grown = building.set_entry(grown, {"prior_days": "30", "limit": "Last"})
    grown = building.set_exit(grown, {"exit": "days", "exit_days": "0"})
    told = parts(grown)
    assert (
        told["rules"][0]["group"]["how"].startswith("at least 1")
        and "at least 2 visits" in told["rules"][0]["group"]["events"][0]["words"]
    )
    assert sparse["InclusionRules"] is None, "a change is a copy"
    assert spots.removed(grown, "rule-0-event-0")["InclusionRules"][0]["expression"]["CriteriaList"] == []


@pytest.mark.parametrize(
    "window", [("9", "before", "", "after"), ("", "before", "9", "after"), ("0", "after", "0", "after")]
)
def test_windows_open_to_a_side(window: tuple[str, str, str, str]) -> None:
    form = dict(zip(("days_from", "from_side", "days_to", "to_side"), window, strict=True))
    begun = {**building.empty(), "PrimaryCriteria": {"CriteriaList": [{"Death": {}}]}}
    grown = building.add_rule(begun, {"rule_name": "r", "how": "ALL"})
    grown = events.add(grown, "rule-0-event-new", {"kind": "Death", "count": "1", **form})[0]
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


def test_every_part_of_a_library_definition_has_its_page_form_and_survives_saving(shared_data: Path) -> None:
    """What a form shows of an event, saved as it stands, leaves the definition as it was."""
    files = sorted((shared_data / "omop" / "phenotype-library").rglob("*.json"))[::60]
    kept = 0
    for file in files:
        told = json.loads(file.read_bytes())
        expression = told.get("expression", told)
        if "PrimaryCriteria" not in expression:
            continue
        before = building.definition_of(expression)
        for spot in _spots(parts(expression)):
            kind = spots.kind_of(expression, spot)
            if kind == "event":
                form = events.form_of(expression, spot)
                changed = events.change(expression, spot, form)
                saved = spots.part_at(changed, spot).told
                assert events.form_of(changed, spot) == form, (file.name, spot)
                if (spots.part_at(expression, spot).told.get("Occurrence") or {}).get("CountColumn") is None:
                    assert building.definition_of(changed) == before, (file.name, spot, saved)
                _tests_survive(changed, spot, before)
            elif kind == "person":
                _tests_survive(expression, spot, before)
            kept += 1
    assert kept > 50


def _tests_survive(expression: dict[str, Any], spot: str, before: Any) -> None:
    part = spots.part_at(expression, spot)
    kind, fields = ("", part.told) if part.kind == "person" else spots.criterion_of(part)
    sets = {one["id"] for one in building.sets(expression)}
    for name in asked.asked(fields, kind):
        form = asked.form_of(fields, kind, name)
        assert form, name
        fresh = dict(fields)
        asked.put(fresh, kind, name, {**form, "any_unit": "yes"}, sets, lambda ids: dict.fromkeys(ids, "x"))
        assert asked.form_of(fresh, kind, name) == form, name


def _spots(told: dict[str, Any]) -> list[str]:
    """The address of every part that a cohort's page lists."""
    found = [one["spot"] for one in [*told["entry"], *told["censoring"]]]
    near = [one["near"] for one in [*told["entry"], *told["censoring"]] if one["near"]]
    groups = [rule["group"] for rule in told["rules"]] + ([told["additional"]] if told["additional"] else [])
    stack = [*near, *groups]
    while stack:
        group = stack.pop()
        found += [group["spot"], *(one["spot"] for one in [*group["events"], *group["people"]])]
        stack += [*group["groups"], *(one["near"] for one in group["events"] if one["near"])]
    return found


def test_groups_are_nested_changed_and_removed() -> None:
    told = building.add_rule(building.empty(), {"rule_name": "r", "how": "ANY"})
    told, entry = events.add(told, "entry-new", {"kind": "Death"})
    told, near = spots.with_group(told, "entry-0-near")
    told, visit = events.add(
        told, f"{near}-event-new",
        {"kind": "VisitOccurrence", "any_code": "yes", "count": "2", "distinct": "START_DATE", "days_from": "30",
         "days_to": "1", "to_side": "before", "index_end": "yes", "same_visit": "yes"},
    )  # fmt: skip
    told, inner = spots.with_group(told, "rule-0-group-new")
    told = building.set_group(told, inner, {"how": "AT_MOST", "how_many": "0"})
    told, _ = events.add(told, f"{inner}-event-new", {"kind": "DrugEra", "any_code": "yes", "count": "1"})
    told, _ = spots.with_group(told, "additional")
    told, person = spots.added(told, "additional-person-new", {})
    asked.put(
        spots.part_at(told, person).told, "", "Age", {"op": "gte", "value": "18"}, set(), lambda ids: {}
    )
    told, leaving = events.add(told, "censor-new", {"kind": "Death"})
    told = building.set_exit(told, {"exit": "observation", "cut_from": "2015-01-01", "cut_to": "2020-12-31"})
    assert (entry, visit, inner, person, leaving) == (
        "entry-0", "entry-0-near-event-0", "rule-0-group-0", "additional-person-0", "censor-0"
    )  # fmt: skip
    read = building.definition_of(told)
    around = read.entry[0].group
    assert around is not None and around.counted[0].windows[0].begin == -30
    assert around.counted[0].windows[0].from_index_end and around.counted[0].same_visit
    assert around.counted[0].distinct == "start_date"
    assert (read.rules[0].group.groups[0].how, read.rules[0].group.groups[0].count) == ("at_most", 0)
    assert read.qualifying is not None and read.qualifying.demographics[0].tests[0][0] == "Age"
    assert read.censoring[0].domain == "death" and str(read.censor_until) == "2020-12-31"
    assert spots.parent(visit) == near and spots.parent(near) == "entry-0" and spots.parent("entry-0") == ""
    for spot in (visit, near, inner, person, "additional", "censor-0"):
        told = spots.removed(told, spot)
    bare = building.definition_of(told)
    assert bare.entry[0].group is None and bare.qualifying is None and not bare.censoring
    assert not bare.rules[0].group.groups


@pytest.mark.parametrize(
    "spot",
    ["", "rule-9", "rule", "entry-0-event-0", "additional", "what-0", "rule-0-near", "near", "rule-x", "rule-0-"],
)  # fmt: skip
def test_addresses_at_which_nothing_stands_are_refused(spot: str) -> None:
    begun = building.add_rule(building.empty(), {"rule_name": "r"})
    with pytest.raises(UsageError):
        spots.part_at(begun, spot)


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("ValueAsNumber", {"op": "gt", "value": "7"}, "unit"),
        ("ValueAsNumber", {"op": "bt", "value": "7", "any_unit": "yes"}, "both its ends"),
        ("ValueAsNumber", {"op": "bt", "value": "7", "extent": "3", "any_unit": "yes"}, "ends before"),
        ("ValueAsNumber", {"op": "gt", "value": "", "any_unit": "yes"}, "Give a value"),
        ("ValueAsNumber", {"op": "?", "value": "1", "any_unit": "yes"}, "how it is compared"),
        ("OccurrenceStartDate", {"op": "gte", "value": "31/01/2020"}, "such as 2020-01-31"),
        ("Gender", {"concepts": "x"}, "concept ids"),
        ("Gender", {"concepts": "12345"}, "no concept 12345"),
        ("Unit", {}, "Give a concept id"),
        ("Unit", {"in_set": "4"}, "no such concept set"),
        ("Weather", {}, "nothing of that name"),
    ],
)
def test_what_is_asked_of_an_event_is_refused_where_it_says_nothing(
    name: str, form: dict[str, str], said: str
) -> None:
    fields: dict[str, Any] = {}
    with pytest.raises(UsageError, match=said):
        asked.put(fields, "Measurement", name, form, set(), lambda ids: {})
    assert fields == {}
