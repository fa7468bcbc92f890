"""``lockgate characterise``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockgate.catalogue import open_about, publish_about
from lockgate.catalogue.changes import as_dicts, changed, told_once
from lockgate.characterise.catalogue import chosen
from lockgate.characterise.compare import compare as compare_results
from lockgate.characterise.compare import read_results
from lockgate.characterise.run import RAW, characterise, write_results
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.curate.release import NUMBER
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
    release: Annotated[
        str,
        typer.Option(help="Publish what is in a release of the site instead, through disclosure control."),
    ] = "",
    analyses: Annotated[
        str, typer.Option(help="Numbers of analyses, such as 1,2,400-406; all without it.")
    ] = "",
    memory: Annotated[str, typer.Option(help="How much memory the engine may take.")] = "4GB",
) -> None:
    """Run the analyses of OHDSI Achilles on a folder of OMOP tables; or publish what is in a release."""
    if context.invoked_subcommand:
        return
    if release:
        if omop is not None or out is not None or analyses:
            raise UsageError(
                "--release stands alone: what it publishes is chosen, and goes to register/about",
                remedy="for true numbers of a release: --omop releases/NUMBER/omop --out FILE.parquet",
            )
        _publish(release)
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


def _publish(number: str) -> None:
    """Publish the pages "About the data" of a release."""
    about = publish_about(open_site(), number, actor=actor())
    tables = sum(len(page["tables"]) for page in about.facts["pages"])

    def human() -> None:
        console.print(f"Release {about.release}: {tables} tables and charts published in {about.path}")
        for page in about.facts["pages"]:
            console.print(f"  {page['title']:<18} {len(page['tables'])}")
        if about.facts["withheld"]:
            console.print("Withheld whole, since they would give small groups away beside the others:")
        for title in about.facts["withheld"]:
            console.print(f"  {title}")

    emit({"path": about.path, **about.facts}, human)


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
    before: Annotated[
        str, typer.Argument(help="Results of an earlier run (Parquet), or an earlier release.")
    ],
    after: Annotated[str, typer.Argument(help="Results of a later run (Parquet), or a later release.")],
    out: Annotated[Path | None, typer.Option(help="Of two files: where to write every change.")] = None,
) -> None:
    """Compare two: what rose, fell, appeared and vanished. Files by their true numbers, releases by what is public."""
    if NUMBER.fullmatch(before) and NUMBER.fullmatch(after):
        if out is not None:
            raise UsageError("--out is for two files of results", remedy="use --json")
        _compare_releases(before, after)
        return
    found = compare_results(read_results(Path(before)), read_results(Path(after)))
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


def _compare_releases(before: str, after: str) -> None:
    site = open_site()
    one, two = open_about(site, before), open_about(site, after)
    changes, once = changed(one, two), told_once(one, two)

    def human() -> None:
        console.print(f"{len(changes):,} public figures changed from release {before} to {after}.")
        table = Table("figure", "of", "", "before", "after", box=None, pad_edge=False)
        for each in changes[:SHOWN]:
            told = ("-" if n is None else f"{n:,}" for n in (each.before, each.after))
            table.add_row(each.title, each.labels, each.change, *told)
        console.print(table)
        if len(changes) > SHOWN:
            console.print(f"... and {len(changes) - SHOWN:,} more; --json tells all.")
        if once:
            console.print(f"{len(once):,} tables are told of one of the two only, and not compared.")

    emit(
        {
            "before": before,
            "after": after,
            "changes": as_dicts(changes),
            "told_once": [{"release": release, "title": title} for release, title in once],
        },
        human,
    )


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
