"""Random definitions on random people, and folders of invented people.

``coverage`` in ``test_random_coverage.py`` fails where a field of the model, a kind of event or one of its attributes
is never drawn.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from lockgate.cohorts.definition import (
    OF_ANY,
    Abnormal,
    Adjustment,
    CodeItem,
    ConceptItem,
    ConceptSet,
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
    Test,
    Window,
    Words,
)
from lockgate.cohorts.domains import demographic, domains
from lockgate.cohorts.omop import open_omop
from lockgate.engine import Engine

_spec = importlib.util.spec_from_file_location("plain", Path(__file__).with_name("plain.py"))
assert _spec and _spec.loader
plain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plain)


def write_omop(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    """Rows as a folder of Parquet; text that is a day becomes one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        columns = dict.fromkeys(column for row in rows for column in row)
        data: dict[str, pa.Array] = {}
        for column in columns:
            values = [row.get(column) for row in rows]
            if column.endswith("_date"):
                values = [date.fromisoformat(value) if isinstance(value, str) else value for value in values]
                data[column] = pa.array(values, pa.date32())
            else:
                data[column] = pa.array(values)
        pq.write_table(pa.table(data), folder / f"{name}.parquet")
    return folder


CONCEPTS = {1, 2, 3, 4}
CODES = {1: ("ICD10", "A1"), 2: ("ICD10", "A1.2"), 3: ("SNOMED", "x"), 4: ("SNOMED", "y")}
ANCESTORS = {(1, 1), (1, 2), (1, 3), (3, 3), (2, 2), (4, 4)}
MAPS = {(2, 4), (4, 3)}  # the first maps to the second
DAY = date(2020, 1, 1)


def vocabulary() -> dict[str, list[dict[str, Any]]]:
    """The tables of the small vocabulary."""
    return {
        "concept": [
            {
                "concept_id": n,
                "vocabulary_id": CODES[n][0],
                "concept_code": CODES[n][1],
                "invalid_reason": None,
            }
            for n in sorted(CONCEPTS)
        ],
        "concept_ancestor": [
            {"ancestor_concept_id": a, "descendant_concept_id": b} for a, b in sorted(ANCESTORS)
        ],
        "concept_relationship": [
            {"concept_id_1": a, "concept_id_2": b, "relationship_id": "Maps to", "invalid_reason": None}
            for a, b in sorted(MAPS)
        ],
    }


