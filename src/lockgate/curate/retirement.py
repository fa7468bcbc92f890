"""That a release was retired, as a signed record beside the releases: ``releases/retired/NUMBER.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError
from lockgate.site import Site
from lockgate.site.files import make_dir, write_atomic


@dataclass(frozen=True)
class Retirement:
    """That a release was retired: when, by whom and why; ``destroyed_at`` once its data are gone."""

    release: str
    retired_at: str
    by: str
    reason: str
    files: int
    destroyed_at: str | None = None


def _place(site: Site, number: str) -> Path:
    return site.releases / "retired" / f"{number}.json"


def retirement(site: Site, number: str) -> Retirement | None:
    """The retirement of a release, or None. LockgateError when its record was changed or can't be read."""
    path = _place(site, number)
    if not path.exists():
        return None
    try:
        envelope = json.loads(path.read_bytes())
        body = _body(envelope["retirement"])
        if not site.verify(body, bytes.fromhex(envelope["signature"])):
            raise ValueError
        return Retirement(**envelope["retirement"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LockgateError(
            "the record of the release's retirement is not the one this site signed",
            where=str(path),
            remedy="restore it from the backup; the audit chain says when the release was retired",
        ) from error


def _body(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False).encode()


def write_retirement(site: Site, record: Retirement) -> None:
    """Sign and write the record, in the place of the one before."""
    content = asdict(record)
    envelope = {"retirement": content, "signature": site.sign(_body(content)).hex()}
    make_dir(site.releases / "retired")
    write_atomic(_place(site, record.release), (json.dumps(envelope, indent=1) + "\n").encode())
