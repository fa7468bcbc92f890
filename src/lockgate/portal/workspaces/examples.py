"""Code that ships with Lockgate, to start from: real analyses over the release's tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from lockgate.errors import UsageError

# key -> (file, title, what it shows)
_EXAMPLES = {
    "diagnosis-by-deprivation": (
        "diagnosis_by_deprivation.py",
        "Age at first diagnosis by deprivation",
        "Mean age at the first recorded condition in each tenth of deprivation, as a table and a chart.",
    ),
    "admissions-by-month": (
        "admissions_by_month.sql",
        "Admissions by month",
        "People with an inpatient stay in each month.",
    ),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its key, file name, title, what it shows, and its code."""

    key: str
    file: str
    title: str
    about: str
    code: str


@cache
def everything() -> tuple[Example, ...]:
    """All examples, in order."""
    folder = resources.files("lockgate.portal.workspaces").joinpath("code")
    return tuple(
        Example(key, file, title, about, folder.joinpath(file).read_text(encoding="utf-8"))
        for key, (file, title, about) in _EXAMPLES.items()
    )


def get(key: str) -> Example:
    """The example of that key; UsageError when there is none."""
    for example in everything():
        if example.key == key:
            return example
    raise UsageError(f"there is no example {key!r}", remedy="one of " + ", ".join(_EXAMPLES))
