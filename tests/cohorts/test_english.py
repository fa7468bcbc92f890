"""A definition in English: changing any field of it changes the text, and so every field is told."""

from __future__ import annotations

import importlib.util
import typing
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lockgate.cohorts import definition as model
from lockgate.cohorts.definition import (
    Abnormal,
    Adjustment,
    CodeItem,
    ConceptItem,
    Counted,
    Criterion,
    Days,
    Definition,
    Demographic,
    ExposureExit,
    Flag,
    Group,
    In,
    Interval,
    OffsetExit,
    Rule,
    Window,
    Words,
)
from lockgate.cohorts.explain import english, text_of
from lockgate.cohorts.files import read_definitions

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("random_cohorts.py"))
assert _spec and _spec.loader
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)

SET = (ConceptItem(1, True), ConceptItem(2, excluded=True), CodeItem("ICD10", "E11", descendants=True))
EVENT = Criterion(
    "measurement",
    SET,
    (ConceptItem(7, mapped=True),),
    first=True,
    tests=(
        ("Abnormal", Abnormal()),
        ("Gender", In((8532,))),
        ("Negated", Flag(False)),
        ("OccurrenceStartDate", Days(date(2020, 1, 1), date(2021, 1, 1))),
        ("Unit", In(concept_set=SET)),
        ("ValueAsNumber", Interval(1.0, 2.5, True)),
        ("ValueAsString", Words("contains", "x")),
    ),
    adjustment=Adjustment("start", 1, "end", -2),
    period=(date(2020, 1, 1), None),
)
GROUP = Group(
    "at_least",
    2,
    (
        Counted(
            EVENT, "at_most", 3, (Window(-5, 0, True), Window("observation start", 7)), "visit", True, True
        ),
    ),
    (Demographic((("Age", Interval(18.0)),)),),
    (Group("any"),),
)
EVERYTHING = Definition(
    entry=(msgspec.structs.replace(EVENT, group=GROUP), Criterion("death")),
    days_before=365,
    days_after=1,
    entry_limit="first",
    qualifying=GROUP,
    qualifying_limit="last",
    rules=(Rule("one", GROUP, "why"), Rule("two", Group("all"))),
    limit="first",
    exit=ExposureExit(SET, 30, 2, 5),
    censoring=(Criterion("condition_occurrence", SET, either=True),),
    era_gap=3,
    censor_from=date(2019, 1, 1),
    censor_until=date(2022, 1, 1),
    name="A name",
    concept_sets=(("sugar", SET), ("spare", (ConceptItem(9),))),
)


def others(value: Any, kind: Any) -> Iterator[Any]:
    """Values of a field's type that are not this one."""
    choices = typing.get_args(kind)
    literals = [choice for choice in (kind, *choices) if typing.get_origin(choice) is typing.Literal]
    named = [name for literal in literals for name in typing.get_args(literal)]
    if named:
        yield from (name for name in named if name != value)
        if int in choices:
            yield 11
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value + 1.0, value + 0.25, float("-inf") if value != float("-inf") else 0.0)
    elif isinstance(value, str):
        yield value + "x"
    elif isinstance(value, date):
        yield value + timedelta(1 if value < date(9999, 12, 31) else -1)
    elif isinstance(value, tuple):
        for place in range(len(value)):
            if not isinstance(value[0], str | date):  # pairs of a name and what it names, and of two days
                yield value[:place] + value[place + 1 :]
            for other in changed(value[place]):
                yield (*value[:place], other, *value[place + 1 :])
    elif isinstance(value, msgspec.Struct):
        yield from changed(value)
    if value is not None and type(None) in choices:
        yield None


def changed(value: Any) -> Iterator[Any]:
    """A value with one thing in it changed."""
    if not isinstance(value, msgspec.Struct):
        yield from others(value, type(value))
        return
    hints = typing.get_type_hints(type(value), vars(model))
    for field in value.__struct_fields__:
        for other in others(getattr(value, field), hints[field]):
            yield msgspec.structs.replace(value, **{field: other})


def structs_of(value: Any) -> Iterator[type]:
    if isinstance(value, tuple):
        for item in value:
            yield from structs_of(item)
    elif isinstance(value, msgspec.Struct):
        yield type(value)
        for field in value.__struct_fields__:
            yield from structs_of(getattr(value, field))


def test_the_example_has_every_part_of_the_model() -> None:
    parts = {
        part for part in vars(model).values() if isinstance(part, type) and issubclass(part, msgspec.Struct)
    } - {msgspec.Struct, OffsetExit}
    assert parts <= set(structs_of(EVERYTHING))


@pytest.mark.parametrize("exit_", [EVERYTHING.exit, OffsetExit(True, 30)])
def test_changing_any_field_changes_the_text(exit_: Any) -> None:
    whole = msgspec.structs.replace(EVERYTHING, exit=exit_)
    text = text_of(whole)
    variants = list(changed(whole))
    assert len(variants) > 300
    for other in variants:
        assert other == whole or text_of(other) != text, other


@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(drawn.definitions, drawn.definitions, st.data())
def test_two_definitions_that_differ_read_differently(one: Definition, two: Definition, data: Any) -> None:
    assert (one == two) or text_of(one) != text_of(two)
    variants = list(changed(one))
    for other in data.draw(st.lists(st.sampled_from(variants), max_size=8)):
        assert other == one or text_of(other) != text_of(one), other


def test_it_reads_well(shared_data: Path) -> None:
    ((_, _, definition),) = read_definitions(shared_data / "omop" / "phenotype-library" / "71.json")
    sections = english(definition, {4329847: "Myocardial infarction"})
    assert [section.title for section in sections] == [
        "Who enters",
        "Additional criteria",
        "Until when",
        "Concept sets",
    ]
    lines = [line.text for section in sections for line in section.lines]
    assert 'a condition in "Acute myocardial Infarction"' in lines
    assert "4329847 (Myocardial infarction) and all below it" in lines
    assert "not: 314666 and all below it" in lines
    assert any(
        line.startswith(
            'at least 1 visit in "Inpatient or ER visit", that starts from the start of observation to the same day'
        )
        for line in lines
    )


def test_every_definition_of_the_library_reads_differently(shared_data: Path) -> None:
    read = read_definitions(shared_data / "omop" / "phenotype-library")
    texts: dict[str, Definition] = {}
    for _, _, definition in read:
        text = text_of(definition)
        assert texts.setdefault(text, definition) == definition
