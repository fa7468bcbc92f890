"""``lockgate bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate import bench
from lockgate.cli.common import console, emit


def command(
    name: Annotated[
        str, typer.Argument(help="Which benchmark; 'all' for each in turn, 'list' for their names.")
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="A small input: does it run, rather than how fast.")
    ] = False,
    sentences: Annotated[
        Path | None,
        typer.Option(
            help="Sentences judged by others, for text and concepts: the test kit of NegEx and ConText."
        ),
    ] = None,
) -> None:
    """Measure one room against a peer or a limit in the same run. Exit 1 when an answer was wrong."""
    if name == "list":
        emit({"benches": bench.names()}, "\n".join(bench.names()))
        return
    runs: list[dict[str, Any]] = [
        {
            "bench": each,
            "machine": bench.machine(),
            "results": [measure.as_dict() for measure in bench.run(each, quick=quick, sentences=sentences)],
        }
        for each in (bench.names() if name == "all" else [name])
    ]

    def human() -> None:
        table = Table("bench", "measure", "value", "target", "met", "peer", "ratio", "correct", box=None)
        for one in runs:
            for row in one["results"]:
                table.add_row(one["bench"], *_cells(row))
        console.print(table)

    emit(runs[0] if name != "all" else {"benches": runs}, human)
    wrong = any(row["correct"] is False for one in runs for row in one["results"])
    raise typer.Exit(1 if wrong else 0)


def _cells(row: dict[str, Any]) -> list[str]:
    unit = row["unit"]
    sign = "≥" if row["higher_is_better"] else "≤"
    words = {True: "yes", False: "NO", None: ""}
    return [
        row["measure"],
        f"{row['value']:,.3g} {unit}" if row["value"] < 1000 else f"{row['value']:,.0f} {unit}",
        f"{sign} {row['target']:,.10g}" if row["target"] is not None else "",
        words[row["met"]],
        row["peer"],
        f"{row['ratio']:.2g} x" if row["ratio"] is not None else "",
        words[row["correct"]],
    ]
