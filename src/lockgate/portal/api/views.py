"""The page that shows the API to people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from lockgate.portal.api import DESCRIPTION, api
from lockgate.portal.api.listing import operations
from lockgate.portal.tokens.rules import SCOPES


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Every operation by group: what it does, its address, what a token needs."""
    groups: dict[str, list[object]] = {}
    for one in operations(api):
        groups.setdefault(one.tag, []).append(one)
    context = {"groups": groups, "scopes": SCOPES, "description": DESCRIPTION.replace("`", "")}
    return render(request, "api.jinja", context)
