"""A definition written as OHDSI's JSON (Circe), which ATLAS imports; reading it again gives the same definition."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import msgspec

from lockgate.cohorts.circe import COUNTED, COUNTED_ATTRIBUTES, EITHER
from lockgate.cohorts.definition import (
    EARLIEST,
    LATEST,
    Abnormal,
    CodeItem,
    ConceptSet,
    Counted,
    Criterion,
    Days,
    Definition,
    Edge,
    Flag,
    Group,
    In,
    Interval,
    OffsetExit,
    Test,
    Window,
    Words,
)
from lockgate.cohorts.domains import domains
from lockgate.errors import UsageError

_OCCURRENCES = ("exactly", "at_most", "at_least")
_COLUMNS = {ours: theirs for theirs, ours in COUNTED.items()}
_COLUMNS |= {ours: theirs for theirs, every in COUNTED_ATTRIBUTES.items() for ours in every}


def write_circe(definition: Definition, *, ours: bool = False) -> bytes:
    """The definition as a Circe expression.

    Raises UsageError for what Circe can't say: codes (it has concept ids only), a criterion that looks in either of two
    columns, and mentions in text; with ``ours`` the last two are said in words of our own, which ``read_circe`` reads
    and ATLAS doesn't.
    """
    return msgspec.json.format(msgspec.json.encode(_Writer(definition, ours=ours).told()), indent=2)


# what Circe asks of these is always the number of a concept set
_BY_NUMBER = {
    name
    for domain in domains().values()
    for name, attribute in domain.attributes.items()
    if attribute.kind in ("set", "located")
}


def _cannot(reason: str, remedy: str) -> UsageError:
    return UsageError(f"Circe can't say {reason}", where="the cohort definition", remedy=remedy)


class _Writer:
    def __init__(self, definition: Definition, *, ours: bool) -> None:
        self._definition, self._ours = definition, ours
        self._numbers: dict[ConceptSet, int] = {}
        self._sets: list[dict[str, Any]] = []
        for name, concepts in definition.concept_sets:
            self._numbers.setdefault(concepts, self._add(concepts, name))

    def _add(self, concepts: ConceptSet, name: str) -> int:
        items = []
        for item in concepts:
            if isinstance(item, CodeItem):
                raise _cannot(f"{item.vocabulary} {item.code}", "name it by its concept id")
            items.append(
                {
                    "concept": {"CONCEPT_ID": item.concept_id},
                    "isExcluded": item.excluded,
                    "includeDescendants": item.descendants,
                    "includeMapped": item.mapped,
                }
            )
        self._sets.append({"id": len(self._sets), "name": name, "expression": {"items": items}})
        return len(self._sets) - 1

    def _set(self, concepts: ConceptSet) -> int:
        if concepts not in self._numbers:
            self._numbers[concepts] = self._add(concepts, "")
        return self._numbers[concepts]

    def told(self) -> dict[str, Any]:
        d = self._definition
        told: dict[str, Any] = {
            "PrimaryCriteria": {
                "CriteriaList": [self._criterion(criterion) for criterion in d.entry],
                "ObservationWindow": {"PriorDays": d.days_before, "PostDays": d.days_after},
                "PrimaryCriteriaLimit": {"Type": d.entry_limit.capitalize()},
            },
            "QualifiedLimit": {"Type": d.qualifying_limit.capitalize()},
            "ExpressionLimit": {"Type": d.limit.capitalize()},
            "InclusionRules": [
                {"name": rule.name, "description": rule.description, "expression": self._group(rule.group)}
                for rule in d.rules
            ],
            "CensoringCriteria": [self._criterion(criterion) for criterion in d.censoring],
            "CollapseSettings": {"CollapseType": "ERA", "EraPad": d.era_gap},
            "CensorWindow": {
                key: day.isoformat()
                for key, day in (("StartDate", d.censor_from), ("EndDate", d.censor_until))
                if day
            },
            "cdmVersionRange": ">=5.0.0",
        }
        if d.qualifying is not None:
            told["AdditionalCriteria"] = self._group(d.qualifying)
        elif d.qualifying_limit != "all":
            raise _cannot("a limit of qualifying events without what qualifies them", "use entry_limit")
        if isinstance(d.exit, OffsetExit):
            field = "EndDate" if d.exit.from_end else "StartDate"
            told["EndStrategy"] = {"DateOffset": {"DateField": field, "Offset": d.exit.days}}
        elif d.exit is not None:
            era: dict[str, Any] = {
                "DrugCodesetId": self._set(d.exit.drugs),
                "GapDays": d.exit.gap_days,
                "Offset": d.exit.offset_days,
            }
            if d.exit.days_supply is not None:
                era["DaysSupplyOverride"] = d.exit.days_supply
            told["EndStrategy"] = {"CustomEra": era}
        if d.name:
            told["Title"] = d.name
        return {"ConceptSets": self._sets, **told}

    def _group(self, group: Group) -> dict[str, Any]:
        told: dict[str, Any] = {"Type": group.how.upper()}
        if group.how.startswith("at_"):
            told["Count"] = group.count
        return told | {
            "CriteriaList": [self._counted(counted) for counted in group.counted],
            "DemographicCriteriaList": [self._tests(asked.tests) for asked in group.demographics],
            "Groups": [self._group(inner) for inner in group.groups],
        }

    def _counted(self, counted: Counted) -> dict[str, Any]:
        occurrence: dict[str, Any] = {
            "Type": _OCCURRENCES.index(counted.occurrence),
            "Count": counted.count,
        }
        if counted.distinct != "no":
            if counted.distinct not in _COLUMNS:
                raise _cannot(
                    f"how many different values of {counted.distinct} there are", "count something else"
                )
            occurrence |= {"IsDistinct": True, "CountColumn": _COLUMNS[counted.distinct]}
        windows = zip(("StartWindow", "EndWindow"), counted.windows, strict=False)
        return {
            "Criteria": self._criterion(counted.criterion),
            **{name: _window(window) for name, window in windows},
            "Occurrence": occurrence,
            "RestrictVisit": counted.same_visit,
            "IgnoreObservationPeriod": counted.outside_observation,
        }

    def _criterion(self, criterion: Criterion) -> dict[str, Any]:
        if criterion.either and not self._ours:
            raise _cannot("a concept in either of two columns", "ask for them in two criteria")
        domain = domains()[criterion.domain]
        if domain.ours and not self._ours:
            raise _cannot("what a text mentions", "keep the definition as YAML: ATLAS has no such criterion")
        told: dict[str, Any] = {}
        if criterion.concepts is not None:
            told["CodesetId"] = self._set(criterion.concepts)
        if criterion.source_concepts is not None:
            assert domain.source_key is not None
            told[domain.source_key] = self._set(criterion.source_concepts)
        if criterion.either:
            told[EITHER] = True
        if criterion.first:
            told["First"] = True
        told |= self._tests(criterion.tests)
        moved = criterion.adjustment
        if moved is not None:
            told["DateAdjustment"] = {
                "StartWith": f"{moved.start_from.upper()}_DATE",
                "StartOffset": moved.start_days,
                "EndWith": f"{moved.end_from.upper()}_DATE",
                "EndOffset": moved.end_days,
            }
        if criterion.period is not None:
            ends = zip(("StartDate", "EndDate"), criterion.period, strict=True)
            told["UserDefinedPeriod"] = {key: day.isoformat() for key, day in ends if day is not None}
        if criterion.group is not None:
            told["CorrelatedCriteria"] = self._group(criterion.group)
        return {domain.circe: told}

    def _tests(self, tests: tuple[tuple[str, Test], ...]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, test in tests:
            if name.startswith("Lockgate") and not self._ours:
                raise _cannot(f"what {name} asks", "ask for it otherwise, such as for an age")
            if isinstance(test, Abnormal | Flag):
                told[name] = not isinstance(test, Flag) or test.yes
            elif isinstance(test, In) and test.concept_set is None:
                told[name] = [{"CONCEPT_ID": concept} for concept in test.concepts]
                if test.outside:
                    told[f"{name}Exclude"] = True
            elif isinstance(test, In):
                number = self._set(test.concept_set or ())
                if name in _BY_NUMBER:
                    if test.outside:
                        raise _cannot(f"that {name} is in none of a set", "ask for those it may be in")
                    told[name] = number
                else:
                    told[f"{name}CS"] = {"CodesetId": number, "IsExclusion": test.outside}
            elif isinstance(test, Words):
                told[name] = {"Text": test.text, "Op": f"{'!' if test.outside else ''}{test.how}"}
            else:
                told[name] = _range(test)
        return told


def _range(test: Interval | Days) -> dict[str, Any]:
    """An interval as an operator and its values."""
    least, most = (EARLIEST, LATEST) if isinstance(test, Days) else (-math.inf, math.inf)
    if test.outside or (test.low != least and test.high != most) or test.low == test.high:
        same = test.low == test.high
        how = ("!" if test.outside else "") + ("eq" if same else "bt")
        told: dict[str, Any] = {"Value": _value(test.low), "Op": how}
        return told if same else {**told, "Extent": _value(test.high)}
    if test.low != least:
        return {"Value": _value(test.low), "Op": "gte"}
    return {"Value": _value(test.high), "Op": "lte"}


def _value(value: float | date) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if math.isinf(value):
        raise _cannot("the rest of a range with one end", "ask for the other side instead")
    return int(value) if value.is_integer() else value


def _window(window: Window) -> dict[str, Any]:
    return {
        "Start": _edge(window.begin),
        "End": _edge(window.finish),
        "UseIndexEnd": window.from_index_end,
        "UseEventEnd": window.of_event_end,
    }


def _edge(edge: Edge) -> dict[str, int]:
    if isinstance(edge, int):
        return {"Days": abs(edge), "Coeff": -1 if edge < 0 else 1}
    return {"Coeff": 1 if edge == "observation end" else -1}
