"""By which token somebody acts in this request: each entry that is written meanwhile names it."""

from __future__ import annotations

from contextvars import ContextVar

_token: ContextVar[str] = ContextVar("lockgate_token", default="")


def acting_through(token: str) -> None:
    """From now on in this request each entry names the token that was used; empty at the request's end."""
    _token.set(token)


def token_in_use() -> str:
    """The key of the token that the request came with, or nothing."""
    return _token.get()
