"""Errors that a user reads: what is wrong, where, and what to do next.

They never carry an identifiable value: name the file, the line, the field and the value's kind instead.
"""

from __future__ import annotations

from collections.abc import Sequence


class LockgateError(Exception):
    """Something a user can mend. ``where`` names the place, ``remedy`` the next step."""

    exit_code = 2

    def __init__(self, message: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text} ({self.remedy})" if self.remedy else text

    def as_dict(self) -> dict[str, object]:
        """The error as one JSON object, the form every ``--json`` command prints."""
        return {"error": self.message, "where": self.where, "remedy": self.remedy}


class UsageError(LockgateError):
    """The command, option or configuration can't be understood. Exit code 2."""


class Refused(LockgateError):
    """A gate said no. ``reasons`` lists every reason it found. Exit code 1."""

    exit_code = 1

    def __init__(
        self, message: str, *, reasons: Sequence[str] = (), where: str = "", remedy: str = ""
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.reasons = list(reasons)

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "refused": True, "reasons": self.reasons}
