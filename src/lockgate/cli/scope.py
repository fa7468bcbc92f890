"""``lockgate scope``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from lockgate.cli import accepting
from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import Refused, UsageError
from lockgate.workspace.scope import (
    Scope,
    issue,
    load,
    preview,
    revocations,
    revoke,
    scope_files,
    verify_file,
)

app = typer.Typer()

Target = Annotated[str, typer.Argument(metavar="PROJECT|FILE", help="A project, or a scope's file.")]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error
    except ValueError as error:
        raise UsageError("is no JSON", where=str(path)) from error


def parsed(path: Path) -> Scope:
    """A scope, or a draft of one, from a file; UsageError with what is wrong with it."""
    value = _read(path)
    try:
        return Scope.model_validate(value.get("scope", value) if isinstance(value, dict) else value)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise UsageError(f"is no scope: {reasons}", where=str(path)) from error


def _held(target: str) -> Scope:
    site = open_site()
    return verify_file(site, Path(target)) if Path(target).is_file() else load(site, target)


def _print_preview(shown: dict[str, Any]) -> None:
    console.print(f"[bold]{shown['scope_id']}[/]: release {shown['release']}, {shown['people']}")
    console.print(f"dates {shown['dates']}; period {shown['period'] or 'all'}")
    table = Table("table", "columns shown", "left out", box=None, pad_edge=False)
    for name, item in shown["tables"].items():
        columns = ", ".join(column["name"] for column in item["columns"])
        table.add_row(name, columns, str(len(item["left_out"])))
    console.print(table)
    for reason in shown["refused"]:
        console.print(f"refused: {reason}", markup=False)


@app.command()
def show(target: Target) -> None:
    """Show what a scope in force lets its project see."""
    scope = _held(target)
    shown = preview(scope)
    emit({"scope": scope.as_json(), "sha256": scope.sha256, "visible": shown}, lambda: _print_preview(shown))


@app.command("preview")
def preview_file(file: Annotated[Path, typer.Argument(help="A scope as JSON, signed or not.")]) -> None:
    """Show what a scope would let its project see, before anybody signs it; exit 1 when something is refused."""
    shown = preview(parsed(file))
    emit(shown, lambda: _print_preview(shown))
    raise typer.Exit(1 if shown["refused"] else 0)


@app.command("count")
def count_people(target: Target) -> None:
    """Count the people of a scope's cohort today, less who has opted out; small counts withheld, others rounded."""
    from lockgate.disclosure import Rules, safe_count
    from lockgate.workspace.optouts import count_cohort

    site = open_site()
    scope = parsed(Path(target)) if Path(target).is_file() else load(site, target)
    rules = Rules(threshold=scope.output_rules.threshold, rounding=scope.output_rules.rounding)
    counts = {name: safe_count(value, rules) for name, value in count_cohort(site, scope).items()}
    emit(
        {"scope_id": scope.scope_id, "release": scope.release, **counts},
        f"{counts['out']} people of {counts['in_release']} in the release; opted out: {counts['opted_out']}.",
    )


@app.command()
def verify(target: Target) -> None:
    """Check a scope's signature, approvals, dates and revocation; exit 1 with every reason when it does not hold."""
    scope = _held(target)
    emit(
        {"ok": True, "scope_id": scope.scope_id, "project": scope.project, "valid_until": scope.valid_until},
        f"{scope.scope_id} holds for project {scope.project} until {scope.valid_until}.",
    )


@app.command("issue")
def issue_file(file: Annotated[Path, typer.Argument(help="An approved scope as JSON.")]) -> None:
    """Sign an approved scope and put it in force. The portal does this when the second approval is given."""
    site = open_site()
    path = issue(site, parsed(file), actor())
    emit({"file": path}, f"Issued {path}")


@app.command("revoke")
def revoke_scope(
    scope_id: Annotated[str, typer.Argument(help="The scope's id.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit chain.")],
) -> None:
    """End a scope now: from here on nothing is provisioned or run under it."""
    revoke(open_site(), scope_id, actor(), reason)
    emit({"revoked": scope_id, "reason": reason}, f"Revoked {scope_id}.")


@app.command("accept-risk")
def accept_risk(
    named: Annotated[
        str,
        typer.Argument(metavar="PROJECT|REQUEST", help="A project; or a request, to accept or decline it."),
    ],
    account: accepting.Account,
    share: accepting.Share = 0.0,
    until: accepting.Until = None,
    reason: accepting.Reason = "",
    decline: accepting.Decline = False,
) -> None:
    """Ask that a scope's risk be accepted beyond the site's policy, or, as somebody else, accept that."""
    if reason:
        accepting.ask(named, account, share, until, reason)
    else:
        accepting.decide(named, account, decline)


@app.command("list")
def list_scopes() -> None:
    """List every scope of the site and whether it holds today."""
    site = open_site()
    revoked = {item.scope_id for item in revocations(site)}
    rows: list[dict[str, Any]] = []
    for path in scope_files(site):
        try:
            scope = verify_file(site, path)
            rows.append({"scope_id": scope.scope_id, "project": scope.project, "holds": True, "reasons": []})
        except Refused as refusal:
            rows.append(
                {
                    "scope_id": "",
                    "project": path.parent.parent.name,
                    "holds": False,
                    "reasons": refusal.reasons,
                }
            )
        rows[-1]["file"] = str(path)

    def human() -> None:
        table = Table("scope", "project", "holds", "why not", box=None, pad_edge=False)
        for row in rows:
            holds = "yes" if row["holds"] else "no"
            table.add_row(row["scope_id"], row["project"], holds, "; ".join(row["reasons"]))
        console.print(table)

    emit({"scopes": rows, "revoked": sorted(revoked)}, human)
