"""``lockgate upgrade``."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from lockgate.cli.common import actor, console, emit, open_site, state
from lockgate.cli.optout import applied


def command() -> None:
    """Bring a site that an earlier version captured to this one: its batches are staged anew from their raw items.

    Then what is in quarantine is tried again. Releases, workspaces and keys stay. A second run does nothing.
    """
    from lockgate.capture import list_held, retry_held, upgrade

    site = open_site()
    tell = None if state.json else lambda text: console.print(f"... {text}", markup=False)
    done = upgrade(site, actor=actor(), **({"tell": tell} if tell else {}))
    moved = [one for one in retry_held(site, actor=actor()) if one.recovered] if done else []
    if done:
        applied(site)  # what is told of people may be read otherwise now
    counts, _ = list_held(site, limit=0)
    report: dict[str, Any] = {
        "batches": [one.as_dict() for one in done],
        "recovered": sum(one.recovered for one in moved),
        "quarantined": sum(counts.values()),
    }

    def human() -> None:
        if not done:
            console.print("Nothing to do: every batch of this site is of this version's layout.")
            return
        shown = Table("batch", "source", "items", "rows before", "rows now", box=None, pad_edge=False)
        for one in done:
            shown.add_row(one.batch, one.source, f"{one.items:,}", f"{one.rows_before:,}", f"{one.rows:,}")
        console.print(shown)
        for one in done:
            for reason, count in one.kept.items():
                console.print(
                    f"Note  {one.source}: {count:,} items would be held back today ({reason}): they keep their rows",
                    markup=False,
                )
        console.print(
            f"{report['recovered']:,} items left quarantine; {report['quarantined']:,} stay."
            "\nNext: `lockgate release build` makes a release of what is known now."
        )

    emit(report, human)
