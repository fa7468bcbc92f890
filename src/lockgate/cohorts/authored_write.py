"""A definition written as our YAML; reading it again gives the same definition."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import yaml

from lockgate.cohorts.authored import SHORT
from lockgate.cohorts.authored_values import SEXES, attribute_names
from lockgate.cohorts.definition import (
    EARLIEST,
    LATEST,
    Abnormal,
    CodeItem,
    ConceptItem,
    ConceptSet,
    Counted,
    Criterion,
    Days,
    Definition,
    Flag,
    Group,
    In,
    Interval,
    OffsetExit,
    Rule,
    Test,
    Window,
    Words,
)
from lockgate.cohorts.domains import Attribute, demographic, domains

_KINDS = {table: short for short, table in SHORT.items()}
_SEXES = {concept: word for word, concept in SEXES.items()}
_WORDS = {"contains": "contains", "startsWith": "starts_with", "endsWith": "ends_with", "eq": "is"}


def write_yaml(definition: Definition) -> str:
    """The definition as YAML.

    What contradicts itself, such as a window that ends before it begins, is written as it is: ``read_yaml`` refuses it.
    """
    told = _Writer(definition).told()
    return yaml.dump(told, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Short lists of plain values stand on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        flat = all(isinstance(item, str | int) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=flat)


for _class in (list,):
    _Dumper.add_representer(
        _class, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data)
    )


class _Writer:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._names: dict[ConceptSet, str] = {}
        for name, concepts in definition.concept_sets:
            self._names.setdefault(concepts, name)

    def told(self) -> dict[str, Any]:
        d = self._definition
        told: dict[str, Any] = {"name": d.name} if d.name else {}
        if d.concept_sets:
            told["concept_sets"] = {name: _inline(concepts) for name, concepts in d.concept_sets}
        told["entry"] = [self._criterion(criterion) for criterion in d.entry]
        around = {"before": d.days_before, "after": d.days_after}
        if d.days_before or d.days_after:
            told["observed"] = {key: days for key, days in around.items() if days}
        if d.entry_limit != "all":
            told["entry_limit"] = d.entry_limit
        if d.qualifying is not None:
            told["qualifying"] = self._group(d.qualifying)
        if d.qualifying_limit != "all":
            told["qualifying_limit"] = d.qualifying_limit
        if d.rules:
            told["rules"] = [self._rule(rule) for rule in d.rules]
        if d.limit != "all":
            told["limit"] = d.limit
        if isinstance(d.exit, OffsetExit):
            told["exit"] = {"after": "end" if d.exit.from_end else "start", "days": d.exit.days}
        elif d.exit is not None:
            told["exit"] = {
                "drugs": self._set(d.exit.drugs),
                "gap": d.exit.gap_days,
                "offset": d.exit.offset_days,
            }
            if d.exit.days_supply is not None:
                told["exit"]["days_supply"] = d.exit.days_supply
        if d.censoring:
            told["censoring"] = [self._criterion(criterion) for criterion in d.censoring]
        if d.era_gap:
            told["era"] = d.era_gap
        if d.censor_from or d.censor_until:
            told["censor_window"] = _days(d.censor_from, d.censor_until)
        return told

    def _rule(self, rule: Rule) -> dict[str, Any]:
        told = {"name": rule.name} if rule.name else {}
        if rule.description:
            told["description"] = rule.description
        return {**told, **self._group(rule.group)}

    def _group(self, group: Group) -> dict[str, Any]:
        named = f"{group.how.replace('_', ' ')} {group.count}" if group.how.startswith("at_") else group.how
        items = [self._counted(counted) for counted in group.counted]
        items += [{"person": self._tests(asked.tests, demographic())} for asked in group.demographics]
        items += [self._group(inner) for inner in group.groups]
        return {named: items}

    def _counted(self, counted: Counted) -> dict[str, Any]:
        told = self._criterion(counted.criterion)
        said = f"{counted.occurrence.replace('_', ' ')} {counted.count}"
        if said != "at least 1":
            told["count"] = "none" if said == "exactly 0" else said
        if counted.distinct != "no":
            ours = attribute_names(domains()[counted.criterion.domain].attributes)
            names = {theirs: name for name, theirs in ours.items()}
            told["different"] = names.get(counted.distinct, counted.distinct)
        windows = [_window(window) for window in counted.windows]
        if windows:
            told["within"] = windows[0] if len(windows) == 1 else windows
        if counted.same_visit:
            told["same_visit"] = True
        if counted.outside_observation:
            told["outside_observation"] = True
        return told

    def _criterion(self, criterion: Criterion) -> dict[str, Any]:
        domain = domains()[criterion.domain]
        told: dict[str, Any] = {
            _KINDS.get(domain.name, domain.name): "any"
            if criterion.concepts is None
            else self._set(criterion.concepts)
        }
        coded = domain.source is not None and any(
            isinstance(item, CodeItem) for item in criterion.concepts or ()
        )
        if not (coded and criterion.either and criterion.source_concepts == criterion.concepts):
            if criterion.source_concepts is not None:
                told["source"] = self._set(criterion.source_concepts)
            elif coded:
                told["source"] = "none"
            if criterion.either:
                told["match"] = "either"
        if criterion.first:
            told["first"] = True
        told |= self._tests(criterion.tests, domain.attributes)
        if "value" in told and "Unit" in domain.attributes and "unit" not in told:
            told["unit"] = "any"
        if domain.name == "note_nlp" and not {"negated", "exists"} & told.keys():
            told["negated"] = "any"
        if criterion.adjustment is not None:
            moved = criterion.adjustment
            told["adjust"] = {
                "start": {"from": moved.start_from, "days": moved.start_days},
                "end": {"from": moved.end_from, "days": moved.end_days},
            }
        if criterion.period is not None:
            told["period"] = _days(*criterion.period)
        if criterion.group is not None:
            told["having"] = self._group(criterion.group)
        return told

    def _set(self, concepts: ConceptSet) -> Any:
        return self._names.get(concepts) or _inline(concepts)

    def _tests(self, tests: tuple[tuple[str, Test], ...], known: dict[str, Attribute]) -> dict[str, Any]:
        ours = {theirs: name for name, theirs in attribute_names(known).items()}
        return {ours[name]: self._test(ours[name], test) for name, test in tests}

    def _test(self, name: str, test: Test) -> Any:
        if isinstance(test, Abnormal):
            return True
        if isinstance(test, Flag):
            return test.yes
        if isinstance(test, In):
            told = self._set(test.concept_set) if test.concept_set is not None else list(test.concepts)
            if name == "sex" and test.concepts and all(concept in _SEXES for concept in test.concepts):
                told = [_SEXES[concept] for concept in test.concepts]
            if isinstance(told, list) and len(told) == 1:
                told = told[0]
            return {"none_of": told} if test.outside else told
        if isinstance(test, Words):
            told = {_WORDS[test.how]: test.text}
        elif isinstance(test, Days):
            told = _days(test.low if test.low > EARLIEST else None, test.high if test.high < LATEST else None)
            told = told or {"from": EARLIEST}
        else:
            told = _interval(test)
        return {"not": told} if test.outside else told


def _inline(concepts: ConceptSet) -> dict[str, Any]:
    told: dict[str, Any] = {}
    excepted: dict[str, list[Any]] = {}
    order = []
    for item in concepts:
        name = item.vocabulary if isinstance(item, CodeItem) else "concepts"
        (excepted if item.excluded else told).setdefault(name, []).append(_code(item))
        order.append((item.excluded, name))
    ways = [(False, name) for name in told] + [(True, name) for name in excepted]
    if any(item.mapped for item in concepts) or order != sorted(order, key=ways.index) or not told:
        return {"items": [_line(item) for item in concepts]}
    return {**told, "except": excepted} if excepted else told


def _code(item: ConceptItem | CodeItem) -> str | int:
    code = str(item.concept_id) if isinstance(item, ConceptItem) else item.code
    if item.descendants:
        return f"{code}+"
    return item.concept_id if isinstance(item, ConceptItem) else code


def _line(item: ConceptItem | CodeItem) -> dict[str, Any]:
    told = {item.vocabulary if isinstance(item, CodeItem) else "concept": _code(item)}
    return told | {flag: True for flag in ("mapped", "excluded") if getattr(item, flag)}


def _window(window: Window) -> dict[str, Any]:
    told: dict[str, Any] = {"from": window.begin, "to": window.finish}
    if window.from_index_end:
        told["index"] = "end"
    if window.of_event_end:
        told["event"] = "end"
    return told


def _days(low: date | None, high: date | None) -> dict[str, Any]:
    return {key: day for key, day in (("from", low), ("to", high)) if day is not None}


def _interval(test: Interval) -> Any:
    if test.low == test.high:
        return _number(test.low)
    told: dict[str, Any] = {}
    if test.low > -math.inf:
        beyond = math.nextafter(test.low, -math.inf)
        short = len(repr(beyond)) < len(repr(test.low))
        told["over" if short else "from"] = _number(beyond if short else test.low)
    if test.high < math.inf:
        beyond = math.nextafter(test.high, math.inf)
        short = len(repr(beyond)) < len(repr(test.high))
        told["under" if short else "to"] = _number(beyond if short else test.high)
    return told


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
