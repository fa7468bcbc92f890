"""The demonstration: the whole path on an invented hospital, gate by gate, with what each gate refuses.

Nothing here is special to it: each act calls what the commands and the pages call.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from lockgate.demo.hospital import (
    Hospital,
    build_release,
    capture_all,
    look_for_people,
    make_hospital,
    make_site,
)
from lockgate.demo.project import (
    Project,
    apply_and_decide,
    ask_for_release,
    publish,
    run_study,
    try_expired_scope,
    try_on_twin,
)
from lockgate.demo.story import Story
from lockgate.errors import Refused
from lockgate.site import Site


def walk(folder: Path, *, patients: int, seed: int, story: Story) -> dict[str, Any]:
    """Walk the whole path in a fresh site at ``folder`` and return what happened, act by act.

    An earlier demonstration in that folder is replaced; any other folder that is not empty is refused.
    """
    _clear(folder)
    hospital: Hospital = make_hospital(story, folder / "hospital", patients, seed)
    site = make_site(story, folder)
    capture_all(story, site, hospital)
    release = build_release(story, site)
    project: Project = apply_and_decide(story, site, release)
    try_expired_scope(story, site, project)
    try_on_twin(story, site, project)
    run_study(story, site, project)
    ask_for_release(story, project)
    publish(story, site, project)
    look_for_people(story, site, hospital)
    return story.facts


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / "site.toml").is_file() or not Site.open(folder).config.site.demo:
        raise Refused(
            "the folder holds something that is no demonstration",
            where=str(folder),
            remedy="name a new folder: lockgate demo FOLDER",
        )
    shutil.rmtree(folder)


__all__ = ["Story", "walk"]
