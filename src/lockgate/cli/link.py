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
from lockgate.cli.index_review import print_waterfall
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity.linkage import THRESHOLD, Options, explain_pair, link_tables, parse_map
from lockgate.identity.linkage import judge as judge_sample
from lockgate.site.files import make_dir, write_atomic


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
    left: Annotated[Path, typer.Argument(help="A CSV, Parquet or JSON lines file, one row a record.")],
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
    sample: Annotated[
        Path | None,
        typer.Option(
            help="Where a random sample of pairs goes, for `link judge` (CSV with a column to fill in)."
        ),
    ] = None,
    sample_size: Annotated[int, typer.Option(min=1, help="How many pairs, spread over the strata.")] = 400,
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
    encoding: Annotated[str, typer.Option(help="Of CSV files that aren't UTF-8: latin-1 or utf-16.")] = "",
    model: Annotated[Path | None, typer.Option(help="A model file to use instead of estimating one.")] = None,
    model_out: Annotated[
        Path | None,
        typer.Option("--save-model", "--model-out", help="Where the estimated model goes (JSON)."),
    ] = None,
    artefacts: Annotated[
        Path | None,
        typer.Option(
            help="A folder for the model, m and u as first estimated and as used, blocking counts, report."
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option(help="The most memory the engine takes before it spills to disk, beside OUT.")
    ] = "2GB",
    threads: Annotated[int, typer.Option(min=0, help="The engine's threads; all cores if 0.")] = 0,
) -> None:
    """Find which records are of one person: in two tables, or the duplicates in one.

    Exact steps come first, then a probabilistic model that is learnt from the data. Both files are identifiable:
    they are written with mode 0600.
    """
    options = Options(
        threshold=threshold, id_right=id_right, date_form=date_form, date_form_right=date_form_right,
        model=model, model_out=model_out, clusters=clusters, review=review, encoding=encoding,
        artefacts=artefacts, sample=sample, sample_size=sample_size,
    )  # fmt: skip
    make_dir(out.absolute().parent)
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


@app.command()
def explain(
    left: Annotated[Path, typer.Argument(help="The table that was linked or deduplicated.")],
    right: Annotated[Path | None, typer.Argument(help="The table it was linked with.")] = None,
    pair: Annotated[str, typer.Option(help="The two ids, ID_L,ID_R.")] = "",
    model: Annotated[Path | None, typer.Option(help="The model file (--save-model wrote it).")] = None,
    ident: Annotated[str, typer.Option("--id", help="The column that identifies a row.")] = "id",
    mapping: Annotated[
        str, typer.Option("--map", help="What columns mean, as when the tables were linked.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Where the waterfall chart goes (SVG).")] = None,
    id_right: Annotated[
        str, typer.Option("--id-right", help="The id column in RIGHT, if named otherwise.")
    ] = "",
    map_right: Annotated[
        str, typer.Option("--map-right", help="What RIGHT's columns mean, if otherwise.")
    ] = "",
    date_form: Annotated[str, typer.Option(help="Which way round numeric dates are: dmy or mdy.")] = "",
    date_form_right: Annotated[str, typer.Option(help="The same for RIGHT, if another.")] = "",
    encoding: Annotated[str, typer.Option(help="Of CSV files that aren't UTF-8: latin-1 or utf-16.")] = "",
    memory: Annotated[str, typer.Option(help="The most memory the engine takes.")] = "2GB",
) -> None:
    """Why two records were linked or not: exact steps, and what each field adds to the weight (table and chart)."""
    ids = [part.strip() for part in pair.split(",")]
    if len(ids) != 2 or not all(ids):
        raise UsageError("names no two ids", where="--pair", remedy="write --pair ID_L,ID_R")
    if model is None:
        raise UsageError("is needed", where="--model", remedy="link with --save-model FILE first")
    with Engine(memory_limit=memory or None) as engine:
        found = explain_pair(
            engine, left, right, ident, parse_map(mapping), (ids[0], ids[1]), model,
            mapping_right=parse_map(map_right, "--map-right") if map_right else None,
            options=Options(
                id_right=id_right, date_form=date_form, date_form_right=date_form_right, encoding=encoding
            ),
        )  # fmt: skip
    if out:
        from lockgate.disclosure.waterfall import render_waterfall  # charts take half a second to load

        write_atomic(out, render_waterfall(found["waterfall"]).encode())
    found["chart"] = str(out) if out else None

    def human() -> None:
        met = ", ".join(found["steps"]) or "none"
        console.print(f"Exact steps that hold: {met}. By the model:", markup=False)
        print_waterfall(found["waterfall"], found["probability"])

    emit(found, human)


@app.command()
def judge(
    file: Annotated[
        Path, typer.Argument(help="The CSV of --sample, its column `same` filled in with yes or no.")
    ],
) -> None:
    """What somebody's answers on a random sample say: precision and missed links, each with its interval."""
    found = judge_sample(file)

    def human() -> None:
        table = Table("stratum", "pairs", "looked at", "one person", box=None, pad_edge=False)
        for name, one in found["strata"].items():
            table.add_row(name, f"{one['pairs']:,}", f"{one['looked_at']:,}", f"{one['same']:,}")
        console.print(table)
        low, high = found["precision_95"]
        console.print(f"Precision {found['precision']:.4f} ({low:.4f} to {high:.4f})")
        low, high = found["missed_among_compared_95"]
        missed = found["missed_among_compared"]
        console.print(f"Missed among the pairs compared: {missed:,.0f} ({low:,.0f} to {high:,.0f})")
        for name in found["strata_without_an_answer"]:
            console.print(f"No answer, so left out: {name}", markup=False)

    emit(found, human)


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
        f"{report['threshold']}: {_about(report, 'false_links')} false links, "
        f"{_about(report, 'missed_among_compared')} missed among the pairs compared."
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


def _about(report: dict[str, Any], what: str) -> str:
    low, high = report["expected"][f"{what}_95"]
    return f"{report['expected'][what]:,.0f} ({low:,.0f} to {high:,.0f})"


app.command("encode")(encodings.encode)
app.command("match")(encodings.match)
