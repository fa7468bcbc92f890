"""``lockgate capture``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lockgate.cli.common import actor, console, emit, listing, open_site
from lockgate.site import Site

app = typer.Typer()
quarantine = typer.Typer(no_args_is_help=True)
app.add_typer(quarantine, name="quarantine", help="List, look into and retry what is held back.")

COUNTS = ("received", "staged", "quarantined", "duplicates")


def _report(results: list[dict[str, Any]]) -> dict[str, Any]:
    """One batch as it is; several with their sums on top."""
    if len(results) == 1:
        return results[0]
    total: dict[str, Any] = {name: sum(one[name] for one in results) for name in (*COUNTS, "recovered")}
    reasons: dict[str, int] = {}
    by_type: dict[str, dict[str, int]] = {}
    for one in results:
        for reason, count in one["reasons"].items():
            reasons[reason] = reasons.get(reason, 0) + count
        for kind, counts in one["by_type"].items():
            sums = by_type.setdefault(kind, dict.fromkeys(COUNTS, 0))
            for name in COUNTS:
                sums[name] += counts[name]
    return {**total, "by_type": by_type, "reasons": reasons, "batches": results}


def _captured(site: Site, results: list[dict[str, Any]]) -> dict[str, Any]:
    """The report, after every workspace was made to fit who is left out now, where a batch may have changed that."""
    from lockgate.cli.optout import applied

    report = _report(results)
    rows = {table: count for one in results for table, count in one["rows"].items() if count}
    if done := applied(site, rows):
        report["workspaces"] = done
    return report


def _print(report: dict[str, Any]) -> None:
    table = listing("", *COUNTS, numbers=len(COUNTS))
    for kind, counts in report["by_type"].items():
        table.add_row(kind, *(f"{counts[name]:,}" for name in COUNTS))
    table.add_row("[bold]in all[/]", *(f"[bold]{report[name]:,}[/]" for name in COUNTS))
    console.print(table)
    for reason, count in report["reasons"].items():
        console.print(f"  quarantined: {count:,} {reason}", markup=False)
    if report["recovered"]:
        console.print(f"{report['recovered']:,} items of earlier batches left quarantine.")
    for one in report.get("batches", [report]):
        for warning in one["warnings"]:
            console.print(f"Note  {warning}", markup=False)
    if report.get("workspaces"):
        from lockgate.cli.optout import print_applied

        console.print("Who is left out has changed with it:")
        print_applied(report["workspaces"])
    if report["quarantined"]:
        console.print("Next: `lockgate capture quarantine list` says which, and why.")


@app.command()
def fhir(
    path: Annotated[
        Path, typer.Argument(help="A folder, or one file, of FHIR R4 NDJSON or Bundles; .gz too.")
    ],
    source: Annotated[
        str, typer.Option(help="The source's name; duplicates and ids are told within it.")
    ] = "epr",
) -> None:
    """Capture FHIR R4 resources: keep them raw, stage the sound, quarantine the rest with reasons."""
    from lockgate.capture import capture_fhir

    site = open_site()
    report = _captured(site, [capture_fhir(site, path, source=source, actor=actor()).as_dict()])
    emit(report, lambda: _print(report))


@app.command()
def hl7v2(
    path: Annotated[
        Path | None, typer.Argument(help="A folder, or one file, of HL7 v2 messages; .gz too.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="The source's name; duplicates and numbers are told within it.")
    ] = "hl7v2",
    listen: Annotated[str, typer.Option(help="HOST:PORT to take messages on (MLLP), until stopped.")] = "",
    send: Annotated[
        str, typer.Option(help="HOST:PORT to send PATH's messages to (MLLP), to try a feed.")
    ] = "",
    every: Annotated[
        float, typer.Option(min=0.1, help="Listening: seconds until what has come is captured as a batch.")
    ] = 60.0,
    batch: Annotated[
        int, typer.Option(min=1, help="Listening: messages after which it is captured.")
    ] = 10_000,
    tls_cert: Annotated[
        Path | None, typer.Option(help="MLLP over TLS: our certificate (PEM); sending: only if asked for.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM, without a pass phrase).")] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(help="Listening: only senders with a certificate of this authority. Sending: trusted."),
    ] = None,
) -> None:
    """Capture HL7 v2 messages: from files, or from the network, acknowledged once they are on disk."""
    from lockgate.capture import hl7v2 as feed
    from lockgate.cli.optout import applied
    from lockgate.errors import UsageError

    if (listen and send) or bool(path) == bool(listen):
        raise UsageError("give a PATH, or --listen HOST:PORT", remedy="PATH with --send HOST:PORT sends it")
    tls = feed.Tls(tls_cert, tls_key, tls_ca)
    if listen:
        site = open_site()
        heard = feed.listen(
            site, listen, source=source, actor=actor(), every=every, batch=batch, tls=tls,
            after=lambda result: applied(site, result.rows),
        )  # fmt: skip
        emit(heard.as_dict())
    elif send and path:
        sent = feed.send(path, send, tls=tls)
        emit(sent, f"{sent['sent']:,} sent: {sent['AA']:,} AA, {sent['AE']:,} AE, {sent['AR']:,} AR.")
        raise typer.Exit(0 if sent["sent"] == sent["AA"] else 1)
    elif path:
        site = open_site()
        report = _captured(site, [feed.capture_hl7v2(site, path, source=source, actor=actor()).as_dict()])
        emit(report, lambda: _print(report))


@app.command()
def table(
    file: Annotated[Path, typer.Argument(help="The file: CSV and the like, .gz too, or Parquet.")],
    contract: Annotated[
        str,
        typer.Option(help="A contract's name, its folder or its contract.yaml; default: the file's name."),
    ] = "",
    source: Annotated[str, typer.Option(help="The source's name; default: the contract's.")] = "",
) -> None:
    """Capture one table by its contract."""
    from lockgate.capture import capture_table

    agreed = contract or file.name.split(".")[0]
    site = open_site()
    report = _captured(site, [capture_table(site, agreed, file, source=source, actor=actor()).as_dict()])
    emit(report, lambda: _print(report))


@app.command()
def tables(
    folder: Annotated[Path, typer.Argument(help="A folder of tables named after their contracts.")],
) -> None:
    """Capture every table of a folder, each by the contract it is named after."""
    from lockgate.capture import capture_tables

    site = open_site()
    report = _captured(site, [result.as_dict() for result in capture_tables(site, folder, actor=actor())])
    emit(report, lambda: _print(report))


@app.command()
def omop(
    folder: Annotated[
        Path, typer.Argument(help="A folder of OMOP CDM 5.3 or 5.4 tables: Parquet, CSV, .gz.")
    ],
    source: Annotated[
        str, typer.Option(help="The source's name; ids and duplicates are told within it.")
    ] = "omop",
) -> None:
    """Capture a site's own OMOP database: every table of facts; those that a release makes anew are passed over."""
    from lockgate.capture import capture_omop

    site = open_site()
    result = capture_omop(site, folder, source=source, actor=actor())
    report = _captured(site, [one.as_dict() for one in result.tables.values()])
    report["passed_over"] = result.passed_over

    def human() -> None:
        _print(report)
        for name, why in result.passed_over.items():
            console.print(f"Passed over  {name}: {why}", markup=False)

    emit(report, human)


