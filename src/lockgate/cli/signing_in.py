"""Signing in to a command with a portal account: for what the user of the machine would not do.

Whoever runs a site's commands is one and the same user of the machine. What two people must agree on is asked of two
accounts: each with its password, and with the code of its authenticator app where it has one.
"""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

from lockgate.errors import Refused, UsageError
from lockgate.site import Site

if TYPE_CHECKING:
    from lockgate.portal.accounts.models import User

PASSWORD, CODE = "LOCKGATE_PASSWORD", "LOCKGATE_CODE"


def signed_in(site: Site, account: str) -> tuple[User, bool]:
    """The account, once its password was given, and whether a second factor was too; Refused otherwise, and noted.

    Both are read from LOCKGATE_PASSWORD and LOCKGATE_CODE, or asked for. Refused, too, where the site asks a second
    factor of the account and it has none.
    """
    from lockgate.portal import setup

    setup(site)
    from lockgate.portal.accounts.models import User
    from lockgate.portal.accounts.second_factor import code_is_right, is_set_up, required_of

    password = _ask(PASSWORD, f"Password of {account}: ", "password")
    user = User.objects.filter(username=account, is_active=True).first()
    if user is None or not user.check_password(password):
        raise _refused(site, account, "no such account, or another password", "wrong name or password")
    if is_set_up(user):
        code = _ask(CODE, "Code of your authenticator app: ", "code of the authenticator app")
        if not code_is_right(user, code.strip()):
            raise _refused(site, account, "this code is not right, or was used before", "wrong code")
        return user, True
    if required_of(site, user.person):
        raise _refused(
            site,
            account,
            "this account needs a second factor",
            "no second factor",
            "set it up in the portal first",
        )
    return user, False


def _refused(site: Site, account: str, said: str, reason: str, remedy: str = "") -> Refused:
    site.audit.append("signing_in.refused", actor="lockgate", account=account, reasons=[reason])
    return Refused(said, reasons=[reason], remedy=remedy)


def _ask(variable: str, prompt: str, what: str) -> str:
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"the account's {what} is needed", remedy=f"run it in a terminal, or set {variable}")
    return getpass.getpass(prompt)
