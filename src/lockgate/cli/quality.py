"""``lockgate quality``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from lockgate import curate
from lockgate.capture.access import require_owner
from lockgate.catalogue.examples import find_examples
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.curate.passed_quality import release_quality
from lockgate.disclosure import safe_count
from lockgate.engine import Engine
from lockgate.engine.omop import find_omop
from lockgate.errors import UsageError
from lockgate.quality.model import Result
from lockgate.quality.own import read_own, run_own
from lockgate.quality.report import dashboard, summary, write_dashboard, write_results
from lockgate.quality.run import cdm_version, run_checks
from lockgate.quality.thresholds import load

app = typer.Typer(invoke_without_command=True)

Number = Annotated[str, typer.Argument(help="The release's number, such as 2026.1; default: the latest.")]
Omop = Annotated[
    Path | None, typer.Option(help="A folder of OMOP CDM 5.3 or 5.4 tables: TABLE.parquet each.")
]
Absent = Annotated[
    Literal["empty", "missing"],
    typer.Option(
        help="What a table or column that the folder doesn't have is: an empty one, or missing (its checks fail)."
    ),
]


@app.callback()
def check(
    ctx: typer.Context,
    omop: Omop = None,
    cdm: Annotated[
        Literal["5.3", "5.4"] | None, typer.Option(help="The CDM version; default: as its columns tell.")
    ] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(
            help="A folder of OHDSI's threshold files; default: those of version 2.8.4, packed here."
        ),
    ] = None,
    checks: Annotated[
        Path | None, typer.Option(help="A folder of own checks: NAME.yaml with a SELECT in NAME.sql.")
    ] = None,
    absent: Absent = "empty",
    out: Annotated[Path | None, typer.Option(help="Where to write the results (Parquet).")] = None,
    dashboard_json: Annotated[
        Path | None, typer.Option(help="Where to write them as the Dashboard's viewer reads them (JSON).")
    ] = None,
    fail_on: Annotated[
        Literal["fatal", "convention", "characterization", "none"],
        typer.Option(help="Exit 1 when a check of this severity, or a graver one, fails or is in error."),
    ] = "none",
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day that no date should lie after.")
    ] = None,
    memory: Annotated[str, typer.Option(help="How much memory the engine may take.")] = "4GB",
    threads: Annotated[int, typer.Option(min=0, help="How many cores; 0: every one.")] = 0,
) -> None:
    """Data quality of OMOP tables: OHDSI's Data Quality Dashboard checks, and a site's own.

    Counts, for each check of the threshold files, the rows that violate it and of how many.
    """
    if ctx.invoked_subcommand:
        return
    if omop is None:
        raise UsageError(
            "give a folder: --omop FOLDER", remedy="or `lockgate quality show` for a release's results"
        )
    for path in (out, dashboard_json):
        if path and not path.parent.is_dir():
            raise UsageError("its folder doesn't exist", where=str(path), remedy="make it, or name another")
    started, clock = datetime.now(UTC), time.perf_counter()
    found = find_omop(omop)
    if not found.files:
        raise UsageError("there is no Parquet file of a table", where=str(omop))
    asked = load(cdm or cdm_version(found), thresholds)
    if checks is not None and not checks.is_dir():
        raise UsageError("there is no such folder", where=str(checks))
    own = read_own(checks) if checks else []
    with Engine(memory_limit=memory, threads=threads or None) as engine:
        day = today.date() if today else started.date()
        results = run_checks(engine, found, asked, absent=absent, today=day)
        rows = {table: int(engine.one(f'SELECT count(*) FROM "{table}"')) for table in found.files if own}
        results += run_own(engine, own, rows)
        metadata = _metadata(engine, found.columns.get("cdm_source", {}), omop.name)
    seconds = time.perf_counter() - clock
    if out:
        write_results(results, out)
    if dashboard_json:
        write_dashboard(dashboard(results, metadata, started), dashboard_json)
    missing = sorted({result.check.table.lower() for result in results} - set(found.files))
    told = summary(results)

    def human() -> None:
        console.print(f"{told['checks']:,} checks of {asked.source}, CDM {asked.version}, in {seconds:.1f} s")
        _print(results, told)
        if missing:
            console.print(f"Not in {omop}, and {absent}: {', '.join(missing)}")
        if out:
            console.print(f"Results: {out}")

    emit(
        {
            "omop": omop,
            "cdm": asked.version,
            "source": asked.source,
            "seconds": round(seconds, 2),
            "absent": missing,
            "summary": told,
            "out": out,
            "results": [result.as_dict() for result in results],
        },
        human,
    )
    order = ("fatal", "convention", "characterization")
    grave = order[: order.index(fail_on) + 1] if fail_on != "none" else ()
    if any(r.status in ("failed", "error") and r.check.severity in grave for r in results):
        raise typer.Exit(1)


def _metadata(engine: Engine, columns: Any, name: str) -> dict[str, str]:
    """The row of CDM_SOURCE, as the Dashboard shows it; the folder's name where there is none."""
    rows = engine.rows("SELECT * FROM cdm_source LIMIT 1") if columns else []
    told = dict(zip(columns, rows[0], strict=True)) if rows else {"cdm_source_name": name}
    return {key.upper(): "" if value is None else str(value) for key, value in told.items()}


