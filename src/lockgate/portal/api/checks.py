"""The API of failed quality checks: exact results, and rows that violate one."""

from __future__ import annotations

from typing import Any

from django.http import Http404

from lockgate.errors import UsageError
from lockgate.portal.api.access import Operations
from lockgate.portal.checks import services
from lockgate.portal.pages import SignedIn
from lockgate.portal.plane import plain

router = Operations(tags=["quality"])


@router.on("GET", "/checks/{release}", list[dict[str, Any]], scope="read", needs="quality.examples")
def failed_checks(request: SignedIn, release: str) -> Any:
    """The failed checks of a release in exact numbers, the gravest first."""
    try:
        return [plain(services.as_dict(one)) for one in services.failed(request.user, release)[1]]
    except UsageError as error:
        raise Http404 from error


@router.on("GET", "/checks/{release}/{check}", dict[str, Any], scope="read", needs="quality.examples")
def failed_rows(request: SignedIn, release: str, check: str) -> Any:
    """Rows of a release that violate a check, ten at most; that they were read is in the audit chain."""
    try:
        found = services.rows_of(request.user, release, check)
    except UsageError as error:
        raise Http404 from error
    return plain(
        {"release": found.release, "check": check, "rows": found.dicts(), "withheld": found.withheld}
    )
