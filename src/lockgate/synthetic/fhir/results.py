"""Observation and Specimen resources: vital signs, laboratory, microbiology, social history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.care import first_encounter_from
from lockgate.synthetic.draw import Ints
from lockgate.synthetic.fhir.common import (
    HL7,
    SNOMED,
    UCUM,
    Index,
    coding,
    dumps,
    encounter,
    head,
    loinc,
    reference,
    snomed,
    subject,
)
from lockgate.synthetic.measures import LEVELS
from lockgate.synthetic.microbiology import INTERMEDIATE, NOT_TESTED, RESISTANT, SENSITIVE, issued
from lockgate.synthetic.ndjson import Block, Lines
from lockgate.synthetic.reference import data, label
from lockgate.synthetic.strings import decimals, join, pick, strings, times, where
from lockgate.synthetic.world import World

_INTERPRETATION = f"{HL7}/v3-ObservationInterpretation"
_CATEGORY = f"{HL7}/observation-category"
NEWS2 = "1104051000000101"
SMOKING = ("266919005", "8517006", "77176002")


def _category(code: str) -> str:
    return f'"status":"final","category":[{{"coding":[{{"system":"{_CATEGORY}","code":"{code}"}}]}}],'


def _quantity(unit: str, words: str = "") -> tuple[str, str]:
    return '"valueQuantity":{"value":', f',"unit":"{words or unit}","system":"{UCUM}","code":"{unit}"}}'


@dataclass(frozen=True)
class _Sign:
    """A vital sign: its number within a round, its code, its column of ``Rounds`` and its unit."""

    number: int
    code: str
    column: str
    unit: str


_SIGNS = (
    _Sign(0, "9279-1", "breaths", "/min"),
    _Sign(1, "59408-5", "saturation", "%"),
    _Sign(2, "8867-4", "pulse", "/min"),
    _Sign(3, "8310-5", "temperature", "Cel"),
    _Sign(4, "3151-8", "oxygen", "L/min"),
)


def vital_signs(world: World) -> Block:
    """Each round's signs: five measurements, blood pressure with two components, level of response, NEWS2."""
    rounds, where_seen = world.rounds, world.encounters
    levels = [f'"valueCodeableConcept":{dumps(snomed(code))}' for code in LEVELS]
    systolic, diastolic = (
        f'{{"code":{dumps(loinc(code))},"valueQuantity":{{"value":' for code in ("8480-6", "8462-4")
    )
    pressure_unit = f',"unit":"mm[Hg]","system":"{UCUM}","code":"mm[Hg]"}}}}'
    news2 = dumps({"coding": [coding(SNOMED, NEWS2, label("SNOMED", NEWS2))], "text": label("SNOMED", NEWS2)})

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        at = rounds.encounter[cut]
        when = times(rounds.time[cut])
        common = join(
            '"meta":{"lastUpdated":"',
            when,
            '"},',
            _category("vital-signs"),
            subject(where_seen.patient[at]),
            encounter(at),
            '"effectiveDateTime":"',
            when,
            '","code":',
        )

        def observation(number: int, keep: Ints | None, *parts: str | pa.Array) -> pa.Array:
            line = join(
                head("Observation", np.arange(first, last) * 10 + number - 1, "O", 9), common, *parts, "}\n"
            )
            return line if keep is None else line.take(pa.array(keep))

        lines: Lines = []
        for sign in _SIGNS:
            values = getattr(rounds, sign.column)[cut]
            before, after = _quantity(sign.unit)
            keep = np.flatnonzero(values > 0) if sign.column == "oxygen" else None
            lines.append(
                observation(sign.number, keep, dumps(loinc(sign.code)), ",", before, decimals(values), after)
            )
        lines.append(
            observation(
                5,
                None,
                dumps(loinc("85354-9")),
                ',"component":[',
                systolic,
                decimals(rounds.systolic[cut]),
                pressure_unit,
                ",",
                diastolic,
                decimals(rounds.diastolic[cut]),
                pressure_unit,
                "]",
            )
        )
        lines.append(observation(6, None, dumps(loinc("67775-7")), ",", pick(levels, rounds.level[cut])))
        before, after = _quantity("{score}", "score")
        lines.append(observation(7, None, news2, ",", before, decimals(rounds.news2[cut]), after))
        return lines

    return Block(len(rounds), build, chunk=8_000)


def laboratory(world: World) -> Block:
    """Blood results with their reference ranges."""
    labs, where_seen = world.labs, world.encounters
    tests: list[dict[str, Any]] = list(data("measures")["labs"].values())
    codes = [dumps(loinc(test["code"])) for test in tests]
    units = [_quantity(test["unit"])[1] for test in tests]
    low = np.array([float(test["range"][0]) for test in tests])
    high = np.array([float(test["range"][1]) for test in tests])
    ranges = [
        f',"referenceRange":[{{"low":{{"value":{test["range"][0]},"unit":"{test["unit"]}"}},'
        f'"high":{{"value":{test["range"][1]},"unit":"{test["unit"]}"}}}}]'
        for test in tests
    ]
    crp = next(i for i, test in enumerate(tests) if test["code"] == "1988-5")
    flags = [
        f',"interpretation":[{{"coding":[{{"system":"{_INTERPRETATION}","code":"{c}"}}]}}]' for c in "LNH"
    ]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        at, test, value = labs.encounter[cut], labs.test[cut], labs.value[cut]
        flag = 1 - (value < low[test]).astype(np.int64) + (value > high[test]).astype(np.int64)
        below = (test == crp) & (value <= 1)
        return [
            join(
                head("Observation", np.arange(first, last), "K", 9),
                '"meta":{"lastUpdated":"',
                times(labs.time[cut] + 5400),
                '"},',
                _category("laboratory"),
                '"code":',
                pick(codes, test),
                ",",
                subject(where_seen.patient[at]),
                encounter(at),
                '"effectiveDateTime":"',
                times(labs.time[cut]),
                '","issued":"',
                times(labs.time[cut] + 5400),
                '","valueQuantity":{"value":',
                decimals(value),
                where(below, ',"comparator":"<"'),
                pick(units, test),
                pick(flags, flag),
                pick(ranges, test),
                "}\n",
            )
        ]

    return Block(len(labs), build)


