"""Folders of others' definitions and code lists as entries for the library, with where they come from.

Known: OHDSI's Phenotype Library (``71.json``, with its ``Cohorts.csv``) and the HDR UK (CALIBER) code lists (CSV, with
the metadata pages of their phenotypes).
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lockgate.cohorts.library import New
from lockgate.errors import UsageError

_INDEX = "cohorts.csv"  # OHDSI's list of its definitions


def read_folder(folder: Path, prefix: str = "") -> tuple[list[New], list[str]]:
    """Everything of a folder that could be an entry, by name; and what can't be told about it, in words.

    Definitions are ``*.json``, ``*.yaml`` and ``*.yml``, code lists ``*.csv``, in the folder and those below it. A name
    is the file's, after ``prefix``. Raises UsageError where the folder has none, or two files of one name.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), remedy="name a folder")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in (".json", ".yaml", ".yml", ".csv")
        and path.name.lower() != _INDEX
        and not path.name.startswith(".")
    )
    if not files:
        raise UsageError(
            "there is neither a definition (*.json, *.yaml) nor a code list (*.csv) in it",
            where=str(folder),
            remedy="name another folder",
        )
    titles, notes = _ohdsi_names(folder)
    pages, unread = _pages(folder)
    notes += unread
    licences = {path.parent: _first_line(path) for path in folder.rglob("LICENSE*")}
    found: dict[str, New] = {}
    for path in files:
        name = entry_name(f"{prefix}-{path.stem}" if prefix else path.stem)
        where = path.relative_to(folder).as_posix()
        if name in found:
            raise UsageError(
                f"it would be called {name}, as {found[name].file}", where=where, remedy="rename one of them"
            )
        raw = path.read_bytes()
        provenance = {"file": where, "sha256": hashlib.sha256(raw).hexdigest()}
        licence = next((licences[at] for at in path.parents if at in licences), "")
        if licence:
            provenance["licence"] = licence
        page = pages.get(path.name, {})
        provenance |= {key: page[key] for key in ("phenotype_id", "author", "date", "version") if key in page}
        number = int(path.stem) if path.stem.isdigit() else None
        title = titles.get(number, ("", ""))[0] if number is not None else ""
        if number in titles and titles[number][1]:
            provenance["upstream_status"] = titles[number][1]
        found[name] = New(name, where, raw, title or page.get("title", ""), provenance)
    return list(found.values()), notes


def entry_name(text: str) -> str:
    """A file's name as a name of the library: small letters, digits and hyphens; what is cut off is told by a hash."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"
    if len(plain) <= 80:
        return plain
    return f"{plain[:71].rstrip('-')}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def _ohdsi_names(folder: Path) -> tuple[dict[int, tuple[str, str]], list[str]]:
    """Titles and statuses by number, where the list says which number is whose."""
    path = next((path for path in folder.iterdir() if path.name.lower() == _INDEX), None)
    if path is None:
        return {}, []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    titles = {
        int(row["cohortId"]): (row.get("cohortName") or "", row.get("status") or "")
        for row in rows
        if (row.get("cohortId") or "").isdigit()
    }
    if rows and not titles:
        return {}, [
            f"{path.name} doesn't say which definition each of its names is of: definitions have the name of their "
            "first concept set"
        ]
    return titles, []


def _pages(folder: Path) -> tuple[dict[str, dict[str, str]], list[str]]:
    """What the metadata pages say, by the name of the code list; they lie in the folder, or beside it."""
    pages: dict[str, dict[str, str]] = {}
    unread = 0
    beside = [path for path in folder.parent.iterdir() if path.is_dir() and path.name.endswith("_metadata")]
    for path in sorted({page for at in (folder, *beside) for page in at.rglob("*.md")}):
        parts = path.read_text("utf-8", errors="replace").split("---", 2)
        try:
            told = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
        except yaml.YAMLError:
            told = None
            unread += 1
        if isinstance(told, Mapping) and isinstance(told.get("codelists"), list):
            said = {
                key: _said(told[key])
                for key in ("phenotype_id", "author", "date", "version")
                if told.get(key)
            }
            said["title"] = _said(told.get("title") or told.get("name") or "")
            pages |= {str(name): said for name in told["codelists"]}
    return pages, [f"{unread} pages of metadata can't be read"] if unread else []


def _said(value: Any) -> str:
    return "; ".join(str(item) for item in value) if isinstance(value, list) else str(value).strip()


def _first_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text("utf-8", errors="replace").splitlines()]
    return next((line for line in lines if line), "")[:200]
