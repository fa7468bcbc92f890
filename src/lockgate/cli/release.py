"""``lockgate release``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from lockgate import curate
from lockgate.cli import accepting, notes_review
from lockgate.cli.common import actor, console, emit, errors, open_site
from lockgate.cli.optout import applied
from lockgate.cohorts.release_index import index_release
from lockgate.curate import Release
from lockgate.errors import Refused, UsageError
from lockgate.workspace.scope import projects_of

app = typer.Typer()
app.add_typer(
    notes_review.app, name="notes-review", help="Read a random sample of the scrubbed notes: the leak rate."
)

EngineName = Literal["duckdb", "spark"]

Number = Annotated[str, typer.Argument(help="The release's number, such as 2026.1; default: the latest.")]


def _summary(release: Release) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "release": release.number,
        "path": str(release.path),
        "omop": str(release.omop),
        "linked": str(release.linked),
        "created_at": manifest["created_at"],
        "state": _state(release),
        "opt_out_cut_off": manifest["opt_out_cut_off"],
        "batches": manifest["batches"],
        "tables": release.tables,
    }


def _state(release: Release) -> str:
    gone = curate.retirement(open_site(), release.number)
    return "in use" if gone is None else "destroyed" if gone.destroyed_at else "retired"


def _few(count: int, threshold: int) -> str:
    """A count for people's eyes: small ones only as small."""
    return f"<{threshold}" if 0 < count < threshold else f"{count:,}"


def _warnings(release: Release) -> list[str]:
    """What whoever builds on a release should know of it beforehand."""
    manifest, told = release.manifest, []
    threshold = int(manifest["policy"]["threshold"])
    if waiting := int(manifest["linkage"].get("objections_held", 0)):
        told.append(
            f"{_few(waiting, threshold)} consents or opt-outs waited in quarantine: whoever objects in them is in this"
            " release. See `lockgate capture quarantine list`; mend them and build again."
        )
    unborn = {
        table: account["not_carried"]["person_without_birth_year"]
        for table, account in manifest["accounting"].items()
        if account["not_carried"].get("person_without_birth_year")
    }
    if unborn:
        listed = ", ".join(f"{table} {_few(rows, threshold)}" for table, rows in unborn.items())
        told.append(
            f"Rows of people of whom no source tells a year of birth or an age are left out, since OMOP must have one:"
            f" {listed}. They come with the next build after a source has told it."
        )
    for twice in manifest.get("told_twice", []):
        told.append(
            f"{' and '.join(twice['sources'])} tell rows of {twice['table']}, each under numbers of its own: an event"
            " that two tell is counted twice. "
            + (
                f"{_few(twice['alike'], threshold)} times they tell of the same ward, day and person: look, and take"
                " each event from one source."
                if twice.get("alike", 1)
                else "None tells of a ward, day and person that another does, so none should be."
            )
        )
    for flagged in manifest.get("flagged_times", []):
        told.append(
            f"{_few(flagged['rows'], threshold)} staged rows of {flagged['staged']} have a clock time that is"
            f" {flagged['flag']}: released as it was sent."
        )
    return told


