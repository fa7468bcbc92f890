"""OHDSI's cohort expressions (Circe, what ATLAS exports as JSON) read into definitions; what isn't known is refused."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any, cast

import msgspec

from lockgate.cohorts.circe_sets import EXPRESSION, PlainSet, decoded, plain_items
from lockgate.cohorts.circe_tests import CirceTests
from lockgate.cohorts.definition import (
    Adjustment,
    ConceptItem,
    Counted,
    Criterion,
    Definition,
    Demographic,
    Edge,
    ExposureExit,
    Group,
    Limit,
    OffsetExit,
    Rule,
    Window,
)
from lockgate.cohorts.domains import Domain, by_circe, demographic, domains
from lockgate.cohorts.reading import LARGEST, meant
from lockgate.errors import UsageError

_FLAGS = ("includeDescendants", "includeMapped", "isExcluded")
_ITEM = frozenset({"concept", "isExcluded", "includeDescendants", "includeMapped"})
_GROUPS = {"ALL": "all", "ANY": "any", "AT_LEAST": "at_least", "AT_MOST": "at_most"}
_OCCURRENCES = ("exactly", "at_most", "at_least")
COUNTED = {
    "DOMAIN_CONCEPT": "domain_concept",
    "START_DATE": "start_date",
    "END_DATE": "end_date",
    "DURATION": "duration",
    "VISIT_ID": "visit",
}
# of some kinds of event only; the first that the kind has
COUNTED_ATTRIBUTES = {
    "DAYS_SUPPLY": ("DaysSupply",),
    "ERA_OCCURRENCES": ("OccurrenceCount",),
    "GAP_DAYS": ("GapDays",),
    "QUANTITY": ("Quantity",),
    "RANGE_HIGH": ("RangeHigh",),
    "RANGE_LOW": ("RangeLow",),
    "REFILLS": ("Refills",),
    "UNIT": ("Unit",),
    "VALUE_AS_NUMBER": ("ValueAsNumber", "DoseValue"),
}
_DATES = {"START_DATE": "start", "END_DATE": "end"}
# ours, beside Circe's fields: the standard concept or the one as recorded is enough. ATLAS doesn't know it.
EITHER = "LockgateEither"


def read_circe(text: bytes | str, where: str = "the cohort definition") -> Definition:
    """A Circe expression, or ATLAS's export around one, as a definition.

    ``where`` names the source in errors. Raises UsageError with the path of the first thing that isn't JSON, isn't
    known, contradicts itself, or asks for what no CDM 5 table holds.
    """
    raw = (text.encode() if isinstance(text, str) else text).removeprefix(BOM_UTF8)
    if not raw.strip():
        raise UsageError("it is empty", where=where, remedy="export it again from ATLAS")
    try:
        return _told(decoded(raw), where)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"it is not JSON: {error}", where=where, remedy="export it again from ATLAS"
        ) from error
    except RecursionError:
        raise UsageError(
            "it is nested deeper than a definition can be", where=where, remedy="export it again from ATLAS"
        ) from None


def _told(told: Any, where: str) -> Definition:
    if isinstance(told, dict) and "expression" in told and "PrimaryCriteria" not in told:
        inner = told["expression"]
        found = read_circe(inner, where) if isinstance(inner, str) else _Reader(where).definition(inner)
        name = told.get("name")
        return msgspec.structs.replace(found, name=name) if isinstance(name, str) and name else found
    return _Reader(where).definition(told)


@cache
def _countable(domain: str) -> dict[str, str]:
    """What can be counted of a kind of event, by Circe's names."""
    named = {**COUNTED, "VISIT": "visit"}
    if domain == "visit_detail":
        named["VISIT_DETAIL_ID"] = "no"  # each event has its own
    for name, attributes in COUNTED_ATTRIBUTES.items():
        for attribute in filter(domains()[domain].counts, attributes):
            named.setdefault(name, attribute)
    return named


def _of_regions(told: Any) -> bool:
    if isinstance(told, Mapping):
        return not told.keys().isdisjoint(("LocationRegion", "PlaceOfServiceLocation")) or any(
            map(_of_regions, told.values())
        )
    return isinstance(told, list) and any(map(_of_regions, told))


