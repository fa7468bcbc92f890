"""A cohort as it is built by clicking: small changes of a Circe expression. Pure: no database, no data.

Every function takes an expression (a dict, as ATLAS writes it) and gives a changed copy; UsageError, with the form's
field as its place, for what can't be done. What the builder doesn't know of an expression that was brought in stays.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lockgate.cohorts.circe import EITHER, read_circe
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.domains import by_circe
from lockgate.errors import UsageError
from lockgate.portal.explore import spots
from lockgate.portal.explore.typed import between, day, whole

Expression = dict[str, Any]

SEXES = {8532: "Female", 8507: "Male", 0: "Not stated"}
GROUPS = {
    "ALL": "all of these",
    "ANY": "any of these",
    "AT_LEAST": "at least so many of these",
    "AT_MOST": "at most so many of these",
}
LIMITS = {
    "First": "the first event of each person",
    "All": "every event",
    "Last": "the last event of each person",
}


def empty() -> Expression:
    """The expression that a new cohort begins with. It counts nobody before it has an entry event."""
    return {
        "ConceptSets": [],
        "PrimaryCriteria": {
            "CriteriaList": [],
            "ObservationWindow": {"PriorDays": 0, "PostDays": 0},
            "PrimaryCriteriaLimit": {"Type": "First"},
        },
        "QualifiedLimit": {"Type": "First"},
        "ExpressionLimit": {"Type": "First"},
        "InclusionRules": [],
        "CensoringCriteria": [],
        "CollapseSettings": {"CollapseType": "ERA", "EraPad": 0},
        "CensorWindow": {},
        "cdmVersionRange": ">=5.0.0",
    }


def definition_of(expression: Expression) -> Definition:
    """The definition that an expression says; UsageError with the place of what can't be understood or is missing."""
    return read_circe(json.dumps(expression), "the cohort")


def is_ready(expression: Expression) -> bool:
    """Whether there is an entry event, so that people can be counted."""
    return bool(expression.get("PrimaryCriteria", {}).get("CriteriaList"))


def readable(expression: Expression) -> Expression:
    """The expression, with an entry event in the place of none, so that it can be read before there is one."""
    if is_ready(expression):
        return expression
    primary = {**(expression.get("PrimaryCriteria") or {}), "CriteriaList": [{"ObservationPeriod": {}}]}
    return {**expression, "PrimaryCriteria": primary}


def uses_either(told: Any) -> bool:
    """Whether some event counts as recorded or as mapped, which only we can say."""
    if isinstance(told, Mapping):
        return EITHER in told or any(map(uses_either, told.values()))
    return isinstance(told, list) and any(map(uses_either, told))


def checked(expression: Expression) -> Expression:
    """The expression, once it can be understood; UsageError with the place of what can't."""
    definition_of(readable(expression))
    return expression


# Concept sets


def sets(expression: Expression) -> list[dict[str, Any]]:
    """The concept sets."""
    found: list[dict[str, Any]] = expression.get("ConceptSets") or []
    return found


def find_set(expression: Expression, number: int) -> dict[str, Any]:
    """The concept set of that id; UsageError when there is none."""
    for one in sets(expression):
        if one.get("id") == number:
            return one
    raise UsageError("this cohort has no such concept set", where="set", remedy="choose one of its sets")


