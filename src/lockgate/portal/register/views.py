"""The public pages of the register, and its feeds. Nobody needs an account."""

from __future__ import annotations

import csv
import io

from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from lockgate.portal.applications.bank import KINDS
from lockgate.portal.files import chart_response, shown_files
from lockgate.portal.pages import page_of, pagination
from lockgate.portal.register.fields import DUR_FIELDS, dur_row, legal, plain_cell
from lockgate.portal.register.models import STATES, Entry, Refusal, Result
from lockgate.portal.sites import current_site


def found(request: HttpRequest) -> QuerySet[Entry]:
    """The entries that ``?q=``, ``?kind=`` and ``?state=`` ask for."""
    rows = Entry.objects.all()
    for word in request.GET.get("q", "").lower().split()[:10]:
        rows = rows.filter(search__contains=word)
    if request.GET.get("kind") in KINDS:
        rows = rows.filter(kind=request.GET["kind"])
    if request.GET.get("state") in STATES:
        rows = rows.filter(state=request.GET["state"])
    return rows


def refusals(request: HttpRequest) -> QuerySet[Refusal]:
    """The refused uses that ``?q=`` and ``?kind=`` ask for."""
    rows = Refusal.objects.all()
    for word in request.GET.get("q", "").lower().split()[:10]:
        rows = rows.filter(title__icontains=word)
    if request.GET.get("kind") in KINDS:
        rows = rows.filter(kind=request.GET["kind"])
    return rows


@require_GET
def refused(request: HttpRequest) -> HttpResponse:
    """The uses that were asked for and refused, in summary."""
    page = page_of(request, refusals(request))
    context = {"page": page, "pagination": pagination(request, page), "kinds": KINDS}
    return render(request, "register/refused.jinja", context)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All approved uses, to search."""
    page = page_of(request, found(request).prefetch_related("results"))
    context = {
        "page": page,
        "pagination": pagination(request, page),
        "query": request.GET.get("q", ""),
        "kind": request.GET.get("kind", ""),
        "kinds": KINDS,
        "states": STATES,
        "state": request.GET.get("state", ""),
        "refused": Refusal.objects.count(),
    }
    return render(request, "register/list.jinja", context)


@require_GET
def entry(request: HttpRequest, slug: str) -> HttpResponse:
    """One approved use, and what came of it."""
    row = get_object_or_404(Entry, slug=slug)
    context = {
        "entry": row,
        "data": row.data,
        "results": row.results.select_related("request"),
        "states": STATES,
        "legal": legal,
    }
    return render(request, "register/entry.jinja", context)


BESIDE = frozenset({"ro-crate-metadata.json", "recalled.json"})


def _result(slug: str, reference: str) -> Result:
    return get_object_or_404(
        Result.objects.select_related("entry", "request"), slug=reference, entry__slug=slug
    )


@require_GET
def result(request: HttpRequest, slug: str, reference: str) -> HttpResponse:
    """A released result: each table, and each chart drawn from its table."""
    row = _result(slug, reference)
    files = [] if row.request.recalled_at else shown_files(row.folder, row.files)
    context = {"result": row, "entry": row.entry, "files": files}
    return render(request, "register/result.jinja", context)


@require_GET
def chart(request: HttpRequest, slug: str, reference: str, name: str) -> HttpResponseBase:
    """A released chart."""
    row = _result(slug, reference)
    return chart_response(row.folder, row.files, name)


@require_GET
def download(request: HttpRequest, slug: str, reference: str, name: str) -> HttpResponseBase:
    """A released file, byte for byte."""
    row = _result(slug, reference)
    if name not in {item["name"] for item in row.files} | BESIDE:
        raise Http404
    path = row.folder / name
    if not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=name)


@require_GET
def feed_json(request: HttpRequest) -> HttpResponse:
    """Every entry as JSON: ours, and the fields of the data use register standard."""
    entries = [
        {**row.data, "state": row.state, "data_use_register": dur_row(row.data)} for row in found(request)
    ]
    return JsonResponse(
        {
            "schema": "lockgate.register/1",
            "site": current_site().config.site.name,
            "entries": entries,
            "refused": [row.as_dict() for row in refusals(request)],
        },
        json_dumps_params={"ensure_ascii": False, "indent": 2},
    )


@require_GET
def feed_csv(request: HttpRequest) -> HttpResponse:
    """Every entry as CSV with the 32 fields of the data use register standard."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [name for _, name, _ in DUR_FIELDS])
    writer.writeheader()
    writer.writerows(
        {key: plain_cell(value) for key, value in dur_row(row.data).items()} for row in found(request)
    )
    response = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="data-use-register.csv"'
    return response
