"""``lockgate serve``: the portal's pages, and a worker beside them."""

from __future__ import annotations

from typing import Annotated

import typer

from lockgate.cli.common import console, open_site


def command(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="Processes that answer requests.", min=1, max=64)] = 2,
    worker: Annotated[bool, typer.Option(help="Also run queued work (jobs, workspaces).")] = True,
) -> None:
    """Serve the portal of a site until stopped. Brings the database up to date and builds missing assets first."""
    from lockgate.portal.server import serve

    serve(open_site(), host=host, port=port, workers=workers, with_worker=worker, say=console.print)