class Drawn:
    """Parts of definitions, drawn at random."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.kinds = self.random.sample(sorted(domains()), 5)  # few, so that definitions share their scans

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def day(self) -> date:
        return DAY + timedelta(self.random.randint(0, 60))

    def concepts(self) -> ConceptSet:
        items: list[ConceptItem | CodeItem] = []
        for _ in range(self.random.choice([0, 1, 1, 2, 2, 3])):
            flags = (self.maybe(0.5), self.maybe(0.2), self.maybe(0.2))
            if self.maybe(0.2):
                items.append(CodeItem(*self.random.choice([*CODES.values()]), *flags))
            else:
                items.append(ConceptItem(self.random.randint(1, 5), *flags))
        return tuple(items)

    def test(self, name: str, kind: str) -> Test:
        outside = self.maybe(0.3)
        if kind == "interval":
            if name.startswith("Age"):
                return Interval(
                    float(self.random.randint(18, 22)), float(self.random.randint(19, 30)), outside
                )
            if name == "LockgateBirthYear":
                return Interval(1999.0, float(self.random.randint(1998, 2003)), outside)
            low = self.random.choice([float("-inf"), 0.0, 1.5, 2.0])
            return Interval(low, self.random.choice([1.5, 2.0, 3.0, float("inf")]), outside)
        if kind == "days":
            return Days(self.day(), self.random.choice([self.day(), date(9999, 12, 31)]), outside)
        if kind == "words":
            how = self.random.choice(["contains", "startsWith", "endsWith", "eq"])
            return Words(how, self.random.choice(["a", "b", "ab", ""]), outside)
        if kind == "flag":
            return Flag(not outside)
        if kind == "abnormal":
            return Abnormal()
        if kind in ("set", "located") or self.maybe(0.5):
            return In(concept_set=self.concepts(), outside=outside and kind != "located")
        listed = [8532] if name == "Gender" else [1, 2]
        return In(tuple(self.random.sample(listed, self.random.randint(1, len(listed)))), outside=outside)

    def tests(self, known: dict[str, Any], most: int = 2) -> tuple[tuple[str, Test], ...]:
        names = self.random.sample(sorted(known), self.random.randint(0, min(most, len(known))))
        return tuple((name, self.test(name, known[name].kind)) for name in sorted(names))

    def criterion(self, depth: int = 1) -> Criterion:
        domain = domains()[self.random.choice(self.kinds)]
        concepts = self.concepts() if self.maybe(0.4) else None
        source = self.concepts() if domain.source and self.maybe(0.15) else None
        moved = None
        if self.maybe(0.15):
            ends = [(self.random.choice(["start", "end"]), self.random.randint(-5, 5)) for _ in range(2)]
            moved = Adjustment(*ends[0], *ends[1])
        period = None
        if domain.name in ("observation_period", "payer_plan_period") and self.maybe(0.4):
            period = (
                self.random.choice([None, DAY + timedelta(20)]),
                self.random.choice([None, DAY + timedelta(25)]),
            )
            moved = None  # Circe has no way to say both
        return Criterion(
            domain.name,
            concepts,
            source,
            first=self.maybe(0.3),
            tests=self.tests(domain.attributes) if self.maybe(0.4) else (),
            adjustment=moved,
            period=period,
            group=self.group(depth - 1) if depth and self.maybe(0.2) else None,
            either=concepts is not None and source is not None and self.maybe(0.5),
        )

    def edge(self) -> Any:
        return self.random.choice(["observation start", "observation end", self.random.randint(-20, 20)])

    def counted(self, depth: int) -> Counted:
        criterion = self.criterion(depth)
        domain = domains()[criterion.domain]
        values = [name for name in domain.attributes if domain.counts(name)]
        distinct = self.random.choice(["no", "no", *OF_ANY, *values])
        return Counted(
            criterion,
            self.random.choice(["exactly", "at_most", "at_least"]),
            self.random.choice([0, 1, 1, 2]),
            tuple(
                Window(self.edge(), self.edge(), self.maybe(0.3), self.maybe(0.3))
                for _ in range(self.random.randint(0, 2))
            ),
            distinct,
            self.maybe(0.2),
            self.maybe(0.3),
        )

    def group(self, depth: int = 1) -> Group:
        how = self.random.choice(["all", "any", "any", "at_least", "at_most"])
        return Group(
            how,
            self.random.randint(0, 2) if how.startswith("at_") else 0,
            tuple(self.counted(depth) for _ in range(self.random.randint(0, 2))),
            tuple(Demographic(self.tests(demographic())) for _ in range(self.random.randint(0, 1))),
            tuple(self.group(depth - 1) for _ in range(self.random.randint(0, 1))) if depth else (),
        )

    def exit(self) -> OffsetExit | ExposureExit | None:
        if self.maybe(0.3):
            return None
        if self.maybe(0.5):
            return OffsetExit(self.maybe(0.5), self.random.randint(-3, 10))
        supply = self.random.choice([None, self.random.randint(1, 9)])
        return ExposureExit(self.concepts(), self.random.randint(0, 5), self.random.randint(0, 5), supply)

    def definition(self) -> Definition:
        limits = ["all", "all", "first", "last"]
        qualifying = self.group() if self.maybe(0.3) else None
        return Definition(
            tuple(self.criterion() for _ in range(self.random.randint(1, 2))),
            self.random.choice([0, 0, 3, 10]),
            self.random.choice([0, 0, 3, 10]),
            self.random.choice(limits),
            qualifying,
            self.random.choice(limits),
            tuple(
                Rule(self.random.choice(["r", "s"]), self.group(), self.random.choice(["", "why"]))
                for _ in range(self.random.choice([0, 0, 1, 2]))
            ),
            self.random.choice(limits),
            self.exit(),
            tuple(self.criterion() for _ in range(self.random.randint(0, 1))),
            self.random.randint(0, 8),
            self.random.choice([None, None, self.day()]),
            self.random.choice([None, None, self.day()]),
            self.random.choice(["", "A cohort"]),
            (("named", self.concepts()),) if self.maybe(0.2) else (),
        )


_OF_PEOPLE = ("Gender", "Race", "Ethnicity", "LockgateBirthYear")


def dayless(definition: Definition, *, indexed: bool) -> Definition:
    """The definition with less that depends on days, so that its people can often be told without any; with
    ``indexed`` less that an index of bitmaps doesn't have either."""

    def criterion(told: Criterion) -> Criterion:
        tests = told.tests
        if indexed:
            tests = tuple(pair for pair in tests if pair[0] in ("Gender", "ValueAsNumber", "Unit"))
            if dict(tests).keys() == {"Unit"}:
                tests = ()
            if told.concepts is not None:
                lines = tuple(msgspec.structs.replace(line, mapped=False) for line in told.concepts)
                told = msgspec.structs.replace(told, concepts=lines, source_concepts=None, either=False)
        return msgspec.structs.replace(told, tests=tests, group=None, adjustment=None, period=None)

    def group(told: Group) -> Group:
        return msgspec.structs.replace(
            told,
            counted=tuple(
                msgspec.structs.replace(
                    counted,
                    criterion=criterion(counted.criterion),
                    windows=(Window(),) * (len(counted.windows) % 2),
                    count=min(counted.count, int(counted.occurrence == "at_least"))
                    if indexed
                    else counted.count,
                    distinct="no",
                    same_visit=False,
                )
                for counted in told.counted
            ),
            demographics=tuple(
                msgspec.structs.replace(
                    asked,
                    tests=tuple(pair for pair in asked.tests if pair[0] in _OF_PEOPLE[: 1 if indexed else 4]),
                )
                for asked in told.demographics
            ),
            groups=tuple(map(group, told.groups)),
        )

    return msgspec.structs.replace(
        definition,
        entry=tuple(map(criterion, definition.entry)),
        days_before=0,
        days_after=0,
        qualifying=definition.qualifying and group(definition.qualifying),
        rules=tuple(Rule(rule.name, group(rule.group)) for rule in definition.rules),
        exit=OffsetExit(True, 3) if isinstance(definition.exit, OffsetExit) else definition.exit,
        censor_from=None,
        censor_until=None,
    )


