"""An event of a cohort as a form: its kind and concept sets, how many of them, when, and where it is moved to. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from lockgate.cohorts.circe import COUNTED_ATTRIBUTES, EITHER
from lockgate.cohorts.domains import by_circe
from lockgate.cohorts.explain.words import domain_words
from lockgate.errors import UsageError
from lockgate.portal.explore import spots
from lockgate.portal.explore.building import Expression, checked, find_set, items
from lockgate.portal.explore.typed import between, day, number_of, whole, window_form, window_of

WITH_VALUES = frozenset({"Measurement", "Observation"})
NO_CODES = frozenset({"Death", "ObservationPeriod"})  # any of them is as good as said by their kind alone
OCCURRENCES = {"2": "at least", "0": "exactly", "1": "at most"}
# by Circe's name of the column: of every kind of event, then of some kinds only
_ONCE = {
    "": "every event",
    "START_DATE": "those that begin on one day once",
    "END_DATE": "those that end on one day once",
    "DURATION": "those as long as each other once",
    "DOMAIN_CONCEPT": "those of one concept once",
    "VISIT_ID": "those of one visit once",
}
PERIODS = ("ObservationPeriod", "PayerPlanPeriod")


def kinds() -> dict[str, str]:
    """Every kind of event by Circe's name, in words; the common ones first."""
    first = ("ConditionOccurrence", "DrugExposure", "ProcedureOccurrence", "Measurement", "VisitOccurrence")
    known = by_circe()
    ordered = [*first, *sorted(set(known) - set(first), key=lambda kind: domain_words(known[kind].name))]
    words = {kind: domain_words(known[kind].name) for kind in ordered}
    return {kind: said[:1].upper() + said[1:] for kind, said in words.items()}


def add(expression: Expression, spot: str, form: Mapping[str, str]) -> tuple[Expression, str]:
    """With an event at ``entry-new``, ``censor-new`` or ``...-event-new``; and its address.

    Beside what ``change`` reads: kind, age_from, age_to, value_from, value_to, unit (a concept id) and its unit_name,
    any_unit.
    """
    kind = form.get("kind", "")
    if kind not in by_circe():
        raise UsageError("Choose what kind of event it is", where="kind")
    fields: dict[str, Any] = {}
    _basics(expression, kind, fields, form)
    age = between(
        whole(form.get("age_from", ""), "age_from", most=130),
        whole(form.get("age_to", ""), "age_to", most=130),
        "age_to",
    )
    if age:
        known = by_circe()[kind].attributes
        fields["Age" if "Age" in known else "AgeAtStart"] = age
    _value(kind, fields, form)
    told: dict[str, Any] = {kind: fields}
    if spots.is_counted(expression, spot):
        told = {"Criteria": told}
        _counting(told, form, kind, fresh=True)
    new, address = spots.added(expression, spot, told)
    return checked(new), address


def change(expression: Expression, spot: str, form: Mapping[str, str]) -> Expression:
    """With another form of an event: set, source_set, any_code, first, adjust and where to, a period's own days; of an
    event in a group also occurrence, count, distinct, its windows, same_visit and outside."""
    new = copy.deepcopy(expression)
    part = spots.part_at(new, spot)
    kind, fields = spots.criterion_of(part)
    _basics(expression, kind, fields, form)
    if part.counted:
        _counting(part.told, form, kind, fresh=False)
    return checked(new)


