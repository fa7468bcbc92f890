"""The log of the portal's processes: what ran, how long and how it ended, without personal data.

A line names the route, never the address with its values; of an error its kind and the lines of code it passed
through, never its words, which may hold what somebody typed. Who did what is in the audit chain.
"""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from lockgate.portal.outbox.through import acting_through

Handler = Callable[[HttpRequest], HttpResponse]
access = logging.getLogger("lockgate.access")
_request: ContextVar[str] = ContextVar("lockgate_request", default="")
_OURS = ("lockgate.", "lockgate")
_FRAMES = 8
_PLACES = re.compile(r"%\(?\w*\)?[-#0-9.]*[a-z]", re.IGNORECASE)


def requests(get_response: Handler) -> Handler:
    """Middleware: each request has a number of its own (answered as ``X-Request-ID``) and one line in the log."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began, number = time.perf_counter(), uuid.uuid4().hex[:16]
        _request.set(number)
        acting_through("")
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            response: HttpResponse = HttpResponse("NUL is no character of an address.", status=400)
        else:
            response = get_response(request)
        response["X-Request-ID"] = number
        match = request.resolver_match
        access.info(
            "request",
            extra={
                "told": {
                    "method": request.method if request.method in _METHODS else "OTHER",
                    "route": (match.view_name or match.route) if match else "",
                    "status": response.status_code,
                    "ms": round(1000 * (time.perf_counter() - began), 1),
                    "by": "token" if hasattr(request, "token") else "session" if _signed_in(request) else "",
                }
            },
        )
        acting_through("")
        return response

    return middleware


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _signed_in(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return bool(user is not None and user.is_authenticated)


def _event(record: logging.LogRecord) -> str:
    """What a record says. Of libraries only the fixed words: what they put into them may be anybody's."""
    if record.name.startswith(_OURS):
        return record.getMessage()
    said = str(record.msg)
    return _PLACES.sub("…", said) if record.args else f"said by {record.name}"


def _error(record: logging.LogRecord) -> dict[str, Any]:
    """The kinds of an error and of its causes, and the last lines of code that it passed through."""
    if not record.exc_info or record.exc_info[1] is None:
        return {}
    error: BaseException | None = record.exc_info[1]
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:] if error else []
    kinds: list[str] = []
    while error is not None and len(kinds) < 5:
        kinds.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return {
        "error": kinds,
        "at": [
            f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
            for frame in frames
        ],
    }


class Plain(logging.Formatter):
    """A line for people to read."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        told = " ".join(f"{key}={value}" for key, value in _content(record).items() if value not in ("", []))
        return told.replace("\n", " ")


class Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        return json.dumps(_content(record), ensure_ascii=False, default=str)


def _content(record: logging.LogRecord) -> dict[str, Any]:
    return {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "event": _event(record),
        "request": _request.get(),
        **getattr(record, "told", {}),
        **_error(record),
    }


def configuration(form: str) -> dict[str, Any]:
    """Django's LOGGING for a site whose log is ``text`` or ``json``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": "lockgate.portal.logs.Plain"},
            "json": {"()": "lockgate.portal.logs.Json"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": form}},
        "loggers": {
            "django.request": {"level": "ERROR"},  # a form sent back with its errors is no news
            "lockgate.access": {"level": "INFO" if form == "json" else "WARNING"},
            # gunicorn's own handlers would write what it is told as it is told
            "gunicorn.error": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
