"""The worker: queued tasks, audit entries on their way to the chain, approvals whose last day is over, e-mails."""

from __future__ import annotations

import logging
import signal
import threading
import time
from datetime import datetime
from types import FrameType
from zoneinfo import ZoneInfo

from lockgate.identity import index_path
from lockgate.portal import setup
from lockgate.site import Site
from lockgate.site.audit_index import AuditIndex

logger = logging.getLogger("lockgate.worker")


def work(site: Site, *, once: bool = False, interval: float = 1.0) -> int:
    """Do queued work until stopped (SIGTERM or SIGINT ends it after the piece at hand), or once; how many pieces."""
    setup(site)
    stopped = False
    if not once and threading.current_thread() is threading.main_thread():

        def ask(number: int, frame: FrameType | None) -> None:
            nonlocal stopped
            stopped = True  # no lock is taken here: a signal may come while it is held

        signal.signal(signal.SIGTERM, ask)
        signal.signal(signal.SIGINT, ask)
    done = 0
    while not stopped:
        worked = tick()
        done += worked
        if once and not worked:
            return done
        if not worked:
            time.sleep(interval)
    return done


_looked: tuple[object, ...] = ()


def _opt_outs() -> None:
    """Apply opt-outs when something was captured or linked since, and on each new day: one may begin or end."""
    global _looked
    from lockgate.portal import plane
    from lockgate.portal.sites import current_site

    site = current_site()
    index = index_path(site)
    now = (
        site.path,
        site.landing.stat().st_mtime_ns,
        index.stat().st_mtime_ns if index.exists() else 0,
        datetime.now(ZoneInfo(site.config.site.timezone)).date(),
    )
    if now != _looked:
        plane.apply_opt_outs(site)
        _looked = now


_warned: tuple[object, ...] = ()


def _warn() -> None:
    """Warn of ends that come near, once a day."""
    global _warned
    from lockgate.portal.notices.services import warn
    from lockgate.portal.sites import current_site

    site = current_site()
    now = (site.path, datetime.now(ZoneInfo(site.config.site.timezone)).date())
    if now != _warned:
        warn()
        _warned = now


_READ_AGAIN = 3600.0  # seconds after which the whole audit chain is read again
_read: tuple[object, float] = ("", 0.0)


def _read_chain() -> None:
    """Take new entries into the index that the audit page reads by, and read the whole chain once an hour."""
    global _read
    from lockgate.portal.sites import current_site

    site = current_site()
    index = AuditIndex(site.audit)
    index.refresh()
    if _read[0] != site.path or time.monotonic() - _read[1] > _READ_AGAIN:
        for problem in index.check_whole().problems:
            logger.error("the audit chain is broken: %s", problem)
        _read = (site.path, time.monotonic())


_COUNT_AGAIN = 1800.0  # seconds after which the queues of the page Turnaround are counted again
_counted: tuple[object, float] = ("", 0.0)


def _count_queues() -> None:
    """Keep what the page Turnaround shows, where that takes a while to count."""
    global _counted
    from lockgate.portal.sites import current_site
    from lockgate.portal.turnaround.services import make_anew

    path = current_site().path
    if _counted[0] != path or time.monotonic() - _counted[1] > _COUNT_AGAIN:
        make_anew()
        _counted = (path, time.monotonic())


def tick() -> int:
    """One round: waiting tasks, then opt-outs, expiry, the relay, the audit chain, warnings and e-mails; how many tasks
    were done."""
    from django.core.management import call_command
    from django.db import close_old_connections
    from django_tasks_db.models import DBTaskResult

    from lockgate.portal.applications.services import expire_due, suspend_overdue
    from lockgate.portal.notices import mail
    from lockgate.portal.outbox.relay import relay
    from lockgate.portal.workspaces.services import recover

    close_old_connections()
    waiting = DBTaskResult.objects.ready().count()
    if waiting:
        call_command("db_worker", batch=True, interval=0.1, startup_delay=False, reload=False, verbosity=0)
    _opt_outs()
    expire_due()
    suspend_overdue()
    recover()
    relay()
    _read_chain()
    _count_queues()
    _warn()
    mail.send_waiting()
    return int(waiting)
