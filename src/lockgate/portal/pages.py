"""What views share: getting an object or answering 404, errors in the NHS manner, paging."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from lockgate.errors import LockgateError, UsageError
from lockgate.portal.accounts.models import User

PAGE_SIZE = 25


class SignedIn(HttpRequest):
    """A request whose user is an account of ours."""

    user: User


def signed_in(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Send visitors to sign in first."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not isinstance(request.user, User) or not request.user.is_active:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return wrapper


def summary(errors: Mapping[str, str], ids: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The items of an error summary: each links to its field."""
    ids = ids or {}
    return [{"text": message, "href": f"#{ids.get(key, key)}"} for key, message in errors.items()]


def as_errors(error: LockgateError, field: str = "") -> dict[str, str]:
    """A refusal as the errors of a form, at the field it names (or the given one)."""
    return {error.where or field: error.message[:1].upper() + error.message[1:]}


def posted_day(request: HttpRequest, name: str) -> date | None:
    """The day of a form's three fields, None where all are empty; UsageError where it is none."""
    parts = [request.POST.get(f"{name}[{part}]", "").strip() for part in ("year", "month", "day")]
    if not any(parts):
        return None
    try:
        year, month, day = map(int, parts)
        return date(year, month, day)
    except ValueError as error:
        raise UsageError("enter a day, such as 31 3 2027", where=name) from error


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    """The page of rows that ``?page=`` asks for."""
    return Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))


def pagination(request: HttpRequest, page: Page[Any]) -> dict[str, Any] | None:
    """The design system's pagination for a page of rows, or None for a single one."""
    if page.paginator.num_pages < 2:
        return None

    def link(number: int) -> str:
        query = request.GET.copy()
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    links: dict[str, Any] = {}
    if page.has_previous():
        links["previous"] = {
            "href": link(page.previous_page_number()),
            "labelText": f"Page {page.number - 1}",
        }
    if page.has_next():
        links["next"] = {"href": link(page.next_page_number()), "labelText": f"Page {page.number + 1}"}
    return links


def fragment(response: HttpResponse) -> HttpResponse:
    """A part of a page, never cached."""
    response["Cache-Control"] = "no-store"
    return response
