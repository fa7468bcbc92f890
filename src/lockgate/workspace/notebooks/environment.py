"""The environment that notebooks run in: JupyterLab and a kernel, prepared outside from a lock and shown read-only.

It is an environment of its own beside Lockgate's, so that nothing of JupyterLab's is ever imported by the portal. A
kernel finds the packages of Lockgate's environment after its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.site.files import atomic_file, sha256_file

LOCK = Path(__file__).with_name("environment.lock")
_RECORD = "lockgate.json"
_REMEDY = "lockgate notebook prepare"


def default_folder() -> Path:
    """Beside Lockgate's own environment: ``.venv`` has ``.venv-notebook``."""
    prefix = Path(sys.prefix)
    return prefix.with_name(f"{prefix.name}-notebook")


def folder_of(site: Site) -> Path:
    """The environment that a site's notebooks run in."""
    given = site.config.notebooks.environment
    return Path(given) if given else default_folder()


def program(folder: Path) -> Path:
    """The environment's Python."""
    return folder / "bin" / "python"


def missing(folder: Path) -> str:
    """Why an environment can't be used; empty when it is the one the lock describes, for this Python."""
    try:
        record = json.loads((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return f"JupyterLab's environment has not been prepared ({folder})"
    if record.get("lock") != sha256_file(LOCK):
        return "JupyterLab's environment was prepared from an older lock"
    if record.get("python") != _python() or not program(folder).exists():
        return "JupyterLab's environment was prepared for another Python"
    if record.get("packages") != _packages():
        return "JupyterLab's environment was prepared beside another Lockgate"
    return ""


def require(folder: Path) -> Path:
    """The folder; Refused, saying why, when notebooks can't run from it."""
    if why := missing(folder):
        raise Refused("notebooks can't be opened here yet", reasons=[why], remedy=_REMEDY)
    return folder


def prepare(folder: Path, say: Callable[[str], object] = print) -> bool:
    """Make the environment from the lock, every file held to its hash; False when it stands already.

    LockgateError, with the installer's last words, when it can't be made; what stood before is left until then.
    """
    if not missing(folder):
        return False
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    say(f"Preparing JupyterLab's environment in {folder} (some 200 MB, by the lock's hashes)")
    base = getattr(sys, "_base_executable", sys.executable) or sys.executable
    try:
        _run([base, "-m", "venv", str(fresh)])
        _install(program(fresh))
    except LockgateError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    library = Path(sysconfig.get_path("purelib", vars={"base": str(fresh), "platbase": str(fresh)}))
    beside = f"import site; site.addsitedir({_packages()!r})\n"
    (library / "lockgate-beside.pth").write_text(beside)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    # a venv's programs name its folder, but only its Python is run, which finds the folder by itself
    record = {"lock": sha256_file(LOCK), "python": _python(), "packages": _packages()}
    with atomic_file(folder / _RECORD, public=True) as stream:
        stream.write(json.dumps(record, indent=1).encode())
    _run(["chmod", "-R", "go+rX", str(folder)])
    return True


def _install(python: Path) -> None:
    """What the lock says and nothing else, as built packages: no code of a package runs outside the sandbox."""
    held = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    if uv := _uv():
        _run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *held])
    else:
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *held])
    _run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "pip", "setuptools"])


def _uv() -> str:
    """uv, which is some six times quicker, where `make install` left it or the path has it."""
    beside = Path(sys.prefix).with_name(".uv") / "bin" / "uv"
    return str(beside) if beside.exists() else shutil.which("uv") or ""


def _packages() -> str:
    return sysconfig.get_path("purelib")


def _python() -> str:
    return f"{sys.implementation.cache_tag} {Path(sys.base_prefix)}"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = [line for line in (done.stderr or done.stdout).strip().splitlines() if line.strip()][-3:]
        raise LockgateError(
            f"JupyterLab's environment could not be made: {' '.join(last)}",
            where=command[0],
            remedy="is the package index reached, and python3-venv installed? Then say it again",
        )
