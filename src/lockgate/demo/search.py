"""Look for identifiable values where none may be: every byte of every file, and every text inside Parquet and SQLite.

Used by the demonstration and by the tests; it knows the truth because the people are invented.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import ahocorasick
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Hit:
    """A value that should not be there: its kind, the file, and the column or "bytes"."""

    kind: str
    file: Path
    place: str
    value: str


def automaton(values: Iterable[tuple[str, str]]) -> ahocorasick.Automaton:
    """An automaton over (kind, value); values are matched whatever their case, at word boundaries."""
    machine = ahocorasick.Automaton()
    for kind, value in values:
        if value and len(value) >= 5:
            machine.add_word(value.casefold(), (kind, value))
    machine.make_automaton()
    return machine


def search(folders: Iterable[Path], values: Iterable[tuple[str, str]]) -> Iterator[Hit]:
    """Every place in these folders (or files) where one of the values stands."""
    machine = automaton(values)
    if not len(machine):
        raise ValueError("nothing to look for")
    for folder in folders:
        files = [folder] if folder.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
        for file in files:
            for place, text in _texts(file):
                yield from _hits(machine, file, place, text)


def _hits(machine: ahocorasick.Automaton, file: Path, place: str, text: str) -> Iterator[Hit]:
    folded = text.casefold()
    for end, (kind, value) in machine.iter(folded):
        start = end - len(value.casefold()) + 1
        before = folded[start - 1] if start else " "
        after = folded[end + 1] if end + 1 < len(folded) else " "
        if not (before.isalnum() or after.isalnum()):
            yield Hit(kind, file, place, value)


def _texts(file: Path) -> Iterator[tuple[str, str]]:
    yield "bytes", file.read_bytes().decode("latin-1")
    yield "name", file.name
    if file.suffix == ".parquet":
        yield from _parquet(file)
    elif file.suffix in (".sqlite3", ".db"):
        yield from _sqlite(file)


def _parquet(file: Path) -> Iterator[tuple[str, str]]:
    table = pq.read_table(file)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            yield name, "\n".join(value for value in column.unique().to_pylist() if value)
        elif pa.types.is_nested(column.type):
            yield name, "\n".join(str(value) for value in column.to_pylist() if value)
        elif pa.types.is_integer(column.type):
            yield name, "\n".join(str(value) for value in column.unique().to_pylist() if value is not None)


def _sqlite(file: Path) -> Iterator[tuple[str, str]]:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        yield "dump", "\n".join(connection.iterdump())


_SPACED = re.compile(r"(\d{3})(\d{3})(\d{4})")


def identifying_values(people: pa.Table) -> Iterator[tuple[str, str]]:
    """(kind, value) of what identifies each true person, in the ways people write it.

    ``people`` is ``truth/people.parquet`` of the synthetic hospital.
    """
    for person in people.to_pylist():
        number = person["nhs_number"]
        yield "NHS number", number
        yield "NHS number", _SPACED.sub(r"\1 \2 \3", number)
        given, family = person["given_name"], person["family_name"]
        yield "name", f"{given} {family}"
        yield "name", f"{family}, {given}"
        for column in ("hospital_number", "address_line", "postcode", "email"):
            if value := person[column]:
                yield column.replace("_", " "), value
        for column in ("phone", "relative_phone"):
            if value := person[column]:
                yield "telephone", value
                yield "telephone", value.replace(" ", "")
        if relative := person["relative_name"]:
            yield "relative's name", relative
        birth = date.fromisoformat(person["birth_date"])
        yield "birth date", birth.isoformat()
        yield "birth date", birth.strftime("%d/%m/%Y")
        yield "birth date", f"{birth.day} {birth:%B %Y}"
