"""A cohort as the builder shows it: each part in words, with what removes it."""

from __future__ import annotations

from typing import Any

from lockgate.cohorts.definition import Definition, ExposureExit, OffsetExit
from lockgate.cohorts.explain.english import counted_words
from lockgate.cohorts.explain.words import Sets, criterion_words, exposure_words, group_words
from lockgate.portal import plane
from lockgate.portal.explore import building
from lockgate.portal.explore.building import Expression

STATUS = {
    "shown": "",
    "held": "As an earlier question",
    "withheld": "Withheld",
    "refused": "Not told",
}


def parts(expression: Expression) -> dict[str, Any]:
    """What the builder's page lists: concept sets, entry events, rules with their conditions, the end."""
    primary = expression["PrimaryCriteria"]
    found: dict[str, Any] = {
        "sets": [_set(one) for one in building.sets(expression)],
        "entry": [],
        "rules": [],
        "more": [],
        "days": primary.get("ObservationWindow") or {},
        "limit": (primary.get("PrimaryCriteriaLimit") or {}).get("Type", "All"),
        "exit": _exit_form(expression),
    }
    if not building.is_ready(expression):
        found["rules"] = [
            {"name": rule.get("name") or "Rule", "how": "", "conditions": [], "people": [], "groups": []}
            for rule in building.rules_of(expression)
        ]
        return found
    definition = building.definition_of(expression)
    sets = Sets(definition, plane.names_in(expression))
    found["entry"] = [criterion_words(criterion, sets) for criterion in definition.entry]
    for rule in definition.rules:
        group = rule.group
        found["rules"].append(
            {
                "name": rule.name or "(no name)",
                "how": group_words(group),
                "conditions": [
                    counted_words(one, sets) + (", with conditions of its own" if one.criterion.group else "")
                    for one in group.counted
                ],
                "people": [
                    "; ".join(sets.test(name, test) for name, test in one.tests) for one in group.demographics
                ],
                "groups": [f"{group_words(inner)} {_size(inner)}" for inner in group.groups],
            }
        )
    found["more"] = list(_more(definition, sets))
    found["ends"] = _ends(definition, sets)
    return found


def _size(group: Any) -> str:
    count = len(group.counted) + len(group.demographics) + len(group.groups)
    return f"{count} condition{'' if count == 1 else 's'} (brought in with the cohort)"


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


def _more(definition: Definition, sets: Sets) -> Any:
    """What an imported cohort can say and the builder can't change."""
    if definition.qualifying is not None:
        yield f"Additional criteria: {group_words(definition.qualifying)} {_size(definition.qualifying)}"
    for criterion in definition.censoring:
        yield f"People leave at {criterion_words(criterion, sets)}"
    if definition.censor_from or definition.censor_until:
        first, last = definition.censor_from or "the beginning", definition.censor_until or "the end"
        yield f"Stays are cut to {first} until {last}"


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
        form |= {"exit": "drug", "exit_set": str(era["DrugCodesetId"]), "gap_days": era.get("GapDays", 0)}
    return form
