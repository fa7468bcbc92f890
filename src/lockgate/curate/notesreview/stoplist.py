"""Notes in which a reader found something: withheld from every build until somebody says that they may come back.

Known by the release's id of the note, and by a digest of the words as they were released (ids change with the keys).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.site.audit import refuse_identifying
from lockgate.site.files import hold_lock, make_dir, write_atomic

FILE = "withheld.json"


def folder(site: Site) -> Path:
    """Where samples, marks and the stop-list stand: ``staged/notes-review/``, of the identifiable zone."""
    return make_dir(site.staged / "notes-review")


def held_notes(site: Site) -> list[dict[str, Any]]:
    """Every note that is withheld: note_id, digest (MD5 of the released words), release, kinds, by, at."""
    path = site.staged / "notes-review" / FILE
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return found


def hold(site: Site, note_id: int, digest: str, *, release: str, kinds: list[str], by: str) -> None:
    """Withhold a note from the next build on. The caller holds the lock and writes the audit entry."""
    held = [one for one in held_notes(site) if one["note_id"] != note_id]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    held.append(
        {
            "note_id": note_id,
            "digest": digest,
            "release": release,
            "kinds": sorted(set(kinds)),
            "by": by,
            "at": at,
        }
    )
    _write(site, held)


def clear(site: Site, note_id: int, *, reason: str, actor: str) -> None:
    """Let a note into releases again from the next build on. UsageError where it isn't withheld, or no reason."""
    if not reason.strip():
        raise UsageError("say why the note may be released again", remedy="--reason TEXT")
    with locked(site):
        held = held_notes(site)
        left = [one for one in held if one["note_id"] != note_id]
        if len(left) == len(held):
            raise UsageError("no such note is withheld", where=str(note_id))
        refuse_identifying("notes.review.cleared", actor, {"reason": reason})
        _write(site, left)
        site.audit.append("notes.review.cleared", actor=actor, note=str(note_id), reason=reason)


def locked(site: Site) -> Any:
    """One change at a time."""
    return hold_lock(
        folder(site) / ".lock", "somebody else is keeping a mark of the notes", "try again in a moment"
    )


def _write(site: Site, held: list[dict[str, Any]]) -> None:
    write_atomic(folder(site) / FILE, (json.dumps(held, indent=1) + "\n").encode())
