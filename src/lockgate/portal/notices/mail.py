"""Notices as e-mails, sent by the worker: plain text, references only, to the address of the account.

An e-mail is sent at least once: a worker that dies between the server's answer and the mark sends it again.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.notices.models import Notice
from lockgate.portal.sites import current_site

MOST = 50  # e-mails in one round, so that other work isn't kept waiting
TRIES = 8
_FIRST_WAIT = timedelta(minutes=1)  # doubled with each failure: two hours after the last but one
_LOST_AFTER = timedelta(minutes=10)

Batch = list[Notice]


def send_waiting(now: datetime | None = None) -> int:
    """Send the e-mails that are due; how many. Without [mail] host in site.toml none is, and they wait."""
    if not current_site().config.mail.host:
        return 0
    now = now or timezone.now()
    batches = _claim(now)
    if not batches:
        return 0
    sent = 0
    try:
        with get_connection(timeout=20) as connection:
            for position, batch in enumerate(batches):
                try:
                    _message(batch, connection).send()
                except smtplib.SMTPServerDisconnected as error:
                    for left in batches[position:]:
                        _failed(left, error, now)
                    return sent
                except (smtplib.SMTPException, OSError) as error:
                    _failed(batch, error, now)
                else:
                    _mark(batch, mail="sent", mail_problem="")
                    sent += 1
    except (smtplib.SMTPException, OSError) as error:  # the server can't be reached at all
        for batch in batches[sent:]:
            _failed(batch, error, now)
    return sent


def try_out(address: str) -> None:
    """Send a trial e-mail. LockgateError says what the server or the network answered, UsageError what is not set."""
    if not current_site().config.mail.host:
        raise UsageError(
            "no server for e-mail is named", where="site.toml [mail] host", remedy="docs/how-to/notices.md"
        )
    message = EmailMessage(
        "Lockgate: trial",
        "This is a trial: e-mails of this portal arrive.\n",
        None,
        [address],
        headers=_HEADERS,
    )
    try:
        message.connection = get_connection(timeout=20)
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        raise LockgateError(
            f"the trial could not be sent ({_kind(error)})",
            where="site.toml [mail]",
            remedy="check host, port, security, username and the password in keys/mail.secret",
        ) from error


def counts() -> dict[str, int]:
    """How many e-mails wait, were sent, were given up."""
    return {
        state: Notice.objects.filter(mail__in=states).count()
        for state, states in (
            ("waiting", ["waiting", "sending"]),
            ("sent", ["sent"]),
            ("given_up", ["failed"]),
        )
    }


def _claim(now: datetime) -> list[Batch]:
    """Take the notices that are due, so that no second worker sends them; those for one e-mail together."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    with transaction.atomic():
        lost = Q(mail="sending", mail_after__lt=now - _LOST_AFTER)
        due = Q(mail="waiting") & (Q(mail_after=None) | Q(mail_after__lte=now))
        daily = Q(user__mail_preference__mail="daily")
        rows = (
            Notice.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(lost | (due & (~daily | Q(created_at__lt=today))))
            .select_related("user__mail_preference")
            .order_by("id")[: MOST * 4]
        )
        together: dict[tuple[object, ...], Batch] = {}
        for row in rows:
            wish = getattr(row.user, "mail_preference", None)
            key = (row.user_id,) if wish is not None and wish.mail == "daily" else (row.user_id, row.pk)
            if key in together or len(together) < MOST:
                together.setdefault(key, []).append(row)
        for batch in together.values():
            _mark(batch, mail="sending", mail_after=now)
    return list(together.values())


_HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def _message(batch: Sequence[Notice], connection: BaseEmailBackend) -> EmailMessage:
    site = current_site().config
    base = site.mail.portal_address.rstrip("/")
    lines = [f"- {item.text}\n  {base}{item.path or '/notices/'}" for item in batch]
    subject = batch[0].text if len(batch) == 1 else f"{len(batch)} notices"
    body = "\n".join(
        [
            *lines,
            "",
            f"Sent by the portal of {site.site.name}. Nobody reads answers to this address.",
            f"How you want to be told: {base}/notices/settings/",
            "",
        ]
    )
    return EmailMessage(
        f"Lockgate: {subject}", body, None, [batch[0].user.email], headers=_HEADERS, connection=connection
    )


def _failed(batch: Batch, error: Exception, now: datetime) -> None:
    """Try again later, each time later than the last, until it is given up; the kind of the error is kept, no more."""
    for row in batch:
        row.mail_tries += 1
        row.mail = "failed" if row.mail_tries >= TRIES else "waiting"
        row.mail_after = now + _FIRST_WAIT * 2 ** (row.mail_tries - 1)
        row.mail_problem = _kind(error)
        row.save(update_fields=["mail", "mail_tries", "mail_after", "mail_problem"])


def _kind(error: Exception) -> str:
    """An error without the server's words, which may hold an address."""
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return f"{type(error).__name__}{f' {code}' if code else ''}"[:100]


def _mark(batch: Sequence[Notice], **values: object) -> None:
    Notice.objects.filter(pk__in=[row.pk for row in batch]).update(**values)
