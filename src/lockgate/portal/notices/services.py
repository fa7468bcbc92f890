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
from lockgate.portal.applications.running import due_warnings
from lockgate.portal.notices.models import Notice, Preference
from lockgate.portal.notices.telling import TELLERS, Telling
from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.writing import writing

logger = logging.getLogger("lockgate.notices")

TRAINING_ENDS = (60, 30, 7)  # days before the last day of a course on which its holder is told


def tell(sender: object, *, instance: Message, created: bool, **_: Any) -> None:
    """Make the notices of one audit entry, in the transaction of the write that it tells of.

    A notice that can't be made never undoes the write: what happened is in the chain and on the task lists.
    """
    teller = TELLERS.get(instance.event)
    if not created or teller is None:
        return
    try:
        with transaction.atomic():
            told: dict[User, Telling] = {}
            for telling in teller(instance.detail):
                for user in telling.to:
                    if user.username != instance.actor:
                        told.setdefault(user, telling)
            silent = set(
                Preference.objects.filter(user__in=told, mail="none").values_list("user_id", flat=True)
            )
            Notice.objects.bulk_create(
                Notice(
                    user=user,
                    message=instance,
                    event=instance.event,
                    text=telling.text,
                    path=telling.path,
                    mail="waiting" if user.email and user.pk not in silent else "none",
                )
                for user, telling in told.items()
            )
    except Exception as error:  # anything: see above
        logger.error("nobody could be told of entry %s (%s): %s", instance.pk, instance.event, type(error))


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

    Approvals and conditions warn at the steps of the site's routes, training 60, 30 and 7 days before its last day.
    After days without a worker only the nearest warning is given.
    """
    today = today or timezone.localdate()
    due = [
        (f"application.{_ENDS[item.what]}", item.key, {"application": item.reference, "days": item.days_left})
        for item in due_warnings(today)
    ]
    for user in User.objects.filter(is_active=True, trainings__valid_until__gte=today).distinct():
        for course, until in user.trained().items():
            left = (until - today).days
            if (step := min((each for each in TRAINING_ENDS if 0 <= left <= each), default=None)) is not None:
                key = f"{user.username}:{course}:{until}:{step}"
                about = {"username": user.username, "course": course, "days": left}
                due.append(("account.training_ending", key, about))
    said = set(
        Message.objects.filter(event__in={event for event, _, _ in due}).values_list("detail__key", flat=True)
    )
    fresh = [item for item in due if item[1] not in said]
    for event, key, about in fresh:
        with writing(event, actor="lockgate", key=key, **about):
            pass
    return len(fresh)


_ENDS = {"ends": "expiring", "condition": "condition_due"}
