"""``lockgate cohort``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import pyarrow.parquet as pq
import typer

from lockgate.cli import cohort_ask, cohort_compare, cohort_count, cohort_explain, cohort_tables
from lockgate.cli.cohort_tables import asked_for, check_out
from lockgate.cli.common import console, emit
from lockgate.cohorts.codes import unknown_concepts
from lockgate.cohorts.files import read_definitions
from lockgate.cohorts.generate import generate as generate_rows
from lockgate.cohorts.omop import open_omop, readable
from lockgate.cohorts.reads import asked_absent
from lockgate.engine import open_engine
from lockgate.errors import UsageError
from lockgate.site.settings.data import EngineSection

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Cohorts: who is in them, and when."""


@app.command()
def generate(
    omop: Annotated[Path, typer.Option(help="A folder of OMOP CDM 5.3 or 5.4 tables: TABLE.parquet each.")],
    definitions: Annotated[
        Path,
        typer.Option(help="A definition (Circe JSON as ATLAS exports it, or our YAML), or a folder of them."),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the rows (Parquet).")],
    engine: Annotated[Literal["duckdb", "spark"], typer.Option(help="What computes it.")] = "duckdb",
    memory: Annotated[str, typer.Option(help="How much memory the engine may take.")] = "4GB",
) -> None:
    """Generate cohorts: a row for each stay (cohort_definition_id, subject_id, cohort_start_date, cohort_end_date).

    A definition that can't be understood stops the run before it begins. Tables and columns that a definition asks for
    and the folder doesn't have are named, and read as empty.
    """
    read = read_definitions(definitions)
    check_out(out)
    if not re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", memory):
        raise UsageError("that is no amount of memory", where="--memory", remedy="say it as in 4GB")
    with readable(omop), open_engine(EngineSection(engine=engine, memory_limit=memory)) as running:
        absent = open_omop(running, omop)
        told = [(number, definition) for number, _, definition in read]
        rows = generate_rows(running, told)
        unknown = unknown_concepts(running, told)
        name = running.name
    asked = asked_absent(told, absent)
    part = out.with_name(f".{out.name}.part")
    pq.write_table(rows, part, compression="zstd")
    part.replace(out)

    def human() -> None:
        console.print(f"{len(read):,} definitions generated on {name}: {out}")
        if unknown:
            first = ", ".join(map(str, unknown[:20]))
            console.print(
                f"Not in the vocabulary, and so nobody's: {len(unknown):,} concepts "
                f"({first}{', ...' if len(unknown) > 20 else ''})"
            )
        if asked:
            console.print(asked_for(asked, omop), markup=False)

    emit(
        {
            "engine": name,
            "out": out,
            "definitions": [{"id": number, "file": file} for number, file, _ in read],
            "absent": absent,
            "asked_absent": asked,
            "unknown_concepts": unknown,
        },
        human,
    )


app.command("count")(cohort_count.count)
app.command("index")(cohort_count.index)
app.command("ask")(cohort_ask.ask)
app.command("attrition")(cohort_tables.attrition)
app.command("explain")(cohort_explain.explain)
app.command("diff")(cohort_compare.diff)
app.command("overlap")(cohort_compare.overlap)
app.command("timeline")(cohort_compare.timeline)
