"""``lockgate cohort count`` and ``lockgate cohort index``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.table import Table

from lockgate.cli.cohort_tables import Omop, RulesFile, TrueCounts, asked_for, chosen_rules, opened
from lockgate.cli.common import console, emit
from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.codes import unknown_concepts
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import counts
from lockgate.cohorts.headcount import persons as persons_of
from lockgate.cohorts.reads import asked_absent
from lockgate.disclosure import safe_count
from lockgate.errors import UsageError


def count(
    omop: Omop,
    definitions: Annotated[
        Path, typer.Option(help="A definition (Circe JSON, or our YAML), or a folder of them.")
    ],
    rules: RulesFile = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="An index of that folder: what it can tell is not asked of the tables (of a part of a definition, "
            "with --people-only)."
        ),
    ] = None,
    people_only: Annotated[
        bool,
        typer.Option(
            "--people-only",
            help="Not the stays: many times faster, where the definition asks for no days between events.",
        ),
    ] = False,
    true_counts: TrueCounts = None,
) -> None:
    """Count the people of cohorts, and their stays: small counts withheld, others rounded.

    For those who hold the data: two answers are not held against each other, as `cohort ask` does for a project.
    Stays are withheld where the people are few, and an index has none. Concepts that the vocabulary doesn't have are
    named: nobody has them.
    """
    read = read_definitions(definitions)
    policy = chosen_rules(rules)
    told = [(number, definition) for number, _, definition in read]
    bitmaps = BitmapIndex(index) if index is not None else None
    known = {number: bitmaps.persons(definition) if bitmaps else None for number, definition in told}
    with opened(omop) as (engine, absent):
        left = [(number, definition) for number, definition in told if known[number] is None]
        quick = persons_of(engine, left, bitmaps) if people_only else {}
        rest = counts(engine, [(number, definition) for number, definition in left if number not in quick])
        unknown = unknown_concepts(engine, told)
    told_by = {number: "bitmaps" for number, people in known.items() if people is not None}
    known |= quick
    asked = asked_absent(told, absent)
    if true_counts is not None:
        rows = [
            {
                "cohort_definition_id": n,
                "persons": rest[n].persons if n in rest else known[n],
                "stays": rest[n].stays if n in rest and not people_only else None,
            }
            for n, _ in told
        ]
        pq.write_table(pa.Table.from_pylist(rows), true_counts, compression="zstd")
    shown: list[dict[str, Any]] = []
    for number, file, definition in read:
        persons = safe_count(rest[number].persons if number in rest else known[number] or 0, policy)
        large = isinstance(persons, int) and number in rest and not people_only
        shown.append(
            {
                "id": number,
                "file": file,
                "name": definition.name,
                "persons": persons,
                "stays": safe_count(rest[number].stays, policy) if large else None,
                "from": told_by.get(number, "tables"),
            }
        )

    def human() -> None:
        table = Table("definition", "name", "people", "stays", box=None)
        for row in shown:
            cells = (
                f"{row[key]:,}" if isinstance(row[key], int) else row[key] or "[c]"
                for key in ("persons", "stays")
            )
            table.add_row(str(row["id"]), row["name"], *cells)
        console.print(table)
        if unknown:
            console.print(f"Not in the vocabulary, and so nobody's: {', '.join(map(str, unknown[:20]))}")
        if asked:
            console.print(asked_for(asked, omop), markup=False)

    emit({"counts": shown, "unknown_concepts": unknown, "absent": absent, "asked_absent": asked}, human)


def index(
    omop: Omop,
    out: Annotated[Path, typer.Option(help="The folder to write it to; it must not be there yet.")],
) -> None:
    """Make an index of who has which concept (bits of people), from which ``cohort count --index`` answers at once.

    It is of people, though it has no id of theirs: keep it where the tables are. Make it anew when they change.
    """
    if out.exists():
        raise UsageError("it is there already", where=str(out), remedy="name another folder, or remove it")
    with opened(omop) as (engine, absent):
        about = build_index(engine, out)
    people = safe_count(about["people"])
    emit(
        {"index": out, "people": people, "bytes": about["bytes"], "absent": absent},
        f"{people if isinstance(people, str) else f'{people:,}'} people, {about['bytes'] / 1e6:,.1f} MB: {out}",
    )
