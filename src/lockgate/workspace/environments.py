"""Pinned environments: Python packages prepared outside from a lock file, mounted read-only into jobs.

A lock is a requirements file in which every package has one version and the SHA-256 of its wheels, as
``pip-compile --generate-hashes`` and ``uv export`` write it. Wheels are unpacked by us, compared with the lock: no
source package is built and nothing of a package runs. A build is named by its content, so the same lock gives the
same build; builds are never changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath

from lockgate import __version__
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import hold_lock, make_dir, sha256_file, write_atomic
from lockgate.workspace.locks import Pin, Wheel, read_lock, wheel_of

SCHEMA = "lockgate.environment/1"
PACKAGES = "packages"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MOST_BYTES = 4 << 30
_MOST_FILES = 200_000
_FETCH_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Environment:
    """One build. ``packages``: {"name", "version", "wheel", "sha256"}; ``bytes`` on the disk."""

    name: str
    sha256: str
    packages: list[dict[str, str]]
    lock_sha256: str
    python: str
    machine: str
    built_at: str
    by: str
    bytes: int
    folder: Path

    @property
    def label(self) -> str:
        """How a job names exactly this build."""
        return f"{self.name}@{self.sha256[:12]}"

    @property
    def mounted(self) -> Path:
        """The folder that jobs see as /environment."""
        return self.folder / PACKAGES

    def as_dict(self) -> dict[str, object]:
        """The build as JSON values."""
        return {**asdict(self), "folder": str(self.folder), "label": self.label}


def build(site: Site, name: str, lock: Path, by: str, *, wheels: Path | None = None) -> Environment:
    """Make an environment from a lock file; the one that is there when it was made before.

    ``wheels``: a folder of wheels to take them from; without it pip fetches them as this machine is configured.
    UsageError for a name or lock that won't do, with the line; Refused for a wheel that isn't the lock's.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name", remedy="small letters, digits, - and _, a letter first, at most 40"
        )
    try:
        text = lock.read_bytes()
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(lock)) from error
    pins = read_lock(text, lock.name)
    home = make_dir(make_dir(site.environments) / name)
    with hold_lock(home / ".lock", "this environment is being built", "wait until that has ended"):
        for left in home.glob(".*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="lockgate-wheels-") as aside:
            folder = wheels or _fetch(lock, Path(aside))
            chosen = [(pin, *_choose(pin, folder)) for pin in pins]
            packages = [
                {"name": pin.name, "version": pin.version, "wheel": wheel.file, "sha256": digest}
                for pin, wheel, digest in chosen
            ]
            identity = {"python": _python(), "machine": platform.machine(), "packages": packages}
            digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
            target = home / digest[:16]
            if (target / "environment.json").exists():
                return _read(target)
            partial = make_dir(home / f".{digest[:16]}.partial")
            size = _unpack_all([folder / wheel.file for _, wheel, _ in chosen], partial / PACKAGES)
        made = Environment(
            name, digest, packages, hashlib.sha256(text).hexdigest(), _python(), platform.machine(),
            datetime.now(UTC).isoformat(timespec="seconds"), by, size, target,
        )  # fmt: skip
        facts = {"schema": SCHEMA, **{key: value for key, value in made.as_dict().items() if key != "folder"}}
        write_atomic(partial / "lock.txt", text)
        write_atomic(partial / "environment.json", (json.dumps(facts, indent=1) + "\n").encode())
        partial.rename(target)
    site.audit.append(
        "environment.built",
        actor=by,
        environment=made.label,
        packages=len(packages),
        lock_sha256=made.lock_sha256,
    )
    return made


def environments(site: Site) -> list[Environment]:
    """Every build, by name, the oldest first."""
    found = [_read(path.parent) for path in (site.environments).glob("*/*/environment.json")]
    return sorted(found, key=lambda one: (one.name, one.built_at, one.sha256))


def find(site: Site, wanted: str) -> Environment:
    """The newest build of a name, or the one that ``NAME@HASH`` begins; UsageError when there is none."""
    name, _, digest = wanted.partition("@")
    found = [one for one in environments(site) if one.name == name and one.sha256.startswith(digest)]
    if not found:
        there = ", ".join(one.label for one in environments(site)) or "none"
        raise UsageError(
            f"there is no environment {wanted!r}",
            remedy=f"there are: {there}; `lockgate environment build NAME --lock FILE` makes one",
        )
    if found[-1].python != _python() or found[-1].machine != platform.machine():
        raise Refused(
            f"{found[-1].label} was built for Python {found[-1].python} on {found[-1].machine}",
            reasons=["built for another Python or machine"],
            remedy="build it again from its lock.txt",
        )
    return found[-1]


@cache
def base_sha256() -> str:
    """What jobs without an environment run on, in one hash: Lockgate, Python and every package beside it."""
    packages = sorted(f"{one.name}=={one.version}" for one in metadata.distributions())
    told = [__version__, sys.version, platform.machine(), *packages]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _read(folder: Path) -> Environment:
    try:
        told = json.loads((folder / "environment.json").read_bytes())
        names = [name for name in Environment.__slots__ if name != "folder"]
        return Environment(**{name: told[name] for name in names}, folder=folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LockgateError(
            "the record of an environment can't be read",
            where=str(folder),
            remedy="restore it, or build it again",
        ) from error


def _fetch(lock: Path, into: Path) -> Path:
    """Let pip fetch the lock's wheels, and only wheels; LockgateError when there is no pip or it can't."""
    base = Path(sys.base_prefix, "bin", f"python{_python()}")
    tried = [[sys.executable, "-m", "pip"], [str(base), "-m", "pip"], [f"pip{_python()}"]]
    pip = next((words for words in tried if _answers([*words, "--version"])), None)
    if pip is None:
        raise LockgateError(
            "there is no pip to fetch wheels with",
            remedy="fetch them elsewhere (pip download --only-binary=:all: -r LOCK) and give --wheels FOLDER",
        )
    words = ["download", "--quiet", "--only-binary=:all:", "--no-deps", "--require-hashes"]
    words += ["--disable-pip-version-check", "--dest", str(into), "--requirement", str(lock)]
    ran = subprocess.run([*pip, *words], capture_output=True, timeout=_FETCH_SECONDS, check=False)
    if ran.returncode:
        said = [
            line for line in ran.stderr.decode("utf-8", "replace").splitlines() if line.startswith("ERROR")
        ]
        why = ascii(said[-1][:300])[1:-1] if said else f"exit code {ran.returncode}"
        raise LockgateError("the wheels can't be fetched", where=str(lock), remedy=f"pip said: {why}")
    return into


def _answers(words: list[str]) -> bool:
    try:
        return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0
    except OSError:
        return False


def _choose(pin: Pin, folder: Path) -> tuple[Wheel, str]:
    """The wheel of a pin that this Python can use, and its hash; Refused when there is none."""
    reasons = []
    for path in sorted(folder.glob("*.whl")):
        wheel = wheel_of(path.name)
        if wheel is None or (wheel.name, wheel.version) != (pin.name, pin.version):
            continue
        digest = sha256_file(path)
        if path.is_symlink():
            reasons.append(f"{path.name} is a link")
        elif digest not in pin.hashes:
            reasons.append(f"{path.name} is not the file that the lock names")
        elif not wheel.fits():
            reasons.append(f"{path.name} is for another Python or machine")
        else:
            return wheel, digest
    raise Refused(
        f"there is no wheel of {pin.name} {pin.version} to use",
        reasons=reasons
        or [f"no wheel of {pin.name} {pin.version} in the folder; source packages are not built"],
        where=f"line {pin.line} of the lock",
    )


def _unpack_all(wheels: list[Path], target: Path) -> int:
    """Unpack wheels into one folder, readable to all and writable to none; their size in bytes."""
    target.mkdir()
    size = files = 0
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            for entry in opened.infolist():
                place = _place(entry, wheel.name)
                if place is None:
                    continue
                size, files = size + entry.file_size, files + 1
                if size > _MOST_BYTES or files > _MOST_FILES:
                    raise Refused(
                        "the environment is too large", reasons=[f"more than {_MOST_BYTES >> 30} GB"]
                    )
                _put(opened.read(entry), target / place, wheel.name)
    for folder, names, plain in os.walk(target):
        for name in names:
            Path(folder, name).chmod(0o755)
        for name in plain:
            Path(folder, name).chmod(0o444)
    target.chmod(0o755)
    return size


def _put(content: bytes, path: Path, wheel: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_bytes() != content:
        raise Refused("two packages have the same file", reasons=[f"{path.name} of {wheel}"])
    path.write_bytes(content)


def _place(entry: zipfile.ZipInfo, wheel: str) -> PurePosixPath | None:
    """Where an entry of a wheel belongs; None for folders, programs and headers, which jobs have no use for."""
    path = PurePosixPath(entry.filename)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in entry.filename
        or (entry.external_attr >> 16) & 0o170000 == 0o120000
    ):
        raise Refused(
            "the wheel can't be unpacked",
            reasons=[f"{ascii(entry.filename)[1:-1]} leads out of it"],
            where=wheel,
        )
    if entry.is_dir():
        return None
    if path.parts[0].endswith(".data"):
        return PurePosixPath(*path.parts[2:]) if path.parts[1:2] in (("purelib",), ("platlib",)) else None
    return path