def items(concept_set: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of a concept set."""
    found: list[dict[str, Any]] = (concept_set.get("expression") or {}).get("items") or []
    return found


def _list(told: dict[str, Any], key: str) -> list[Any]:
    """The list under a key, made where there is none: ATLAS leaves out, or writes null, what is empty."""
    told[key] = told.get(key) or []
    found: list[Any] = told[key]
    return found


def add_set(expression: Expression, name: str) -> tuple[Expression, int]:
    """With a new, empty concept set; and its id."""
    name = " ".join(name.split())
    if not name:
        raise UsageError("Give the concept set a name", where="set_name")
    if any(one.get("name", "").casefold() == name.casefold() for one in sets(expression)):
        raise UsageError("There is a concept set of that name already", where="set_name")
    new = copy.deepcopy(expression)
    number = 1 + max((one["id"] for one in sets(new)), default=-1)
    _list(new, "ConceptSets").append({"id": number, "name": name[:100], "expression": {"items": []}})
    return new, number


def add_concepts(
    expression: Expression,
    number: int,
    concepts: Sequence[Mapping[str, Any]],
    *,
    descendants: bool,
    excluded: bool,
) -> Expression:
    """With concepts in a set; each is a mapping with concept_id, name, domain, vocabulary, code and standard."""
    if not concepts:
        raise UsageError("Choose at least one concept", where="concept")
    new = copy.deepcopy(expression)
    chosen_set = find_set(new, number)
    chosen_set["expression"] = chosen_set.get("expression") or {}
    lines = _list(chosen_set["expression"], "items")
    chosen = {concept["concept_id"] for concept in concepts}
    lines[:] = [line for line in lines if line["concept"]["CONCEPT_ID"] not in chosen]
    lines += [
        {
            "concept": {
                "CONCEPT_ID": concept["concept_id"],
                "CONCEPT_NAME": concept["name"],
                "CONCEPT_CODE": concept["code"],
                "DOMAIN_ID": concept["domain"],
                "VOCABULARY_ID": concept["vocabulary"],
                "STANDARD_CONCEPT": "S" if concept["standard"] else "N",
            },
            "isExcluded": excluded,
            "includeDescendants": descendants,
            "includeMapped": False,
        }
        for concept in concepts
    ]
    return checked(new)


def remove_concept(expression: Expression, number: int, concept_id: int) -> Expression:
    """Without that concept in a set."""
    new = copy.deepcopy(expression)
    lines = items(find_set(new, number))
    lines[:] = [line for line in lines if line["concept"]["CONCEPT_ID"] != concept_id]
    return checked(new)


def remove_set(expression: Expression, number: int) -> Expression:
    """Without a concept set; UsageError while something uses it."""
    new = copy.deepcopy(expression)
    name = find_set(new, number).get("name", "")
    new["ConceptSets"] = [one for one in sets(new) if one["id"] != number]
    if number in _used({key: value for key, value in new.items() if key != "ConceptSets"}):
        raise UsageError(f"{name} is used: remove what uses it first", where="sets")
    return new


def _used(told: Any, key: str = "") -> set[int]:
    """The ids of concept sets that something names."""
    if isinstance(told, Mapping):
        return set().union(*(_used(value, str(name)) for name, value in told.items()))
    if isinstance(told, list):
        return set().union(*(_used(value, key) for value in told))
    named = key in {"CodesetId", "DrugCodesetId"} | _set_attributes() or key.endswith("SourceConcept")
    return {told} if named and isinstance(told, int) and not isinstance(told, bool) else set()


@cache
def _set_attributes() -> frozenset[str]:
    """The attributes whose value is the id of a concept set."""
    every = (domain.attributes.items() for domain in by_circe().values())
    return frozenset(
        name for attributes in every for name, told in attributes if told.kind in ("set", "located")
    )


# Who enters


def set_entry(expression: Expression, form: Mapping[str, str]) -> Expression:
    """With other days of observation around an entry event, and another choice among a person's events: of all (limit),
    of those that meet the additional criteria (limit_qualified), of those that keep every rule (limit_rules)."""
    new = copy.deepcopy(expression)
    days = {
        name: whole(form.get(field, "") or "0", field) or 0
        for name, field in (("PriorDays", "prior_days"), ("PostDays", "post_days"))
    }
    chosen: dict[str, str] = {}
    for field in ("limit", "limit_qualified", "limit_rules"):
        chosen[field] = form.get(field, "") or ("" if field == "limit" else chosen["limit"])
        if chosen[field] not in LIMITS:
            raise UsageError("Choose which events count", where=field)
    new["PrimaryCriteria"] |= {"ObservationWindow": days, "PrimaryCriteriaLimit": {"Type": chosen["limit"]}}
    new["QualifiedLimit"] = {"Type": chosen["limit_qualified"]}
    new["ExpressionLimit"] = {"Type": chosen["limit_rules"]}
    return checked(new)


def _remove(told: list[Any], place: int) -> None:
    if not 0 <= place < len(told):
        raise UsageError("it is not there any more", where="place", remedy="load the page again")
    del told[place]


# Rules


def rules_of(expression: Expression) -> list[dict[str, Any]]:
    """The inclusion rules."""
    found: list[dict[str, Any]] = expression.get("InclusionRules") or []
    return found


def find_rule(expression: Expression, place: int) -> dict[str, Any]:
    """The rule at that place; UsageError when there is none."""
    if not 0 <= place < len(rules_of(expression)):
        raise UsageError("this cohort has no such rule", where="rule", remedy="load the page again")
    return rules_of(expression)[place]


def _how(form: Mapping[str, str]) -> dict[str, Any]:
    """How many parts of a group must hold: how, how_many."""
    how = form.get("how", "ALL")
    if how not in GROUPS:
        raise UsageError("Choose how many of its conditions must hold", where="how")
    if not how.startswith("AT_"):
        return {"Type": how}
    count = whole(form.get("how_many", ""), "how_many", least=1 if how == "AT_LEAST" else 0, most=100)
    if count is None:
        raise UsageError(f"Say how many of them at {how[3:].lower()}", where="how_many")
    return {"Type": how, "Count": count}


def _rule_name(form: Mapping[str, str]) -> str:
    name = " ".join(form.get("rule_name", "").split())
    if not name:
        raise UsageError("Give the rule a name: it stands in the table of who is lost", where="rule_name")
    return name[:200]


def add_rule(expression: Expression, form: Mapping[str, str]) -> Expression:
    """With another rule, empty so far: rule_name, how (all, any, at least or at most so many), how_many."""
    name, group = _rule_name(form), {**spots.fresh_group(), **_how(form)}
    new = copy.deepcopy(expression)
    _list(new, "InclusionRules").append({"name": name, "expression": group})
    return checked(new)


def set_group(expression: Expression, spot: str, form: Mapping[str, str]) -> Expression:
    """With another number of a group's parts that must hold; of a rule also rule_name and rule_description."""
    new = copy.deepcopy(expression)
    group = spots.part_at(new, spot).told
    group.pop("Count", None)
    group |= _how(form)
    if spot.startswith("rule-") and not spots.parent(spot):
        rule = find_rule(new, int(spot.split("-")[1]))
        rule["name"] = _rule_name(form)
        rule.pop("description", None)
        if form.get("rule_description", "").strip():
            rule["description"] = form["rule_description"].strip()[:2000]
    return checked(new)


def remove_rule(expression: Expression, place: int) -> Expression:
    """Without a rule."""
    new = copy.deepcopy(expression)
    _remove(_list(new, "InclusionRules"), place)
    return new


def add_demographics(expression: Expression, form: Mapping[str, str], sexes: Sequence[str]) -> Expression:
    """With a rule of who people are at their entry event: ages, sexes."""
    told: dict[str, Any] = {}
    age = between(
        whole(form.get("who_age_from", ""), "who_age_from", most=130),
        whole(form.get("who_age_to", ""), "who_age_to", most=130),
        "who_age_to",
    )
    words = []
    if age:
        told["Age"] = age
        low, high = form.get("who_age_from", "").strip(), form.get("who_age_to", "").strip()
        words.append(
            f"aged {low} to {high}"
            if low and high
            else f"aged {low} or over"
            if low
            else f"aged {high} or under"
        )
    chosen = [int(sex) for sex in sexes if sex.isdigit() and int(sex) in SEXES]
    if chosen and len(chosen) < len(SEXES):
        told["Gender"] = [{"CONCEPT_ID": sex, "CONCEPT_NAME": SEXES[sex]} for sex in chosen]
        words.append(" or ".join(SEXES[sex].lower() for sex in chosen))
    if not told:
        raise UsageError("Give an age or choose a sex", where="who_age_from")
    new = copy.deepcopy(expression)
    name = ", ".join(words)
    group = {"Type": "ALL", "CriteriaList": [], "DemographicCriteriaList": [told], "Groups": []}
    _list(new, "InclusionRules").append({"name": name[:1].upper() + name[1:], "expression": group})
    return checked(new)


# The end


def set_exit(expression: Expression, form: Mapping[str, str]) -> Expression:
    """With another end of the stay: with the observation, so many days on, or with the exposure to a drug; and the days
    between which any stay lies (cut_from, cut_to)."""
    new = copy.deepcopy(expression)
    how = form.get("exit", "")
    new.pop("EndStrategy", None)
    if how == "days":
        days = whole(form.get("exit_days", ""), "exit_days")
        if days is None:
            raise UsageError("Say how many days", where="exit_days")
        field = "EndDate" if form.get("exit_from") == "end" else "StartDate"
        new["EndStrategy"] = {"DateOffset": {"DateField": field, "Offset": days}}
    elif how == "drug":
        if not form.get("exit_set", ""):
            raise UsageError("Choose the concept set of the drug", where="exit_set")
        era = {
            "DrugCodesetId": find_set(new, whole(form["exit_set"], "exit_set", most=10**6) or 0)["id"],
            "GapDays": whole(form.get("gap_days", "") or "30", "gap_days") or 0,
            "Offset": whole(form.get("drug_days", "") or "0", "drug_days") or 0,
        }
        supply = whole(form.get("supply_days", ""), "supply_days")
        new["EndStrategy"] = {"CustomEra": era | ({} if supply is None else {"DaysSupplyOverride": supply})}
    elif how != "observation":
        raise UsageError("Choose when people leave", where="exit")
    pad = whole(form.get("era_pad", "") or "0", "era_pad") or 0
    new["CollapseSettings"] = {"CollapseType": "ERA", "EraPad": pad}
    start, end = day(form.get("cut_from", ""), "cut_from"), day(form.get("cut_to", ""), "cut_to")
    if start and end and end < start:
        raise UsageError("The time ends before it begins", where="cut_to")
    pairs = (("StartDate", start), ("EndDate", end))
    new["CensorWindow"] = {key: value for key, value in pairs if value}
    return checked(new)
