"""Where the files of an exchange lie."""

from __future__ import annotations

from pathlib import Path

from lockgate.site import Site
from lockgate.workspace.scope import project_folder


def delivered(site: Site, project: str, partner: str) -> Path:
    """What the partner delivered, under the exchange's pseudonyms or match numbers."""
    return project_folder(site, project) / "partners" / partner


def private(site: Site, project: str, partner: str) -> Path:
    """Which record each token of our encodings stands for: in the identifiable zone."""
    return site.staged / "partners" / f"{project_folder(site, project).name}.{partner}"
