"""Words that some vocabulary has as a concept's name and that say nothing of a patient when a note uses them."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def common_words() -> frozenset[str]:
    """The words of common.txt."""
    return frozenset(resources.files(__package__).joinpath("common.txt").read_text(encoding="utf-8").split())
