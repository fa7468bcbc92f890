"""``lockgate risk``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from lockgate.cli.common import console, emit, open_site
from lockgate.deidentify.ladder import Rung, ladder
from lockgate.deidentify.risk import SMALL, RiskPolicy, SetRisk, measure
from lockgate.deidentify.riskfile import open_file
from lockgate.engine import Engine
from lockgate.errors import UsageError


def command(
    table: Annotated[Path | None, typer.Argument(help="A Parquet or CSV file, one row a person.")] = None,
    quasi_identifiers: Annotated[
        str, typer.Option(help="The columns that somebody could know of a person, with commas between.")
    ] = "",
    sensitive: Annotated[str, typer.Option(help="The column that nobody should learn from them.")] = "",
    k: Annotated[int, typer.Option(min=2, help="The smallest class that the policy allows.")] = 5,
    share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The policy: the share of records that may be in smaller classes."),
    ] = None,
    diversity: Annotated[
        int | None, typer.Option(min=1, help="The policy: values of the sensitive column a class needs.")
    ] = None,
    closeness: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The policy: how far a class may be from the table (t)."),
    ] = None,
    climb: Annotated[
        bool, typer.Option("--ladder", help="Show which generalisation brings the table under.")
    ] = False,
    release: Annotated[
        str, typer.Option(help="Instead of a file: the tables of a release, by site policy.")
    ] = "",
    project: Annotated[
        str, typer.Option(help="Instead of a file: a project's workspace, by site policy.")
    ] = "",
) -> None:
    """Say how easily people could be singled out in a table: k-anonymity, l-diversity, uniques, expected risk.

    With --share or --diversity it is a gate: exit 1 when the table is over that policy.
    """
    if release or project:
        _whole(release, project, climb)
    if table is None or not quasi_identifiers:
        raise UsageError("give a TABLE and --quasi-identifiers, or --release, or --project")
    columns = [name.strip() for name in quasi_identifiers.split(",") if name.strip()]
    if (diversity is not None or closeness is not None) and not sensitive:
        raise UsageError(
            "--diversity and --closeness are about a sensitive column", remedy="name it: --sensitive"
        )
    policy = RiskPolicy(k=k, share=share or 0.0, l=diversity, t=closeness)
    bounds = sorted({*SMALL, k})
    with Engine() as engine:
        source = open_file(engine, table, [*columns, *([sensitive] if sensitive else [])])
        found = measure(
            engine, source, columns, sensitive=sensitive or None, bounds=bounds, closeness=bool(sensitive)
        )
        rungs = ladder(engine, source, columns, policy, sensitive=sensitive or None) if climb else []
    gated = share is not None or diversity is not None or closeness is not None
    reasons = policy.reasons(found[0]) if gated else []
    notes = [f"{risk.columns[0]} has one value only: it tells nothing" for risk in found if _constant(risk)]

    def human() -> None:
        _print_sets(found, k)
        if rungs:
            _print_rungs(rungs, k)
        for line in (*notes, *reasons):
            console.print(line)

    emit(
        {
            "table": str(table),
            "sensitive": sensitive or None,
            "policy": {"k": k, "share": share, "l": diversity, "t": closeness},
            "within_policy": not reasons,
            "reasons": reasons,
            "notes": notes,
            **found[0].as_dict(),
            "sets": [risk.as_dict() for risk in found],
            "ladder": [rung.as_dict() for rung in rungs],
        },
        human,
    )
    raise typer.Exit(1 if reasons else 0)


def _whole(release: str, project: str, climb: bool) -> None:
    """The risk of every table of a release or a workspace that has a set of quasi-identifiers; ends the command."""
    from lockgate.curate import open_release
    from lockgate.deidentify.sets import measure_files
    from lockgate.workspace.project import Project

    site = open_site()
    if release and project:
        raise UsageError("give --release or --project, not both")
    if release:
        found = open_release(site, release)
        files = {name: found.table_path(name) for name, rows in found.tables.items() if rows}
    else:
        place = Project.of(site, project)
        files = {
            name: place.data / item["file"]
            for name, item in place.workspace()["tables"].items()
            if item["rows"]
        }
    measured = measure_files(site, files, climb=climb)
    over = any(item["reasons"] for item in measured)

    def human() -> None:
        shown = Table("table", "set", "k", "uniques", f"in classes < {site.config.risk.k}", "expected risk", "policy",
                      box=None, pad_edge=False)  # fmt: skip
        for item in measured:
            shown.add_row(item["table"], item["set"], f"{item['k']:,}", f"{item['uniques']:,}", f"{item['share']:.2%}",
                          f"{item['expected_risk']:.2%}", "over" if item["reasons"] else "within")  # fmt: skip
        console.print(shown)
        for item in measured:
            for rung in item.get("ladder", [])[1:]:
                step = f"{item['table']}: {rung['column']} to {rung['form']}"
                console.print(f"{step}: k = {rung['k']}, uniques {rung['uniques']:,}", markup=False)

    emit(
        {
            "release": release or None,
            "project": project or None,
            "within_policy": not over,
            "tables": measured,
        },
        human,
    )
    raise typer.Exit(1 if over else 0)


def _constant(risk: SetRisk) -> bool:
    return len(risk.columns) == 1 and risk.classes == 1


def _cells(risk: SetRisk, k: int) -> list[str]:
    cells: list[Any] = [risk.classes, risk.k, risk.uniques, risk.below[k], f"{risk.expected_risk:.2%}"]
    if risk.l is not None:
        cells += [risk.l, risk.homogeneous]
    return [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells]


def _heads(diverse: bool, k: int) -> list[str]:
    return [
        "classes",
        "k",
        "uniques",
        f"in classes < {k}",
        "expected risk",
        *(["l", "homogeneous"] if diverse else []),
    ]


def _print_sets(found: list[SetRisk], k: int) -> None:
    shown = Table("quasi-identifiers", *_heads(found[0].l is not None, k), box=None, pad_edge=False)
    for column in shown.columns[1:]:
        column.justify = "right"
    for risk in found:
        shown.add_row(", ".join(risk.columns), *_cells(risk, k))
    console.print(f"{found[0].records:,} records")
    console.print(shown)


def _print_rungs(rungs: list[Rung], k: int) -> None:
    shown = Table("ladder", "to", *_heads(rungs[0].risk.l is not None, k), box=None, pad_edge=False)
    for column in shown.columns[2:]:
        column.justify = "right"
    for rung in rungs:
        shown.add_row(rung.column or "(before)", rung.form, *_cells(rung.risk, k))
    console.print(shown)
