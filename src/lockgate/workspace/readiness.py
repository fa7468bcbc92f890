"""What must hold of a site before real data is touched, cheap enough to look at every time."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lockgate
from lockgate.errors import Refused
from lockgate.site import PRIVATE_ZONES, Site
from lockgate.workspace.sandbox.layout import system_mounts

_CLOCK_SLACK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Check:
    """One self-test: what it tried, what it found, whether that is as it must be, and what to do if not."""

    name: str
    ok: bool
    tried: str
    found: str
    remedy: str = ""


def _open_to_others(path: Path) -> str:
    """How a file or folder is open to other users of the machine; empty when it is not."""
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
    except OSError as error:
        return f"{path.name}: {error.strerror}"
    return f"{path.name}: mode {mode:04o}" if mode & 0o077 else ""


def check_keys(site: Site) -> Check:
    """The keys are there, have their length, and nobody else can read them."""
    wrong = []
    older = sorted(path.name for path in site.keys.glob("root.*.key"))
    for name in ("root.key", "signing.key", *older):
        path = site.keys / name
        if path.is_symlink() or not path.is_file():
            wrong.append(f"{name}: is no file")
        elif path.stat().st_size != 32:
            wrong.append(f"{name}: {path.stat().st_size} bytes where 32 are needed")
        elif problem := _open_to_others(path):
            wrong.append(problem)
        elif os.geteuid() != 0 and path.stat().st_uid != os.geteuid():
            wrong.append(f"{name}: belongs to another user")
    return Check(
        "keys",
        not wrong,
        "read the modes, sizes and owners of keys/root.key and keys/signing.key",
        "; ".join(wrong) or f"both there, mode 0600; the public key is {site.public_key_id}",
        "" if not wrong else f"chmod 600 {site.keys}/*.key, or restore keys/ from the backup",
    )


def check_modes(site: Site) -> Check:
    """Every zone that holds more than the public may read is closed to other users, each project's too."""
    folders = [site.path / zone for zone in PRIVATE_ZONES]
    folders += [zone for zone in (site.ledger, site.environments) if zone.is_dir()]
    if site.projects.is_dir():
        folders += [path for path in site.projects.glob("[!.]*") if path.is_dir()]
    wrong = [problem for folder in folders if (problem := _open_to_others(folder))]
    return Check(
        "modes",
        not wrong,
        f"read the modes of {', '.join(PRIVATE_ZONES)} and of each project's folder",
        "; ".join(wrong) or f"{len(folders)} folders, all closed to other users",
        "" if not wrong else "chmod 700 each folder that is named",
    )


def check_clock(site: Site) -> Check:
    """The clock stands neither before the last audit entry nor before this Lockgate was built."""
    now = datetime.now(UTC)
    built = datetime.fromtimestamp(Path(lockgate.__file__).stat().st_mtime, UTC)
    last = _last_entry(site)
    problems = []
    if now + _CLOCK_SLACK < built:
        problems.append(f"it stands before this Lockgate was built ({built:%Y-%m-%d %H:%M})")
    if last is not None and now + _CLOCK_SLACK < last:
        problems.append(f"it stands before the last audit entry ({last:%Y-%m-%d %H:%M:%S})")
    return Check(
        "clock",
        not problems,
        "compare the clock with the last audit entry and with the age of this Lockgate",
        f"{now:%Y-%m-%d %H:%M:%S} UTC" + ("; " + "; ".join(problems) if problems else ", after both"),
        "" if not problems else "set the clock (NTP); scopes expire by it",
    )


def _last_entry(site: Site) -> datetime | None:
    try:
        with site.audit.chain.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 262_144))
            line = stream.read().rstrip(b"\n").rpartition(b"\n")[2]
        return datetime.fromisoformat(str(json.loads(line)["at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_place(site: Site) -> Check:
    """The site lies in no folder that a sandbox shows."""
    shown = [
        mount.source
        for mount in system_mounts()
        if site.path.is_relative_to(mount.source) or mount.source.is_relative_to(site.path)
    ]
    return Check(
        "place",
        not shown,
        "compare the site's place with the folders of programs that every job sees",
        f"{shown[0]} is shown to jobs" if shown else f"{site.path} is shown to no job",
        "" if not shown else "move the site, or Lockgate's Python environment, out of the other",
    )


def quick_checks(site: Site) -> list[Check]:
    """The checks of this module."""
    return [check_keys(site), check_modes(site), check_clock(site), check_place(site)]


def require_ready(site: Site) -> None:
    """Refused, with each reason, when one of the quick checks fails."""
    failed = [check for check in quick_checks(site) if not check.ok]
    if failed:
        raise Refused(
            "the site is not fit to hold real data",
            reasons=[f"{check.name}: {check.found}" for check in failed],
            where=str(site.path),
            remedy="; ".join(check.remedy for check in failed),
        )
