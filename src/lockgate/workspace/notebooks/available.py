"""Whether a site has notebooks, and whether the service that runs them is up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.errors import Refused
from lockgate.site import Site
from lockgate.site.files import hold_lock, make_dir
from lockgate.workspace.notebooks import environment


def runtime_folder(site: Site) -> Path:
    """Where running notebooks have their sockets. Hidden, so no backup holds it."""
    return make_dir(site.path / ".notebooks")


@contextmanager
def being_the_service(site: Site) -> Iterator[None]:
    """Be the one process that runs a site's notebooks; Refused when another is."""
    remedy = "stop the other one, or let it go on"
    with hold_lock(runtime_folder(site) / ".lock", "the site's notebooks are served already", remedy):
        yield


def unavailable(site: Site) -> str:
    """Why no notebook can be opened; empty when one can."""
    if not site.config.notebooks.enabled:
        return "This site has no notebooks: [notebooks] url in site.toml is not given."
    if why := environment.missing(environment.folder_of(site)):
        return f"{why}: `lockgate notebook prepare` makes it."
    try:
        with being_the_service(site):
            return "The notebook service is not running: `lockgate notebook serve` starts it."
    except Refused:
        return ""


def require(site: Site) -> None:
    """Refused, saying why, when no notebook can be opened."""
    if why := unavailable(site):
        raise Refused("notebooks can't be opened here", reasons=[why], remedy="docs/how-to/notebooks.md")
