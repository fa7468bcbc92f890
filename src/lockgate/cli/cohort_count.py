"""``lockgate cohort count``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.table import Table

from lockgate.cli.cohort_tables import Omop, RulesFile, chosen_rules, opened
from lockgate.cli.common import console, emit
from lockgate.cohorts.codes import unknown_concepts
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import counts
from lockgate.disclosure import safe_count


def count(
    omop: Omop,
    definitions: Annotated[
        Path, typer.Option(help="A definition (Circe JSON, or our YAML), or a folder of them.")
    ],
    rules: RulesFile = None,
    true_counts: Annotated[
        Path | None,
        typer.Option(
            help="Also write the true counts here (Parquet): for those who may see rows, not to leave."
        ),
    ] = None,
) -> None:
    """Count the people of cohorts, and their stays: small counts withheld, others rounded.

    Stays are withheld where the people are few. Concepts that the vocabulary doesn't have are named: nobody has them.
    """
    read = read_definitions(definitions)
    policy = chosen_rules(rules)
    with opened(omop) as (engine, absent):
        told = [(number, definition) for number, _, definition in read]
        found = counts(engine, told)
        unknown = unknown_concepts(engine, told)
    if true_counts is not None:
        rows = [{"cohort_definition_id": n, "persons": c.persons, "stays": c.stays} for n, c in found.items()]
        pq.write_table(pa.Table.from_pylist(rows), true_counts, compression="zstd")
    shown: list[dict[str, Any]] = []
    for number, file, definition in read:
        persons = safe_count(found[number].persons, policy)
        stays = safe_count(found[number].stays, policy) if isinstance(persons, int) else None
        shown.append(
            {"id": number, "file": file, "name": definition.name, "persons": persons, "stays": stays}
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
        if absent:
            console.print(f"Not in {omop}, and read as empty: {', '.join(absent)}")

    emit({"counts": shown, "unknown_concepts": unknown, "absent": absent}, human)
