"""What failed in a release, and rows that show why. That rows were shown is in the audit chain."""

from __future__ import annotations

from typing import Any

from lockgate.catalogue.examples import Examples, find_examples
from lockgate.curate import open_release
from lockgate.curate.passed_quality import release_quality
from lockgate.errors import UsageError
from lockgate.portal.accounts.models import User
from lockgate.portal.checks import rules
from lockgate.portal.datasets.rules import HOSPITAL
from lockgate.portal.datasets.services import data_sets
from lockgate.portal.outbox.writing import writing
from lockgate.portal.sites import current_site
from lockgate.quality.model import Check, Result

MOST = 10  # rows on a page
_SEVERITY = {"fatal": 0, "convention": 1, "characterization": 2}


def failed(user: User, number: str) -> tuple[str, list[Result]]:
    """The release's number, and what failed or is in error of the tables that the person keeps, the gravest first.

    UsageError where there is no such release, or it was built without checks.
    """
    rules.check_list(user.person)
    release = open_release(current_site(), number)
    results = release_quality(release)
    if results is None:
        raise UsageError("this release has no results of checks", where=number)
    of_table = _data_sets()
    found = [
        result
        for result in results
        if result.status in ("failed", "error")
        and rules.can_see_rows(user.person, of_table.get(result.check.table.lower(), HOSPITAL))
    ]
    found.sort(key=lambda one: (_SEVERITY.get(one.check.severity, 3), one.check.table, -(one.share or 0)))
    return release.number, found


def one_of(user: User, number: str, check: str) -> tuple[str, Result]:
    """The release's number and one of ``failed``; UsageError where it isn't among them."""
    release, results = failed(user, number)
    for result in results:
        if name_of(result.check) == check:
            return release, result
    raise UsageError("that is no failed check of this release", where=check)


def rows_of(user: User, number: str, check: str) -> Examples:
    """Rows of a release that violate a check, at most ``MOST``; noted before they are handed out.

    UsageError where the check isn't among ``failed``, or isn't about rows.
    """
    release, _ = one_of(user, number, check)
    found = find_examples(current_site(), release, check, most=MOST)
    with writing("quality.examples", actor=user.username, release=release, check=check, rows=len(found.rows)):
        return found


def name_of(check: Check) -> str:
    """What a check is asked by: the Dashboard's id, or the name of one of the site's own."""
    return check.name if check.level == "SITE" else check.id


def as_dict(result: Result) -> dict[str, Any]:
    """A failed check as the page and the API tell it."""
    return {**result.as_dict(), "check": name_of(result.check)}


def _data_sets() -> dict[str, str]:
    return {table: one.name for one in data_sets() for table in one.tables}
