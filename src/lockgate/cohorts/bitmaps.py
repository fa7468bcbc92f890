"""An index of a folder of OMOP tables: for each concept, who has it, as bits in words of 64 people, in Parquet.

A person is a place: the rank of their id among those observed; the index holds no id. For each kind of event and each
of its concept columns it has the people with the concept inside an observation period, and those with it outside one;
measurements and observations also by unit and value, in buckets of whole values; people by sex, race, ethnicity, and
by age in years where their observation begins and ends. ``indexed`` says which of these a question asks; ``bitcount``
answers it from Roaring bitmaps of them and ``headcount`` by SQL over the same file, on DuckDB and on Spark.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lockgate.cohorts.domains import Domain, domains
from lockgate.cohorts.events import event_table
from lockgate.engine import SqlEngine, literal
from lockgate.site.files import PRIVATE_FILE, atomic_dir

VERSION = 3
_BUCKETS = 64  # of a concept's values in one unit; where there are no more values, each by itself
VALUED = ("measurement", "observation")
# a row of keys.parquet, whose number is the key: a concept in a column of a table; with values, one from low to high
# in that unit
KEYS = pa.schema(
    [
        ("table", pa.string()), ("what", pa.string()), ("concept", pa.int64()), ("unit", pa.int64()),
        ("low", pa.float64()), ("high", pa.float64()),
    ]
)  # fmt: skip
# a row of people.parquet: bit i of people is place 64 * word + i; words without anybody aren't there
PEOPLE = pa.schema([("key", pa.int32()), ("word", pa.int32()), ("people", pa.int64())])
_ROW_GROUP = 65_536  # rows: the words of a concept that many of a million people have are a quarter of one
Words = tuple[NDArray[np.int32], NDArray[np.int64]]


def build_index(engine: SqlEngine, target: Path) -> dict[str, Any]:
    """Write the index of the tables of ``open_omop`` to a new folder, and return what it holds.

    The folder appears whole or not at all; its files are private (mode 0600). Raises FileExistsError when it is there.
    """
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE index_people AS SELECT person_id, "
        "CAST(row_number() OVER (ORDER BY person_id) - 1 AS INTEGER) AS place, count(*) AS periods, "
        "min(observation_period_start_date) AS since, max(observation_period_end_date) AS until "
        "FROM observation_period WHERE person_id IS NOT NULL GROUP BY person_id"
    )
    people = int(engine.one("SELECT count(*) FROM index_people"))
    with atomic_dir(target) as folder:
        with _Writer(folder) as writer:
            for *key, places in _rows(engine):
                writer.add(tuple(key), words_of(places, people))
        _vocabulary(engine, folder)
        about = {
            "version": VERSION,
            "people": people,
            "untidy": [name for name, domain in domains().items() if _untidy(engine, domain)],
        }
        (folder / "about.json").write_text(json.dumps(about))
        for file in folder.iterdir():
            file.chmod(PRIVATE_FILE)
    engine.execute("DROP TABLE index_people")
    return about | {"bytes": sum(file.stat().st_size for file in target.iterdir())}


class _Writer:
    """Writes keys and the words of their people, in the order in which they are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: list[tuple[Any, ...]] = []
        self.held: list[pa.RecordBatch] = []
        self.rows = 0

    def add(self, key: tuple[Any, ...], words: Words) -> None:
        word, people = words
        of = np.full(word.size, len(self.keys), dtype=np.int32)
        self.keys.append(key)
        self.held.append(pa.RecordBatch.from_arrays([of, word, people], schema=PEOPLE))
        self.rows += word.size
        if self.rows >= _ROW_GROUP:
            self._write()

    def _write(self, *, last: bool = False) -> None:
        table = pa.Table.from_batches(self.held, PEOPLE)
        whole = table.num_rows if last else table.num_rows // _ROW_GROUP * _ROW_GROUP
        self.writer.write_table(table.slice(0, whole), row_group_size=_ROW_GROUP)
        self.held, self.rows = table.slice(whole).to_batches(), table.num_rows - whole

    def __enter__(self) -> Self:
        self.writer = pq.ParquetWriter(
            self.folder / "people.parquet",
            PEOPLE,
            compression="zstd",
            use_dictionary=False,
            column_encoding={"key": "DELTA_BINARY_PACKED", "word": "DELTA_BINARY_PACKED", "people": "PLAIN"},
        )
        return self

    def __exit__(self, *raised: object) -> None:
        self._write(last=True)
        self.writer.close()
        columns = list(zip(*self.keys, strict=True)) or [()] * len(KEYS)
        arrays = [pa.array(list(values), field.type) for values, field in zip(columns, KEYS, strict=True)]
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=KEYS), self.folder / "keys.parquet", compression="zstd"
        )


