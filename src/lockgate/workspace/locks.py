"""Lock files of Python packages, read strictly: one version and the hashes of its files for each package."""

from __future__ import annotations

import ast
import operator
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lockgate.errors import UsageError

_PIN = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9._, -]*\])?\s*==\s*([A-Za-z0-9.!+_-]+)\s*(?:;\s*(.+))?"
)
_HASH = re.compile(r"\s--hash=(?:(sha256):([0-9a-f]{64})|(\S*))")
_WHEEL = re.compile(r"([^-]+)-([^-]+)(?:-\d[^-]*)?-([^-]+)-([^-]+)-([^-]+)\.whl")
_REMEDY = "write it with `pip-compile --generate-hashes` or `uv export --format requirements-txt`"


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock: its normalised name, version, the SHA-256 of files that may be it, and its line."""

    name: str
    version: str
    hashes: frozenset[str]
    line: int


@dataclass(frozen=True, slots=True)
class Wheel:
    """What a wheel's file name says (PyPA binary distribution format)."""

    file: str
    name: str
    version: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    def fits(self) -> bool:
        """Whether this Python on this machine can use it."""
        major, minor = sys.version_info[:2]
        own = {f"cp{major}{minor}", f"py{major}{minor}", f"py{major}"}
        older = {f"cp{major}{below}" for below in range(2, minor + 1)} if "abi3" in self.abis else set()
        machine = platform.machine()
        runs = any(name == "any" or self._linux(name, machine) for name in self.platforms)
        return runs and bool(own.union(older) & set(self.pythons))

    @staticmethod
    def _linux(name: str, machine: str) -> bool:
        kind = "musllinux" if "musl" in (platform.libc_ver()[0] or "") else "manylinux"
        return name == f"linux_{machine}" or (name.startswith(kind) and name.endswith(f"_{machine}"))


def normal(name: str) -> str:
    """A package's name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel_of(file: str) -> Wheel | None:
    """What a file name says, or None when it is no wheel's."""
    found = _WHEEL.fullmatch(file)
    if found is None:
        return None
    name, version, *tags = found.groups()
    return Wheel(file, normal(name), version.replace("_", "-"), *(tuple(tag.split(".")) for tag in tags))


def read_lock(text: bytes, where: str) -> list[Pin]:
    """The packages of a lock that are for this machine; UsageError, with the line, for anything else than pins."""
    pins: dict[str, Pin] = {}
    try:
        lines = text.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError("it is not UTF-8", where=where, remedy=_REMEDY) from error
    number = 0
    while number < len(lines):
        begin = number + 1
        whole = ""
        while True:
            line = re.sub(r"(?:^|\s)#.*", "", lines[number]).rstrip()
            number += 1
            whole += " " + line.removesuffix("\\")
            if not line.endswith("\\") or number == len(lines):
                break
        if not whole.strip():
            continue
        pin = _pin(whole.strip(), f"{where}: line {begin}", begin)
        if pin is None:
            continue
        if pin.name in pins:
            raise UsageError(f"{pin.name} stands twice", where=f"{where}: line {begin}", remedy=_REMEDY)
        pins[pin.name] = pin
    if not pins:
        raise UsageError("the lock names no package", where=where, remedy=_REMEDY)
    return list(pins.values())


def _pin(text: str, where: str, line: int) -> Pin | None:
    hashes = _HASH.findall(f" {text}")
    if any(other for _, _, other in hashes):
        raise UsageError("a hash is not SHA-256", where=where, remedy=_REMEDY)
    found = _PIN.fullmatch(_HASH.sub("", f" {text}").strip())
    if found is None:
        raise UsageError(
            "this is no package with one version (NAME==VERSION): options, addresses and folders are not read",
            where=where,
            remedy=_REMEDY,
        )
    name, version, marker = found.groups()
    if not hashes:
        raise UsageError(f"{name} has no hash", where=where, remedy=_REMEDY)
    if marker and not _holds(marker, where):
        return None
    return Pin(normal(name), version, frozenset(digest for _, digest, _ in hashes), line)


_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def _facts() -> dict[str, str]:
    return {
        "python_version": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "python_full_version": platform.python_version(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_system": platform.system(),
        "platform_python_implementation": platform.python_implementation(),
        "implementation_name": sys.implementation.name,
        "extra": "",
    }


def _holds(marker: str, where: str) -> bool:
    """Whether an environment marker (PEP 508) holds here. Its grammar is a part of Python's expressions."""
    try:
        return bool(_value(ast.parse(marker.strip(), mode="eval").body))
    except (SyntaxError, ValueError, TypeError, KeyError) as error:
        raise UsageError("the condition after ; can't be read", where=where, remedy=_REMEDY) from error


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.BoolOp):
        answers = [bool(_value(part)) for part in node.values]
        return all(answers) if isinstance(node.op, ast.And) else any(answers)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sides = (node.left, node.comparators[0])
        values = [_value(side) for side in sides]
        if any(
            isinstance(side, ast.Name) and side.id.startswith("python_") for side in sides
        ) and not isinstance(node.ops[0], ast.In | ast.NotIn):
            values = [[int(part) for part in value.removesuffix(".*").split(".")] for value in values]
        return _COMPARE[type(node.ops[0])](*values)
    if isinstance(node, ast.Name):
        return _facts()[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise ValueError("not a marker")
