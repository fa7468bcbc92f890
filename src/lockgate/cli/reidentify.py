"""``lockgate reidentify``."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated

import typer

from lockgate.cli.common import console, emit, open_site
from lockgate.errors import Refused, UsageError
from lockgate.site import Site

app = typer.Typer()

Account = Annotated[str, typer.Option("--as", help="Your account in the portal; its password is asked for.")]
Request = Annotated[str, typer.Argument(help="The request's id.")]


def signed_in(site: Site, account: str, action: str) -> str:
    """The account, once its password was given and its role permits the action; Refused otherwise, and noted.

    The password is read from LOCKGATE_PASSWORD or asked for. The user of the machine would not do: whoever runs the
    site's commands is one and the same.
    """
    from lockgate.portal import setup

    setup(site)
    from lockgate.portal.accounts.models import User
    from lockgate.portal.accounts.rules import check

    password = os.environ.get("LOCKGATE_PASSWORD")
    if password is None:
        if not sys.stdin.isatty():
            raise UsageError(
                "the account's password is needed", remedy="run it in a terminal, or set LOCKGATE_PASSWORD"
            )
        password = getpass.getpass(f"Password of {account}: ")
    user = User.objects.filter(username=account, is_active=True).first()
    if user is None or not user.check_password(password):
        site.audit.append(
            "reidentify.refused", actor="lockgate", account=account, reasons=["wrong name or password"]
        )
        raise Refused("no such account, or another password", reasons=["not signed in"])
    check(user.person, action)
    return account


@app.command("request")
def request_person(
    project: Annotated[str, typer.Option(help="The project in whose data the person is.")],
    person: Annotated[int, typer.Option(help="The person_id that the project's data show.")],
    reason: Annotated[str, typer.Option(help="Why their care depends on it; it goes into the audit chain.")],
    account: Account,
) -> None:
    """Ask who one person of a project is, for the sake of their safety. Somebody else has to approve it."""
    from lockgate.workspace.reidentify import request

    site = open_site()
    asked = request(site, project, person, reason=reason, by=signed_in(site, account, "reidentify.request"))
    emit(
        asked.as_dict(),
        f"Asked for as {asked.approval_id}. Next: somebody of the data protection office approves it.",
    )


@app.command()
def approve(approval: Request, account: Account) -> None:
    """Approve somebody else's request: they may see who it is for 24 hours."""
    from lockgate.workspace.reidentify import allow

    site = open_site()
    given = allow(site, approval, by=signed_in(site, account, "reidentify.approve"))
    emit(given.as_dict(), f"Approved until {given.expires_at}.")


@app.command()
def show(approval: Request, account: Account) -> None:
    """Show the NHS number and hospital numbers of the person, to the one who asked, while the approval lasts."""
    from lockgate.workspace.reidentify import reveal

    site = open_site()
    found = reveal(site, approval, by=signed_in(site, account, "reidentify.request"))

    def human() -> None:
        for record in found["records"]:
            line = f"{record['source']}: NHS number {record['nhs_number']}, local number {record['local_number']}"
            console.print(line, markup=False)

    emit(found, human)
