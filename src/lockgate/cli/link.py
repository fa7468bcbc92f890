"""``lockgate link``: two tables, or one, linked; sub-commands beside it.

``lockgate link LEFT [RIGHT] ...`` is short for ``lockgate link tables LEFT [RIGHT] ...``: whatever is no sub-command
is the first table (a file that is named like one is given as ``./explain``). A further sub-command is a function of
another module, registered at the end of this one with ``app.command("name")(function)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from rich.table import Table

from lockgate.cli import encodings
from lockgate.cli.common import console, emit
from lockgate.engine import Engine
from lockgate.identity.linkage import THRESHOLD, Options, link_tables, parse_map


class _TablesFirst(typer.core.TyperGroup):
    """A group whose first command is meant where no other is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``tables`` before arguments that begin with no sub-command and ask for no help."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["tables", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_TablesFirst)


@app.command("tables")
def tables(
    left: Annotated[Path, typer.Argument(help="A CSV or Parquet file, one row a record.")],
    right: Annotated[
        Path | None, typer.Argument(help="The table to link it with; without one, LEFT is deduplicated.")
    ] = None,
    ident: Annotated[str, typer.Option("--id", help="The column that identifies a row.")] = "id",
    mapping: Annotated[
        str,
        typer.Option(
            "--map",
            help="What columns mean: given_name=COL,family_name=COL,birth_date=COL,postcode=COL,sex=COL,"
            "nhs_number=COL,... and other_NAME=COL for a column to compare as it is.",
        ),
    ] = "",
    out: Annotated[Path, typer.Option(help="Where the pairs go (Parquet).")] = Path("links.parquet"),
    clusters: Annotated[
        Path | None,
        typer.Option(help="Where the cluster of every record goes; OUT.clusters.parquet if not said."),
    ] = None,
    review: Annotated[
        Path | None, typer.Option(help="Where the pairs in doubt go, for somebody to look at (Parquet).")
    ] = None,
    id_right: Annotated[
        str, typer.Option("--id-right", help="The same column in RIGHT, if named otherwise.")
    ] = "",
    map_right: Annotated[
        str, typer.Option("--map-right", help="What RIGHT's columns mean, if named otherwise.")
    ] = "",
    threshold: Annotated[
        float, typer.Option(help="Link where the probability is at least this.")
    ] = THRESHOLD,
    date_form: Annotated[
        str,
        typer.Option(help="Which way round numeric dates are: dmy or mdy; shown by the data if not said."),
    ] = "",
    date_form_right: Annotated[str, typer.Option(help="The same for RIGHT, if another.")] = "",
    model: Annotated[Path | None, typer.Option(help="A model file to use instead of estimating one.")] = None,
    model_out: Annotated[Path | None, typer.Option(help="Where the estimated model goes (JSON).")] = None,
    memory: Annotated[str, typer.Option(help="The most memory the engine takes, such as 2GB.")] = "",
    threads: Annotated[int, typer.Option(min=0, help="The engine's threads; all cores if 0.")] = 0,
) -> None:
    """Find which records are of one person: in two tables, or the duplicates in one.

    Exact steps come first, then a probabilistic model that is learnt from the data. Both files are identifiable:
    they are written with mode 0600.
    """
    options = Options(
        threshold=threshold, id_right=id_right, date_form=date_form, date_form_right=date_form_right,
        model=model, model_out=model_out, clusters=clusters, review=review,
    )  # fmt: skip
    with Engine(
        memory_limit=memory or None, threads=threads or None, temp_dir=out.absolute().parent
    ) as engine:
        found = link_tables(
            engine,
            left,
            right,
            ident,
            parse_map(mapping),
            out,
            mapping_right=parse_map(map_right, "--map-right") if map_right else None,
            options=options,
        )
    emit(found.as_dict(), lambda: _print(found.as_dict()))


def _print(report: dict[str, Any]) -> None:
    steps = Table("step", "pairs", box=None, pad_edge=False)
    steps.columns[1].justify = "right"
    for step, count in report["by_step"].items():
        steps.add_row(step, f"{count:,}")
    rows = " and ".join(f"{count:,}" for count in report["rows"].values())
    console.print(f"{rows} rows, {report['pairs_compared']:,} pairs compared, {report['pairs']:,} linked:")
    console.print(steps)
    console.print(
        f"{report['clusters']:,} people (the largest of {report['largest_cluster']:,} rows). Expected at threshold "
        f"{report['threshold']}: {report['expected']['false_links']:,} false links, "
        f"{report['expected']['missed_among_compared']:,} missed among the pairs compared."
    )
    for name, why in report["left_out"].items():
        console.print(f"Not used: {name} ({why})", markup=False)
    for side, form in report["dates"].items():
        if form["not_read"]:
            console.print(
                f"{form['not_read']:,} of {form['filled']:,} dates of the {side} table could not be read"
            )
    doubt = sum(report["review"].values())
    if doubt:
        where = (
            f", written to {report['review_out']}" if report["review_out"] else "; --review FILE writes them"
        )
        console.print(f"{doubt:,} pairs in doubt{where}", markup=False)
    console.print(f"Pairs in {report['out']}, clusters in {report['clusters_out']}", markup=False)


app.command("encode")(encodings.encode)
app.command("match")(encodings.match)
