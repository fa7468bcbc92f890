"""Code that ships with Lockgate, to start from: real analyses over the release's tables."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from lockgate.errors import UsageError

# key -> (file or folder, title, what it shows)
_EXAMPLES = {
    "age-at-first-diagnosis": (
        "age_at_first_diagnosis",
        "Age at first diagnosis by deprivation",
        "Mean age at the first long-term condition in each tenth of deprivation, as a table and a chart; and who the "
        "people are, by ethnic group and sex.",
    ),
    "admissions-by-year": (
        "admissions_by_year.sql",
        "Admissions by year",
        "People with an inpatient stay in each year.",
    ),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One example: its key, file name, title, what it shows, its code (a folder as a zip), its main file."""

    key: str
    file: str
    title: str
    about: str
    code: bytes
    main: str


@cache
def everything() -> tuple[Example, ...]:
    """All examples, in order."""
    folder = resources.files("lockgate.portal.workspaces").joinpath("code")
    return tuple(
        _read(key, folder.joinpath(name), title, about) for key, (name, title, about) in _EXAMPLES.items()
    )


def _read(key: str, source: Traversable, title: str, about: str) -> Example:
    if source.is_file():
        return Example(
            key, source.name, title, about, source.read_bytes(), source.read_text(encoding="utf-8")
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.iterdir(), key=lambda entry: entry.name):
            if file.is_file():
                archive.writestr(zipfile.ZipInfo(file.name), file.read_bytes())
    main = source.joinpath("main.py").read_text(encoding="utf-8")
    return Example(key, f"{source.name}.zip", title, about, packed.getvalue(), main)


def get(key: str) -> Example:
    """The example of that key; UsageError when there is none."""
    for example in everything():
        if example.key == key:
            return example
    raise UsageError(f"there is no example {key!r}", remedy="one of " + ", ".join(_EXAMPLES))
