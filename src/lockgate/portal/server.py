"""Serve the pages with gunicorn, and start a worker beside it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from lockgate.errors import LockgateError, UsageError
from lockgate.portal import setup
from lockgate.portal.assets.build import build, is_built
from lockgate.site import Site


def serve(
    site: Site,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 2,
    with_worker: bool = True,
    say: Callable[[str], object] = print,
) -> None:
    """Serve until stopped. Missing assets are built first; if that can't be done the pages work unstyled."""
    _free(host, port)
    if not is_built():
        try:
            build(say)
        except LockgateError as error:
            say(f"The pages will work but look plain: {error}")
    setup(site)
    worker = _start_worker(site) if with_worker else None
    say(f"Portal of {site.config.site.name}: http://{host}:{port}/ (stop with Ctrl+C)")
    try:
        _gunicorn(host, port, workers)
    finally:
        if worker is not None:
            worker.terminate()
            worker.wait(timeout=30)


def _free(host: str, port: int) -> None:
    """UsageError when something else listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"can't listen there ({error.strerror})", where=f"{host}:{port}", remedy="name another --port"
            ) from error


def _start_worker(site: Site) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from lockgate.cli import main; main()", "--site", str(site.path), "worker"],
        stdout=subprocess.DEVNULL,
    )


def _gunicorn(host: str, port: int, workers: int) -> None:
    from django.db import connections
    from gunicorn.app.base import BaseApplication

    connections.close_all()  # a connection must not be shared with the processes that gunicorn forks

    class Portal(BaseApplication):  # type: ignore[misc]
        """Gunicorn with our settings; it reads none of its own files."""

        def load_config(self) -> None:
            """Threads, so that a slow page doesn't hold up the others."""
            options: dict[str, Any] = {
                "bind": f"{host}:{port}",
                "workers": workers,
                "threads": 4,
                "worker_class": "gthread",
                "timeout": 120,
                "accesslog": None,
                "loglevel": "warning",
                "proc_name": "lockgate-portal",
                "forwarded_allow_ips": "127.0.0.1",
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            """The WSGI application."""
            from lockgate.portal.wsgi import application

            return application

    Portal().run()