def _print_tables(release: Release) -> None:
    table = Table("table", "rows", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, rows in release.tables.items():
        if rows:
            table.add_row(name, f"{rows:,}")
    console.print(table)


def _print_accounts(release: Release) -> None:
    threshold = int(release.manifest["policy"]["threshold"])
    heads = ("staged table", "in", "superseded", "deleted", "opted out", "unlinked", "not carried", "out")
    table = Table(*heads, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, account in release.manifest["accounting"].items():
        table.add_row(
            name,
            f"{account['in']:,}",
            f"{account['superseded']:,}",
            f"{account['deleted']:,}",
            _few(account["opted_out"], threshold),
            _few(account["unlinked"], threshold),
            f"{sum(account['not_carried'].values()):,}",
            f"{sum(account['out'].values()):,}",
        )
    console.print(table)


@app.command()
def build(
    note: Annotated[str, typer.Option(help="A line on why, kept in the manifest.")] = "",
    engine: Annotated[
        EngineName | None, typer.Option(help="Where the SQL runs, in place of what site.toml says.")
    ] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Work out everybody's rows, even where the last build could be built on."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Build it in full as well, and release nothing if one row or count differs."
        ),
    ] = False,
) -> None:
    """Link, curate and de-identify what was captured, and write the next release.

    Works out only the people that changes since the last build affect, and says so; in full where it must be.
    """
    site = open_site()
    started = time.perf_counter()
    result = curate.build_release(
        site,
        actor=actor(),
        note=note,
        on=engine,
        full=full,
        checked=check,
        tell=lambda step: errors.print(f"... {step}"),
    )
    seconds = time.perf_counter() - started
    applied(site)  # people were linked anew: an objection may reach others in earlier releases
    release = curate.open_release(site, result.release)
    errors.print("... indexing who has which concept, for cohort counts")
    index_release(site, release)
    affected = _few(result.affected, site.config.disclosure.threshold)

    def human() -> None:
        console.print(f"Release {release.number}: {release.path}")
        if result.way == "incremental":
            console.print(f"Incremental: {affected} of {result.people:,} people, {seconds:.0f} s.")
        else:
            console.print(f"In full ({result.why}): {result.people:,} people, {seconds:.0f} s.")
        if result.checked:
            console.print("Checked: a full build gives the same, row for row.")
        _print_accounts(release)
        console.print("Every staged row is accounted for.")
        _print_tables(release)
        for warning in _warnings(release):
            console.print(f"Note  {warning}", markup=False)

    emit(
        {
            **_summary(release),
            "way": result.way,
            "why": result.why,
            "people": result.people,
            "affected": affected,
            "seconds": round(seconds, 1),
            "checked": result.checked,
            "accounting": release.manifest["accounting"],
            "texts": release.manifest["texts"],
            "warnings": _warnings(release),
            "unmapped": {key: release.manifest["unmapped"][key] for key in ("codes", "records")},
        },
        human,
    )


@app.command("list")
def show_all() -> None:
    """List the releases, oldest first."""
    releases = curate.list_releases(open_site())

    def human() -> None:
        table = Table(
            "release", "state", "built", "opt-outs until", "tables", "rows", box=None, pad_edge=False
        )
        for release in releases:
            table.add_row(
                release.number,
                _state(release),
                release.manifest["created_at"][:16],
                release.manifest["opt_out_cut_off"],
                str(len(release.tables)),
                f"{sum(release.tables.values()):,}",
            )
        console.print(table if releases else "This site has no release yet: `lockgate release build`.")

    emit({"releases": [_summary(release) for release in releases]}, human)


@app.command()
def show(number: Number = "latest") -> None:
    """Show a release: its tables, its accounts, its quality checks and its unmapped codes."""
    release = curate.open_release(open_site(), number)

    def human() -> None:
        manifest = release.manifest
        console.print(f"Release {release.number}, built {manifest['created_at']}, {release.path}")
        _print_tables(release)
        _print_accounts(release)
        table = Table("check", "table", "column", "failed", "of", box=None, pad_edge=False)
        for check in manifest["quality"]:
            if check["failed"]:
                row = (check["check"], check["table"], check["column"])
                table.add_row(*row, f"{check['failed']:,}", f"{check['rows']:,}")
        console.print(table)
        if checked := manifest.get("quality_checks"):
            told = checked["summary"]
            console.print(
                f"Quality: {told['passed']:,} checks passed, {told['failed']:,} failed, {told['error']:,} in error: "
                "`lockgate quality show`."
            )
        unmapped = manifest["unmapped"]
        console.print(
            f"{unmapped['codes']} source codes ({unmapped['records']:,} records) have no standard concept."
        )
        for warning in _warnings(release):
            console.print(f"Note  {warning}", markup=False)

    emit({"path": str(release.path), **release.manifest}, human)


