"""A cohort as the builder shows it: each part in words, with what removes it."""

from __future__ import annotations

from typing import Any

from lockgate.cohorts.definition import Criterion, Definition, ExposureExit, Group, OffsetExit, Test
from lockgate.cohorts.explain.english import counted_words
from lockgate.cohorts.explain.words import Sets, criterion_words, exposure_words, group_words
from lockgate.portal import cohort_plane
from lockgate.portal.explore import building, spots
from lockgate.portal.explore.building import Expression

STATUS = {
    "shown": "",
    "held": "As an earlier question",
    "withheld": "Withheld",
    "refused": "Not told",
}


def parts(expression: Expression) -> dict[str, Any]:
    """What the builder's page lists: concept sets, and every event, group and person with its address, in words."""
    primary = expression["PrimaryCriteria"]
    definition = building.definition_of(building.readable(expression))
    sets = Sets(definition, cohort_plane.names_in(expression))
    limits = {
        field: (told or {}).get("Type", "All").capitalize()
        for field, told in (
            ("limit", primary.get("PrimaryCriteriaLimit")),
            ("limit_qualified", expression.get("QualifiedLimit")),
            ("limit_rules", expression.get("ExpressionLimit")),
        )
    }
    ready = building.is_ready(expression)
    return {
        "sets": [_set(one) for one in building.sets(expression)],
        "entry": [
            _event(one, sets, f"entry-{place}") for place, one in enumerate(definition.entry if ready else ())
        ],
        "additional": definition.qualifying and _group(definition.qualifying, sets, "additional"),
        "rules": [
            {
                "name": rule.name or "(no name)",
                "description": rule.description,
                "group": _group(rule.group, sets, f"rule-{place}"),
            }
            for place, rule in enumerate(definition.rules)
        ],
        "censoring": [_event(one, sets, f"censor-{place}") for place, one in enumerate(definition.censoring)],
        "days": primary.get("ObservationWindow") or {},
        **limits,
        "exit": _exit_form(expression),
        "ends": _ends(definition, sets),
        "cut": {"from": definition.censor_from, "to": definition.censor_until},
    }


def group_parts(expression: Expression, spot: str) -> dict[str, Any]:
    """One group as its page lists it."""
    found = parts(expression)
    groups = [one["group"] for one in found["rules"]] + ([found["additional"]] if found["additional"] else [])
    stack = [*groups, *(one["near"] for one in [*found["entry"], *found["censoring"]] if one["near"])]
    while stack:
        group: dict[str, Any] = stack.pop()
        if group["spot"] == spot:
            return group
        stack += [*group["groups"], *(one["near"] for one in group["events"] if one["near"])]
    raise spots.missing()


def _group(group: Group, sets: Sets, spot: str) -> dict[str, Any]:
    return {
        "spot": spot,
        "how": group_words(group),
        "events": [
            _event(one.criterion, sets, f"{spot}-event-{place}", counted_words(one, sets))
            for place, one in enumerate(group.counted)
        ],
        "people": [
            {
                "spot": f"{spot}-person-{place}",
                "words": "; ".join(sets.test(name, test) for name, test in one.tests) or "anybody",
            }
            for place, one in enumerate(group.demographics)
        ],
        "groups": [_group(one, sets, f"{spot}-group-{place}") for place, one in enumerate(group.groups)],
    }


def _event(criterion: Criterion, sets: Sets, spot: str, words: str = "") -> dict[str, Any]:
    near = criterion.group and _group(criterion.group, sets, f"{spot}-near")
    return {"spot": spot, "words": words or criterion_words(criterion, sets), "near": near}


def _set(told: dict[str, Any]) -> dict[str, Any]:
    lines = []
    for item in building.items(told):
        concept = item["concept"]
        lines.append(
            {
                "id": concept["CONCEPT_ID"],
                "name": concept.get("CONCEPT_NAME") or f"Concept {concept['CONCEPT_ID']}",
                "code": f"{concept.get('VOCABULARY_ID', '')} {concept.get('CONCEPT_CODE', '')}".strip(),
                "descendants": item.get("includeDescendants") is True,
                "excluded": item.get("isExcluded") is True,
                "mapped": item.get("includeMapped") is True,
            }
        )
    return {"id": told["id"], "name": told.get("name") or f"Concept set {told['id']}", "lines": lines}


def _ends(definition: Definition, sets: Sets) -> str:
    if isinstance(definition.exit, OffsetExit):
        which = "end" if definition.exit.from_end else "start"
        return f"{definition.exit.days} days after the {which} of the event"
    if isinstance(definition.exit, ExposureExit):
        return exposure_words(definition.exit, sets)
    return "with the end of their observation"


def _exit_form(expression: Expression) -> dict[str, Any]:
    told = expression.get("EndStrategy") or {}
    form: dict[str, Any] = {
        "exit": "observation",
        "era_pad": (expression.get("CollapseSettings") or {}).get("EraPad", 0),
    }
    if told.get("DateOffset"):
        offset = told["DateOffset"]
        form |= {
            "exit": "days",
            "exit_days": offset.get("Offset", 0),
            "exit_from": "end" if offset.get("DateField") == "EndDate" else "start",
        }
    elif told.get("CustomEra"):
        era = told["CustomEra"]
        form |= {
            "exit": "drug",
            "exit_set": str(era["DrugCodesetId"]),
            "gap_days": era.get("GapDays", 0),
            "drug_days": era.get("Offset", 0),
            "supply_days": "" if era.get("DaysSupplyOverride") is None else era["DaysSupplyOverride"],
        }
    return form


def test_words(expression: Expression, spot: str, names: list[str]) -> list[dict[str, str]]:
    """What is asked of an event or a person, attribute by attribute in words."""
    definition = building.definition_of(building.readable(expression))
    sets = Sets(definition, cohort_plane.names_in(expression))
    tests = dict(_tests_at(definition, spot))
    return [{"name": name, "words": sets.test(name, tests[name])} for name in names if name in tests]


def _tests_at(definition: Definition, spot: str) -> tuple[tuple[str, Test], ...]:
    """The tests of the event or the person at an address."""
    roots: dict[str, Any] = {
        "entry": definition.entry,
        "censor": definition.censoring,
        "rule": definition.rules,
    }
    tokens = spot.split("-")
    found: Any = None
    while tokens:
        name = tokens.pop(0)
        if name == "additional":
            found = definition.qualifying
        elif name == "near":
            found = found.group if found is not None else None
        else:
            lists = {"event": "counted", "person": "demographics", "group": "groups"}
            among = roots[name] if found is None else getattr(found, lists[name])
            found = among[int(tokens.pop(0))]
            found = found.group if name == "rule" else found.criterion if name == "event" else found
    tests: tuple[tuple[str, Test], ...] = getattr(found, "tests", ())
    return tests
