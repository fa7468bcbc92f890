"""Accepting a risk over the policy, of a release or of a workspace: what both commands share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from lockgate.cli.common import emit, open_site
from lockgate.cli.signing_in import signed_in

Account = Annotated[
    str, typer.Option("--as", help="Your account in the portal; password and code are asked for.")
]
Share = Annotated[float, typer.Option(help="The share of people who may be in small classes.")]
Until = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day it holds; a year from now.")
]
Reason = Annotated[str, typer.Option(help="Why; it goes into the audit chain and stays with the data.")]
Decline = Annotated[bool, typer.Option("--decline", help="Say no to the request.")]


def ask(project: str, account: str, share: float, until: datetime | None, reason: str) -> None:
    """Ask, and print the request."""
    user, _ = signed_in(open_site(), account)
    from lockgate.portal.safety.services import ask_risk

    asked = ask_risk(user, project, share, until.date() if until else None, reason)
    emit(asked.as_dict(), f"Asked for as {asked.approval_id}. Next: somebody else runs this with that id.")


def decide(request: str, account: str, decline: bool) -> None:
    """Accept or decline somebody else's request, and print it."""
    user, _ = signed_in(open_site(), account)
    from lockgate.portal.safety.services import decide_risk

    given = decide_risk(user, request, yes=not decline)
    emit(given.as_dict(), "Declined." if decline else f"Accepted until {given.subject['until']}.")