def form_of(expression: Expression, spot: str) -> dict[str, str]:
    """An event as its form shows it."""
    part = spots.part_at(expression, spot)
    kind, fields = spots.criterion_of(part)
    domain = by_circe().get(kind)
    source = fields.get(domain.source_key) if domain is not None and domain.source_key else None
    told = {
        "kind": kind,
        "set": _text(fields.get("CodesetId")),
        "source_set": "" if fields.get(EITHER) and source == fields.get("CodesetId") else _text(source),
        "as_recorded": "yes" if fields.get(EITHER) else "",
        "any_code": "yes" if fields.get("CodesetId") is None and source is None else "",
        "first": "yes" if fields.get("First") else "",
    }
    moved = fields.get("DateAdjustment")
    if moved:
        told |= {
            "adjust": "yes",
            "start_with": moved.get("StartWith", "START_DATE"),
            "start_offset": _text(moved.get("StartOffset", 0)),
            "end_with": moved.get("EndWith", "END_DATE"),
            "end_offset": _text(moved.get("EndOffset", 0)),
        }
    period = fields.get("UserDefinedPeriod") or {}
    told |= {"period_from": period.get("StartDate") or "", "period_to": period.get("EndDate") or ""}
    if part.counted:
        how = part.told.get("Occurrence") or {}
        column = {"VISIT": "VISIT_ID", None: "DOMAIN_CONCEPT"}.get(
            how.get("CountColumn"), how.get("CountColumn")
        )
        told |= {
            "occurrence": _text(how.get("Type", 2)),
            "count": _text(how.get("Count", 1)),
            "distinct": str(column) if how.get("IsDistinct") else "",
            "same_visit": "yes" if part.told.get("RestrictVisit") else "",
            "outside": "yes" if part.told.get("IgnoreObservationPeriod") else "",
            **window_form(part.told.get("StartWindow"), ""),
            **window_form(part.told.get("EndWindow"), "end_"),
        }
        if part.told.get("EndWindow"):
            told["end_too"] = "yes"
    return told


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _basics(expression: Expression, kind: str, fields: dict[str, Any], form: Mapping[str, str]) -> None:
    """The concept sets, whether only the first counts, and other days in the place of an event's own."""
    domain = by_circe()[kind]
    keys = {"set": "CodesetId"} | ({"source_set": domain.source_key} if domain.source_key else {})
    for field, key in keys.items():
        fields.pop(key, None)
        if not form.get(field, ""):
            continue
        number = whole(form[field], field, most=10**6)
        chosen = find_set(expression, -1 if number is None else number)
        if not items(chosen):
            raise UsageError(f"{chosen.get('name')} has no concepts yet: add some first", where=field)
        fields[key] = chosen["id"]
    if (
        kind not in NO_CODES
        and form.get("any_code") != "yes"
        and not any(key in fields for key in keys.values())
    ):
        raise UsageError("Choose a concept set, or tick that any code counts", where="set")
    fields.pop(EITHER, None)
    if form.get("as_recorded") == "yes":
        if not domain.source_key or "CodesetId" not in fields:
            raise UsageError(
                "Choose a concept set of codes first; not every kind of event has them", where="set"
            )
        fields.setdefault(domain.source_key, fields["CodesetId"])
        fields[EITHER] = True
    fields.pop("First", None)
    if form.get("first") == "yes":
        fields["First"] = True
    fields.pop("DateAdjustment", None)
    if form.get("adjust") == "yes":
        fields["DateAdjustment"] = {
            "StartWith": _date(form, "start_with", "START_DATE"),
            "StartOffset": number_of_days(form.get("start_offset", ""), "start_offset"),
            "EndWith": _date(form, "end_with", "END_DATE"),
            "EndOffset": number_of_days(form.get("end_offset", ""), "end_offset"),
        }
    if kind in PERIODS:
        fields.pop("UserDefinedPeriod", None)
        start, end = (
            day(form.get("period_from", ""), "period_from"),
            day(form.get("period_to", ""), "period_to"),
        )
        if start and end and end < start:
            raise UsageError("The period ends before it begins", where="period_to")
        if start or end:
            pairs = (("StartDate", start), ("EndDate", end))
            fields["UserDefinedPeriod"] = {key: value for key, value in pairs if value}


def _date(form: Mapping[str, str], field: str, otherwise: str) -> str:
    said = form.get(field, "") or otherwise
    if said not in ("START_DATE", "END_DATE"):
        raise UsageError("Choose the event's start or its end", where=field)
    return said


def number_of_days(text: str, where: str) -> int:
    """Days to move by, before it negative; 0 for nothing."""
    return whole(text, where, least=-36_525) or 0


def _value(kind: str, fields: dict[str, Any], form: Mapping[str, str]) -> None:
    """The value of a new event, and its unit."""
    value = between(
        number_of(form.get("value_from", ""), "value_from"),
        number_of(form.get("value_to", ""), "value_to"),
        "value_to",
    )
    unit = whole(form.get("unit", ""), "unit", most=2**31 - 1)
    if (value or unit is not None) and kind not in WITH_VALUES:
        raise UsageError("Only measurements and observations have values", where="value_from")
    if value:
        if unit is None and form.get("any_unit") != "yes":
            raise UsageError("Give the value's unit, or tick that any unit counts", where="unit")
        fields["ValueAsNumber"] = value
    if unit is not None:
        fields["Unit"] = [{"CONCEPT_ID": unit, "CONCEPT_NAME": form.get("unit_name", "")}]


def distinct(kind: str) -> dict[str, str]:
    """Which events of a kind can be counted once, by Circe's name of the column."""
    domain = by_circe().get(kind)
    own = {
        name: f"those with one {name.lower().replace('_', ' ')} once"
        for name, attributes in COUNTED_ATTRIBUTES.items()
        if domain and any(map(domain.counts, attributes))
    }
    return _ONCE | own


def _counting(told: dict[str, Any], form: Mapping[str, str], kind: str, *, fresh: bool) -> None:
    """How many events, and when."""
    occurrence = form.get("occurrence", "2")
    if occurrence not in OCCURRENCES:
        raise UsageError("Choose at least, exactly or at most", where="occurrence")
    count = whole(form.get("count", ""), "count", most=1000)
    if count is None:
        raise UsageError("Say how many events", where="count")
    if occurrence == "2" and count == 0:
        raise UsageError("At least none holds for everybody: write 1 or more", where="count")
    how: dict[str, Any] = {"Type": int(occurrence), "Count": count}
    if form.get("distinct", ""):
        if form["distinct"] not in distinct(kind):
            raise UsageError("Choose which events count once", where="distinct")
        how |= {"IsDistinct": True, "CountColumn": form["distinct"]}
    told["Occurrence"] = how
    start, end = window_of(form, ""), window_of(form, "end_")
    if fresh or "StartWindow" in told or start != window_of({}, ""):
        told["StartWindow"] = start
    told.pop("EndWindow", None)
    if form.get("end_too") == "yes":
        told["EndWindow"] = {**end, "UseEventEnd": True}
    for key, field in (("RestrictVisit", "same_visit"), ("IgnoreObservationPeriod", "outside")):
        told.pop(key, None)
        if form.get(field) == "yes":
            told[key] = True
