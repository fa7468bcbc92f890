"""What every operation of the API shares: who asks and by what, the form of errors, pages of lists, making once."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, TypeVar

import ninja
from allauth.core.internal import ratelimit
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema
from ninja.errors import AuthenticationError, HttpError
from ninja.parser import Parser
from ninja.security import HttpBearer, SessionAuth
from pydantic import ConfigDict

from lockgate.portal.accounts.models import User
from lockgate.portal.accounts.rules import check
from lockgate.portal.outbox.through import acting_through
from lockgate.portal.pages import SignedIn
from lockgate.portal.tokens import services as tokens
from lockgate.portal.tokens.rules import SCOPES

# Wrong tokens from one address: after so many, none of its tokens is looked at for a while.
WRONG_TOKENS = {"wrong": "20/5m/ip"}
Handler = TypeVar("Handler", bound=Callable[..., Any])


class Problem(Schema):
    """Why not (RFC 9457): ``where`` names the field or place, ``remedy`` the next step, ``reasons`` every reason."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    where: str = ""
    remedy: str = ""
    reasons: list[str] = []


PROBLEMS = frozenset({400, 401, 403, 404, 409, 413, 422, 429})


class In(Schema):
    """What comes in: nothing that isn't named."""

    model_config = ConfigDict(extra="forbid")


class Strict(Parser):
    """JSON as the standard has it: no NaN, and no characters that a database or a file can't hold."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body's values; HttpError 400 where it is none."""
        try:
            content = json.loads(request.body, parse_constant=_no_constant)
            text = json.dumps(content, ensure_ascii=False)
            text.encode()
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "the body is not JSON in UTF-8") from error
        if "\\u0000" in text:
            raise HttpError(400, "the body holds the character NUL")
        return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def by_token(request: HttpRequest) -> bool:
    """Whether the request brings a token; then its session, where it has one, counts for nothing."""
    return "Authorization" in request.headers


class Token(HttpBearer):
    """``Authorization: Bearer lockgate_...``, a token with the scope that the operation needs."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> User | None:
        """The owner of the token; None without one. 401 for a wrong token, 429 after too many."""
        return self.authenticate(request, request.headers["Authorization"]) if by_token(request) else None

    def authenticate(self, request: HttpRequest, token: str) -> User:
        """The owner of the token in the header's text."""
        scheme, _, text = token.partition(" ")
        limit: dict[str, Any] = {
            "app": "lockgate",
            "action": "wrong",
            "config": WRONG_TOKENS,
            "limit_get": True,
        }
        if ratelimit.consume(request, dry_run=True, **limit) is None:
            raise HttpError(429, "too many wrong tokens came from this address; wait five minutes")
        match = request.resolver_match
        try:
            if scheme.lower() != "bearer":
                raise tokens.NoSuchTokenError("the header has to be: Authorization: Bearer TOKEN")
            found = tokens.use(
                text,
                self.scope,
                f"{request.method} {match.route if match else request.path}",
                {key: str(value) for key, value in match.kwargs.items()} if match else {},
            )
        except tokens.NoSuchTokenError as error:
            ratelimit.consume(request, **limit)
            raise AuthenticationError(message=str(error)) from error
        request.user = found.owner
        request.token = found  # type: ignore[attr-defined]
        acting_through(found.key)
        return found.owner


class Session(SessionAuth):
    """The session of somebody signed in to the pages; what changes something needs the header X-CSRFToken too."""

    def __call__(self, request: HttpRequest) -> User | None:
        """The account; None without a session, or where a token is brought."""
        return None if by_token(request) or not request.user.is_authenticated else super().__call__(request)

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        """The account, or None."""
        return request.user if isinstance(request.user, User) and request.user.is_active else None


_SESSION = Session()
_TOKENS = {scope: Token(scope) for scope in SCOPES}


class Operations(Router):
    """A router whose operations each say which scope of a token and which permission they need."""

    def on(
        self,
        method: str,
        path: str,
        answer: Any,
        *,
        scope: str = "",
        needs: str = "",
        session_only: str = "",
        status: int = 200,
        **more: Any,
    ) -> Callable[[Handler], Handler]:
        """Add an operation. Its summary is the first line of its docstring.

        ``scope``: what a token must be for; empty for what anybody may read. ``needs``: the permission of the matrix
        without which nobody comes in; empty where it depends on the thing alone. ``session_only``: why no token
        opens it.
        """
        auth: Any = None if not scope and not session_only else [_SESSION]
        if scope:
            auth = [_TOKENS[scope], _SESSION]

        def add(handler: Handler) -> Handler:
            @wraps(handler)
            def answered(request: SignedIn, *args: Any, **kwargs: Any) -> Any:
                if needs:
                    check(request.user.person, needs)
                told = handler(request, *args, **kwargs)
                return ninja.Status(status, told) if status != 200 else told

            # Ninja reads annotations by the names of this module otherwise
            answered.__signature__ = inspect.signature(handler, eval_str=True)  # type: ignore[attr-defined]
            lines = (handler.__doc__ or "").strip().splitlines()
            self.add_api_operation(
                path,
                [method],
                answered,
                auth=auth,
                response={status: answer, PROBLEMS: Problem},
                operation_id=handler.__name__,
                summary=lines[0].rstrip("."),
                openapi_extra={"x-scope": scope, "x-needs": needs, "x-session-only": session_only},
                **more,
            )
            return handler

        return add


class Paging(Schema):
    """Which part of a list."""

    page: Annotated[int, Query(ge=1, le=100_000)] = 1
    size: Annotated[int, Query(ge=1, le=200)] = 50


def page_of(rows: Any, paging: Paging, show: Callable[[Any], Any] = lambda row: row) -> dict[str, Any]:
    """A page of rows as ``{"items", "count"}``; beyond the last one there is nothing."""
    pages = Paginator(rows, paging.size)
    items = pages.page(paging.page).object_list if paging.page <= pages.num_pages else []
    return {"items": [show(row) for row in items], "count": pages.count}


def or_404(row: Any) -> Any:
    """The row, or 404: which says nothing of whether it is there for somebody else."""
    if row is None:
        raise Http404
    return row


def once(request: SignedIn, make: Callable[[], str], content: bytes | None = None) -> str:
    """The reference of what is made; with the header Idempotency-Key, made once however often it is asked.

    ``content``: what was asked for, where it came as a form, whose body Django reads once.
    """
    match = request.resolver_match
    operation = f"{request.method} {request.path if match is None else match.route}"
    asked = request.path.encode() + b"\0" + (request.body if content is None else content)
    return tokens.once(
        request.user, request.headers.get("Idempotency-Key", ""), operation[-100:], asked, make
    )
