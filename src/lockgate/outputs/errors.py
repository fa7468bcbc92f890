"""The one error of the library, raised at the call that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class OutputError(ValueError):
    """What was asked of ``lockgate.outputs`` can't be written; the message says what to change."""


def unknown(what: str, name: object, known: Iterable[str]) -> OutputError:
    """The error for a name that isn't there, with the nearest name that is."""
    names = list(known)
    near = get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names) or 'none'}"
    return OutputError(f"no {what} {name!r}{hint}")