class _Reader(CirceTests):
    def definition(self, told: Any) -> Definition:
        fields = self.fields(told, "", *EXPRESSION)
        for place, item in enumerate(self.items(fields.get("ConceptSets"), "ConceptSets")):
            self._concept_set(item, f"ConceptSets[{place}]")
        if "PrimaryCriteria" not in fields:
            raise self.refuse("PrimaryCriteria", "a cohort needs events to begin with")
        path = "PrimaryCriteria"
        self._version(fields)
        primary = self.fields(fields[path], path, "CriteriaList", "ObservationWindow", "PrimaryCriteriaLimit")
        entry = self._criteria(primary.get("CriteriaList"), f"{path}.CriteriaList")
        if not entry:
            raise self.refuse(f"{path}.CriteriaList", "a cohort needs events to begin with")
        around = self.fields(
            primary.get("ObservationWindow", {}), f"{path}.ObservationWindow", "PriorDays", "PostDays"
        )
        qualifying = (
            self._group(fields["AdditionalCriteria"], "AdditionalCriteria")
            if "AdditionalCriteria" in fields
            else None
        )
        collapse = self.fields(
            fields.get("CollapseSettings", {}), "CollapseSettings", "CollapseType", "EraPad"
        )
        if collapse.get("CollapseType", "ERA") != "ERA":
            raise self.refuse("CollapseSettings.CollapseType", "it is none of ERA")
        window = self.fields(fields.get("CensorWindow", {}), "CensorWindow", "StartDate", "EndDate")
        return Definition(
            entry=entry,
            days_before=self.whole(around.get("PriorDays", 0), f"{path}.ObservationWindow.PriorDays"),
            days_after=self.whole(around.get("PostDays", 0), f"{path}.ObservationWindow.PostDays"),
            entry_limit=self._limit(primary.get("PrimaryCriteriaLimit"), f"{path}.PrimaryCriteriaLimit"),
            qualifying=qualifying,
            # Circe applies this limit only where there are additional criteria
            qualifying_limit=self._limit(fields.get("QualifiedLimit"), "QualifiedLimit")
            if qualifying
            else "all",
            rules=tuple(
                self._rule(item, f"InclusionRules[{place}]")
                for place, item in enumerate(self.items(fields.get("InclusionRules"), "InclusionRules"))
            ),
            limit=self._limit(fields.get("ExpressionLimit"), "ExpressionLimit"),
            exit=self._exit(fields["EndStrategy"], "EndStrategy") if "EndStrategy" in fields else None,
            censoring=self._criteria(fields.get("CensoringCriteria"), "CensoringCriteria"),
            era_gap=self.whole(collapse.get("EraPad", 0), "CollapseSettings.EraPad"),
            censor_from=self.day(window.get("StartDate"), "CensorWindow.StartDate"),
            censor_until=self.day(window.get("EndDate"), "CensorWindow.EndDate"),
            name=str(fields.get("Title", "")),
            concept_sets=tuple(self._names.items()),
        )

    def _version(self, fields: Mapping[str, Any]) -> None:
        """Refuse a definition for CDM 6 alone, unless it is so for its regions, whose tables a folder may have."""
        told = str(fields.get("cdmVersionRange", ""))
        major = re.match(r"\s*[>=~^]*\s*v?(\d+)", told)
        if major and int(major[1]) > 5 and not _of_regions(fields):
            reason = f"it is for CDM {told.lstrip('>=~^ ')} and later; what is read here is CDM 5.3 and 5.4"
            raise self.refuse("cdmVersionRange", reason, "export it for CDM 5")

    def _limit(self, told: Any, path: str) -> Limit:
        fields = self.fields(told or {}, path, "Type")
        named = str(fields.get("Type", "All")).lower()
        if named not in ("all", "first", "last"):
            raise self.refuse(f"{path}.Type", "it is none of All, First, Last")
        return cast(Limit, named)

    def _concept_set(self, told: Any, path: str) -> None:
        if isinstance(told, PlainSet):
            number, name, items = told.id, told.name, plain_items(told)
        else:
            fields = self.fields(told, path, "id", "name", "expression")
            number, name = self.whole(fields.get("id"), f"{path}.id", LARGEST), str(fields.get("name") or "")
            expression = fields.get("expression", {})
            items = self._set_items(expression, f"{path}.expression")
        if number in self._sets:
            raise self.refuse(f"{path}.id", f"there are two concept sets {number}")
        self._sets[number] = tuple(items)
        while name in self._names:
            name += " (again)"
        if name:
            self._names[name] = self._sets[number]

    def _set_items(self, told: Any, path: str) -> list[ConceptItem]:
        fields = self.fields(told, path, "items", *_FLAGS)
        items = []
        for place, item in enumerate(self.items(fields.get("items"), f"{path}.items")):
            here = f"{path}.items[{place}]"
            self.fields(item, here, *_ITEM)
            concept = self.concept(item.get("concept"), f"{here}.concept")
            items.append(ConceptItem(concept, *(self._said(item, key, here) for key in _FLAGS)))
        return items

    def _said(self, item: Any, key: str, path: str) -> bool:
        value = item.get(key)
        return value is True or (value is not None and self.flag(value, f"{path}.{key}"))

    def _rule(self, told: Any, path: str) -> Rule:
        fields = self.fields(told, path, "name", "description", "expression")
        if "expression" not in fields:
            raise self.refuse(f"{path}.expression", "a rule without an expression")
        return Rule(
            str(fields.get("name", "")),
            self._group(fields["expression"], f"{path}.expression"),
            str(fields.get("description", "")),
        )

    def _exit(self, told: Any, path: str) -> OffsetExit | ExposureExit:
        fields = self.fields(told, path, "DateOffset", "CustomEra")
        if len(fields) != 1:
            raise self.refuse(path, "it names not one way to end")
        if "DateOffset" in fields:
            offset = self.fields(fields["DateOffset"], f"{path}.DateOffset", "DateField", "Offset")
            field = self.choice(
                offset.get("DateField", "StartDate"),
                {"StartDate": "start", "EndDate": "end"},
                f"{path}.DateField",
            )
            return OffsetExit(
                field == "end", self.whole(offset.get("Offset", 0), f"{path}.DateOffset.Offset")
            )
        path = f"{path}.CustomEra"
        era = self.fields(
            fields["CustomEra"], path, "DrugCodesetId", "GapDays", "Offset", "DaysSupplyOverride"
        )
        supply = era.get("DaysSupplyOverride")
        return ExposureExit(
            self.known_set(era.get("DrugCodesetId"), f"{path}.DrugCodesetId"),
            self.whole(era.get("GapDays", 0), f"{path}.GapDays"),
            self.whole(era.get("Offset", 0), f"{path}.Offset"),
            None if supply is None else self.whole(supply, f"{path}.DaysSupplyOverride"),
        )

    def _group(self, told: Any, path: str) -> Group:
        fields = self.fields(told, path, "Type", "Count", "CriteriaList", "DemographicCriteriaList", "Groups")
        how = self.choice(fields.get("Type", "ALL"), _GROUPS, f"{path}.Type")
        if how in ("at_least", "at_most") and "Count" not in fields:
            raise self.refuse(f"{path}.Count", "how many is not said")
        demographics = self.items(fields.get("DemographicCriteriaList"), f"{path}.DemographicCriteriaList")
        return Group(
            how,
            self.whole(fields["Count"], f"{path}.Count") if how.startswith("at_") else 0,
            tuple(
                self._counted(item, f"{path}.CriteriaList[{place}]")
                for place, item in enumerate(self.items(fields.get("CriteriaList"), f"{path}.CriteriaList"))
            ),
            tuple(
                Demographic(self.tests(item, demographic(), f"{path}.DemographicCriteriaList[{place}]"))
                for place, item in enumerate(demographics)
            ),
            tuple(
                self._group(item, f"{path}.Groups[{place}]")
                for place, item in enumerate(self.items(fields.get("Groups"), f"{path}.Groups"))
            ),
        )

    def _counted(self, told: Any, path: str) -> Counted:
        fields = self.fields(
            told,
            path,
            "Criteria",
            "StartWindow",
            "EndWindow",
            "Occurrence",
            "RestrictVisit",
            "IgnoreObservationPeriod",
        )
        occurrence = self.fields(
            fields.get("Occurrence"), f"{path}.Occurrence", "Type", "Count", "IsDistinct", "CountColumn"
        )
        windows = []
        if "StartWindow" in fields:
            windows.append(self._window(fields["StartWindow"], f"{path}.StartWindow", of_event_end=False))
        if "EndWindow" in fields:
            windows.append(self._window(fields["EndWindow"], f"{path}.EndWindow", of_event_end=True))
        criterion = self._criterion(fields.get("Criteria"), f"{path}.Criteria")
        distinct = self._distinct(occurrence, domains()[criterion.domain], f"{path}.Occurrence")
        return Counted(
            criterion,
            self.choice(occurrence.get("Type"), _OCCURRENCES, f"{path}.Occurrence.Type"),
            self.whole(occurrence.get("Count"), f"{path}.Occurrence.Count"),
            tuple(windows),
            distinct,
            same_visit=self.flag(fields.get("RestrictVisit", False), f"{path}.RestrictVisit"),
            outside_observation=self.flag(
                fields.get("IgnoreObservationPeriod", False), f"{path}.IgnoreObservationPeriod"
            ),
        )

    def _distinct(self, told: Mapping[str, Any], domain: Domain, path: str) -> str:
        column = told.get("CountColumn", "DOMAIN_CONCEPT")
        found: str = self.choice(column, _countable(domain.name), f"{path}.CountColumn")
        # as in Circe, the column matters only where different ones are counted
        return found if self.flag(told.get("IsDistinct", False), f"{path}.IsDistinct") else "no"

    def _window(self, told: Any, path: str, *, of_event_end: bool) -> Window:
        """``of_event_end``: what an unsaid UseEventEnd means (true for an end window, as before it had the field)."""
        fields = self.fields(told, path, "Start", "End", "UseIndexEnd", "UseEventEnd")
        return Window(
            self._edge(fields.get("Start"), f"{path}.Start"),
            self._edge(fields.get("End"), f"{path}.End"),
            self.flag(fields.get("UseIndexEnd", False), f"{path}.UseIndexEnd"),
            self.flag(fields.get("UseEventEnd", of_event_end), f"{path}.UseEventEnd"),
        )

    def _edge(self, told: Any, path: str) -> Edge:
        fields = self.fields(told, path, "Days", "Coeff")
        sign = self.whole(fields.get("Coeff"), f"{path}.Coeff")
        if sign not in (-1, 1):
            raise self.refuse(f"{path}.Coeff", "it is neither -1 nor 1")
        if "Days" in fields:
            return sign * self.whole(fields["Days"], f"{path}.Days")
        return "observation end" if sign == 1 else "observation start"

    def _criteria(self, told: Any, path: str) -> tuple[Criterion, ...]:
        return tuple(
            self._criterion(item, f"{path}[{place}]") for place, item in enumerate(self.items(told, path))
        )

    def _criterion(self, told: Any, path: str) -> Criterion:
        if not isinstance(told, dict) or len(told) != 1:
            raise self.refuse(path, "an object with one kind of event is expected here")
        ((kind, fields),) = told.items()
        path = f"{path}.{kind}"
        domain = by_circe().get(kind)
        if domain is None:
            raise self.refuse(path, f"Circe has no such criterion{meant(kind, by_circe())}", "leave it out")
        if not isinstance(fields, dict):
            raise self.refuse(path, "an object is expected here")
        rest = {key: value for key, value in fields.items() if value is not None}
        group = rest.pop("CorrelatedCriteria", None)
        codeset = rest.pop("CodesetId", None)
        source = rest.pop(domain.source_key, None) if domain.source_key else None
        first = rest.pop("First", False)
        either = self.flag(rest.pop(EITHER, False), f"{path}.{EITHER}")
        if either and (codeset is None or source is None):
            raise self.refuse(f"{path}.{EITHER}", "either of two columns needs a concept set for both")
        adjustment = rest.pop("DateAdjustment", None)
        period = rest.pop("UserDefinedPeriod", None)
        return Criterion(
            domain.name,
            None if codeset is None else self.known_set(codeset, f"{path}.CodesetId"),
            None if source is None else self.known_set(source, f"{path}.{domain.source_key}"),
            self.flag(first, f"{path}.First"),
            self.tests(rest, domain.attributes, path),
            None if adjustment is None else self._adjustment(adjustment, f"{path}.DateAdjustment"),
            None if period is None else self._period(period, domain, f"{path}.UserDefinedPeriod"),
            None if group is None else self._group(group, f"{path}.CorrelatedCriteria"),
            either,
        )

    def _adjustment(self, told: Any, path: str) -> Adjustment:
        fields = self.fields(told, path, "StartWith", "StartOffset", "EndWith", "EndOffset")
        return Adjustment(
            self.choice(fields.get("StartWith", "START_DATE"), _DATES, f"{path}.StartWith"),
            self.whole(fields.get("StartOffset", 0), f"{path}.StartOffset"),
            self.choice(fields.get("EndWith", "END_DATE"), _DATES, f"{path}.EndWith"),
            self.whole(fields.get("EndOffset", 0), f"{path}.EndOffset"),
        )

    def _period(self, told: Any, domain: Domain, path: str) -> tuple[date | None, date | None]:
        if domain.name not in ("observation_period", "payer_plan_period"):
            raise self.refuse(path, "Circe has no such field here")
        fields = self.fields(told, path, "StartDate", "EndDate")
        return (
            self.day(fields.get("StartDate"), f"{path}.StartDate"),
            self.day(fields.get("EndDate"), f"{path}.EndDate"),
        )
