"""``lockgate trace``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lockgate.cli.common import actor, console, emit, listing, open_site
from lockgate.errors import UsageError


def command(
    table: Annotated[str, typer.Argument(help='A released table, or "item".')],
    row_id: Annotated[
        str, typer.Argument(metavar="ID", help="The row's id; of an item its hash, or FILE:LINE.")
    ],
    release: Annotated[str, typer.Option(help="The release.")] = "latest",
    project: Annotated[str, typer.Option(help="The id is one of this project's workspace.")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="Show the raw text too; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why; it goes into the audit chain.")] = "",
) -> None:
    """From a released row back to the raw item it came from; from a raw item to what became of it.

    For those whom `[access] trace` in site.toml names (else the site's owner). Every use is noted in the audit chain.
    """
    from lockgate.curate.trace import trace_item, trace_row

    site = open_site()
    if table == "item":
        found = trace_item(site, row_id, actor=actor(), release=release, raw=raw, reason=reason)
        emit(found, lambda: _items(found))
        return
    try:
        number = int(row_id)
    except ValueError as error:
        raise UsageError("the id of a released row is a whole number", where=table) from error
    found = trace_row(
        site, table, number, actor=actor(), release=release, project=project, raw=raw, reason=reason
    )
    emit(found, lambda: _rows(found))


def _rows(found: dict[str, Any]) -> None:
    shown = listing("staged", "source", "state", "released", "item", "batch", "file", "line", "received")
    for one in found["versions"]:
        shown.add_row(
            one["staged"],
            one["source"],
            one["state"],
            "yes" if one["released"] else "",
            one["item_hash"][:12],
            one["batch"],
            one["file"],
            str(one["line"]),
            str(one["received_at"])[:19],
        )
    console.print(shown)
    _texts(found["versions"])


def _items(found: dict[str, Any]) -> None:
    shown = listing("item", "source", "batch", "file", "line", "outcome")
    for one in found["arrivals"]:
        shown.add_row(
            one["item_hash"][:12], one["source"], one["batch"], one["file"], str(one["line"]), one["outcome"]
        )
    console.print(shown)
    for row in found["rows"]:
        out = ", ".join(f"{each['table']} {each['id']}" for each in row["released_as"]) or "no released row"
        console.print(f"{row['table']} ({row['state']}): {out}", markup=False)
    _texts(found["arrivals"])


def _texts(listed: list[dict[str, Any]]) -> None:
    for one in listed:
        if one.get("raw") is not None:
            console.print(one["raw"], markup=False)
