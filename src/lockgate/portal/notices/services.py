"""The only writer of notices. They are copies of audit entries for those whom they concern; reading one is no entry."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from lockgate.errors import UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.applications.models import Application
from lockgate.portal.notices.models import Notice, Preference
from lockgate.portal.notices.telling import TELLERS
from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.writing import writing

logger = logging.getLogger("lockgate.notices")

APPROVALS_END = (60, 30, 7, 1)  # days before the last day of an approval on which its team is told
TRAINING_ENDS = (60, 30, 7)


def tell(sender: object, *, instance: Message, created: bool, **_: Any) -> None:
    """Make the notices of one audit entry, in the transaction of the write that it tells of.

    A notice that can't be made never undoes the write: what happened is in the chain and on the task lists.
    """
    teller = TELLERS.get(instance.event)
    if not created or teller is None:
        return
    try:
        with transaction.atomic():
            for telling in teller(instance.detail):
                for user in telling.to:
                    if user.username != instance.actor:
                        Notice.objects.get_or_create(
                            user=user,
                            message=instance,
                            defaults={
                                "event": instance.event,
                                "text": telling.text,
                                "path": telling.path,
                                "mail": "waiting" if _wants_mail(user) else "none",
                            },
                        )
    except Exception as error:  # anything: see above
        logger.error("nobody could be told of entry %s (%s): %s", instance.pk, instance.event, type(error))


def _wants_mail(user: User) -> bool:
    return bool(user.email) and preference(user) != "none"


def preference(user: User) -> str:
    """How somebody wants e-mails: each, daily or none."""
    found = Preference.objects.filter(user=user).first()
    return found.mail if found else "each"


def prefer(user: User, mail: str) -> None:
    """Say how one wants e-mails. Those that wait already go the new way."""
    if mail not in dict(Preference.WAYS):
        raise UsageError("choose how you want e-mails", where="mail", remedy="each, daily or none")
    Preference.objects.update_or_create(user=user, defaults={"mail": mail})
    if mail == "none":
        Notice.objects.filter(user=user, mail="waiting").update(mail="none")


def mine(user: User) -> QuerySet[Notice]:
    """Somebody's notices, the newest first."""
    return Notice.objects.filter(user=user)


def unread(user: User) -> int:
    """How many of somebody's notices wait to be read."""
    return Notice.objects.filter(user=user, read_at=None).count()


def mark_read(user: User, notice: int | None = None) -> int:
    """Mark one of somebody's notices as read, or all; how many there were."""
    rows = Notice.objects.filter(user=user, read_at=None)
    if notice is not None:
        rows = rows.filter(pk=notice)
    return rows.update(read_at=timezone.now())


def warn(today: date | None = None) -> int:
    """Enter each warning of an end that comes near into the chain, once; how many. Notices follow from the entries.

    An approval warns 60, 30, 7 and 1 days before its last day, training 60, 30 and 7. After days without a worker
    only the nearest warning is given.
    """
    today = today or timezone.localdate()
    given = 0
    ending = Application.objects.filter(state="approved", valid_until__gte=today)
    for application in ending.only("reference", "valid_until"):
        assert application.valid_until is not None
        given += _warn_once(
            "application.expiring",
            application.valid_until,
            today,
            APPROVALS_END,
            application=application.reference,
        )
    for user in User.objects.filter(is_active=True, trainings__valid_until__gte=today).distinct():
        for course, until in user.trained().items():
            given += _warn_once(
                "account.training_ending", until, today, TRAINING_ENDS, username=user.username, course=course
            )
    return given


def _warn_once(event: str, until: date, today: date, steps: tuple[int, ...], **about: str) -> int:
    left = (until - today).days
    due = min((step for step in steps if 0 <= left <= step), default=None)
    if due is None:
        return 0
    asked: dict[str, Any] = {f"detail__{key}": value for key, value in about.items()}
    said = Message.objects.filter(
        event=event, detail__until=until.isoformat(), detail__step__lte=due, **asked
    )
    if said.exists():
        return 0
    with writing(event, actor="lockgate", until=until.isoformat(), step=due, days=left, **about):
        pass
    return 1
