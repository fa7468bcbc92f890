"""The notebook service: a process of its own that keeps the notebooks and answers for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Callable

from aiohttp import web

from lockgate.errors import UsageError
from lockgate.portal import setup
from lockgate.site import Site
from lockgate.workspace.notebooks import environment
from lockgate.workspace.notebooks.available import being_the_service, runtime_folder


def serve_notebooks(site: Site, *, say: Callable[[str], object] = print) -> None:
    """Serve a site's notebooks until stopped (SIGTERM, SIGINT), then end every one of them.

    UsageError where the site has none; Refused where another process serves them or JupyterLab is missing.
    """
    if not site.config.notebooks.enabled:
        raise UsageError(
            "this site has no notebooks",
            where="site.toml [notebooks] url",
            remedy="give it; docs/how-to/notebooks.md",
        )
    environment.require(environment.folder_of(site))
    with being_the_service(site):
        for left in runtime_folder(
            site
        ).iterdir():  # of a service that was killed: their sandboxes ended with it
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        setup(site)
        os.umask(0o077)
        from lockgate.portal.notebooks import services

        services.recover()
        asyncio.run(_serve(site, say))


async def _serve(site: Site, say: Callable[[str], object]) -> None:
    from lockgate.portal.notebooks.gateway.app import Gateway
    from lockgate.portal.notebooks.gateway.keeper import Keeper
    from lockgate.portal.notebooks.gateway.routes import MOST_BODY

    keeper = Keeper(site)
    application = web.Application(client_max_size=MOST_BODY + 1)
    application.router.add_route("*", "/{path:.*}", Gateway(site, keeper).handle)
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    port = site.config.notebooks.port
    try:
        await web.TCPSite(runner, "127.0.0.1", port, shutdown_timeout=2).start()
    except OSError as error:
        raise UsageError(
            f"can't listen there ({error.strerror})", where=f"127.0.0.1:{port}", remedy="[notebooks] port"
        ) from error
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    say(f"Notebooks of {site.config.site.name}: {site.config.notebooks.url} (127.0.0.1:{port})")
    keeping = asyncio.create_task(keeper.run())
    try:
        await stop.wait()
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        await keeper.close()
        await runner.cleanup()