def reading(rows: dict[str, list[dict[str, Any]]]) -> Any:
    """The plain reading of definitions over rows, with the small vocabulary."""
    return plain.Plain(rows, CODES, ANCESTORS, MAPS)


def many(count: int) -> st.SearchStrategy[list[Definition]]:
    """So many definitions that name few kinds of event."""

    def drawn(seed: int) -> list[Definition]:
        drawing = Drawn(seed)
        return [drawing.definition() for _ in range(count)]

    return seeds.map(drawn)


seeds = st.integers(0, 2**32 - 1)
definitions = seeds.map(lambda seed: Drawn(seed).definition())
criteria = seeds.map(lambda seed: Drawn(seed).criterion())


def data() -> st.SearchStrategy[dict[str, list[dict[str, Any]]]]:
    """Rows of every table that a criterion can name, of three people."""
    return seeds.map(people)


def people(seed: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of one seed. Events have days that aren't known, ends that aren't, and one person has two periods of
    observation, which may overlap."""
    random = Random(seed)
    rows: dict[str, list[dict[str, Any]]] = {
        "person": [
            {
                "person_id": person,
                "gender_concept_id": random.choice([8507, 8532, 0]),
                "year_of_birth": random.choice([None, *range(1998, 2003)]),
                "race_concept_id": random.choice([None, 1, 2]),
                "ethnicity_concept_id": random.choice([None, 1, 3]),
            }
            for person in (1, 2, 3)
        ],
        "provider": [{"provider_id": n, "specialty_concept_id": random.choice([1, 2, None])} for n in (1, 2)],
        "care_site": [
            {"care_site_id": n, "place_of_service_concept_id": random.choice([1, 2, None])} for n in (1, 2)
        ],
        "location": [{"location_id": n, "region_concept_id": random.choice([1, 2, 3, None])} for n in (1, 2)],
        "note": [
            {
                "note_id": n,
                "person_id": 1 + n % 3,
                "note_date": random.choice([None, *[DAY + timedelta(random.randint(0, 60))] * 5]),
                "note_type_concept_id": random.choice([1, 2]),
                "note_class_concept_id": random.choice([1, 2, None]),
                "provider_id": random.choice([1, 2, None]),
                "visit_occurrence_id": random.choice([1, 2, 3, None]),
            }
            for n in range(1, 8)
        ],
    }
    for table, columns in plain.TABLES.items():
        rows[table] = []
        for person in (1, 2, 3):
            # a person's events of one kind start on different days, so that no first is in doubt
            most = 1 if table == "death" else 3
            for offset in sorted(random.sample(range(60), random.randint(0, most))):
                event = {name: values(random, name, kind) for name, kind in columns.items()}
                start = DAY + timedelta(offset)
                event[plain.ids(table)] = 1 + len(rows[table])
                if table != "note_nlp":  # it is its note's person
                    event[plain.whose(table)] = person
                first, last = plain.days(table)
                if table == "note_nlp":
                    event["note_id"] = random.randint(1, 7)
                if first:
                    event[first] = None if random.random() < 0.05 else start
                if last:
                    length = timedelta(random.randint(0, 9))
                    event[last] = start + length if random.random() < 0.7 else None
                rows[table].append(event)
    rows["observation_period"] = []
    for person in (1, 2, 3):
        start = random.randint(0, 20)
        for _ in range(1 + (person == 3)):
            end = start + random.randint(10, 40)
            rows["observation_period"].append(
                {
                    "person_id": person,
                    "observation_period_id": 1 + len(rows["observation_period"]),
                    "observation_period_start_date": DAY + timedelta(start),
                    "observation_period_end_date": DAY + timedelta(end),
                    "period_type_concept_id": random.randint(1, 3),
                }
            )
            start = end + random.randint(-9, 10)
    again = Random(seed + 1)
    for table in plain.TABLES:
        # a feed that sent a row twice: two rows alike in everything, their id too
        if table not in ("visit_occurrence", "location_history") and again.random() < 0.3:
            rows[table] += [dict(row) for row in rows[table] if again.random() < 0.5]
    return rows


def values(random: Random, name: str, kind: str) -> Any:
    """A value of a column; a third of them aren't known."""
    if random.random() < 0.2:
        return None
    if kind == "words":
        return random.choice(["a", "ab", "b", ""])
    if kind == "number":
        return random.choice([1.0, 1.5, 2.0, 3.0])
    if kind == "days":
        return random.randint(1, 9)
    if kind == "place":
        return random.choice([1, 2])
    if kind == "visit":
        return random.choice([1, 2, 3])
    if kind == "owner":
        return random.choice(["PERSON", "CARE_SITE"])
    if kind in plain.TERMS:
        return random.choice(plain.TERMS[kind])
    return random.randint(0, 5)


def load(engine: Engine, rows: dict[str, Iterable[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        filled = {name: list(told) for name, told in {**rows, **vocabulary()}.items()}
        path = write_omop(Path(folder) / "omop", {name: told for name, told in filled.items() if told})
        open_omop(engine, path)
        for name in [*filled]:
            if filled[name]:
                engine.execute(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}")
                engine.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM kept_{name}")
