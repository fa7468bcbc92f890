"""The only way to write: a transaction that can't end without an audit entry.

``services.py`` of every app opens ``writing(...)`` around its changes. Entry and change commit together or not at
all; after the commit the relay carries the entry to the chain. ``is_writing()`` lets a test (and nothing else) see
that no change was made outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import transaction

from lockgate.portal.outbox.models import Message
from lockgate.portal.outbox.through import token_in_use
from lockgate.site.audit import refuse_identifying

_depth: ContextVar[int] = ContextVar("lockgate_writing", default=0)


class Record:
    """The audit entry of one write. ``detail`` may be filled in while the write is made."""

    def __init__(self, event: str, actor: str, detail: dict[str, Any]) -> None:
        self.event = event
        self.actor = actor
        self.detail = detail
        self.more: list[tuple[str, dict[str, Any]]] = []

    def also(self, event: str, **detail: Any) -> None:
        """A second entry for the same write, such as the approval that a last decision brings about."""
        self.more.append((event, detail))


@contextmanager
def writing(event: str, *, actor: str, **detail: Any) -> Iterator[Record]:
    """One atomic write with its audit entry. ``detail`` holds JSON values that identify no patient.

    UsageError, and nothing is written, when it holds an NHS number.
    """
    if used := token_in_use():
        detail = {**detail, "by_token": used}
    record = Record(event, actor, detail)
    token = _depth.set(_depth.get() + 1)
    try:
        with transaction.atomic():
            yield record
            for name, content in [(record.event, record.detail), *record.more]:
                refuse_identifying(name, actor, content)  # else the relay would stop at it for ever
                Message.objects.create(event=name, actor=actor, detail=content)
            transaction.on_commit(_relay)
    finally:
        _depth.reset(token)


def is_writing() -> bool:
    """Whether the code runs inside ``writing``."""
    return _depth.get() > 0


def _relay() -> None:
    from lockgate.portal.outbox.relay import relay

    relay()
