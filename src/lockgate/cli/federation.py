"""``lockgate federation``: what members agree on, what each says of itself, who belongs to it, what they publish."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from typer import Argument, Option

from lockgate.cli.common import actor, console, emit, open_site
from lockgate.errors import UsageError
from lockgate.federation import members as belonging
from lockgate.federation.publications import as_csv, joined_incidents, joined_register
from lockgate.federation.rules import Finding, check, read_rules
from lockgate.federation.statement import read_statement, statement_of
from lockgate.identity.partner.agreement import read_json
from lockgate.site.files import write_atomic

app = typer.Typer()

Out = Annotated[Path | None, Option(help="The file to write.")]
Feeds = Annotated[
    list[str], Argument(metavar="MEMBER=FILE", help="Each member's name and its feed, as fetched.")
]


@app.command()
def statement(out: Annotated[Path, Option(help="The file to write, for the other members.")]) -> None:
    """Write what this site says of itself: its settings that bear on safety, read now, dated and signed."""
    made = statement_of(open_site())
    write_atomic(out.absolute(), (json.dumps(made.as_dict(), indent=1, ensure_ascii=False) + "\n").encode())
    emit(
        {"out": out, "fingerprint": made.fingerprint, **made.as_dict()},
        f"Statement in {out}. Fingerprint to read out: {made.fingerprint}",
    )


@app.command("check")
def check_statement(
    file: Annotated[Path, Argument(metavar="STATEMENT", help="A member's statement.")],
    rules: Annotated[Path, Option(help="The federation's rules, a YAML file.")],
) -> None:
    """Hold a statement against the rules of a federation, one by one. Exit 1 when one isn't met. Needs no site."""
    told = read_statement(read_json(file), str(file))
    findings = check(told, read_rules(rules), datetime.now(UTC))
    met = all(one.met for one in findings)

    def human() -> None:
        _print(findings)
        console.print(
            f"{told.member}: " + ("every rule is met." if met else "rules are not met."), markup=False
        )

    emit({"member": told.member, "met": met, "findings": [one.as_dict() for one in findings]}, human)
    if not met:
        raise typer.Exit(1)


@app.command("rules")
def take_rules(file: Annotated[Path, Argument(help="The rules that were agreed, a YAML file.")]) -> None:
    """Take a federation's rules as those that hold here; a change of them needs a higher version."""
    site = open_site()
    rules = belonging.agree(site, file, by=actor())
    emit(
        rules.model_dump(mode="json"),
        f"Version {rules.version} of the rules of {rules.federation} holds here.",
    )


@app.command()
def join(
    name: Annotated[str, Argument(help="Our name for the member: small letters, digits, hyphens.")],
    file: Annotated[Path, Argument(metavar="STATEMENT", help="The statement that it sent.")],
    fingerprint: Annotated[str, Option(help="What it read out, on a telephone number you know.")],
) -> None:
    """Take a member in, or its newer statement: the key compared by voice, every rule met."""
    taken = belonging.join(open_site(), name, read_json(file), heard=fingerprint, by=actor(), where=str(file))
    emit(
        {"name": taken.name, "joined_at": taken.joined_at, "rules_version": taken.rules_version},
        f"{name} is {taken.told.member}; it meets version {taken.rules_version} of the rules.",
    )


@app.command()
def leave(
    name: Annotated[str, Argument(help="The member.")],
    reason: Annotated[str, Option(help="Why, such as 'merged with another trust'.")],
) -> None:
    """Note that a member has left, and why."""
    gone = belonging.leave(open_site(), name, reason=reason, by=actor())
    emit({"name": gone.name, "left_at": gone.left_at, "reason": gone.reason}, f"{name} has left.")


@app.command("members")
def list_members() -> None:
    """List the members, and which rules the newest statement of each doesn't meet today. Exit 1 when there are such."""
    site = open_site()
    found = belonging.standing(site, datetime.now(UTC))
    gone = [one for one in belonging.members(site) if one.left_at]

    def human() -> None:
        table = Table("member", "site", "joined", "statement", "rules not met", box=None, pad_edge=False)
        for one, broken in found:
            wrong = "; ".join(f"{finding.rule}: {finding.found}" for finding in broken)
            told = one.told
            table.add_row(one.name, told.member, one.joined_at[:10], f"{told.made_at:%Y-%m-%d}", wrong)
        for one in gone:
            table.add_row(
                one.name, one.told.member, one.joined_at[:10], "", f"left {one.left_at[:10]}: {one.reason}"
            )
        console.print(table)

    told: list[dict[str, Any]] = [
        {"name": one.name, "site": one.told.member, "joined_at": one.joined_at, "services": one.told.body["services"],
         "statement_of": one.told.body["made_at"], "not_met": [finding.as_dict() for finding in broken]}
        for one, broken in found
    ]  # fmt: skip
    left = [{"name": one.name, "left_at": one.left_at, "reason": one.reason} for one in gone]
    emit({"members": told, "left": left}, human)
    if any(broken for _, broken in found):
        raise typer.Exit(1)


@app.command()
def register(
    feeds: Feeds,
    out: Out = None,
    csv: Annotated[
        bool, Option("--csv", help="The fields of the data use register standard as CSV.")
    ] = False,
) -> None:
    """Join the public registers of several members into one: what each approved, for whom, on what basis."""
    joined = joined_register(_read(feeds))
    text = as_csv(joined) if csv else json.dumps(joined, indent=1, ensure_ascii=False) + "\n"
    if out is not None:
        write_atomic(out.absolute(), text.encode(), public=True)
    emit(
        joined,
        text.rstrip("\n")
        if out is None
        else f"{len(joined['entries'])} uses of {len(joined['members'])} members in {out}.",
    )


@app.command()
def incidents(feeds: Feeds) -> None:
    """Join what several members told the public of incidents, the newest first."""
    found = joined_incidents(_read(feeds))

    def human() -> None:
        for one in found:
            console.print(
                f"{one['published_at'][:10]} {one['member']}: {one.get('published_summary', '')}",
                markup=False,
            )
        if not found:
            console.print("Nothing was told.")

    emit({"incidents": found}, human)


def _read(feeds: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for given in feeds:
        name, equals, file = given.partition("=")
        if not equals or not name or not file:
            raise UsageError("is not MEMBER=FILE", where=given, remedy="such as royal=royal-register.json")
        if name in found:
            raise UsageError(f"{name} is given twice", where=given)
        found[name] = read_json(Path(file))
    return found


def _print(findings: list[Finding]) -> None:
    table = Table("rule", "asked", "has", "", box=None, pad_edge=False)
    for one in findings:
        table.add_row(one.rule, one.asked, one.found, "" if one.met else "NOT MET")
    console.print(table)