@app.command()
def status(
    batch: Annotated[str, typer.Option(help="Only this batch, by type of item.")] = "",
) -> None:
    """What has arrived and what became of it, per batch and in all; exit 1 when the counts do not add up."""
    from lockgate.capture import status as capture_status
    from lockgate.capture.status import COUNTS as OUTCOMES

    report = capture_status(open_site(), batch=batch)

    def table(first: tuple[str, ...], lines: list[tuple[tuple[str, ...], dict[str, Any]]]) -> None:
        shown = listing(*first, *OUTCOMES, numbers=len(OUTCOMES))
        for names, counts in lines:
            shown.add_row(*names, *(f"{counts[name]:,}" for name in OUTCOMES))
        console.print(shown)

    def human() -> None:
        total = (("[bold]in all, now[/]",), report)
        if not batch:
            table(("batch", "source"), [((row["batch"], row["source"]), row) for row in report["batches"]])
            console.print()
        table(("type",), [((kind,), counts) for kind, counts in report["by_type"].items()] + [total])
        if report["rowless"]:
            console.print(f"{report['rowless']:,} staged items say nothing that is a row.")
        for flag, count in report["flagged_times"].items():
            console.print(f"{count:,} staged rows have a clock time that is {flag}: see time_flag.")
        for one in report["empty"]:
            console.print(
                f"Empty: batch {one['batch']} of {one['source']} held no row. Was that meant?", markup=False
            )
        if report["objections_held"]:
            console.print(
                f"[bold]{report['objections_held']:,} consents or opt-outs wait in quarantine[/]: somebody may object,"
                " and is not left out until they are mended."
            )
        console.print("The counts add up." if report["adds_up"] else "[bold red]The counts do NOT add up.[/]")

    emit(report, human)
    raise typer.Exit(0 if report["adds_up"] else 1)


