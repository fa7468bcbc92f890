"""``lockgate characterise``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate.characterise.catalogue import chosen
from lockgate.characterise.compare import compare as compare_results
from lockgate.characterise.compare import read_results
from lockgate.characterise.run import RAW, characterise, write_results
from lockgate.cli.common import console, emit
from lockgate.engine import Engine
from lockgate.errors import UsageError

app = typer.Typer()

SHOWN = 20


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    omop: Annotated[
        Path | None, typer.Option(help="A folder of OMOP CDM 5.3 or 5.4 tables: TABLE.parquet each.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the results (Parquet).")] = None,
    analyses: Annotated[
        str, typer.Option(help="Numbers of analyses, such as 1,2,400-406; all without it.")
    ] = "",
    memory: Annotated[str, typer.Option(help="How much memory the engine may take.")] = "4GB",
) -> None:
    """Run the analyses of OHDSI Achilles on a folder of OMOP tables; the results are the operator's, as they are."""
    if context.invoked_subcommand:
        return
    if omop is None or out is None:
        raise UsageError(
            "--omop and --out are needed", remedy="lockgate characterise --omop FOLDER --out FILE.parquet"
        )
    numbers = _numbers(analyses)
    chosen(numbers)
    if not out.parent.is_dir():
        raise UsageError("its folder doesn't exist", where=str(out), remedy="make it, or name another")
    with Engine(memory_limit=memory) as engine:
        done = characterise(engine, omop, numbers)
    write_results(done.rows, out)
    with_rows = len(set(done.rows.column("analysis_id").to_pylist()))

    def human() -> None:
        console.print(f"{len(done.analyses)} analyses, {with_rows} with rows; {len(done.rows):,} rows: {out}")
        console.print(f"They are {RAW}.")
        if done.absent:
            console.print(f"Not in {omop}, and read as empty: {', '.join(done.absent)}")

    emit(
        {
            "out": out,
            "analyses": [each.id for each in done.analyses],
            "with_rows": with_rows,
            "rows": len(done.rows),
            "absent": done.absent,
            "disclosure": RAW,
        },
        human,
    )


@app.command("list")
def list_analyses() -> None:
    """List the analyses: number, what it counts, by what."""
    every = chosen(None)

    def human() -> None:
        table = Table("number", "what it counts", "by", box=None, pad_edge=False)
        for each in every:
            table.add_row(str(each.id), each.name, ", ".join(each.strata))
        console.print(table)

    emit(
        {
            "analyses": [
                {
                    "id": each.id,
                    "name": each.name,
                    "category": each.category,
                    "strata": each.strata,
                    "distribution": each.gives != "counts",
                }
                for each in every
            ]
        },
        human,
    )


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Results of an earlier run (Parquet).")],
    after: Annotated[Path, typer.Argument(help="Results of a later run (Parquet).")],
    out: Annotated[Path | None, typer.Option(help="Where to write every change (Parquet).")] = None,
) -> None:
    """Compare two results: what rose, fell, appeared and vanished, by analysis. True numbers, for the operator."""
    found = compare_results(read_results(before), read_results(after))
    if out is not None:
        write_results(found.changes, out)
    summary = found.summary()

    def human() -> None:
        console.print(f"{found.same:,} counts are the same, {len(found.changes):,} are not.")
        table = Table(
            "analysis", "what it counts", "rose", "fell", "appeared", "vanished", box=None, pad_edge=False
        )
        for row in summary[:SHOWN]:
            table.add_row(
                str(row["analysis_id"]),
                row["name"],
                *(f"{row[kind]:,}" for kind in ("rose", "fell", "appeared", "vanished")),
            )
        console.print(table)
        if len(summary) > SHOWN:
            console.print(f"... and {len(summary) - SHOWN} more analyses; --json tells all.")

    emit({"same": found.same, "changed": len(found.changes), "analyses": summary, "out": out}, human)


def _numbers(text: str) -> list[int] | None:
    """``1,2,400-406`` as numbers; None for an empty text."""
    if not text.strip():
        return None
    numbers: list[int] = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise UsageError(
                f"{part.strip()!r} is no number of an analysis",
                where="--analyses",
                remedy="such as 1,2,400-406",
            )
        if dash:
            known = {each.id for each in chosen(None)}
            found = [number for number in range(int(low), int(high) + 1) if number in known]
            if not found:
                raise UsageError(
                    f"there is no analysis from {low} to {high}",
                    where="--analyses",
                    remedy="`lockgate characterise list` tells them",
                )
            numbers += found
        else:
            numbers.append(int(low))
    return numbers