def words_of(places: NDArray[Any], people: int) -> Words:
    """The words of 64 people that have some of these places (one or more, each from 0 and under ``people``)."""
    if places.size * 64 > people:
        there = np.zeros(-(-people // 64) * 64, dtype=bool)
        there[places] = True
        bits = np.packbits(there, bitorder="little").view("<i8")
        word = np.flatnonzero(bits)
        return word.astype(np.int32), bits[word]
    place = np.unique(places)
    word, first = np.unique(place >> 6, return_index=True)
    bits = np.bitwise_or.reduceat(np.left_shift(np.uint64(1), (place & 63).astype(np.uint64)), first)
    return word.astype(np.int32), bits.view(np.int64)


def _rows(engine: SqlEngine) -> Iterator[tuple[Any, ...]]:
    yield from _of_people(engine)
    twice = bool(engine.one("SELECT count(*) FROM index_people WHERE periods > 1"))
    for name, domain in domains().items():
        for what, column in (("concept", domain.concept), ("source", domain.source)):
            if column is None:
                continue
            events = _placed(domain, f"e.{column} AS concept", twice=twice)
            yield from _of_concepts(engine, name, what, events)
        if name in VALUED:
            yield from _valued(engine, domain, twice=twice)


def _of_concepts(engine: SqlEngine, name: str, what: str, events: str) -> Iterator[tuple[Any, ...]]:
    """Who has each concept; and who has any, where that is asked (``any``, in the column of concepts)."""
    every: dict[bool, list[NDArray[Any]]] = {True: [], False: []}
    for concept, inside, places in _lists(engine, events, "concept, inside"):
        side = "" if inside else " outside"
        yield (name, f"{what}{side}", concept, None, None, None, places)
        if what == "concept":
            every[bool(inside)].append(places)
    for inside, lists in every.items():
        if lists:
            yield (name, "any" if inside else "any outside", None, None, None, None, np.concatenate(lists))


def _of_people(engine: SqlEngine) -> Iterator[tuple[Any, ...]]:
    """People by what the person table says, by age at both ends of their observation, and those observed twice."""
    told = {
        "Gender": "p.gender_concept_id",
        "Race": "p.race_concept_id",
        "Ethnicity": "p.ethnicity_concept_id",
        "AgeAtStart": "CASE WHEN i.periods = 1 THEN year(i.since) - p.year_of_birth END",
        "AgeAtEnd": "CASE WHEN i.periods = 1 THEN year(i.until) - p.year_of_birth END",
    }
    for name, sql in told.items():
        people = (
            f"SELECT {sql} AS concept, i.place FROM index_people i JOIN person p ON p.person_id = i.person_id"
        )
        for concept, places in _lists(engine, people, "concept"):
            yield ("person", name, concept, None, None, None, places)
    for _, places in _lists(
        engine, "SELECT 1 AS concept, place FROM index_people WHERE periods > 1", "concept"
    ):
        yield ("person", "observed twice", None, None, None, None, places)


def _placed(domain: Domain, columns: str, *, twice: bool) -> str:
    """Events of a known day with their person's place, and whether an observation period holds that day."""
    start = f"e.{domain.start}"
    source = f"FROM {domain.relation} e JOIN index_people p ON p.person_id = e.person_id"
    once = f"SELECT {columns}, p.place, {start} BETWEEN p.since AND p.until AS inside {source}"
    known = f"{start} IS NOT NULL"
    if not twice:
        return f"{once} WHERE {known}"
    held = (
        f"observation_period o ON o.person_id = e.person_id "
        f"AND {start} BETWEEN o.observation_period_start_date AND o.observation_period_end_date"
    )
    return (
        f"{once} WHERE p.periods = 1 AND {known} "
        f"UNION ALL SELECT {columns}, p.place, true {source} SEMI JOIN {held} WHERE p.periods > 1 AND {known} "
        f"UNION ALL SELECT {columns}, p.place, false {source} ANTI JOIN {held} WHERE p.periods > 1 AND {known}"
    )


def _valued(engine: SqlEngine, domain: Domain, *, twice: bool) -> Iterator[tuple[Any, ...]]:
    """Events inside an observation period that have a number, by concept, unit and bucket of values."""
    columns = f"e.{domain.concept} AS concept, e.unit_concept_id AS unit, e.value_as_number AS value"
    events = _placed(domain, columns, twice=twice)
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE index_values AS SELECT concept, unit, value, min(value) OVER b AS low, "
        "max(value) OVER b AS high FROM (SELECT concept, unit, value, "
        f"ntile({_BUCKETS}) OVER (PARTITION BY concept, unit ORDER BY value) AS bucket FROM (SELECT DISTINCT "
        f"{domain.concept} AS concept, unit_concept_id AS unit, value_as_number AS value FROM {domain.relation} "
        "WHERE value_as_number IS NOT NULL)) WINDOW b AS (PARTITION BY concept, unit, bucket)"
    )
    placed = (
        f"SELECT v.concept, v.unit, v.low, v.high, e.place FROM ({events}) e JOIN index_values v "
        "ON v.concept IS NOT DISTINCT FROM e.concept AND v.unit IS NOT DISTINCT FROM e.unit AND v.value = e.value "
        "WHERE e.inside"
    )
    for concept, unit, low, high, places in _lists(engine, placed, "concept, unit, low, high"):
        yield (domain.name, "value", concept, unit, low, high, places)
    engine.execute("DROP TABLE index_values")


def _untidy(engine: SqlEngine, domain: Domain) -> bool:
    """Whether events of this kind end before they start."""
    return bool(engine.one(f"SELECT count(*) FROM {event_table(domain)} WHERE end_date < start_date"))


def _lists(engine: SqlEngine, sql: str, by: str) -> Iterator[tuple[Any, ...]]:
    """The places of each group: ``(*group, places)``."""
    table = engine.arrow(f"SELECT {by}, list(place) AS places FROM ({sql}) GROUP BY {by} ORDER BY {by}")
    groups = [table[name.strip()].to_pylist() for name in by.split(",")]
    row = 0
    for chunk in table["places"].chunks:
        values, offsets = chunk.values.to_numpy(zero_copy_only=False), chunk.offsets.to_numpy()
        for first, last in pairwise(offsets):
            yield (*(group[row] for group in groups), values[first:last])
            row += 1


def _vocabulary(engine: SqlEngine, folder: Path) -> None:
    """What concept sets need of the vocabulary: the concepts that events have, what is above them, their codes."""
    keys = f"read_parquet({literal(folder / 'keys.parquet')})"
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE index_said AS SELECT concept FROM {keys} WHERE concept IS NOT NULL "
        f"UNION SELECT unit FROM {keys} WHERE unit IS NOT NULL"
    )
    engine.write_parquet(
        "SELECT DISTINCT a.ancestor_concept_id AS concept_id, a.descendant_concept_id AS below "
        "FROM concept_ancestor a JOIN index_said s ON s.concept = a.descendant_concept_id "
        "JOIN concept c ON c.concept_id = a.descendant_concept_id WHERE c.invalid_reason IS NULL",
        folder / "below.parquet",
    )
    engine.write_parquet(
        "SELECT c.concept_id, c.vocabulary_id, c.concept_code FROM concept c SEMI JOIN ("
        "SELECT concept FROM index_said UNION "
        f"SELECT concept_id FROM read_parquet({literal(folder / 'below.parquet')})) s ON s.concept = c.concept_id",
        folder / "concepts.parquet",
    )
    engine.execute("DROP TABLE index_said")
