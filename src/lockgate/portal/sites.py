"""The site that this process serves."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from lockgate.errors import UsageError
from lockgate.site import Site


@lru_cache(maxsize=8)
def _open(path: str) -> Site:
    return Site.open(path)


def current_site() -> Site:
    """The site of this portal; UsageError when the process was started without one."""
    if not settings.LOCKGATE_SITE:
        raise UsageError(
            "the portal was started without a site", remedy="start it with `lockgate --site DIR serve`"
        )
    return _open(settings.LOCKGATE_SITE)
