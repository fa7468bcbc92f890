"""Amendments and renewals of what is approved: opened here, answered and decided like an application."""

from __future__ import annotations

from lockgate.errors import Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.applications import rules
from lockgate.portal.applications.cases import locked_application
from lockgate.portal.applications.models import Amendment, Application, Version
from lockgate.portal.outbox.writing import writing

RENEWABLE = frozenset({"end_date"})


def open_amendment(user: User, application: Application, what: str, reason: str) -> Amendment:
    """Begin a change of an approved use (``amendment``), or ask for more time (``renewal``), from its answers as they
    stand. What is approved holds meanwhile."""
    if what not in dict(Amendment.WHAT):
        raise UsageError("choose what you ask for", where="what", remedy="amendment or renewal")
    if not reason.strip() or len(reason) > 10_000:
        raise UsageError("say why, in at most 10,000 characters", where="reason")
    with writing("application.amending", actor=user.username, application=application.reference) as record:
        application = locked_application(application)
        rules.check_amend(user.person, application.facts(), open_already=application.amendment is not None)
        standing = application.version
        amendment = Amendment.objects.create(application=application, what=what, reason=reason.strip())
        Version.objects.create(
            application=application,
            amendment=amendment,
            number=1 + max(one.number for one in application.versions.all()),
            bank=standing.bank,
            answers=standing.answers,
        )
        record.detail["what"] = what
    return amendment


def check_keys(amendment: Amendment, keys: set[str]) -> None:
    """A renewal changes the last day and nothing else."""
    if amendment.what == "renewal" and (beyond := keys - RENEWABLE):
        raise Refused(
            "a renewal changes the last day alone",
            reasons=[f"{key} can't be changed by a renewal" for key in sorted(beyond)],
            remedy="withdraw it, and amend the application",
        )
