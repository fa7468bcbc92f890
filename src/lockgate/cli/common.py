"""What every command shares: the site it works on, ``--json``, and how results and errors are printed."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from lockgate.errors import LockgateError, Refused

if TYPE_CHECKING:
    from rich.table import Table

    from lockgate.site import Site


@dataclass
class State:
    """The global options: where the site is, and whether to print JSON."""

    site: Path | None = None
    json: bool = False


state = State()
# Into a file or another program goes the whole line: 80 columns would cut ids that one wants to copy.
_WIDE = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
console = Console(highlight=False, soft_wrap=True, width=_WIDE)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def site_path() -> Path:
    """The site's folder: ``--site``, else LOCKGATE_SITE, else the working folder."""
    return state.site or Path(os.environ.get("LOCKGATE_SITE") or ".")


def open_site() -> Site:
    """The site that the command works on; UsageError when there is none."""
    from lockgate.site import Site

    return Site.open(site_path())


def actor() -> str:
    """Who runs the command, for the audit chain: the operating system's user."""
    try:
        return f"os:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"os:{os.getuid()}"


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if hasattr(value, "item"):  # a number or truth of numpy
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def emit(result: Mapping[str, Any], human: Callable[[], object] | str = "") -> None:
    """Print a command's result: one JSON object with ``--json``, else text for a person.

    ``human`` is a text, or a function that prints to ``console`` itself (or returns something to print).
    """
    if state.json:
        sys.stdout.write(json.dumps(result, default=_plain, ensure_ascii=False) + "\n")
        return
    shown = human() if callable(human) else human
    if shown is not None and shown != "":
        console.print(shown)


def listing(*names: str, numbers: int = 0) -> Table:
    """A table for ``console``: cells fold rather than lose their ends; the last ``numbers`` columns are numbers."""
    from rich.table import Column, Table

    first = len(names) - numbers
    return Table(
        *(
            Column(name, overflow="fold", justify="left" if place < first else "right")
            for place, name in enumerate(names)
        ),
        box=None,
        pad_edge=False,
    )


def fail(error: LockgateError) -> int:
    """Print an error the way every command does and return its exit code."""
    if state.json:
        sys.stdout.write(json.dumps(error.as_dict(), default=_plain, ensure_ascii=False) + "\n")
        return error.exit_code
    word = "Refused" if isinstance(error, Refused) else "Error"
    place = f"{error.where}: " if error.where else ""
    errors.print(f"[bold red]{word}[/]  ", end="")
    errors.print(f"{place}{error.message}", markup=False)
    if isinstance(error, Refused):
        for reason in error.reasons:
            errors.print(f"  - {reason}", markup=False)
    if error.remedy:
        errors.print(f"  Next: {error.remedy}", markup=False)
    return error.exit_code
