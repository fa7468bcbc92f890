"""The index of bitmaps of a site's release: made after it is built, used where questions of it are counted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.bitmaps import build_index
from lockgate.cohorts.omop import open_omop
from lockgate.curate.release import Release, bitmaps_folder
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site
from lockgate.site.files import make_dir, remove_leftovers


def index_release(site: Site, release: Release) -> dict[str, Any] | None:
    """Make the index of a release where it has none of this version; what ``build_index`` tells, or None."""
    folder = bitmaps_folder(site, release.number)
    if folder.is_dir():
        if opened_index(folder) is not None:
            return None
        shutil.rmtree(folder)
    remove_leftovers(make_dir(folder.parent))
    with Engine(memory_limit=site.config.engine.memory_limit or None) as engine:
        open_omop(engine, release.omop)
        return build_index(engine, folder)


def opened_index(folder: Path | None) -> BitmapIndex | None:
    """The index in a folder; None where there is none, or one of another version: SQL tells the same."""
    if folder is None or not folder.is_dir():
        return None
    try:
        return BitmapIndex(folder)
    except UsageError:
        return None
