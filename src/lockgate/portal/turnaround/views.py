"""Pages of turnaround: every queue, one queue with its control chart, and what the public reads."""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from lockgate.portal.accounts.rules import check
from lockgate.portal.files import CHART_POLICY
from lockgate.portal.pages import SignedIn, signed_in
from lockgate.portal.turnaround import services
from lockgate.portal.turnaround.chart import draw
from lockgate.portal.turnaround.control import in_words

LATEST = 50


@require_GET
@signed_in
def index(request: SignedIn) -> HttpResponseBase:
    """Every queue: how many wait, how long the first has waited, and what is usual."""
    check(request.user.person, "turnaround.read")
    found, at = services.kept("queues", services.queues)
    rows = [{"queue": queue, "words": in_words(queue.chart)} for queue in found]
    return render(request, "turnaround/list.jinja", {"rows": rows, "at": at})


def _queue(request: SignedIn, key: str) -> services.Queue:
    check(request.user.person, "turnaround.read")
    for queue in services.kept("queues", services.queues)[0]:
        if queue.key == key:
            return queue
    raise Http404


@require_GET
@signed_in
def queue(request: SignedIn, key: str) -> HttpResponseBase:
    """One queue: its chart, and the last that ended."""
    found = _queue(request, key)
    chart = found.chart
    latest = list(zip(found.ended, chart.signals, strict=True))[-LATEST:]
    context = {"queue": found, "chart": chart, "words": in_words(chart), "latest": latest[::-1]}
    return render(request, "turnaround/queue.jinja", context)


@require_GET
@signed_in
def picture(request: SignedIn, key: str) -> HttpResponseBase:
    """The chart of one queue."""
    found = _queue(request, key)
    drawn = hashlib.sha256(repr((found.label, found.ended)).encode()).hexdigest()
    response = HttpResponse(
        cache.get_or_set(f"turnaround:{drawn}", lambda: draw(found)), content_type="image/svg+xml"
    )
    response["Content-Security-Policy"] = CHART_POLICY
    return response


@require_GET
def public(request: HttpRequest) -> HttpResponse:
    """How applications fare, for anybody."""
    return render(
        request, "turnaround/public.jinja", {"years": services.kept("outcomes", services.outcomes)[0]}
    )
