"""OHDSI's cohort expressions (Circe, what ATLAS exports as JSON) read into definitions; what isn't known "
"is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal, cast

import msgspec

from lockgate.cohorts.definition import (
    EARLIEST,
    LATEST,
    Abnormal,
    Adjustment,
    Bound,
    ConceptItem,
    ConceptSet,
    Counted,
    Criterion,
    Days,
    Definition,
    Demographic,
    ExposureExit,
    Group,
    In,
    Interval,
    Limit,
    OffsetExit,
    Rule,
    Test,
    Window,
    Words,
)
from lockgate.cohorts.domains import Attribute, Domain, by_circe, demographic
from lockgate.errors import UsageError

_CONCEPT = frozenset(
    {
        "CONCEPT_ID", "CONCEPT_NAME", "CONCEPT_CODE", "CONCEPT_CLASS_ID", "DOMAIN_ID", "VOCABULARY_ID",
        "STANDARD_CONCEPT", "STANDARD_CONCEPT_CAPTION", "INVALID_REASON", "INVALID_REASON_CAPTION",
        "VALID_START_DATE", "VALID_END_DATE",
    }
)  # fmt: skip
_ITEM = frozenset({"concept", "isExcluded", "includeDescendants", "includeMapped"})
_EXPRESSION = (
    "ConceptSets", "PrimaryCriteria", "AdditionalCriteria", "QualifiedLimit", "ExpressionLimit",
    "InclusionRules", "EndStrategy", "CensoringCriteria", "CollapseSettings", "CensorWindow", "cdmVersionRange",
    "Title",
)  # fmt: skip
_GROUPS = {"ALL": "all", "ANY": "any", "AT_LEAST": "at_least", "AT_MOST": "at_most"}
_OCCURRENCES = ("exactly", "at_most", "at_least")
_DISTINCT = {
    "DOMAIN_CONCEPT": "domain_concept",
    "START_DATE": "start_date",
    "VISIT": "visit",
    None: "domain_concept",
}
_DATES = {"START_DATE": "start", "END_DATE": "end"}


def read_circe(text: bytes | str, where: str = "the cohort definition") -> Definition:
    """A Circe expression, or ATLAS's export around one, as a definition.

    ``where`` names the source in errors. Raises UsageError with the path of the first thing that isn't JSON, isn't
    known, contradicts itself, or asks for what no CDM 5 table holds.
    """
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(
            f"it is not JSON: {error}", where=where, remedy="export it again from ATLAS"
        ) from error
    if isinstance(told, dict) and "expression" in told and "PrimaryCriteria" not in told:
        told = told["expression"]
        if isinstance(told, str):
            return read_circe(told, where)
    return _Reader(where).definition(told)


class _Reader:
    def __init__(self, where: str) -> None:
        self._where = where
        self._sets: dict[int, ConceptSet] = {}

    def _refuse(
        self, path: str, reason: str, remedy: str = "mend it in ATLAS and export it again"
    ) -> UsageError:
        return UsageError(reason, where=f"{self._where}: {path}" if path else self._where, remedy=remedy)

    def _object(self, told: Any, path: str, *keys: str) -> Mapping[str, Any]:
        """An object with no other keys than these; what is null is left out."""
        if not isinstance(told, dict):
            raise self._refuse(path, "an object is expected here")
        for key in told:
            if key not in keys:
                raise self._refuse(f"{path}.{key}".lstrip("."), "Circe has no such field here")
        return {key: value for key, value in told.items() if value is not None}

    def _list(self, told: Any, path: str) -> Sequence[Any]:
        if told is None:
            return ()
        if not isinstance(told, list):
            raise self._refuse(path, "a list is expected here")
        return told

    def _integer(self, told: Any, path: str) -> int:
        if isinstance(told, bool) or not isinstance(told, int):
            raise self._refuse(path, "a whole number is expected here")
        return told

    def _flag(self, told: Any, path: str) -> bool:
        if not isinstance(told, bool):
            raise self._refuse(path, "true or false is expected here")
        return told

    def _choice(self, told: Any, known: Mapping[Any, str] | Sequence[str], path: str) -> Any:
        if isinstance(known, Mapping) and (isinstance(told, str) or told is None) and told in known:
            return known[told]
        if not isinstance(known, Mapping) and isinstance(told, int) and 0 <= told < len(known):
            return known[told]
        names = ", ".join(str(name) for name in known if name is not None)
        raise self._refuse(path, f"it is none of {names}")

    def definition(self, told: Any) -> Definition:
        fields = self._object(told, "", *_EXPRESSION)
        for place, item in enumerate(self._list(fields.get("ConceptSets"), "ConceptSets")):
            self._concept_set(item, f"ConceptSets[{place}]")
        if "PrimaryCriteria" not in fields:
            raise self._refuse("PrimaryCriteria", "a cohort needs events to begin with")
        path = "PrimaryCriteria"
        primary = self._object(
            fields[path], path, "CriteriaList", "ObservationWindow", "PrimaryCriteriaLimit"
        )
        entry = self._criteria(primary.get("CriteriaList"), f"{path}.CriteriaList")
        if not entry:
            raise self._refuse(f"{path}.CriteriaList", "a cohort needs events to begin with")
        around = self._object(
            primary.get("ObservationWindow", {}), f"{path}.ObservationWindow", "PriorDays", "PostDays"
        )
        qualifying = (
            self._group(fields["AdditionalCriteria"], "AdditionalCriteria")
            if "AdditionalCriteria" in fields
            else None
        )
        collapse = self._object(
            fields.get("CollapseSettings", {}), "CollapseSettings", "CollapseType", "EraPad"
        )
        if collapse.get("CollapseType", "ERA") != "ERA":
            raise self._refuse("CollapseSettings.CollapseType", "it is none of ERA")
        window = self._object(fields.get("CensorWindow", {}), "CensorWindow", "StartDate", "EndDate")
        return Definition(
            entry=entry,
            days_before=self._integer(around.get("PriorDays", 0), f"{path}.ObservationWindow.PriorDays"),
            days_after=self._integer(around.get("PostDays", 0), f"{path}.ObservationWindow.PostDays"),
            entry_limit=self._limit(primary.get("PrimaryCriteriaLimit"), f"{path}.PrimaryCriteriaLimit"),
            qualifying=qualifying,
            # Circe applies this limit only where there are additional criteria
            qualifying_limit=self._limit(fields.get("QualifiedLimit"), "QualifiedLimit")
            if qualifying
            else "all",
            rules=tuple(
                self._rule(item, f"InclusionRules[{place}]")
                for place, item in enumerate(self._list(fields.get("InclusionRules"), "InclusionRules"))
            ),
            limit=self._limit(fields.get("ExpressionLimit"), "ExpressionLimit"),
            exit=self._exit(fields["EndStrategy"], "EndStrategy") if "EndStrategy" in fields else None,
            censoring=self._criteria(fields.get("CensoringCriteria"), "CensoringCriteria"),
            era_gap=self._integer(collapse.get("EraPad", 0), "CollapseSettings.EraPad"),
            censor_from=self._date(window.get("StartDate"), "CensorWindow.StartDate"),
            censor_until=self._date(window.get("EndDate"), "CensorWindow.EndDate"),
        )

    def _limit(self, told: Any, path: str) -> Limit:
        fields = self._object(told or {}, path, "Type")
        named = str(fields.get("Type", "All")).lower()
        if named not in ("all", "first", "last"):
            raise self._refuse(f"{path}.Type", "it is none of All, First, Last")
        return cast(Limit, named)

    def _date(self, told: Any, path: str) -> date | None:
        if told is None or told == "":
            return None
        try:
            return date.fromisoformat(str(told)[:10])
        except ValueError:
            raise self._refuse(path, "a day such as 2026-03-31 is expected here") from None

    def _concept(self, told: Any, path: str) -> int:
        if not isinstance(told, dict) or not told.keys() <= _CONCEPT:
            self._object(told, path, *_CONCEPT)
        return self._integer(told.get("CONCEPT_ID"), f"{path}.CONCEPT_ID")

    def _concept_set(self, told: Any, path: str) -> None:
        fields = self._object(told, path, "id", "name", "expression")
        number = self._integer(fields.get("id"), f"{path}.id")
        if number in self._sets:
            raise self._refuse(f"{path}.id", f"there are two concept sets {number}")
        expression = self._object(
            fields.get("expression", {}),
            f"{path}.expression",
            "items",
            "isExcluded",
            "includeMapped",
            "includeDescendants",
        )
        items = []
        for place, item in enumerate(self._list(expression.get("items"), f"{path}.expression.items")):
            here = f"{path}.expression.items[{place}]"
            if not isinstance(item, dict) or not item.keys() <= _ITEM:
                self._object(item, here, *_ITEM)
            items.append(
                ConceptItem(
                    self._concept(item.get("concept"), f"{here}.concept"),
                    item.get("includeDescendants") is True,
                    item.get("includeMapped") is True,
                    item.get("isExcluded") is True,
                )
            )
        self._sets[number] = tuple(items)

    def _set(self, told: Any, path: str) -> ConceptSet:
        number = self._integer(told, path)
        if number not in self._sets:
            raise self._refuse(path, f"the definition has no concept set {number}")
        return self._sets[number]

    def _rule(self, told: Any, path: str) -> Rule:
        fields = self._object(told, path, "name", "description", "expression")
        if "expression" not in fields:
            raise self._refuse(f"{path}.expression", "a rule without an expression")
        return Rule(str(fields.get("name", "")), self._group(fields["expression"], f"{path}.expression"))

    def _exit(self, told: Any, path: str) -> OffsetExit | ExposureExit:
        fields = self._object(told, path, "DateOffset", "CustomEra")
        if len(fields) != 1:
            raise self._refuse(path, "it names not one way to end")
        if "DateOffset" in fields:
            offset = self._object(fields["DateOffset"], f"{path}.DateOffset", "DateField", "Offset")
            field = self._choice(
                offset.get("DateField", "StartDate"),
                {"StartDate": "start", "EndDate": "end"},
                f"{path}.DateField",
            )
            return OffsetExit(
                field == "end", self._integer(offset.get("Offset", 0), f"{path}.DateOffset.Offset")
            )
        path = f"{path}.CustomEra"
        era = self._object(
            fields["CustomEra"], path, "DrugCodesetId", "GapDays", "Offset", "DaysSupplyOverride"
        )
        supply = era.get("DaysSupplyOverride")
        return ExposureExit(
            self._set(era.get("DrugCodesetId"), f"{path}.DrugCodesetId"),
            self._integer(era.get("GapDays", 0), f"{path}.GapDays"),
            self._integer(era.get("Offset", 0), f"{path}.Offset"),
            None if supply is None else self._integer(supply, f"{path}.DaysSupplyOverride"),
        )

    def _group(self, told: Any, path: str) -> Group:
        fields = self._object(
            told, path, "Type", "Count", "CriteriaList", "DemographicCriteriaList", "Groups"
        )
        how = self._choice(fields.get("Type", "ALL"), _GROUPS, f"{path}.Type")
        if how in ("at_least", "at_most") and "Count" not in fields:
            raise self._refuse(f"{path}.Count", "how many is not said")
        demographics = self._list(fields.get("DemographicCriteriaList"), f"{path}.DemographicCriteriaList")
        return Group(
            how,
            self._integer(fields.get("Count", 0), f"{path}.Count"),
            tuple(
                self._counted(item, f"{path}.CriteriaList[{place}]")
                for place, item in enumerate(self._list(fields.get("CriteriaList"), f"{path}.CriteriaList"))
            ),
            tuple(
                Demographic(self._tests(item, demographic(), f"{path}.DemographicCriteriaList[{place}]"))
                for place, item in enumerate(demographics)
            ),
            tuple(
                self._group(item, f"{path}.Groups[{place}]")
                for place, item in enumerate(self._list(fields.get("Groups"), f"{path}.Groups"))
            ),
        )

    def _counted(self, told: Any, path: str) -> Counted:
        fields = self._object(
            told,
            path,
            "Criteria",
            "StartWindow",
            "EndWindow",
            "Occurrence",
            "RestrictVisit",
            "IgnoreObservationPeriod",
        )
        occurrence = self._object(
            fields.get("Occurrence"), f"{path}.Occurrence", "Type", "Count", "IsDistinct", "CountColumn"
        )
        windows = []
        if "StartWindow" in fields:
            windows.append(self._window(fields["StartWindow"], f"{path}.StartWindow", of_event_end=False))
        if "EndWindow" in fields:
            windows.append(self._window(fields["EndWindow"], f"{path}.EndWindow", of_event_end=True))
        distinct: Any = "no"
        if occurrence.get("IsDistinct"):
            distinct = self._choice(
                occurrence.get("CountColumn"), _DISTINCT, f"{path}.Occurrence.CountColumn"
            )
        return Counted(
            self._criterion(fields.get("Criteria"), f"{path}.Criteria"),
            self._choice(occurrence.get("Type"), _OCCURRENCES, f"{path}.Occurrence.Type"),
            self._integer(occurrence.get("Count"), f"{path}.Occurrence.Count"),
            tuple(windows),
            distinct,
            same_visit=self._flag(fields.get("RestrictVisit", False), f"{path}.RestrictVisit"),
            outside_observation=self._flag(
                fields.get("IgnoreObservationPeriod", False), f"{path}.IgnoreObservationPeriod"
            ),
        )

    def _window(self, told: Any, path: str, *, of_event_end: bool) -> Window:
        """``of_event_end``: what an unsaid UseEventEnd means (true for an end window, as before it had "
        "the field)."""
        fields = self._object(told, path, "Start", "End", "UseIndexEnd", "UseEventEnd")
        return Window(
            self._bound(fields.get("Start"), f"{path}.Start"),
            self._bound(fields.get("End"), f"{path}.End"),
            self._flag(fields.get("UseIndexEnd", False), f"{path}.UseIndexEnd"),
            self._flag(fields.get("UseEventEnd", of_event_end), f"{path}.UseEventEnd"),
        )

    def _bound(self, told: Any, path: str) -> Bound:
        fields = self._object(told, path, "Days", "Coeff")
        coefficient = self._integer(fields.get("Coeff"), f"{path}.Coeff")
        if coefficient not in (-1, 1):
            raise self._refuse(f"{path}.Coeff", "it is neither -1 nor 1")
        days = fields.get("Days")
        return Bound(None if days is None else self._integer(days, f"{path}.Days"), coefficient == 1)

    def _criteria(self, told: Any, path: str) -> tuple[Criterion, ...]:
        return tuple(
            self._criterion(item, f"{path}[{place}]") for place, item in enumerate(self._list(told, path))
        )

    def _criterion(self, told: Any, path: str) -> Criterion:
        if not isinstance(told, dict) or len(told) != 1:
            raise self._refuse(path, "an object with one kind of event is expected here")
        ((kind, fields),) = told.items()
        path = f"{path}.{kind}"
        domain = by_circe().get(kind)
        if domain is None:
            reason = (
                "its tables are those of CDM 6" if kind == "LocationRegion" else "Circe has no such criterion"
            )
            raise self._refuse(path, reason, "leave it out")
        if not isinstance(fields, dict):
            raise self._refuse(path, "an object is expected here")
        rest = {key: value for key, value in fields.items() if value is not None}
        group = rest.pop("CorrelatedCriteria", None)
        codeset = rest.pop("CodesetId", None)
        source = rest.pop(domain.source_key, None) if domain.source_key else None
        first = rest.pop("First", False)
        adjustment = rest.pop("DateAdjustment", None)
        period = rest.pop("UserDefinedPeriod", None)
        return Criterion(
            domain.name,
            None if codeset is None else self._set(codeset, f"{path}.CodesetId"),
            None if source is None else self._set(source, f"{path}.{domain.source_key}"),
            self._flag(first, f"{path}.First"),
            self._tests(rest, domain.attributes, path),
            None if adjustment is None else self._adjustment(adjustment, f"{path}.DateAdjustment"),
            None if period is None else self._period(period, domain, f"{path}.UserDefinedPeriod"),
            None if group is None else self._group(group, f"{path}.CorrelatedCriteria"),
        )

    def _adjustment(self, told: Any, path: str) -> Adjustment:
        fields = self._object(told, path, "StartWith", "StartOffset", "EndWith", "EndOffset")
        return Adjustment(
            self._choice(fields.get("StartWith", "START_DATE"), _DATES, f"{path}.StartWith"),
            self._integer(fields.get("StartOffset", 0), f"{path}.StartOffset"),
            self._choice(fields.get("EndWith", "END_DATE"), _DATES, f"{path}.EndWith"),
            self._integer(fields.get("EndOffset", 0), f"{path}.EndOffset"),
        )

    def _period(self, told: Any, domain: Domain, path: str) -> tuple[date | None, date | None]:
        if domain.name not in ("observation_period", "payer_plan_period"):
            raise self._refuse(path, "Circe has no such field here")
        fields = self._object(told, path, "StartDate", "EndDate")
        return (
            self._date(fields.get("StartDate"), f"{path}.StartDate"),
            self._date(fields.get("EndDate"), f"{path}.EndDate"),
        )

    def _tests(self, told: Any, known: Mapping[str, Attribute], path: str) -> tuple[tuple[str, Test], ...]:
        fields = {key: value for key, value in told.items() if value is not None}
        tests: list[tuple[str, Test]] = []
        for key, value in fields.items():
            here = f"{path}.{key}"
            if key.endswith("Exclude") and key[:-7] in known:
                self._flag(value, here)
                continue
            if key in known:
                outside = fields.get(f"{key}Exclude") is True
                test = self._test(known[key].kind, value, here, outside=outside)
            elif key.endswith("CS") and key[:-2] in known and known[key[:-2]].kind == "in":
                key = key[:-2]
                chosen = self._object(value, here, "CodesetId", "IsExclusion")
                outside = self._flag(chosen.get("IsExclusion", False), f"{here}.IsExclusion")
                test = In(
                    concept_set=self._set(chosen.get("CodesetId"), f"{here}.CodesetId"), outside=outside
                )
            else:
                raise self._refuse(here, "Circe has no such field here, or its tables are those of CDM 6")
            if test is not None:
                tests.append((key, test))
        return tuple(sorted(tests, key=lambda pair: pair[0]))

    def _test(self, kind: str, told: Any, path: str, *, outside: bool) -> Test | None:
        if kind == "abnormal":
            return Abnormal() if self._flag(told, path) else None
        if kind == "set":
            return In(concept_set=self._set(told, path))
        if kind == "in":
            listed = self._list(told, path)
            if not listed:  # as in Circe, an empty list asks nothing
                return None
            return In(
                concepts=tuple(self._concept(item, f"{path}[{place}]") for place, item in enumerate(listed)),
                outside=outside,
            )
        if kind == "words":
            fields = self._object(told, path, "Text", "Op")
            how = str(fields.get("Op", "contains"))
            if how.lstrip("!") not in ("contains", "startsWith", "endsWith", "eq"):
                raise self._refuse(f"{path}.Op", "it is none of contains, startsWith, endsWith, eq")
            named = cast(Literal["contains", "startsWith", "endsWith", "eq"], how.lstrip("!"))
            return Words(named, str(fields.get("Text", "")), how.startswith("!"))
        fields = self._object(told, path, "Value", "Extent", "Op")
        how = str(fields.get("Op", ""))
        if how.lstrip("!") not in ("lt", "lte", "eq", "gt", "gte", "bt"):
            raise self._refuse(f"{path}.Op", "it is none of lt, lte, eq, gt, gte, bt, !eq, !bt")
        if how.endswith("bt") and "Extent" not in fields:
            raise self._refuse(f"{path}.Extent", "a range needs both its ends")
        if kind == "days":
            value = self._date(fields.get("Value"), f"{path}.Value")
            extent = self._date(fields.get("Extent"), f"{path}.Extent")
            if value is None:
                raise self._refuse(f"{path}.Value", "a day is expected here")
            return _days(how, value, extent)
        number = self._number(fields.get("Value"), f"{path}.Value")
        other = self._number(fields["Extent"], f"{path}.Extent") if how.endswith("bt") else number
        return _interval(how, number, other)

    def _number(self, told: Any, path: str) -> float:
        if isinstance(told, bool) or not isinstance(told, int | float):
            raise self._refuse(path, "a number is expected here")
        return float(told)


def _interval(how: str, value: float, extent: float) -> Interval:
    """An operator as a closed interval: beyond ``value`` is from the next number on."""
    if how in ("lt", "lte"):
        return Interval(high=value if how == "lte" else math.nextafter(value, -math.inf))
    if how in ("gt", "gte"):
        return Interval(low=value if how == "gte" else math.nextafter(value, math.inf))
    return Interval(value, extent, outside=how.startswith("!"))


def _days(how: str, value: date, extent: date | None) -> Days:
    if how in ("lt", "lte"):
        return Days(EARLIEST, value if how == "lte" else date.fromordinal(value.toordinal() - 1))
    if how in ("gt", "gte"):
        return Days(value if how == "gte" else date.fromordinal(value.toordinal() + 1), LATEST)
    return Days(value, extent if how.endswith("bt") and extent else value, outside=how.startswith("!"))
