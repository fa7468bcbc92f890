"""Random definitions on random people, and folders of invented people."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from lockgate.cohorts.definition import (
    ConceptItem,
    Counted,
    Criterion,
    Days,
    Definition,
    Demographic,
    ExposureExit,
    Group,
    In,
    Interval,
    OffsetExit,
    Rule,
    Window,
)
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
ANCESTORS = {(1, 1), (1, 2), (1, 3), (3, 3), (2, 2), (4, 4)}
DAY = date(2020, 1, 1)
days = st.integers(0, 60).map(lambda n: DAY + timedelta(n))
concept_sets = st.lists(
    st.builds(ConceptItem, st.integers(1, 5), st.booleans(), st.just(False), st.booleans()), max_size=3
).map(tuple)
edges = st.sampled_from(["observation start", "observation end"]) | st.integers(-20, 20)
windows = st.builds(Window, edges, edges, st.booleans(), st.booleans())


@st.composite
def attribute_tests(draw: Any, domain: str) -> tuple[tuple[str, Any], ...]:
    known: dict[str, Any] = {
        "Age": st.builds(
            Interval, st.integers(18, 22).map(float), st.integers(19, 30).map(float), st.booleans()
        ),
        "Gender": st.builds(In, st.just((8532,)), st.none(), st.booleans()),
        "OccurrenceStartDate": st.builds(Days, days, days, st.booleans()),
        "OccurrenceEndDate": st.builds(Days, days, st.just(date(9999, 12, 31)), st.booleans()),
    }
    if domain == "measurement":
        known["ValueAsNumber"] = st.builds(Interval, st.just(1.5), st.just(3.0), st.booleans())
        known["Unit"] = st.builds(In, st.just(()), concept_sets, st.booleans())
    names = draw(st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True))
    return tuple((name, draw(known[name])) for name in sorted(names))


@st.composite
def criteria(draw: Any, depth: int = 1) -> Criterion:
    domain = draw(st.sampled_from(sorted(plain.KINDS)))
    return Criterion(
        domain,
        draw(st.none() | concept_sets),
        None,
        draw(st.booleans()),
        draw(attribute_tests(domain)),
        group=draw(groups(depth - 1)) if depth and draw(st.integers(0, 3)) == 0 else None,
    )


@st.composite
def groups(draw: Any, depth: int = 1) -> Group:
    counted = st.builds(
        Counted,
        criteria(depth),
        st.sampled_from(["exactly", "at_most", "at_least"]),
        st.integers(0, 2),
        st.lists(windows, max_size=2).map(tuple),
        st.sampled_from(["no", "no", "domain_concept", "start_date", "visit"]),
        st.booleans(),
        st.booleans(),
    )
    people = st.builds(Demographic, attribute_tests("condition_occurrence"))
    how = draw(st.sampled_from(["all", "any", "at_least", "at_most"]))
    return Group(
        how,
        draw(st.integers(0, 2)) if how.startswith("at_") else 0,
        tuple(draw(st.lists(counted, max_size=2))),
        tuple(draw(st.lists(people, max_size=1))),
        tuple(draw(st.lists(groups(depth - 1), max_size=1))) if depth else (),
    )


limits = st.sampled_from(["all", "all", "first", "last"])
definitions = st.builds(
    Definition,
    st.lists(criteria(), min_size=1, max_size=2).map(tuple),
    st.integers(0, 10),
    st.integers(0, 10),
    limits,
    st.none() | groups(),
    limits,
    st.lists(st.builds(Rule, st.just("r"), groups()), max_size=2).map(tuple),
    limits,
    st.none()
    | st.builds(OffsetExit, st.booleans(), st.integers(-3, 10))
    | st.builds(
        ExposureExit, concept_sets, st.integers(0, 5), st.integers(0, 5), st.none() | st.integers(1, 9)
    ),
    st.lists(criteria(), max_size=1).map(tuple),
    st.integers(0, 8),
    st.none() | days,
    st.none() | days,
)


@st.composite
def data(draw: Any) -> dict[str, list[dict[str, Any]]]:
    people = range(1, 4)
    rows: dict[str, list[dict[str, Any]]] = {
        "person": [
            {
                "person_id": person,
                "gender_concept_id": draw(st.sampled_from([8507, 8532, 0])),
                "year_of_birth": draw(st.integers(1998, 2002)),
            }
            for person in people
        ],
        "observation_period": [],
    }
    for person in people:  # one period each: overlapping ones are a defect of the data
        start = draw(st.integers(0, 20))
        rows["observation_period"].append(
            {
                "person_id": person,
                "observation_period_id": person,
                "observation_period_start_date": DAY + timedelta(start),
                "observation_period_end_date": DAY + timedelta(start + draw(st.integers(10, 60))),
            }
        )
    visits = st.none() | st.integers(1, 3)
    for domain, (concept, start_column, end_column) in plain.KINDS.items():
        rows[domain] = []
        # a person's events of one kind start on different days, so that no first is in doubt
        for person in people:
            for offset in sorted(draw(st.sets(st.integers(0, 60), max_size=3))):
                event: dict[str, Any] = {
                    f"{domain}_id": 1 + len(rows[domain]),
                    "person_id": person,
                    concept: draw(st.integers(0, 5)),
                    start_column: DAY + timedelta(offset),
                }
                if end_column:
                    length = draw(st.integers(0, 9))
                    known = domain == "visit_occurrence" or draw(st.booleans())
                    event[end_column] = DAY + timedelta(offset + length) if known else None
                if domain == "visit_occurrence":
                    event["visit_occurrence_id"] = event[f"{domain}_id"]
                else:
                    event["visit_occurrence_id"] = draw(visits)
                if domain == "measurement":
                    event["value_as_number"] = draw(st.none() | st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]))
                    event["unit_concept_id"] = draw(st.none() | st.integers(1, 4))
                rows[domain].append(event)
    return rows


def load(engine: Engine, rows: dict[str, Iterable[dict[str, Any]]]) -> None:
    vocabulary = {
        "concept": [{"concept_id": n, "invalid_reason": None} for n in sorted(CONCEPTS)],
        "concept_ancestor": [
            {"ancestor_concept_id": a, "descendant_concept_id": b} for a, b in sorted(ANCESTORS)
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        filled = {name: list(told) for name, told in {**rows, **vocabulary}.items()}
        path = write_omop(Path(folder) / "omop", {name: told for name, told in filled.items() if told})
        open_omop(engine, path)
        for name in [*filled]:
            if filled[name]:
                engine.execute(f"CREATE TEMP TABLE kept_{name} AS SELECT * FROM {name}")
                engine.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM kept_{name}")
