"""What an event or a person must be: each attribute of its kind as a form, in Circe's words. Pure.

The attributes are those of ``cohorts/domains.yaml``: numbers and days with an operator, texts, concepts (listed, or in
one of the cohort's sets), yes or no, and "abnormal".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lockgate.cohorts.domains import Attribute, by_circe, demographic
from lockgate.cohorts.explain.words import attribute_words
from lockgate.errors import UsageError
from lockgate.portal.explore.typed import day, number_of, whole

Fields = dict[str, Any]
Names = Callable[[list[int]], Mapping[int, str]]

RANGES = {
    "bt": "from … to (both count)",
    "gte": "at least",
    "lte": "at most",
    "gt": "more than",
    "lt": "less than",
    "eq": "exactly",
    "!bt": "known, and not from … to",
    "!eq": "known, and not exactly",
}
DAYS = {
    "bt": "from … to (both count)",
    "gte": "on or after",
    "lte": "on or before",
    "gt": "after",
    "lt": "before",
    "eq": "on",
    "!bt": "known, and not from … to",
    "!eq": "known, and not on",
}
TEXTS = {
    "contains": "contains",
    "startsWith": "starts with",
    "endsWith": "ends with",
    "eq": "is",
    "!contains": "does not contain",
    "!startsWith": "does not start with",
    "!endsWith": "does not end with",
    "!eq": "is not",
}
ONLY_SETS = ("set", "located")  # kinds of attribute whose value is a concept set
NEEDS_UNIT = "ValueAsNumber"
MOST_CONCEPTS = 500


def attributes(kind: str) -> Mapping[str, Attribute]:
    """What can be asked of a kind of event (Circe's name), or of a person (an empty one)."""
    return by_circe()[kind].attributes if kind else demographic()


def label(name: str) -> str:
    """An attribute in words, as a label."""
    words = attribute_words(name)
    return words[:1].upper() + words[1:]


def choices(kind: str) -> list[tuple[str, str]]:
    """The attributes to choose from, by their labels."""
    return sorted(((name, label(name)) for name in attributes(kind)), key=lambda pair: pair[1])


def asked(fields: Fields, kind: str) -> list[str]:
    """The attributes that are asked of already."""
    known = attributes(kind)
    return [name for name in known if fields.get(name) not in (None, []) or fields.get(f"{name}CS")]


def without(fields: Fields, name: str) -> None:
    """Ask nothing of an attribute any more."""
    for key in (name, f"{name}Exclude", f"{name}CS"):
        fields.pop(key, None)


def find(kind: str, name: str) -> Attribute:
    """The attribute of that name; UsageError when there is none."""
    try:
        return attributes(kind)[name]
    except KeyError:
        raise UsageError("nothing of that name can be asked here", where="attribute") from None


def form_of(fields: Fields, kind: str, name: str) -> dict[str, str]:
    """What is asked of an attribute, as its form shows it; empty where nothing is."""
    sort, told = find(kind, name).kind, fields.get(name)
    if sort in ("interval", "days") and isinstance(told, dict):
        shown = {key: "" if told.get(k) is None else _plain(told[k]) for key, k in _ENDS}
        return {"op": str(told.get("Op", "")), **shown}
    if sort == "words" and isinstance(told, dict):
        return {"op": str(told.get("Op", "contains")), "text": str(told.get("Text", ""))}
    if sort == "in":
        chosen = fields.get(f"{name}CS")
        if chosen:
            return {
                "in_set": str(chosen["CodesetId"]),
                "outside": "yes" if chosen.get("IsExclusion") else "",
            }
        if told:
            listed = ", ".join(str(one["CONCEPT_ID"]) for one in told)
            return {"concepts": listed, "outside": "yes" if fields.get(f"{name}Exclude") else ""}
    if sort in ONLY_SETS and told is not None:
        return {"in_set": str(told)}
    if sort == "flag" and told is not None:
        return {"flag": "yes" if told else "no"}
    return {"abnormal": "yes"} if sort == "abnormal" and told else {}


_ENDS = (("value", "Value"), ("extent", "Extent"))


def _plain(value: Any) -> str:
    return str(value)[:10] if isinstance(value, str) else f"{value:g}" if abs(value) < 1e6 else str(value)


def put(fields: Fields, kind: str, name: str, form: Mapping[str, str], sets: set[int], names: Names) -> None:
    """Ask of an attribute what a form says, in the place of what was asked; UsageError names the form's field."""
    sort = find(kind, name).kind
    fresh: Fields = {}
    if sort == "interval":
        _of_range(fresh, name, form, lambda text, where: number_of(text, where), RANGES)
        units = name == NEEDS_UNIT and "Unit" in attributes(kind)
        if units and not (fields.get("Unit") or fields.get("UnitCS") or form.get("any_unit") == "yes"):
            raise UsageError("Ask for its unit first, or tick that any unit counts", where="any_unit")
    elif sort == "days":
        _of_range(fresh, name, form, day, DAYS)
    elif sort == "words":
        text = form.get("text", "")
        if form.get("op", "") not in TEXTS or not text.strip():
            raise UsageError("Say how it is compared, and with which text", where="text")
        fresh[name] = {"Text": text[:200], "Op": form["op"]}
    elif sort == "flag":
        if form.get("flag") not in ("yes", "no"):
            raise UsageError("Choose yes or no", where="flag")
        fresh[name] = form["flag"] == "yes"
    elif sort == "abnormal":
        if form.get("abnormal") == "yes":
            fresh[name] = True
    else:
        _of_concepts(fresh, name, form, sets, names, only_sets=sort in ONLY_SETS)
    without(fields, name)
    fields |= fresh


def _of_range(
    fresh: Fields,
    name: str,
    form: Mapping[str, str],
    read: Callable[[str, str], Any],
    known: Mapping[str, str],
) -> None:
    op = form.get("op", "")
    if op not in known:
        raise UsageError("Choose how it is compared", where="op")
    value, extent = read(form.get("value", ""), "value"), read(form.get("extent", ""), "extent")
    if value is None:
        raise UsageError("Give a value", where="value")
    fresh[name] = {"Value": value, "Op": op}
    if op.endswith("bt"):
        if extent is None:
            raise UsageError("A range needs both its ends", where="extent")
        if extent < value:
            raise UsageError("The range ends before it begins", where="extent")
        fresh[name]["Extent"] = extent
    elif extent is not None:
        raise UsageError("Only a range has a second end: leave it empty", where="extent")


def _of_concepts(
    fresh: Fields, name: str, form: Mapping[str, str], sets: set[int], names: Names, *, only_sets: bool
) -> None:
    chosen, typed, outside = (
        form.get("in_set", ""),
        form.get("concepts", "").strip(),
        form.get("outside") == "yes",
    )
    if chosen and typed:
        raise UsageError("Give concepts or a concept set, not both", where="concepts")
    if chosen:
        number = whole(chosen, "in_set", most=10**6)
        if number not in sets:
            raise UsageError("this cohort has no such concept set", where="in_set")
        if only_sets:
            fresh[name] = number
        else:
            fresh[f"{name}CS"] = {"CodesetId": number, "IsExclusion": outside}
        return
    ids = [part for part in re.split(r"[\s,;]+", typed) if part]
    if only_sets or not ids:
        raise UsageError(
            "Choose a concept set" if only_sets else "Give a concept id or choose a set", where="concepts"
        )
    if len(ids) > MOST_CONCEPTS or not all(one.isascii() and one.isdigit() and len(one) < 12 for one in ids):
        raise UsageError("These must be concept ids, with commas between them", where="concepts")
    numbers = list(dict.fromkeys(map(int, ids)))
    found = names(numbers)
    unknown = [str(one) for one in numbers if one not in found]
    if unknown:
        raise UsageError(f"The vocabulary has no concept {', '.join(unknown[:10])}", where="concepts")
    fresh[name] = [{"CONCEPT_ID": one, "CONCEPT_NAME": found[one]} for one in numbers]
    if outside:
        fresh[f"{name}Exclude"] = True
