"""The public pages of the catalogue: what data the site holds, column by column, and how it grew over time."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from lockgate.catalogue import Catalogue, list_abouts, list_catalogues, trend
from lockgate.portal.accounts.models import User
from lockgate.portal.checks.rules import can_list
from lockgate.portal.files import chart_response, picture_response
from lockgate.portal.register import about
from lockgate.portal.sites import current_site

app_name = "catalogue"


def find(number: str) -> Catalogue:
    """The description of a release, or of the latest; 404 where there is none."""
    for item in list_catalogues(current_site()):
        if number in ("latest", item.release):
            return item
    raise Http404


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The newest release that is described, and the earlier ones."""
    published = list_catalogues(current_site())
    return render(
        request,
        "catalogue/index.jinja",
        {"latest": published[0] if published else None, "published": published},
    )


@require_GET
def release(request: HttpRequest, number: str) -> HttpResponse:
    """The data dictionary of a release and its coverage."""
    item = find(number)
    return render(
        request,
        "catalogue/release.jinja",
        {
            "item": item,
            "facts": item.facts,
            "dataset": item.entry,
            "about": any(each.release == item.release for each in list_abouts(current_site())),
        },
    )


@require_GET
def quality(request: HttpRequest, number: str) -> HttpResponse:
    """The quality checks of a release, by category and table, what failed, and the releases before it."""
    item = find(number)
    told = item.facts.get("quality")
    if not told:
        raise Http404
    earlier = [
        (each.release, each.facts["quality"])
        for each in list_catalogues(current_site())
        if each.facts.get("quality")
    ]
    context = {
        "item": item,
        "quality": told,
        "trend": earlier,
        "exact": isinstance(request.user, User) and can_list(request.user.person),
    }
    return render(request, "catalogue/quality.jinja", context)


def releases_until(number: str) -> tuple[Catalogue, list[Catalogue]]:
    """A release that is described with results of checks, and all such up to it; 404 where there is none."""
    item = find(number)
    if not item.facts.get("quality"):
        raise Http404
    every = list_catalogues(current_site())
    return item, every[[each.release for each in every].index(item.release) :]


@require_GET
def quality_trend(request: HttpRequest, number: str) -> HttpResponse:
    """How the checks went from release to release: charts, each with its table, and what began to fail."""
    item, until = releases_until(number)
    context = {"item": item, "pictures": trend.quality_trend(until), "changes": trend.began_and_ceased(until)}
    return render(request, "catalogue/quality_trend.jinja", context)


@require_GET
def trend_chart(request: HttpRequest, number: str, name: str) -> HttpResponse:
    """A chart of how the checks went."""
    return picture_response(trend.quality_trend(releases_until(number)[1]), name)


@require_GET
def table(request: HttpRequest, number: str, name: str) -> HttpResponse:
    """One table: its columns, and its coverage as a chart with its numbers."""
    item = find(number)
    for described in item.facts["tables"]:
        if described["name"] == name:
            coverage = next((c for c in item.facts["coverage"] if c["table"] == name), None)
            context = {"item": item, "table": described, "coverage": coverage and with_rows(item, coverage)}
            return render(request, "catalogue/table.jinja", context)
    raise Http404


def with_rows(item: Catalogue, coverage: dict[str, Any]) -> dict[str, Any]:
    """A coverage with its numbers: head and rows."""
    head, *rows = csv.reader(io.StringIO((item.path / f"{coverage['name']}.csv").read_text(encoding="utf-8")))
    return {**coverage, "head": head, "rows": rows}


@require_GET
def chart(request: HttpRequest, number: str, name: str) -> HttpResponseBase:
    """The chart of a table's coverage."""
    item = find(number)
    return chart_response(item.path, [{"name": f"{c['name']}.svg"} for c in item.facts["coverage"]], name)


@require_GET
def numbers(request: HttpRequest, number: str, name: str) -> HttpResponseBase:
    """The numbers of a table's coverage as CSV."""
    item = find(number)
    if name not in {c["name"] for c in item.facts["coverage"]}:
        raise Http404
    return FileResponse((item.path / f"{name}.csv").open("rb"), as_attachment=True, filename=f"{name}.csv")


@require_GET
def dataset(request: HttpRequest, number: str) -> HttpResponse:
    """The entry as HDR UK dataset metadata 4.0.0."""
    return JsonResponse(find(number).entry, json_dumps_params={"ensure_ascii": False, "indent": 1})


urlpatterns = [
    path("", index, name="list"),
    path("<str:number>/", release, name="release"),
    path("<str:number>/quality/", quality, name="quality"),
    path("<str:number>/quality/trend/", quality_trend, name="quality-trend"),
    path("<str:number>/quality/charts/<str:name>.svg", trend_chart, name="quality-chart"),
    path("<str:number>/about/", about.overview, name="about"),
    path("<str:number>/about/changes/<str:earlier>/", about.changes, name="about-changes"),
    path(
        "<str:number>/about/changes/<str:earlier>/charts/<str:name>.svg",
        about.changes_chart,
        name="about-changes-chart",
    ),
    path("<str:number>/about/charts/<str:name>.svg", about.chart, name="about-chart"),
    path("<str:number>/about/charts/<str:name>.csv", about.numbers, name="about-numbers"),
    path("<str:number>/about/<str:name>/", about.page, name="about-page"),
    path("<str:number>/dataset.json", dataset, name="dataset"),
    path("<str:number>/charts/<str:name>.svg", chart, name="chart"),
    path("<str:number>/charts/<str:name>.csv", numbers, name="numbers"),
    path("<str:number>/<str:name>/", table, name="table"),
]
