"""What is raised for an answer that can't stand."""

from __future__ import annotations


class InvalidAnswerError(ValueError):
    """An answer that can't stand; the message tells the person what to do."""
