"""More questions about a cohort: who they are, whom another shares, when events happen. All through the ledger."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.explore import building, services
from lockgate.portal.explore.models import Cohort
from lockgate.portal.explore.shown import STATUS
from lockgate.portal.explore.typed import whole
from lockgate.portal.explore.views import get_cohort, visible
from lockgate.portal.pages import SignedIn, as_errors, signed_in, summary

DIMENSIONS = {"sex": "Sex", "age": "Age", "ethnicity": "Ethnicity", "deprivation": "Deprivation"}
MOST_MONTHS = 24


@require_http_methods(["GET", "POST"])
@signed_in
def more(request: SignedIn, key: uuid.UUID) -> HttpResponseBase:
    """Three forms; the answer stands below the one that asked."""
    cohort = get_cohort(request, key)
    errors: dict[str, str] = {}
    cells: list[dict[str, Any]] = []
    if request.method == "POST":
        try:
            cells = _asked(request, cohort)
        except LockgateError as error:
            errors = as_errors(error, "groups")
            errors = {place if place in ("groups", "beside", "months") else "groups": text
                      for place, text in errors.items()}  # fmt: skip
    others = [
        one for one in visible(request)[:100] if one.key != cohort.key and building.is_ready(one.expression)
    ]
    context = {
        "cohort": cohort,
        "ready": building.is_ready(cohort.expression),
        "dimensions": DIMENSIONS,
        "others": [(str(one.key), one.title) for one in others],
        "cells": [{**cell, "note": STATUS[cell["status"]]} for cell in cells],
        "reasons": list(dict.fromkeys(cell["reason"] for cell in cells if cell["reason"])),
        "what": request.POST.get("what", ""),
        "most": MOST_MONTHS,
        "posted": request.POST,
        "errors": errors,
        "summary": summary(errors),
    }
    return render(request, "explore/more.jinja", context, status=400 if errors else 200)


def _asked(request: SignedIn, cohort: Cohort) -> list[dict[str, Any]]:
    what = request.POST.get("what", "")
    if what == "groups":
        if request.POST.get("groups", "") not in DIMENSIONS:
            raise UsageError("Choose by what", where="groups")
        return services.ask_more(request.user, cohort, groups=request.POST["groups"])
    if what == "beside":
        chosen = [one for one in visible(request) if str(one.key) == request.POST.get("beside")]
        if not chosen:
            raise UsageError("Choose another cohort", where="beside")
        return services.ask_more(request.user, cohort, beside=chosen[0])
    months = whole(request.POST.get("months", ""), "months", least=1, most=MOST_MONTHS)
    if months is None:
        raise UsageError("Say how many months", where="months")
    return services.ask_more(request.user, cohort, months=months)
