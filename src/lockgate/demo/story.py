"""How the demonstration speaks: acts, gates that passed, gates that refused, and what can be looked at."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lockgate.errors import LockgateError

SHOWN = 8  # reasons of one refusal that are printed; all are in the facts


class Story:
    """Prints the acts as they happen and keeps their facts for ``--json``."""

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._started = time.monotonic()
        self._act = ""
        self.facts: dict[str, Any] = {"acts": [], "refusals": []}

    def _print(self, text: str, *, markup: bool = True) -> None:
        if self._console is not None:
            self._console.print(text, markup=markup)

    def act(self, name: str, why: str) -> None:
        """A new act: its name, and in one sentence what it is for."""
        self._act = name
        self.facts["acts"].append(name)
        number = len(self.facts["acts"])
        seconds = time.monotonic() - self._started
        self._print(f"\n[bold blue]{number:>2}  {name}[/]  [dim]{why}  ({seconds:.0f} s)[/]")

    def say(self, text: str) -> None:
        """A line of the story."""
        self._print(f"    {text}")

    def passed(self, text: str, **facts: Any) -> None:
        """A gate that let something through, with its counts."""
        self.facts.setdefault(self._act, {}).update(facts)
        self._print(f"    [green]✓[/] {text}")

    def refused(self, what: str, error: LockgateError | str) -> None:
        """A gate that refused what it should: what was tried and why it was not let through."""
        reasons = list(getattr(error, "reasons", [])) or [str(error)]
        self.facts["refusals"].append({"act": self._act, "tried": what, "reasons": reasons})
        self._print(f"    [red]✗[/] {what}")
        for reason in reasons[:SHOWN]:
            if self._console is not None:
                self._console.print(f"      refused: {reason}", style="red", markup=False)
        if len(reasons) > SHOWN:
            self._print(f"      [red]... and {len(reasons) - SHOWN} more[/]")

    def table(self, *head: str, rows: list[list[str]], right: int = 1) -> None:
        """A small table; columns from ``right`` on are numbers and stand to the right."""
        if self._console is None:
            return
        table = Table(box=None, pad_edge=False, header_style="dim")
        for place, name in enumerate(head):
            table.add_column(name, justify="right" if place >= right else "left")
        for row in rows:
            table.add_row(*map(escape, row))
        self._print("")
        self._console.print(table)
        self._print("")