@quarantine.command("list")
def quarantine_list(
    reason: Annotated[str, typer.Option(help="Only this reason.")] = "",
    source: Annotated[str, typer.Option(help="Only this source.")] = "",
    batch: Annotated[str, typer.Option(help="Only this batch.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="How many items to list.")] = 50,
) -> None:
    """What is held back now: counts by reason, and file, line and reason of each."""
    from lockgate.capture import REASONS, list_held

    counts, items = list_held(open_site(), reason=reason, source=source, batch=batch, limit=limit)

    def human() -> None:
        if not counts:
            console.print("Nothing is in quarantine.")
            return
        for code, count in counts.items():
            console.print(f"{count:>8,}  {code}: {REASONS[code].meaning}", markup=False)
        shown = listing("item", "file", "line", "reason", "detail")
        for item in items:
            shown.add_row(item.item_hash[:12], item.file, str(item.line), item.reason, item.detail or "")
        console.print(shown)
        if sum(counts.values()) > len(items):
            console.print(f"... and {sum(counts.values()) - len(items):,} more; --limit shows them.")

    emit(
        {"quarantined": sum(counts.values()), "reasons": counts, "items": [i.as_dict() for i in items]}, human
    )


@quarantine.command("show")
def quarantine_show(
    item: Annotated[str, typer.Argument(help="The item's hash, or its first digits.")],
) -> None:
    """One item with its raw text. Identifiable: only for the site's own user, and noted in the audit chain."""
    from lockgate.capture import show_held

    found = show_held(open_site(), item, actor=actor())

    def human() -> None:
        for name in ("file", "line", "kind", "reason", "detail", "waits_for", "meaning", "remedy"):
            if found[name] is not None:
                console.print(f"{name:>10}  {found[name]}", markup=False)
        console.print(found["raw"], markup=False)

    emit(found, human)


@quarantine.command("retry")
def quarantine_retry(
    reason: Annotated[str, typer.Option(help="Only this reason.")] = "",
    source: Annotated[str, typer.Option(help="Only this source.")] = "",
) -> None:
    """Take what is held back again, as after an upgrade or a changed contract."""
    from lockgate.capture import list_held, retry_held

    site = open_site()
    results = retry_held(site, reason=reason, source=source, actor=actor())
    moved = [result for result in results if result.recovered]
    if moved:
        _captured(site, [result.as_dict() for result in moved])
    recovered = sum(result.recovered for result in moved)
    counts, _ = list_held(site, source=source, limit=0)
    left = sum(counts.values())
    emit(
        {
            "recovered": recovered,
            "quarantined": left,
            "reasons": counts,
            "batches": [result.as_dict() for result in moved],
        },
        f"{recovered:,} items left quarantine; {left:,} stay.",
    )
