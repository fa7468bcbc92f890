"""``lockgate reidentify``."""

from __future__ import annotations

from typing import Annotated

import typer

from lockgate.cli.common import console, emit, open_site
from lockgate.cli.signing_in import signed_in

app = typer.Typer()

Account = Annotated[
    str, typer.Option("--as", help="Your account in the portal; password and code are asked for.")
]
Request = Annotated[str, typer.Argument(help="The request's id.")]


@app.command("request")
def request_person(
    project: Annotated[str, typer.Option(help="The project in whose data the person is.")],
    person: Annotated[int, typer.Option(help="The person_id that the project's data show.")],
    reason: Annotated[str, typer.Option(help="Why their care depends on it; it goes into the audit chain.")],
    account: Account,
) -> None:
    """Ask who one person of a project is, for the sake of their safety. Somebody else has to approve it."""
    user, second = signed_in(open_site(), account)
    from lockgate.portal.safety.services import ask_who

    asked = ask_who(user, project, person, reason, second_factor=second)
    emit(
        asked.as_dict(),
        f"Asked for as {asked.approval_id}. Next: somebody of the data protection office approves it.",
    )


@app.command()
def approve(approval: Request, account: Account) -> None:
    """Approve somebody else's request: they may see who it is once, within 24 hours."""
    user, second = signed_in(open_site(), account)
    from lockgate.portal.safety.services import decide_who

    given = decide_who(user, approval, yes=True, second_factor=second)
    emit(given.as_dict(), f"Approved until {given.expires_at}.")


@app.command()
def decline(approval: Request, account: Account) -> None:
    """Decline somebody else's request."""
    user, second = signed_in(open_site(), account)
    from lockgate.portal.safety.services import decide_who

    emit(decide_who(user, approval, yes=False, second_factor=second).as_dict(), "Declined.")


@app.command()
def show(approval: Request, account: Account) -> None:
    """Show the NHS number and hospital numbers of the person, once, to the one who asked."""
    user, second = signed_in(open_site(), account)
    from lockgate.portal.safety.services import look

    found = look(user, approval, second_factor=second)

    def human() -> None:
        for record in found["records"]:
            line = f"{record['source']}: NHS number {record['nhs_number']}, local number {record['local_number']}"
            console.print(line, markup=False)

    emit(found, human)