def cultures(world: World) -> Block:
    """Culture results: the organism, and each antibiotic tested with S, I or R."""
    rows, where_seen = world.cultures, world.encounters
    organisms = [entry["code"] for entry in data("measures")["organisms"].values()]
    found = [f'"valueCodeableConcept":{dumps(snomed(code))}' for code in organisms]
    kinds = list(data("measures")["specimens"].values())
    antibiotics = list(data("measures")["antibiotics"].values())
    category = (
        f'"status":"final","category":[{{"coding":[{{"system":"{_CATEGORY}","code":"laboratory"}}]}},'
        f'{{"coding":[{{"system":"{HL7}/v2-0074","code":"MB"}}]}}],'
    )

    def components(results: Ints) -> pa.Array:
        text: pa.Array = strings([""] * len(results))
        for number, code in enumerate(antibiotics):
            choices = [""] * 4
            for level, letter in ((SENSITIVE, "S"), (INTERMEDIATE, "I"), (RESISTANT, "R")):
                flag = f'"interpretation":[{{"coding":[{{"system":"{_INTERPRETATION}","code":"{letter}"}}]}}]'
                choices[level] = f',{{"code":{dumps(loinc(code))},{flag}}}'
            text = join(text, pick(choices, results[:, number]))
        return text

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        at = rows.encounter[cut]
        tested = (rows.results[cut] != NOT_TESTED).any(axis=1)
        inner = components(rows.results[cut])
        inner = where(tested, ',"component":[', _tail(inner), "]")
        return [
            join(
                head("Observation", np.arange(first, last), "Q"),
                '"meta":{"lastUpdated":"',
                times(issued(rows)[cut]),
                '"},',
                category,
                '"code":',
                pick([dumps(loinc(code)) for _, code in kinds], rows.specimen[cut]),
                ",",
                subject(where_seen.patient[at]),
                encounter(at),
                '"effectiveDateTime":"',
                times(rows.collected[cut]),
                '","issued":"',
                times(issued(rows)[cut]),
                '",',
                reference("specimen", "Specimen", np.arange(first, last), "B"),
                pick(found, rows.organism[cut]),
                inner,
                "}\n",
            )
        ]

    return Block(len(rows), build)


def _tail(values: pa.Array) -> pa.Array:
    return pc.utf8_slice_codeunits(values, 1, None)


def social_history(world: World) -> Block:
    """Smoking status and body mass index at each patient's first encounter; two lines per patient."""
    people, lives, where_seen = world.people, world.lives, world.encounters
    at = first_encounter_from(where_seen, np.arange(len(people)), np.zeros(len(people), dtype=np.int64))
    seen = np.flatnonzero(at >= 0)
    at = at[seen]
    smoking = [f'"valueCodeableConcept":{dumps(snomed(code))}' for code in SMOKING]
    before, after = _quantity("kg/m2")

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        patient: Index = seen[cut]
        when = times(where_seen.start[at[cut]] + 300)
        tail = join(subject(patient), encounter(at[cut]), '"effectiveDateTime":"', when, '","code":')
        meta = join('"meta":{"lastUpdated":"', when, '"},')
        return [
            join(
                head("Observation", patient * 2, "T"),
                meta,
                _category("social-history"),
                tail,
                dumps(loinc("72166-2")),
                ",",
                pick(smoking, lives.smoking[patient]),
                "}\n",
            ),
            join(
                head("Observation", patient * 2 + 1, "T"),
                meta,
                _category("vital-signs"),
                tail,
                dumps(loinc("39156-5")),
                ",",
                before,
                decimals(lives.bmi[patient]),
                after,
                "}\n",
            ),
        ]

    return Block(len(seen), build)


def specimens(world: World) -> Block:
    """The specimens that the cultures were grown from."""
    rows, where_seen = world.cultures, world.encounters
    kinds = [dumps(snomed(code)) for code, _ in data("measures")["specimens"].values()]

    def build(first: int, last: int) -> Lines:
        cut = slice(first, last)
        return [
            join(
                head("Specimen", np.arange(first, last), "B"),
                '"meta":{"lastUpdated":"',
                times(rows.collected[cut] + 7200),
                '"},"status":"available","type":',
                pick(kinds, rows.specimen[cut]),
                ",",
                subject(where_seen.patient[rows.encounter[cut]]),
                '"receivedTime":"',
                times(rows.collected[cut] + 7200),
                '","collection":{"collectedDateTime":"',
                times(rows.collected[cut]),
                '"}}\n',
            )
        ]

    return Block(len(rows), build)
