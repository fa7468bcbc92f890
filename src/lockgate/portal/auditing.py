"""The audit chain as auditors read it: chosen entries, what was touched down to columns, whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, overload

from ninja import Schema

from lockgate.portal.outbox.models import Message
from lockgate.site import Site
from lockgate.site.audit import Entry
from lockgate.site.audit_index import AuditIndex, Check, Found, Wish

SHORT = 2 * 2**20  # bytes: a chain up to this (some 5,000 entries) is read whole whenever somebody asks


class Wanted(Schema):
    """Which entries: those of an event (or that begin so), an actor, a project, a table, a column of it."""

    event: str = ""
    actor: str = ""
    project: str = ""
    table: str = ""
    column: str = ""


class Shown:
    """Entries without what only the relay needs, the newest first: counted, sliced or gone through."""

    def __init__(self, rows: Found) -> None:
        self._rows = rows

    def count(self) -> int:
        """How many there are."""
        return self._rows.count()

    def __len__(self) -> int:
        return self.count()

    @overload
    def __getitem__(self, at: slice) -> list[Entry]: ...
    @overload
    def __getitem__(self, at: int) -> Entry: ...
    def __getitem__(self, at: slice | int) -> list[Entry] | Entry:
        if isinstance(at, int):
            return _shown(self._rows[at])
        return [_shown(entry) for entry in self._rows[at]]

    def __iter__(self) -> Iterator[Entry]:
        return map(_shown, self._rows)


def found(site: Site, wanted: Wanted) -> Shown:
    """The entries that are wanted, the newest first."""
    return Shown(AuditIndex(site.audit).find(Wish(**wanted.dict())))


def _shown(entry: Entry) -> Entry:
    return replace(entry, detail={key: value for key, value in entry.detail.items() if key != "outbox"})


def state_of(site: Site) -> dict[str, Any]:
    """Whether the chain is whole as far as is known, what is wrong with it, when all of it was last read, and how many
    entries of the portal wait for it."""
    known = _checked(site)
    return {
        "whole": not known.problems,
        "problems": list(known.problems),
        "read": known.at,
        "waiting": Message.objects.filter(seq=None).count(),
    }


def _checked(site: Site) -> Check:
    index = AuditIndex(site.audit)
    if site.audit.chain.exists() and site.audit.chain.stat().st_size > SHORT:
        known = index.check()
        if known.at is not None:
            return known
    return index.check_whole()


def touched_by_project(site: Site) -> list[dict[str, Any]]:
    """For each project and table: its columns that were touched, by how many jobs and counts, and when last."""
    return AuditIndex(site.audit).touched()
