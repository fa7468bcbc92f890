"""Carry audit entries from the outbox to the site's chain, each exactly once and in order.

A message is appended to the chain under its key, then marked with its number there. A crash between the two leaves
a message that is in the chain but not marked; since messages go one at a time under a lock, only the oldest
unmarked one can be such, and the newest entries of the chain are searched for its key first.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from lockgate.portal.outbox.models import Message
from lockgate.portal.sites import current_site
from lockgate.site import Site
from lockgate.site.audit import Entry
from lockgate.site.files import PRIVATE_FILE


@contextmanager
def _one_at_a_time(site: Site) -> Iterator[None]:
    handle = os.open(site.path / "audit" / ".relay.lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def relay(limit: int = 1000) -> int:
    """Write up to ``limit`` waiting messages to the chain; how many were carried."""
    if not Message.objects.filter(seq=None).exists():
        return 0
    site = current_site()
    carried = 0
    with _one_at_a_time(site):
        waiting = Message.objects.filter(seq=None).order_by("id")[:limit]
        for message in waiting:
            entry = _already_there(site, message) if carried == 0 else None
            if entry is None:
                entry = site.audit.append(
                    message.event, actor=message.actor, outbox=str(message.key), **message.detail
                )
            Message.objects.filter(pk=message.pk).update(seq=entry.seq)
            carried += 1
    return carried


def _already_there(site: Site, message: Message) -> Entry | None:
    """The chain's entry for this message, when an earlier relay stopped between writing and marking."""
    last = Message.objects.exclude(seq=None).order_by("-seq").values_list("seq", flat=True).first() or 0
    for entry in site.audit.newest():
        if entry.seq <= last:
            return None
        if entry.detail.get("outbox") == str(message.key):
            return entry
    return None
