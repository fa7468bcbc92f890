"""Keeping notebooks: starting what is asked for, ending what nobody uses, what is told to, and what may not go on."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import ParamSpec, TypeVar

from django.db import close_old_connections
from django.utils import timezone

from lockgate.errors import LockgateError, Refused
from lockgate.portal.notebooks import rules, services
from lockgate.portal.notebooks.models import Notebook
from lockgate.site import Site
from lockgate.workspace.notebooks import session as plane
from lockgate.workspace.notebooks.session import Session

logger = logging.getLogger("lockgate.notebooks")
P = ParamSpec("P")
T = TypeVar("T")
_LOOK_CLOSELY = 10.0  # seconds: a revoked person is out within them
MB = 1024 * 1024


@dataclass(slots=True)
class Kept:
    """A notebook that runs here. ``touched`` is when it was last used, on the monotonic clock."""

    row: Notebook
    session: Session
    touched: float = field(default_factory=time.monotonic)
    shown: int = 0
    sockets: dict[object, Callable[[], Awaitable[object]]] = field(default_factory=dict)

    def show(self, size: int) -> None:
        """Count bytes that go to the browser."""
        self.shown += size


class Keeper:
    """Every notebook of one site. ``run`` goes on until cancelled; then ``close`` ends all of them."""

    def __init__(self, site: Site) -> None:
        self.site, self.settings = site, site.config.notebooks
        self.kept: dict[str, Kept] = {}
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._looked = 0.0

    async def run(self) -> None:
        """Look at the control database each second."""
        while True:
            try:
                await self.look()
            except LockgateError as error:
                logger.error("%s", error)
            except Exception:
                logger.exception("the control database could not be looked at")
            await asyncio.sleep(1.0)

    async def look(self) -> None:
        """One round."""
        closely = time.monotonic() - self._looked >= _LOOK_CLOSELY
        if closely:
            self._looked = time.monotonic()
        rows = await apart(services.waiting)
        for row in rows:
            key = str(row.key)
            if key in self.kept:
                self.kept[key].row = row
                why = await self._why_end(self.kept[key], closely)
                if why:
                    await self._end(key, why)
            elif row.state == "asked" and key not in self._starting:
                self._starting[key] = asyncio.create_task(self._start(row))

    async def _start(self, row: Notebook) -> None:
        key = str(row.key)
        try:
            if len(self.kept) + len(self._starting) > self.settings.most:
                await apart(
                    services.note,
                    row,
                    "refused",
                    f"{self.settings.most} notebooks are open here, as many as may be",
                )
                return
            await apart(services.note, row, "starting")
            session = await asyncio.to_thread(Session.open, self.site, row.project.slug, row.person.username)
        except LockgateError as error:
            why = "; ".join(getattr(error, "reasons", [])) or f"{error.message} ({error.remedy})"
            await apart(services.note, row, "refused", why)
            return
        except Exception as error:
            logger.exception("a notebook could not be started")
            await apart(services.note, row, "refused", f"it could not be started ({type(error).__name__})")
            return
        finally:
            self._starting.pop(key, None)
        self.kept[key] = Kept(row, session)
        await apart(services.note, row, "running", scope_strategy=session.strategy)

    async def _why_end(self, kept: Kept, closely: bool) -> str:
        row, session = kept.row, kept.session
        if row.stop_asked_by:
            return f"stopped by {row.stop_asked_by}"
        if not session.alive:
            if session.outcome and session.outcome.stopped == "time":
                return f"it was open for {self.settings.hours} hours, as long as a notebook may be"
            told = session.outcome.detail if session.outcome else session.error
            return told or "JupyterLab ended by itself"
        if kept.shown > self.settings.shown_mb * MB:
            return f"it has shown {self.settings.shown_mb} MB, as much as one notebook may"
        if not closely:
            return ""
        if why := await apart(self._why_not, row, session):
            return why
        if await asyncio.to_thread(_computes, session):
            kept.touched = time.monotonic()
        if time.monotonic() - kept.touched > self.settings.idle_minutes * 60:
            return f"nobody used it for {self.settings.idle_minutes} minutes"
        return ""

    def _why_not(self, row: Notebook, session: Session) -> str:
        """Why its person may not go on: by the portal's own rules, then by the signed scope."""
        row.person.refresh_from_db()
        row.person.forget_person()
        try:
            rules.check_open(row.person.person, row.project.facts(), timezone.localdate())
        except Refused as refusal:
            return refusal.message
        return plane.still_holds(self.site, row.project.slug, row.person.username, session.fingerprint)

    async def _end(self, key: str, why: str) -> None:
        kept = self.kept.pop(key)
        for close in list(kept.sockets.values()):
            await close()
        await asyncio.to_thread(kept.session.close)
        outcome = kept.session.outcome
        facts = {"shown_bytes": kept.shown, "peak_mb": outcome.peak_mb if outcome else 0}
        facts["seconds"] = round(outcome.seconds) if outcome else 0
        await apart(lambda: services.note(kept.row, "stopped", why, **facts))

    async def close(self) -> None:
        """End every notebook: the service stops."""
        for task in list(self._starting.values()):
            await asyncio.wait([task], timeout=100)
        for key in list(self.kept):
            await self._end(key, "the notebook service was stopped")


async def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do work with the control database in another thread, with a connection that is alive."""

    def run() -> T:
        close_old_connections()
        return work(*args, **kwargs)

    return await asyncio.to_thread(run)


def _computes(session: Session) -> bool:
    """Whether a kernel is at work. JupyterLab's own word, which code inside could forge: hours bound it."""
    try:
        status, body = session.ask("/api/kernels")
        return status == 200 and any(one.get("execution_state") == "busy" for one in json.loads(body))
    except (OSError, ValueError, AttributeError, HTTPException):
        return False
