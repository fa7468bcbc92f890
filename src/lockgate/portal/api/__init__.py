"""The API: what the pages do, for programs, through the same services and rules.

OpenAPI at /api/openapi.json, to read at /api/docs/.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema, get_schema

from lockgate import __version__
from lockgate.errors import LockgateError, Refused
from lockgate.portal.api import (
    airlock,
    applications,
    casework,
    checks,
    datasets,
    explore,
    imports,
    incidents,
    library,
    notebooks,
    oversight,
    people,
    public,
    telling,
    workspaces,
)
from lockgate.portal.api.access import PROBLEMS, Strict
from lockgate.portal.tokens.services import TooManyError

PROBLEM_TYPE = "application/problem+json"
DESCRIPTION = """\
Everything that the pages do, under the same rules. The register and the catalogue are for anybody. For all else bring
a token (`Authorization: Bearer lockgate_...`), which you make on the page of your tokens, with the scopes that the
operations you use need (`x-scope`). A token never lets you do more than your roles permit (`x-needs`), and each use
of it is in the audit chain. Errors are problems as in RFC 9457, with `where` and `remedy`. What makes something takes
an `Idempotency-Key`: sent again within a day, the same is answered and nothing new is made."""
TITLES = {
    400: "Can't be understood",
    401: "Sign in first",
    403: "Refused",
    404: "Not found",
    409: "Conflict",
    422: "Can't be understood",
    429: "Too often",
}


class Portal(NinjaAPI):
    """Ninja's API; its description says what errors look like."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The OpenAPI document; written once in a process, for that takes a while."""
        return _document(path_prefix or "/api/")


@cache
def _document(path_prefix: str) -> OpenAPISchema:
    schema = get_schema(api, path_prefix)
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status in PROBLEMS:
                told = operation["responses"].get(status)
                if told and "application/json" in told.get("content", {}):
                    told["content"] = {PROBLEM_TYPE: told["content"]["application/json"]}
    return schema


api = Portal(
    title="Lockgate",
    version=__version__,
    description=DESCRIPTION,
    docs_url=None,
    urls_namespace="api",
    parser=Strict(),
)


def problem(status: int, detail: str, **more: Any) -> HttpResponse:
    """An error as it is answered."""
    said = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    told = {"where": "", "remedy": "", "reasons": [], **more}
    response: HttpResponse = api.create_response(HttpRequest(), {**said, **told}, status=status)
    response["Content-Type"] = PROBLEM_TYPE
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="lockgate"'
    return response


@api.exception_handler(LockgateError)
def _refused(request: HttpRequest, error: Exception) -> HttpResponse:
    assert isinstance(error, LockgateError)
    reasons = error.reasons if isinstance(error, Refused) else []
    told = {"where": error.where, "remedy": error.remedy, "reasons": reasons}
    if isinstance(error, TooManyError):
        response = problem(429, error.message, **told)
        response["Retry-After"] = str(error.wait)
        return response
    status = 403 if isinstance(error, Refused) else 400
    return problem(status, error.message[:1].upper() + error.message[1:], **told)


@api.exception_handler(Http404)
def _absent(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(404, "It isn't there, or isn't for you")


@api.exception_handler(PermissionDenied)
def _denied(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(403, "It can't be told from where this comes")


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: Exception) -> HttpResponse:
    assert isinstance(error, HttpError)
    said = str(error)
    if isinstance(error, AuthenticationError) and said == "Unauthorized":
        said = "Bring a token, or sign in"
    return problem(error.status_code, said)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: Exception) -> HttpResponse:
    assert isinstance(error, ValidationError)
    wrong = [
        (".".join(str(part) for part in one["loc"][1:] if part != "told"), str(one["msg"]))
        for one in error.errors
    ]
    where, said = wrong[0] if wrong else ("", "the request can't be understood")
    return problem(422, said, where=where, reasons=[f"{place}: {text}" for place, text in wrong])


for _prefix, _module in (
    ("", public),
    ("", people),
    ("", applications),
    ("", casework),
    ("", telling),
    ("", workspaces),
    ("", airlock),
    ("", imports),
    ("", datasets),
    ("", checks),
    ("", notebooks),
    ("", incidents),
    ("", oversight),
    ("/explore", explore),
    ("/explore", library),
):
    api.add_router(_prefix, _module.router)
