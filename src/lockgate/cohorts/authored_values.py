"""The values of our YAML: concept sets and tests of attributes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Literal, cast

from lockgate.cohorts.definition import (
    EARLIEST,
    LATEST,
    Abnormal,
    CodeItem,
    ConceptItem,
    ConceptSet,
    Days,
    Flag,
    In,
    Interval,
    Test,
    Words,
)
from lockgate.cohorts.domains import Attribute
from lockgate.cohorts.reading import Reading
from lockgate.terminology.systems import vocabulary_id

SEXES = {"male": 8507, "female": 8532}
_WORDS = {"contains": "contains", "starts_with": "startsWith", "ends_with": "endsWith", "is": "eq"}
_SAME = {
    "e.start_date": "start",
    "e.end_date": "end",
    "CAST(e.end_date - e.start_date AS INTEGER)": "length",
    "e.value_as_number": "value",
    "p.gender_concept_id": "sex",
    "p.year_of_birth": "birth_year",
}


def attribute_names(attributes: Mapping[str, Attribute]) -> dict[str, str]:
    """What our YAML calls the attributes of a kind of event: its name -> Circe's name of it."""
    return _names(tuple((name, attribute.sql) for name, attribute in attributes.items()))


@cache
def _names(attributes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {_SAME.get(sql) or re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name, sql in attributes}


class AuthoredValues(Reading):
    """A definition in our YAML being read, with the concept sets that it has named so far."""

    def __init__(self, where: str) -> None:
        super().__init__(where, "the format", "docs/how-to/cohorts.md tells the format")
        self.named: dict[str, ConceptSet] = {}

    def text(self, told: Any, path: str) -> str:
        """A text."""
        if not isinstance(told, str):
            raise self.refuse(path, "a text is expected here")
        return told

    def word(self, told: Any, known: Collection[str], path: str) -> str:
        """One of some words."""
        if not isinstance(told, str) or told not in known:
            raise self.refuse(path, f"it is none of {', '.join(known)}")
        return told

    def yes(self, told: Any, path: str) -> bool:
        """true or false."""
        return self.word(told, ("true", "false"), path) == "true"

    def whole_number(self, told: Any, path: str) -> int:
        """A whole number below a million days or events, of either sign."""
        if not isinstance(told, str) or not re.fullmatch(r"[+-]?\d{1,6}", told):
            raise self.refuse(path, "a whole number is expected here")
        return int(told)

    def count(self, told: Any, path: str) -> int:
        """A whole number, zero or more."""
        number = self.whole_number(told, path)
        if number < 0:
            raise self.refuse(path, "it can't be less than 0")
        return number

    def decimal(self, told: Any, path: str) -> float:
        """A number."""
        try:
            number = float(self.text(told, path))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.refuse(path, "a number is expected here")
        return number

    # concept sets

    def set(self, told: Any, path: str, *, by_name: bool = True) -> ConceptSet:
        """A concept set: its name, a concept id, a list of lines, or ids and codes by vocabulary."""
        if isinstance(told, str):
            if by_name and told in self.named:
                return self.named[told]
            if not re.fullmatch(r"\d+\+?", told):
                raise self.refuse(path, f"there is no concept set {told!r}", "name it under concept_sets")
            told = [told]
        if isinstance(told, dict) and told.keys() == {"items"}:
            if told["items"] == []:  # said outright: nobody
                return ()
            told = told["items"]
        if isinstance(told, list):
            lines = [self._line(item, f"{path}[{place}]") for place, item in enumerate(told)]
        elif isinstance(told, dict):
            excepted = told.get("except", {})
            lines = self._vocabularies({k: v for k, v in told.items() if k != "except"}, path, excluded=False)
            if not isinstance(excepted, dict):
                raise self.refuse(f"{path}.except", "concepts, or codes by vocabulary, are expected here")
            lines += self._vocabularies(excepted, f"{path}.except", excluded=True)
        else:
            raise self.refuse(path, "a concept set is expected here")
        if not any(not line.excluded for line in lines):
            raise self.refuse(
                path,
                "an empty concept set, which nobody would have",
                "list concepts or codes, or take it out",
            )
        return tuple(lines)

    def _vocabularies(
        self, told: dict[str, Any], path: str, *, excluded: bool
    ) -> list[ConceptItem | CodeItem]:
        lines: list[ConceptItem | CodeItem] = []
        for name, listed in told.items():
            codes = listed if isinstance(listed, list) else [listed]
            if not codes:
                raise self.refuse(f"{path}.{name}", "the list is empty", "list codes, or take it out")
            for place, code in enumerate(codes):
                lines.append(self._item(name, code, f"{path}.{name}[{place}]", excluded=excluded))
        return lines

    def _line(self, told: Any, path: str) -> ConceptItem | CodeItem:
        if isinstance(told, str):
            return self._item("concepts", told, path)
        if not isinstance(told, dict):
            raise self.refuse(path, "a concept or a code is expected here")
        rest = {key: value for key, value in told.items() if key not in ("mapped", "excluded")}
        if len(rest) != 1:
            raise self.refuse(path, "one concept or code is expected here, such as {ICD10: E11+}")
        ((name, code),) = rest.items()
        flags = [self.yes(told.get(key, "false"), f"{path}.{key}") for key in ("mapped", "excluded")]
        return self._item(
            "concepts" if name == "concept" else name, code, path, mapped=flags[0], excluded=flags[1]
        )

    def _item(
        self, vocabulary: str, told: Any, path: str, *, mapped: bool = False, excluded: bool = False
    ) -> ConceptItem | CodeItem:
        code = self.text(told, path).strip()
        below = code.endswith("+")
        code = code.removesuffix("+").rstrip()
        if not code:
            raise self.refuse(path, "a code is expected here")
        if vocabulary == "concepts":
            if not re.fullmatch(r"\d{1,18}", code):
                raise self.refuse(
                    path,
                    "a concept id is expected here",
                    "codes go under their vocabulary, such as ICD10: [E11+]",
                )
            return ConceptItem(int(code), below, mapped, excluded)
        return CodeItem(vocabulary_id(vocabulary) or vocabulary, code, below, mapped, excluded)

    # tests

    def tests(self, told: Any, known: Mapping[str, Attribute], path: str) -> tuple[tuple[str, Test], ...]:
        """The tests of a mapping of attributes, by Circe's names."""
        names = attribute_names(known)
        found: list[tuple[str, Test]] = []
        for key, value in self.fields(told, path, *names).items():
            test = self._test(key, known[names[key]].kind, value, f"{path}.{key}")
            if test is not None:
                found.append((names[key], test))
        return tuple(sorted(found, key=lambda pair: pair[0]))

    def _test(self, key: str, kind: str, told: Any, path: str) -> Test | None:
        if kind == "abnormal":
            return Abnormal() if self.yes(told, path) else None
        if kind == "flag":
            return None if told == "any" else Flag(self.word(told, ("true", "false", "any"), path) == "true")
        if kind in ("in", "set", "located"):
            return self._in(key, told, path)
        if kind == "words" and key == "unit" and isinstance(told, str):
            return None if told == "any" else Words("eq", told)
        outside = False
        if isinstance(told, dict) and told.keys() == {"not"}:
            told, outside = told["not"], True
        if kind == "words":
            fields = self.fields(told, path, *_WORDS)
            if len(fields) != 1:
                raise self.refuse(path, f"one of {', '.join(_WORDS)} is expected here")
            ((how, text),) = fields.items()
            named = cast(Literal["contains", "startsWith", "endsWith", "eq"], _WORDS[how])
            return Words(named, self.text(text, path), outside)
        if kind == "days":
            low, high = EARLIEST, LATEST
            if isinstance(told, str):
                low = high = self.day(told, path) or low
            else:
                fields = self._range(told, path, "from", "to")
                low = self.day(fields.get("from"), f"{path}.from") or low
                high = self.day(fields.get("to"), f"{path}.to") or high
            test: Interval | Days = Days(low, high, outside)
        elif isinstance(told, str):
            value = self.decimal(told, path)
            test = Interval(value, value, outside)
        else:
            test = self._interval(told, path, outside)
        if test.low > test.high:  # type: ignore[operator]  # both are of one kind
            raise self.refuse(path, "the range ends before it begins")
        return test

    def _range(self, told: Any, path: str, *keys: str) -> Mapping[str, Any]:
        fields = self.fields(told, path, *keys)
        if not fields:
            raise self.refuse(path, f"a range names at least one of its ends: {', '.join(keys)}")
        return fields

    def _interval(self, told: Any, path: str, outside: bool) -> Interval:
        fields = self._range(told, path, "from", "to", "over", "under")
        if {"from", "over"} <= fields.keys() or {"to", "under"} <= fields.keys():
            raise self.refuse(path, "an end is said twice")
        ends = {key: self.decimal(value, f"{path}.{key}") for key, value in fields.items()}
        low, high = ends.get("from", -math.inf), ends.get("to", math.inf)
        if "over" in ends:
            low = math.nextafter(ends["over"], math.inf)
        if "under" in ends:
            high = math.nextafter(ends["under"], -math.inf)
        return Interval(low, high, outside)

    def _in(self, key: str, told: Any, path: str) -> In | None:
        outside = False
        if isinstance(told, dict) and told.keys() == {"none_of"}:
            told, outside = told["none_of"], True
        if told == "any" and not outside:
            return None
        listed = told if isinstance(told, list) else [told]
        if listed and all(
            isinstance(item, str) and (re.fullmatch(r"\d{1,18}", item) or (key == "sex" and item in SEXES))
            for item in listed
        ):
            return In(tuple(SEXES.get(item) or int(item) for item in listed), None, outside)
        if key == "unit" and isinstance(told, str) and told not in self.named:
            return In((), (CodeItem("UCUM", told),), outside)
        return In((), self.set(told, path), outside)
