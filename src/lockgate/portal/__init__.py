"""The control plane: a Django project over one site.

People, applications, decisions, reviews, the register and the pages for them. The data plane stays a plain
library; between the two stands the signed scope. Call ``setup(site)`` before anything else of this room.
"""

from __future__ import annotations

import os

from lockgate.errors import UsageError
from lockgate.site import Site


def setup(site: Site, *, migrate: bool = True) -> None:
    """Make this process the portal of ``site``: settings, apps, and a control database that is up to date.

    Raises UsageError when the process already serves another site: Django holds one set of settings.
    """
    os.environ["LOCKGATE_SITE"] = str(site.path)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lockgate.portal.settings")
    import django
    from django.conf import settings

    django.setup()
    if str(site.path) != settings.LOCKGATE_SITE:
        raise UsageError(
            "this process is the portal of another site",
            where=str(site.path),
            remedy="start a new process for each site",
        )
    from lockgate.portal.accounts.rules import Person
    from lockgate.portal.accounts.second_factor import required_of

    required_of(site, Person.nobody())  # a role in site.toml that there is not is told now, not on every page
    if migrate:
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        _private_database(site)


def _private_database(site: Site) -> None:
    """The control database holds people's names and session keys: readable by its owner only."""
    for suffix in ("", "-wal", "-shm"):
        path = site.control_db.with_name(site.control_db.name + suffix)
        if path.exists():
            path.chmod(0o600)


def demo_accounts(site: Site) -> list[dict[str, str]]:
    """Make (or renew) one account for each role of a demonstration site; their names, roles and passwords.

    Raises Refused on a site that is not marked ``demo = true``: known passwords are for invented people only.
    """
    setup(site)
    from lockgate.portal.accounts.services import make_demo_accounts

    return make_demo_accounts()


__all__ = ["demo_accounts", "setup"]
