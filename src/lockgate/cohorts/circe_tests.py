"""The attributes of Circe's criteria, read into tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from lockgate.cohorts.definition import Abnormal, ConceptSet, Flag, In, Test, Words
from lockgate.cohorts.domains import Attribute
from lockgate.cohorts.reading import LARGEST, Reading, days, interval, meant

CONCEPT = frozenset(
    {
        "CONCEPT_ID", "CONCEPT_NAME", "CONCEPT_CODE", "CONCEPT_CLASS_ID", "DOMAIN_ID", "VOCABULARY_ID",
        "STANDARD_CONCEPT", "STANDARD_CONCEPT_CAPTION", "INVALID_REASON", "INVALID_REASON_CAPTION",
        "VALID_START_DATE", "VALID_END_DATE",
    }
)  # fmt: skip


class CirceTests(Reading):
    """An expression being read, with the concept sets that it has named so far."""

    def __init__(self, where: str) -> None:
        super().__init__(where, "Circe", "mend it in ATLAS and export it again")
        self._sets: dict[int, ConceptSet] = {}
        self._names: dict[str, ConceptSet] = {}

    def concept(self, told: Any, path: str) -> int:
        if not isinstance(told, dict) or not told.keys() <= CONCEPT:
            self.fields(told, path, *CONCEPT)
        return self.whole(told.get("CONCEPT_ID"), f"{path}.CONCEPT_ID", LARGEST)

    def known_set(self, told: Any, path: str) -> ConceptSet:
        number = self.whole(told, path, LARGEST)
        if number not in self._sets:
            raise self.refuse(path, f"the definition has no concept set {number}")
        return self._sets[number]

    def tests(self, told: Any, known: Mapping[str, Attribute], path: str) -> tuple[tuple[str, Test], ...]:
        fields = {key: value for key, value in told.items() if value is not None}
        tests: list[tuple[str, Test]] = []
        for key, value in fields.items():
            here = f"{path}.{key}"
            if key.endswith("Exclude") and key[:-7] in known:
                self.flag(value, here)
                continue
            if key in known:
                outside = fields.get(f"{key}Exclude") is True
                test = self._test(known[key].kind, value, here, outside=outside)
            elif key.endswith("CS") and key[:-2] in known and known[key[:-2]].kind == "in":
                key = key[:-2]
                chosen = self.fields(value, here, "CodesetId", "IsExclusion")
                outside = self.flag(chosen.get("IsExclusion", False), f"{here}.IsExclusion")
                test = In(
                    concept_set=self.known_set(chosen.get("CodesetId"), f"{here}.CodesetId"), outside=outside
                )
            else:
                raise self.refuse(here, f"Circe has no such field here{meant(key, known)}")
            if test is not None:
                tests.append((key, test))
        return tuple(sorted(tests, key=lambda pair: pair[0]))

    def _test(self, kind: str, told: Any, path: str, *, outside: bool) -> Test | None:
        if kind == "abnormal":
            return Abnormal() if self.flag(told, path) else None
        if kind == "flag":
            return Flag(self.flag(told, path))
        if kind in ("set", "located"):
            return In(concept_set=self.known_set(told, path))
        if kind == "in":
            listed = self.items(told, path)
            if not listed:  # as in Circe, an empty list asks nothing
                return None
            return In(
                concepts=tuple(self.concept(item, f"{path}[{place}]") for place, item in enumerate(listed)),
                outside=outside,
            )
        if kind == "words":
            fields = self.fields(told, path, "Text", "Op")
            how = str(fields.get("Op", "contains"))
            if how.lstrip("!") not in ("contains", "startsWith", "endsWith", "eq"):
                raise self.refuse(f"{path}.Op", "it is none of contains, startsWith, endsWith, eq")
            named = cast(Literal["contains", "startsWith", "endsWith", "eq"], how.lstrip("!"))
            return Words(named, str(fields.get("Text", "")), how.startswith("!"))
        fields = self.fields(told, path, "Value", "Extent", "Op")
        how = str(fields.get("Op", ""))
        if how.lstrip("!") not in ("lt", "lte", "eq", "gt", "gte", "bt"):
            raise self.refuse(f"{path}.Op", "it is none of lt, lte, eq, gt, gte, bt, !eq, !bt")
        if how.endswith("bt") and "Extent" not in fields:
            raise self.refuse(f"{path}.Extent", "a range needs both its ends")
        if kind == "days":
            value = self.day(fields.get("Value"), f"{path}.Value")
            extent = self.day(fields.get("Extent"), f"{path}.Extent")
            if value is None:
                raise self.refuse(f"{path}.Value", "a day is expected here")
            return days(how, value, extent)
        number = self.number(fields.get("Value"), f"{path}.Value")
        other = self.number(fields["Extent"], f"{path}.Extent") if how.endswith("bt") else number
        return interval(how, number, other)
