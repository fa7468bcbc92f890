"""circe-be's print-friendly fixtures: our English of each has every fact that its JSON has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockgate.cohorts.circe import read_circe
from lockgate.cohorts.explain import text_of
from lockgate.cohorts.explain.names import told_names
from lockgate.errors import UsageError

# they have nothing to begin with, are lists of concept sets, or name fields that their criterion doesn't have
REFUSED = {
    "conceptSetList": "an object is expected",
    "conceptSet_simple": "a cohort needs events to begin with",
    "customEraExit": "a cohort needs events to begin with",
    "dateOffset": "a cohort needs events to begin with",
    "allAttributes": "ConditionStatusCS",
    "visitDetail": "PlaceOfService",
}  # fmt: skip


def facts(told: Any) -> Iterator[str]:
    """What has to be in the text: values, days, names of concepts and of concept sets."""
    if isinstance(told, list):
        for item in told:
            yield from facts(item)
    elif isinstance(told, dict):
        if "Op" in told:
            texts = (told.get(key) for key in ("Value", "Extent", "Text") if key in told)
            yield from (str(value) for value in texts if value is not None)
        elif told.get("Days"):
            yield f"{told['Days']:,} day"
        elif "CONCEPT_ID" in told:
            yield str(told["CONCEPT_ID"])
            yield str(told.get("CONCEPT_NAME") or "")
        elif "expression" in told and "id" in told and "items" in (told["expression"] or {}):
            yield json.dumps(told["name"], ensure_ascii=False)
        for key, value in told.items():
            if key in ("PriorDays", "PostDays", "EraPad", "GapDays", "Offset", "Count") and value:
                yield f"{value:,}"
            yield from facts(value)


def ways(fact: str) -> list[str]:
    """A fact as it may be written: before a day is until the day before."""
    try:
        told = date.fromisoformat(fact)
    except ValueError:
        return [fact]
    return [(told + timedelta(days)).isoformat() for days in (-1, 0, 1)]


def test_every_fact_is_in_the_text(shared_data: Path) -> None:
    files = sorted((shared_data / "omop" / "circe-be-fixtures" / "printfriendly").glob("*.json"))
    assert len(files) == 31
    found = 0
    for file in files:
        raw = file.read_bytes()
        if file.stem in REFUSED:
            with pytest.raises(UsageError) as refused:
                read_circe(raw, file.name)
            assert REFUSED[file.stem] in f"{refused.value.where} {refused.value.message}"
            continue
        text = text_of(read_circe(raw, file.name), told_names(raw))
        told = {fact for fact in facts(json.loads(raw)) if fact}
        assert not [fact for fact in told if not any(way in text for way in ways(fact))], file.name
        found += len(told)
    assert found > 300
