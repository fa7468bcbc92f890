"""What a patient with a code reads: the projects that held their record, in the words of the register."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.core.cache import cache

from lockgate.errors import Refused
from lockgate.portal.register.models import Entry
from lockgate.portal.sites import current_site
from lockgate.workspace import patients

_SALT = "lockgate.myrecord"
OPEN_FOR = 30 * 60  # seconds for which a page that was opened with a code can be used to object
_WRONG, _WRONG_IN_ALL, _HOUR = 10, 500, 3600  # codes that open nothing, of one address and of all, in an hour


def open_with(code: str, address: str) -> tuple[str, patients.Code] | None:
    """A signed token that stands for the code for half an hour, and the code; None when it opens nothing.

    Refused after ten wrong codes from one address in an hour, or five hundred from everywhere.
    """
    limits = ((f"myrecord.{address}", _WRONG), ("myrecord", _WRONG_IN_ALL))
    if any(int(cache.get(key, 0)) >= most for key, most in limits):
        raise Refused(
            "too many codes were tried",
            reasons=["too many attempts"],
            remedy="wait an hour, or ask the hospital's data protection office",
        )
    found = patients.find(current_site(), code)
    if found is None:
        for key, _ in limits:
            cache.add(key, 0, _HOUR)
            cache.incr(key)
        return None
    sealed, kept = found
    return signing.dumps(sealed, salt=_SALT), kept


def by_token(token: str) -> patients.Code | None:
    """The code that a token stands for, while both hold."""
    try:
        sealed = signing.loads(token, salt=_SALT, max_age=OPEN_FOR)
    except signing.BadSignature:
        return None
    return patients.by_seal(current_site(), str(sealed))


def shown(code: patients.Code) -> dict[str, Any]:
    """What the page says: each use with its entry in the register, and what the person said of it."""
    site = current_site()
    uses = patients.uses(site, code)
    entries = {entry.slug: entry for entry in Entry.objects.filter(slug__in={use.project for use in uses})}
    rows: dict[str, dict[str, Any]] = {}
    for use in uses:  # the newest first; a project with several scopes or releases is one use
        row = rows.setdefault(
            use.project,
            {
                "entry": entries.get(use.project),
                "project": use.project,
                "first_on": use.first_on,
                "gone_on": use.gone_on,
            },
        )
        row["first_on"] = min(row["first_on"], use.first_on)
        row["gone_on"] = None if None in (row["gone_on"], use.gone_on) else max(row["gone_on"], use.gone_on)
    return {"uses": list(rows.values()), "objection": patients.objection(site, code), "until": code.until}


def object_to(code: patients.Code, choice: str) -> None:
    """Take in what the person chose; the worker makes every project's data again without them."""
    patients.object_to(current_site(), code, choice)  # type: ignore[arg-type]  # checked there
