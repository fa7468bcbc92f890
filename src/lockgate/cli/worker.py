"""``lockgate worker``: the work that outlasts a request."""

from __future__ import annotations

from typing import Annotated

import typer

from lockgate.cli.common import emit, open_site


def command(
    once: Annotated[bool, typer.Option("--once", help="Do what waits, then stop.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between looks at an empty queue.", min=0.1)] = 1.0,
) -> None:
    """Prepare workspaces, run jobs, carry audit entries to the chain and mark expired approvals."""
    from lockgate.portal.worker import work

    done = work(open_site(), once=once, interval=interval)
    emit({"done": done}, f"{done} pieces of work done")
