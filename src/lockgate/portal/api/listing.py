"""The operations of the API as rows: for its page, the reference and the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ninja import NinjaAPI


@dataclass(frozen=True, slots=True)
class Listed:
    """One operation: its id, group, method and address, what it does and what it needs."""

    name: str
    tag: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    needs: str
    session_only: str

    @property
    def public(self) -> bool:
        """Whether anybody may ask."""
        return not self.scope and not self.session_only


def operations(api: NinjaAPI) -> list[Listed]:
    """Every operation, in the order of the document."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix="/api/")
    return [
        Listed(
            name=told["operationId"],
            tag=told["tags"][0],
            method=method.upper(),
            path=path,
            summary=told["summary"],
            about=told.get("description", ""),
            scope=told.get("x-scope", ""),
            needs=told.get("x-needs", ""),
            session_only=told.get("x-session-only", ""),
        )
        for path, methods in schema["paths"].items()
        for method, told in methods.items()
    ]