def _print(results: list[Result], told: dict[str, Any]) -> None:
    table = Table("", "", "passed", "failed", "not applicable", "error", box=None, pad_edge=False)
    for row in [*told["kahn"], {"category": "All", "context": "", **told}]:
        numbers = (f"{row[status]:,}" for status in ("passed", "failed", "not_applicable", "error"))
        table.add_row(row["category"], row["context"], *numbers)
    for column in table.columns[2:]:
        column.justify = "right"
    console.print(table)
    failed = [result for result in results if result.status in ("failed", "error")]
    if failed:
        table = Table("failed", "table", "field", "violating", "of", "%", box=None, pad_edge=False)
        order = {"fatal": 0, "convention": 1, "characterization": 2}
        for result in sorted(failed, key=lambda each: order.get(each.check.severity, 3)):
            check = result.check
            where = " ".join(part for part in (check.field, check.concept_id) if part)
            if result.status == "error" or result.violated is None:
                table.add_row(f"{check.name} ({check.severity})", check.table, where, result.reason, "", "")
            else:
                violated = safe_count(result.violated)
                share = "" if isinstance(violated, str) else f"{100 * (result.share or 0):.0f}"
                counts = (_shown(violated), _shown(safe_count(result.rows or 0)), share)
                table.add_row(f"{check.name} ({check.severity})", check.table, where, *counts)
        for column in table.columns[3:]:
            column.justify = "right"
        console.print(table)


def _shown(count: int | str) -> str:
    return count if isinstance(count, str) else f"{count:,}"


@app.command()
def show(number: Number = "latest") -> None:
    """Show the quality checks of a release, as they were when it was built."""
    release = curate.open_release(open_site(), number)
    results = release_quality(release)
    if results is None:
        raise UsageError(
            f"release {release.number} has no quality results",
            where=str(release.path),
            remedy=f"`lockgate quality --omop {release.omop}` checks it now",
        )
    told = summary(results)

    def human() -> None:
        console.print(f"Release {release.number}, built {release.manifest['created_at'][:16]}")
        _print(results, told)

    emit(
        {"release": release.number, "summary": told, "results": [result.as_dict() for result in results]},
        human,
    )


@app.command()
def trend() -> None:
    """Show how the checks went from release to release, and which began or ceased to fail."""
    rows: list[dict[str, Any]] = []
    before: set[str] | None = None
    for release in curate.list_releases(open_site()):
        results = release_quality(release)
        if results is None:
            rows.append({"release": release.number, "checked": False})
            continue
        failed = {result.check.id for result in results if result.status in ("failed", "error")}
        told = summary(results)
        rows.append(
            {
                "release": release.number,
                "checked": True,
                **{key: told[key] for key in ("checks", "passed", "failed", "not_applicable", "error")},
                "kahn": told["kahn"],
                "began_to_fail": sorted(failed - before) if before is not None else [],
                "ceased_to_fail": sorted(before - failed) if before is not None else [],
            }
        )
        before = failed

    def human() -> None:
        table = Table("release", "passed", "failed", "not applicable", "error", box=None, pad_edge=False)
        for row in rows:
            counts = [
                f"{row[key]:,}" for key in ("passed", "failed", "not_applicable", "error") if row["checked"]
            ]
            table.add_row(row["release"], *(counts or ["not checked"]))
        console.print(table if rows else "This site has no release yet: `lockgate release build`.")
        for row in rows:
            for words in ("began_to_fail", "ceased_to_fail"):
                for name in row.get(words, []):
                    console.print(f"{row['release']}  {words.replace('_', ' ')}: {name}")

    emit({"releases": rows}, human)


@app.command()
def examples(
    check_id: Annotated[str, typer.Argument(help="The check's id, or the name of one of the site's own.")],
    release: Annotated[str, typer.Option(help="The release's number; default: the latest.")] = "latest",
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many rows at most.")] = 10,
) -> None:
    """Show rows of a release that violate a check. They are of people: the site's own user only, and it is audited."""
    site = open_site()
    require_owner(site)
    found = find_examples(site, release, check_id, most=most, every_column=True)
    site.audit.append(
        "quality.examples", actor=actor(), release=found.release, check=check_id, rows=len(found.rows)
    )

    def human() -> None:
        table = Table(*found.columns, box=None, pad_edge=False)
        for row in found.rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        console.print(table if found.rows else "No row of it violates this check.")

    emit({"release": found.release, "check": check_id, "rows": found.dicts()}, human)