@app.command("accept-risk")
def accept_risk(
    account: accepting.Account,
    request: Annotated[str, typer.Argument(help="A request, to accept or decline it; none to ask.")] = "",
    share: accepting.Share = 0.0,
    until: accepting.Until = None,
    reason: accepting.Reason = "",
    decline: accepting.Decline = False,
) -> None:
    """Ask that releases over the site's risk policy pass until a day, or, as somebody else, accept that."""
    if bool(request) == bool(reason):
        raise UsageError("give --reason (and --share) to ask, or a REQUEST to decide on it")
    if request:
        accepting.decide(request, account, decline)
    else:
        accepting.ask("", account, share, until, reason)


@app.command()
def retire(
    number: Annotated[str, typer.Argument(help="The release's number, such as 2026.1.")],
    reason: Annotated[str, typer.Option(help="Why: it is kept, signed, and in the audit chain.")],
    destroy: Annotated[bool, typer.Option("--destroy", help="Remove its data; the manifest stays.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even where projects in force are of it.")] = False,
) -> None:
    """Make no new workspace from a release, and with --destroy remove its data.

    What projects have already stays theirs until their scope ends. Refused, naming them, while a scope in force is of
    this release, unless --force.
    """
    site = open_site()
    projects = projects_of(site, curate.open_release(site, number).number)
    if projects and not force:
        raise Refused(
            f"release {number} is in use",
            reasons=[f"project {project} has a scope of it in force" for project in projects],
            where=str(site.releases / number),
            remedy="amend or end these, or say --force",
        )
    record = curate.retire_release(site, number, actor=actor(), reason=reason, destroy=destroy)

    def human() -> None:
        console.print(f"Release {number} is retired: no new workspace is made from it.")
        if record.destroyed_at:
            console.print(
                "Its data are destroyed; its manifest and accounts stay, and the audit chain says so."
            )
        if projects:
            console.print(f"Still at work with what they have of it: {', '.join(projects)}.")

    emit({**asdict(record), "projects": projects}, human)


@app.command()
def verify(number: Number = "latest") -> None:
    """Check every byte of a release against its signed manifest; exit 1 and name what was changed."""
    site = open_site()
    number = curate.open_release(site).number if number == "latest" else number
    problems = curate.verify_release(site, number)
    gone = curate.retirement(site, number)
    whole = (
        f"The data of release {number} were destroyed on {gone.destroyed_at[:10]}; its manifest is as it was signed."
        if gone is not None and gone.destroyed_at
        else f"Release {number} is whole: every byte is as it was built and signed."
    )
    emit(
        {"release": number, "ok": not problems, "problems": [asdict(problem) for problem in problems]},
        "\n".join([problem.message for problem in problems] or [whole]),
    )
    raise typer.Exit(1 if problems else 0)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="The earlier release.")],
    after: Annotated[str, typer.Argument(help="The later one; default: the latest.")] = "latest",
) -> None:
    """Compare two releases row for row: how many rows of each table only one of them has."""
    site = open_site()
    one, two = curate.open_release(site, before), curate.open_release(site, after)
    changes = curate.diff_releases(one, two)

    def human() -> None:
        table = Table("table", one.number, two.number, "gone", "new", "columns", box=None, pad_edge=False)
        for change in changes:
            if change.gone or change.new or change.columns:
                row = (f"{change.before:,}", f"{change.after:,}", f"{change.gone:,}", f"{change.new:,}")
                table.add_row(change.table, *row, ", ".join(change.columns))
        if table.row_count:
            console.print(table)
        rows = sum(change.gone + change.new for change in changes)
        same = sum(change.same for change in changes)
        console.print(f"{rows:,} rows differ; {same} of {len(changes)} tables are the same to the byte.")

    emit(
        {"before": one.number, "after": two.number, "tables": [change.as_dict() for change in changes]}, human
    )
