"""The only writer of tokens. Each use of one is in the audit chain."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.second_factor import required_of
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.portal.tokens import rules
from lockgate.portal.tokens.models import Made, Token

PREFIX = "lockgate"
_KEPT = timedelta(days=2)  # how long a caller's key is remembered


class NoSuchTokenError(LockgateError):
    """The token is unknown, over, revoked, or its owner's account is closed: the answer is the same."""


class TooManyError(LockgateError):
    """The token was used more often in a minute than the site allows. ``wait``: seconds until it may be again."""

    def __init__(self, wait: int) -> None:
        super().__init__("this token was used too often", remedy=f"wait {wait} seconds")
        self.wait = wait


def make(
    user: User, name: str, scopes: Collection[str], days: int, *, second_factor: bool
) -> tuple[Token, str]:
    """A new token, and its text, which is never seen again."""
    rules.check_make(user.person, name, scopes, days, current_site().config.portal.token_days)
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with writing("token.made", actor=user.username, token=key, scopes=sorted(set(scopes)), days=days):
        token = Token.objects.create(
            key=key,
            digest=_digest(secret),
            owner=user,
            name=" ".join(name.split()),
            scopes=[scope for scope in rules.SCOPES if scope in scopes],
            second_factor=second_factor,
            expires_at=timezone.now() + timedelta(days=days),
        )
    return token, f"{PREFIX}_{key}_{secret}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def revoke(user: User, token: Token) -> None:
    """From now on nobody gets in with it. Done again, nothing happens."""
    rules.check_revoke(user.person, token.owner.username)
    if token.revoked_at is None:
        with writing("token.revoked", actor=user.username, token=token.key, owner=token.owner.username):
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])


def find(user: User, key: str) -> Token:
    """A token that this person may revoke; UsageError where there is none."""
    token = Token.objects.select_related("owner").filter(key=key).first()
    if token is None or not rules.can_revoke(user.person, token.owner.username):
        raise UsageError("there is no such token", where="token")
    return token


def use(text: str, needed: str, operation: str, about: Mapping[str, Any]) -> Token:
    """The token of this text, for an operation that needs a scope; its use is noted before anything is answered.

    NoSuchTokenError, TooManyError; Refused when it lacks the scope or was made without a second factor that is asked
    of its owner now.
    """
    token = _known(text)
    rules.check_scope(token.scopes, needed)
    if not token.second_factor and required_of(current_site(), token.owner.person):
        raise Refused(
            "this token was made without a second factor, which is asked of you now",
            reasons=["token without a second factor"],
            remedy="sign in with your authenticator app and make another",
        )
    _note_use(token, operation, about)
    return token


def _known(text: str) -> Token:
    prefix, _, rest = text.strip().partition("_")
    key, _, secret = rest.partition("_")
    token = Token.objects.select_related("owner__organisation").filter(key=key[:16]).first()
    digest = token.digest if token else "-"
    same = hmac.compare_digest(digest, _digest(secret))
    if token is None or not same or prefix != PREFIX or not token.owner.is_active or token.state != "active":
        raise NoSuchTokenError(
            "this token is not known here, or holds no more", remedy="make one on the page of your tokens"
        )
    return token


def _note_use(token: Token, operation: str, about: Mapping[str, Any]) -> None:
    now = timezone.now()
    minute, most = now.replace(second=0, microsecond=0), current_site().config.portal.token_rate
    with transaction.atomic():
        row = Token.objects.select_for_update().get(pk=token.pk)
        uses = row.uses + 1 if row.minute == minute else 1
        if uses > most + 1:  # noted once already, below
            raise TooManyError(61 - now.second)
        limited = uses > most
        with writing(
            "token.limited" if limited else "token.used", actor=token.owner.username, token=token.key
        ) as noted:
            Token.objects.filter(pk=token.pk).update(minute=minute, uses=uses, used_at=now)
            noted.detail.update(operation=operation, **({"about": dict(about)} if about else {}))
    if limited:
        raise TooManyError(61 - now.second)


def once(user: User, key: str, operation: str, asked: bytes, make_it: Callable[[], str]) -> str:
    """The reference of what ``make_it`` makes; with a key that was used for the same before, of what was made then.

    UsageError when the key was used for something else.
    """
    if not key:
        return make_it()
    if len(key) > 100 or not key.isprintable():
        raise UsageError("at most 100 printable characters", where="Idempotency-Key")
    digest = hashlib.sha256(asked).hexdigest()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # of two that come at once, one waits
        Made.objects.filter(user=user, at__lt=timezone.now() - _KEPT).delete()
        row = Made.objects.filter(user=user, key=key).first()
        if row is None:
            row = Made(user=user, key=key, operation=operation, asked=digest, made=make_it())
            row.save()
    if (row.operation, row.asked) != (operation, digest):
        raise UsageError(
            "this key was used for something else", where="Idempotency-Key", remedy="use another"
        )
    return row.made
