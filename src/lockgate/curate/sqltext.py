"""The SELECT files of this room, read once."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def sql_text(folder: str, name: str) -> str:
    """The SELECT in ``<folder>/<name>.sql``."""
    return resources.files(__package__).joinpath(folder, f"{name}.sql").read_text(encoding="utf-8").strip()


@cache
def sql_names(folder: str) -> tuple[str, ...]:
    """The names of a folder's SELECT files, in order."""
    files = resources.files(__package__).joinpath(folder).iterdir()
    return tuple(sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql")))
