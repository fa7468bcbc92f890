"""Who may look at identifiable records by hand: those whom site.toml names, else the site's own user."""

from __future__ import annotations

import os

from lockgate.errors import Refused
from lockgate.site import Site


def require_owner(site: Site) -> None:
    """Refused unless the process runs as the user who owns the landing zone (or as root)."""
    if os.geteuid() not in (0, site.landing.stat().st_uid):
        raise Refused(
            "raw records are identifiable: only the site's own user may see them", where=str(site.landing)
        )
