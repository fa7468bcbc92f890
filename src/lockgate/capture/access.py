"""Who may look at identifiable records by hand: those whom site.toml names, else the site's own user."""

from __future__ import annotations

import os
import pwd

from lockgate.errors import Refused
from lockgate.site import Site


def require_owner(site: Site) -> None:
    """Refused unless the process runs as the user who owns the landing zone (or as root)."""
    if os.geteuid() not in (0, site.landing.stat().st_uid):
        raise Refused(
            "raw records are identifiable: only the site's own user may see them", where=str(site.landing)
        )


def require_tracer(site: Site) -> None:
    """Refused unless ``[access] trace`` names the user the process runs as; where it names nobody, ``require_owner``.

    The folders' modes hold as well: somebody else than the owner needs to be let into the zones by the system.
    """
    allowed = site.config.access.trace
    if not allowed:
        require_owner(site)
        return
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    if name not in allowed:
        raise Refused(
            "tracing leads back to identifiable records: this user is not among those who may",
            where=str(site.path / "site.toml"),
            remedy="the site's owner adds the user to `trace` under [access]",
        )
