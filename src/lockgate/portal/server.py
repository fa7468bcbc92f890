"""Serve the pages with gunicorn, and start a worker beside it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from lockgate.errors import LockgateError, UsageError
from lockgate.portal import setup
from lockgate.portal.assets.build import build, is_built
from lockgate.site import Site
from lockgate.workspace.notebooks import environment

_PATIENCE = 15  # seconds that a worker that is told to stop has for the piece at hand
_LONG_ENOUGH = 60.0  # after so many seconds the end of a worker is no sign of what fails at once


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
    beside = _start_beside(site) if with_worker else []
    say(f"Portal of {site.config.site.name}: http://{host}:{port}/ (stop with Ctrl+C)")
    try:
        _gunicorn(host, port, workers)
    finally:
        for process in beside:
            process.terminate()
        for process in beside:
            process.wait(timeout=30)


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


def _start_beside(site: Site) -> list[subprocess.Popen[bytes]]:
    """What works beside the pages: the worker and, where the site has notebooks, their service."""
    words = [["worker"]]
    if site.config.notebooks.enabled:
        if why := environment.missing(environment.folder_of(site)):
            print(f"No notebooks yet: {why}. `lockgate notebook prepare` makes it.", file=sys.stderr)
        else:
            words.append(["notebook", "serve"])
    return [_keep_beside(site, *one) for one in words]


def _keep_beside(site: Site, *words: str) -> subprocess.Popen[bytes]:
    """A process that keeps another going: gunicorn forks this one, and a thread would not live on in its children."""
    program = "import sys; from lockgate.portal.server import keep_working; keep_working(*sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", program, str(site.path), *words], stdout=subprocess.DEVNULL
    )


def keep_working(path: str, *words: str) -> None:
    """Run a command of ``lockgate`` (without words: the worker) on a site, and again when it ends, until told to stop.

    Each time it waits a little longer.
    """
    words = words or ("worker",)
    command = [
        sys.executable,
        "-c",
        "from lockgate.cli import main; main()",
        "--site",
        path,
        *(words or ["worker"]),
    ]
    child: subprocess.Popen[bytes] | None = None
    told_to_stop = False

    def kill(*_: object) -> None:
        if child is not None:
            child.kill()

    def stop(*_: object) -> None:
        nonlocal told_to_stop
        told_to_stop = True
        if child is None or child.returncode is not None:
            sys.exit(0)
        child.terminate()  # the wait below ends with it
        signal.signal(signal.SIGALRM, kill)
        signal.alarm(_PATIENCE)  # what it was at is settled by the next worker

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    pause = 1.0
    while True:
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        code = child.wait()
        if told_to_stop:
            return
        pause = 1.0 if time.monotonic() - started > _LONG_ENOUGH else min(60.0, pause * 2)
        print(
            f"the {words[0] if words else 'worker'} ended with {code}; another one starts in {pause:.0f} s",
            file=sys.stderr,
        )
        time.sleep(pause)


def _warm() -> None:
    """Import what the pages need and read the templates that all share, once and before the processes that answer are
    forked: otherwise the first people in each of them wait for seconds."""
    from django.conf import settings
    from django.db import connections
    from django.test import RequestFactory
    from django.urls import get_resolver

    from lockgate.portal.wsgi import application

    assert get_resolver().url_patterns
    with suppress(ImportError):
        import_module("pandas")  # DuckDB imports it with the first value that it is given
    for path in ("/", "/register/", "/catalogue/", "/account/login/"):
        request = RequestFactory().get(path, secure=True, headers={"Host": settings.ALLOWED_HOSTS[0]})
        application.get_response(request)
    connections.close_all()  # a connection must not be shared with the processes


def _gunicorn(host: str, port: int, workers: int) -> None:
    from django.conf import settings
    from gunicorn.app.base import BaseApplication

    _warm()

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
                "graceful_timeout": 10,
                "accesslog": None,
                "loglevel": "warning",
                "logconfig_dict": settings.LOGGING,
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
