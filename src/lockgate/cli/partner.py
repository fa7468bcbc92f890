"""``lockgate partner``: who the partners are, the key with each, and the tables that come and go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from typer import Argument, Option

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import UsageError
from lockgate.identity.partner import exchanges, registry
from lockgate.identity.partner.agreement import read_json
from lockgate.site.files import write_atomic
from lockgate.workspace.partners import api as partners

app = typer.Typer()

Project = Annotated[str, Argument(help="The project whose scope permits the linkage.")]
Name = Annotated[str, Argument(metavar="PARTNER", help="The partner, by our name for it.")]


@app.command()
def card(out: Annotated[Path, Option(help="The file to write, to send to the partner.")]) -> None:
    """Write this site's card, and show the fingerprint to read out when the partner telephones."""
    site = open_site()
    write_atomic(out.absolute(), (json.dumps(registry.card(site), indent=1) + "\n").encode())
    shown = registry.spoken(site.public_key)
    emit({"out": out, "fingerprint": shown}, f"Card in {out}. Fingerprint to read out: {shown}")


@app.command()
def add(
    name: Annotated[str, Argument(help="Our name for the partner: small letters, digits, hyphens.")],
    file: Annotated[Path, Argument(metavar="CARD", help="The card that the partner sent.")],
    fingerprint: Annotated[str, Option(help="What the partner read out, on a telephone number you know.")],
    owner: Annotated[str, Option(help="The account here that decides on every use of the partner's data.")],
    tables: Annotated[
        str, Option(help="What it may deliver: primary_care_event,mental_health_contact,social_care_service.")
    ],
) -> None:
    """Register a partner: its key, compared by voice; what it may deliver; who decides on it here."""
    site = open_site()
    listed = [table.strip() for table in tables.split(",") if table.strip()]
    added = registry.add_partner(
        site, name, read_json(file), heard=fingerprint, tables=listed, owner=owner, where=str(file)
    )
    site.audit.append(
        "partner.added",
        actor=actor(),
        partner=name,
        owner=owner,
        tables=listed,
        fingerprint=registry.spoken(added.public_key),
    )
    emit(added.as_dict(), f"{name} is {added.organisation}; {owner} decides on its data.")


@app.command("list")
def list_partners() -> None:
    """List the partners of this site."""
    found = [one.as_dict() for one in registry.partners(open_site())]

    def human() -> None:
        table = Table("partner", "organisation", "fingerprint", "tables", "owner", box=None, pad_edge=False)
        for one in found:
            table.add_row(
                one["name"], one["organisation"], one["fingerprint"], ", ".join(one["tables"]), one["owner"]
            )
        console.print(table)

    emit({"partners": found}, human)


def _print_state(state: exchanges.State) -> None:
    check = f"; key check {state.key_check}, to compare by voice" if state.key_check else ""
    console.print(f"{state.project} with {state.partner}: {state.status}{check}", markup=False)


@app.command()
def invite(
    project: Project, name: Name, out: Annotated[Path, Option(help="The file to write, for the partner.")]
) -> None:
    """Offer the partner a key for a project; it answers with `lockgate partner accept`."""
    state = partners.invite(open_site(), project, name, out, actor())
    emit(state.as_dict() | {"out": out}, lambda: _print_state(state))


@app.command()
def accept(
    project: Project,
    name: Name,
    offer: Annotated[Path, Argument(help="The partner's offer.")],
    out: Annotated[Path, Option(help="The file to write, for the partner.")],
) -> None:
    """Accept a partner's offer: the key is there; the answer goes back, for `lockgate partner conclude`."""
    state = partners.accept(open_site(), project, name, offer, out, actor())
    emit(state.as_dict() | {"out": out}, lambda: _print_state(state))


@app.command()
def conclude(
    project: Project, name: Name, answer: Annotated[Path, Argument(help="The partner's answer.")]
) -> None:
    """Take the partner's answer to our offer: both sides have the key."""
    state = partners.conclude(open_site(), project, name, answer, actor())
    emit(state.as_dict(), lambda: _print_state(state))


@app.command()
def status() -> None:
    """Show how far the key with each partner is, for each project, and its check value."""
    states = exchanges.states(open_site())

    def human() -> None:
        for one in states:
            _print_state(one)

    emit({"exchanges": [state.as_dict() for state in states]}, human)


@app.command()
def send(
    project: Project,
    name: Name,
    people: Annotated[Path, Option(help="A CSV or Parquet file of people, one row each.")],
    table: Annotated[
        list[str], Option(help="TABLE=FILE, such as primary_care_event=gp.csv; may be repeated.")
    ],
    out: Annotated[Path, Option(help="The folder to write, for the partner.")],
    ident: Annotated[str, Option("--id", help="The column that names a person, in every file.")] = "id",
    nhs_number: Annotated[str, Option(help="The column of NHS numbers in the file of people.")] = "",
    birth_date: Annotated[str, Option(help="The column of birth dates in the file of people.")] = "",
    matches: Annotated[
        Path | None, Option(help="The third party's result for this side: by encodings, not NHS numbers.")
    ] = None,
    opt_outs: Annotated[
        Path | None, Option(help="NHS numbers or ids of people to leave out, one a line.")
    ] = None,
) -> None:
    """Write tables for a partner, under the pseudonyms that only the two of us can make."""
    pairs = []
    for item in table:
        what, sign, path = item.partition("=")
        if not sign or not path:
            raise UsageError(f"{item} is no TABLE=FILE", where="--table", remedy="primary_care_event=gp.csv")
        pairs.append((what.strip(), Path(path)))
    source = partners.Source(people, ident, pairs, nhs_number, birth_date, opt_outs, matches)
    sent = partners.send(open_site(), project, name, source, out, actor())
    emit(sent, lambda: _print_sent(sent))


def _print_sent(sent: dict[str, Any]) -> None:
    console.print(f"People: {_counts(sent['counts'])}")
    shown = Table("table", "rows", "sent", "opted out", "not linkable", "of nobody", box=None, pad_edge=False)
    for name, one in sent["tables"].items():
        numbers = ("rows", "sent", "opted_out", "not_linkable", "of_nobody_in_people")
        shown.add_row(name, *(str(one[part]) for part in numbers))
    console.print(shown)
    console.print(f"In {sent['out']}: send it to {sent['partner']}.", markup=False)


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())


@app.command()
def receive(
    project: Project,
    name: Name,
    folder: Annotated[Path, Argument(help="The folder that the partner sent.")],
    matches: Annotated[
        Path | None,
        Option(help="The third party's result for this side, where the delivery is by encodings."),
    ] = None,
) -> None:
    """Take in a partner's tables; the next provisioning shows them under the project's pseudonyms."""
    found = partners.receive(open_site(), project, name, folder, actor(), matches=matches)
    emit(found, f"Received: {_counts(found['counts'])}. Next: {found['next']}")


@app.command()
def end(
    project: Project, name: Name, reason: Annotated[str, Option(help="Why; it goes into the audit chain.")]
) -> None:
    """Destroy the key with a partner for a project, and what was delivered under it."""
    state = partners.end(open_site(), project, name, actor(), reason)
    emit(state.as_dict(), lambda: _print_state(state))
