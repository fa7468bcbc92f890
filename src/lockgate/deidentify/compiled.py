"""The free-text engine compiled to C (mypyc), where somebody compiled it from these very sources.

The same modules, the same spans, 1.3 to 1.8 times as quick. ``prefer`` puts the compiled modules in front of
the sources they were made of, and of no others: after any change of a source Python runs the sources again.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lockgate.errors import UsageError

_PACKAGE = "lockgate.deidentify.text"
_SOURCES = Path(__file__).parent / "text"
_FOLDER = _SOURCES / "compiled"
_PRINT = _FOLDER / "sources.sha256"
_GROUP = "lockgate_text"
# What stays Python: what is no part of the reading of a note, reads files, or holds what is passed between processes.
_AS_THEY_ARE = frozenset(
    ("__init__", "evidencetrain", "known", "lists", "metrics", "ner", "nertrain", "nervary", "people", "scrub",
     "scrubfile", "sitenames", "stands", "surrogates")
)  # fmt: skip
_BUILD = """
import sys
from mypyc.build import mypycify
from setuptools import setup
setup(
    name="text",
    packages=[],
    script_args=["build_ext", "--build-lib", "out"],
    ext_modules=mypycify(
        ["--follow-imports=skip", "--ignore-missing-imports", *sys.argv[1:]],
        opt_level="2", debug_level="0", multi_file=True, group_name="%s",
    ),
)
"""


def _files() -> list[Path]:
    """The sources that are compiled."""
    return sorted(path for path in _SOURCES.glob("*.py") if path.stem not in _AS_THEY_ARE)


def _final(source: str) -> str:
    """A module's source with its constants declared final: compiled code then asks no dictionary for them.

    Constants are the names that are given a value once, at the top level; aliases of types and what is used as one are
    left.
    """
    tree = ast.parse(source)
    given: dict[str, int] = {}
    rebound = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            given[node.id] = given.get(node.id, 0) + 1
    lines = source.splitlines(keepends=True)
    for node in reversed(tree.body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, annotated = node.targets[0], None
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotated = node.target, node.annotation
        else:
            continue
        is_type = isinstance(node.value, ast.Subscript | ast.Name) or (
            isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "TypeVar"
        )
        if node.value is None or given[name.id] > 1 or name.id in rebound or (is_type and annotated is None):
            continue
        first = name.lineno - 1
        if annotated is None:
            at = name.end_col_offset or 0
            lines[first] = lines[first][:at] + ": _Final" + lines[first][at:]
        else:
            last, end = (annotated.end_lineno or 1) - 1, annotated.end_col_offset or 0
            lines[last] = lines[last][:end] + "]" + lines[last][end:]
            lines[first] = (
                lines[first][: annotated.col_offset] + "_Final[" + lines[first][annotated.col_offset :]
            )
    future = "from __future__ import annotations\n"
    return "".join(lines).replace(future, future + "from typing import Final as _Final\n", 1)


def _print() -> str:
    """A digest of the package's sources, and of what Python they are compiled for."""
    digest = hashlib.sha256(str(sysconfig.get_config_var("SOABI")).encode())
    for path in sorted(_SOURCES.glob("*.py")):
        content = path.read_bytes()
        digest.update(f"\0{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether compiled modules of these very sources, for this Python, are there."""
    return _PRINT.is_file() and _PRINT.read_text(encoding="utf-8").strip() == _print()


def prefer(path: list[str]) -> None:
    """Put the compiled modules before the sources in a package's ``__path__``, where they are fresh.

    Not with LOCKGATE_COMPILED=no in the environment.
    """
    if os.environ.get("LOCKGATE_COMPILED") == "no" or not is_fresh():
        return
    name = f"{_GROUP}__mypyc"
    library = next(_FOLDER.glob(f"{name}.*"))
    spec = importlib.util.spec_from_file_location(name, library)
    assert spec is not None and spec.loader is not None
    try:
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except ImportError:  # made on another kind of machine
        sys.modules.pop(name, None)
        return
    path.insert(0, str(_FOLDER))


def is_used() -> bool:
    """Whether this process reads notes with compiled modules."""
    return f"{_GROUP}__mypyc" in sys.modules


def compile_engine(digest: Sequence[str]) -> int:
    """Compile the engine's modules and put them beside the sources; how many.

    ``digest`` is a command that prints a digest of what the engine finds in some notes. It is run with the sources and
    with what was compiled of them; where the two differ, nothing stays.
    Needs a C compiler, Python's headers and the packages of the extra ``compiled``. Takes some minutes.
    """
    if importlib.util.find_spec("mypyc") is None or importlib.util.find_spec("setuptools") is None:
        raise UsageError(
            "compiling needs mypy and setuptools", remedy="pip install 'lockgate[compiled]', then try again"
        )
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise UsageError(
            "compiling needs Python's headers (Python.h)", remedy="install them (Debian: python3-dev)"
        )
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(os.environ.get("CC", compiler)) is None:
        raise UsageError(f"compiling needs a C compiler; there is no {compiler}", remedy="install gcc")
    with tempfile.TemporaryDirectory(prefix="lockgate-compile-") as name:
        folder = Path(name)
        shutil.copytree(
            Path(__file__).parents[1],
            folder / "lockgate",
            ignore=lambda where, names: [
                each
                for each in names
                if not (each.endswith((".py", ".pyi")) or (Path(where) / each).is_dir())
            ],
        )
        told = _print()
        for path in _files():
            made_of = folder / "lockgate" / "deidentify" / "text" / path.name
            made_of.write_text(_final(made_of.read_text(encoding="utf-8")), encoding="utf-8")
        files = [str(Path(*_PACKAGE.split(".")) / path.name) for path in _files()]
        (folder / "build_engine.py").write_text(_BUILD % _GROUP, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "build_engine.py", *files],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).strip().splitlines()
            raise UsageError(
                "the engine did not compile: " + " | ".join(said[-3:]), remedy="it runs uncompiled"
            )
        out = folder / "out"
        made = [*out.glob("*.so"), *out.joinpath(*_PACKAGE.split(".")).glob("*.so")]
        _put(made, told)
    try:
        _compare(digest)
    except UsageError:
        remove()
        raise
    return len(made) - 1


def _compare(digest: Sequence[str]) -> None:
    """Refuse compiled modules that fail, or find anything else than their sources."""
    told = []
    for used in ("no", "yes"):
        done = subprocess.run(
            [*digest],
            env={**os.environ, "LOCKGATE_COMPILED": used},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UsageError(
                "reading letters " + ("with the compiled rules failed" if used == "yes" else "failed"),
                where=done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "",
                remedy="the rules run uncompiled; please report this",
            )
        told.append(done.stdout)
    if told[0] != told[1]:
        raise UsageError(
            "the compiled rules find other spans than their sources",
            remedy="the rules run uncompiled; please report this",
        )


def _put(made: list[Path], told: str) -> None:
    """Exchange what is beside the sources; the digest, which makes it be used, comes last."""
    _PRINT.unlink(missing_ok=True)
    shutil.rmtree(_FOLDER, ignore_errors=True)
    try:
        _FOLDER.mkdir()
        for path in made:
            shutil.copy2(path, _FOLDER / path.name)
        _PRINT.write_text(told + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"can't be written: {error.strerror}",
            where=str(_FOLDER),
            remedy="compile as who installed Lockgate",
        ) from None


def remove() -> bool:
    """Take the compiled modules away; whether there were any."""
    there = _FOLDER.is_dir()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return there


__all__ = ["compile_engine", "is_fresh", "is_used", "prefer", "remove"]
