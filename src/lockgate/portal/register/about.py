"""The public pages "About the data": what is in a release, and what changed since an earlier one."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from lockgate.catalogue import About, list_abouts
from lockgate.catalogue.changes import Change, changed, pictures, told_once
from lockgate.curate.notesreview import published
from lockgate.portal.files import chart_response, picture_response
from lockgate.portal.sites import current_site

MOST = 100  # changes on a page


def find(number: str) -> About:
    """What there is about a release, or the latest; 404 where there is nothing."""
    for item in list_abouts(current_site()):
        if number in ("latest", item.release):
            return item
    raise Http404


def _names(item: About) -> set[str]:
    return {table["name"] for page in item.facts["pages"] for table in page["tables"]}


@require_GET
def overview(request: HttpRequest, number: str) -> HttpResponse:
    """What there is to read about a release."""
    item = find(number)
    earlier = [each for each in list_abouts(current_site()) if each.release != item.release]
    reading = published(current_site(), item.release)
    return render(
        request,
        "catalogue/about.jinja",
        {"item": item, "facts": item.facts, "earlier": earlier, "reading": reading},
    )


@require_GET
def page(request: HttpRequest, number: str, name: str) -> HttpResponse:
    """One page: its charts, each with its table."""
    item = find(number)
    for told in item.facts["pages"]:
        if told["name"] == name:
            tables = [with_rows(item, table) for table in told["tables"]]
            context = {"item": item, "page": told, "tables": tables, "rules": item.facts["rules"]}
            return render(request, "catalogue/about_page.jinja", context)
    raise Http404


def with_rows(item: About, table: dict[str, Any]) -> dict[str, Any]:
    """A table with its numbers: head and rows."""
    text = (item.path / f"{table['name']}.csv").read_text(encoding="utf-8")
    head, *rows = csv.reader(io.StringIO(text))
    return {**table, "head": head, "rows": rows}


@require_GET
def chart(request: HttpRequest, number: str, name: str) -> HttpResponseBase:
    """A chart."""
    item = find(number)
    return chart_response(item.path, [{"name": f"{each}.svg"} for each in _names(item)], name)


@require_GET
def numbers(request: HttpRequest, number: str, name: str) -> HttpResponseBase:
    """The numbers of a chart as CSV."""
    item = find(number)
    if name not in _names(item):
        raise Http404
    return FileResponse((item.path / f"{name}.csv").open("rb"), as_attachment=True, filename=f"{name}.csv")


@require_GET
def changes(request: HttpRequest, number: str, earlier: str) -> HttpResponse:
    """What rose, fell, appeared and vanished since an earlier release, the largest first."""
    after, before = find(number), find(earlier)
    found: list[Change] = changed(before, after)
    return render(
        request,
        "catalogue/about_changes.jinja",
        {
            "item": after,
            "before": before,
            "pictures": pictures(found, before.release, after.release),
            "changes": found[:MOST],
            "more": max(0, len(found) - MOST),
            "once": told_once(before, after),
        },
    )


@require_GET
def changes_chart(request: HttpRequest, number: str, earlier: str, name: str) -> HttpResponse:
    """The chart of a table's largest changes."""
    after, before = find(number), find(earlier)
    return picture_response(pictures(changed(before, after), before.release, after.release), name)
