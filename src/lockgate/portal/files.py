"""Output files as pages show them: tables as tables, charts as pictures drawn from their table, texts as texts."""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.http import Http404, HttpResponse

from lockgate.catalogue.pictures import Picture
from lockgate.disclosure.meanings import meaning
from lockgate.portal.plane import RECORD
from lockgate.workspace.report import MADE_UP, MOST_NAMES, names_in

MAX_ROWS = 200
MAX_TEXT = 20_000
MAX_CODE = 200_000
CODE_SUFFIXES = frozenset({".py", ".sql", ".md", ".txt", ".csv", ".json", ".yaml"})
CHART_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_COLUMN = re.compile(r"column ([A-Za-z][A-Za-z0-9_-]*)(?:,|$)")
ORDER = {"chart": 0, "table": 1, "text": 2, "about": 4}


def shown_files(
    folder: Path, files: Sequence[dict[str, Any]], verdicts: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Each file with its content in a form that a page can show, and its verdict; pictures first.

    ``files`` are the descriptions kept with a candidate or a result: name, kind, title, notes, bytes, sha256.
    """
    by_name = {item["file"]: item for item in verdicts}
    shown = []
    for item in files:
        verdict = by_name.get(item["name"]) or by_name.get(Path(item["name"]).stem)
        shown.append({**item, "verdict": verdict, **_content(folder / item["name"])})
    return sorted(shown, key=lambda item: ORDER.get(item["form"], 3))


def code_text(path: Path) -> str:
    """The code of a job to read: a file, or the text files of an archive one after another, each under its name."""
    if not path.is_file():
        return ""
    if path.suffix != ".zip":
        return path.read_bytes()[:MAX_CODE].decode("utf-8", errors="replace")
    parts, left = [], MAX_CODE
    try:
        with zipfile.ZipFile(path) as archive:
            for item in sorted(
                archive.infolist(), key=lambda item: (item.filename != "main.py", item.filename)
            ):
                if Path(item.filename).suffix in CODE_SUFFIXES and left > 0:
                    with archive.open(item) as stream:
                        content = stream.read(left)
                    left -= len(content)
                    parts.append(f"---- {item.filename}\n{content.decode('utf-8', errors='replace')}")
    except (zipfile.BadZipFile, OSError, RuntimeError):
        return "The archive can't be read."
    return "\n".join(parts)


def without_places(verdicts: Sequence[dict[str, Any]], code: str) -> list[dict[str, Any]]:
    """Verdicts as the people of a project read them: in fixed words what was found and what mends it.

    Names of files and columns are written by the code while it runs and may hold data: they are repeated only where
    the code handed in spells them out. Rows are never named, nor is it said how many cells a rule found.
    """
    known = names_in([code])
    told: list[dict[str, Any]] = []
    for verdict in verdicts:
        columns: dict[str, list[str]] = {}
        for item in verdict["findings"]:
            named = columns.setdefault(item["rule"], [])
            column = _COLUMN.search(item["where"])
            if column and known(column[1]) and column[1] not in named and len(named) < MOST_NAMES:
                named.append(column[1])
        name = verdict["file"]
        told.append(
            {
                **verdict,
                "file": name if known(name) or name == RECORD else MADE_UP,
                "findings": [
                    {
                        "rule": rule,
                        "message": meaning(rule)[0],
                        "repair": meaning(rule)[1],
                        "where": f"column {', '.join(named)}" if named else "",
                    }
                    for rule, named in columns.items()
                ],
            }
        )
    told.sort(key=lambda verdict: verdict["file"] == MADE_UP)
    made_up = [verdict for verdict in told if verdict["file"] == MADE_UP]
    return told[: min(len(told) - len(made_up), MOST_NAMES)] + made_up[:1]


def _content(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"form": "missing"}
    if path.suffix == ".svg":
        return {"form": "chart"}
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            rows = [row for _, row in zip(range(MAX_ROWS + 1), csv.reader(stream), strict=False)]
        return {
            "form": "table",
            "head": rows[0] if rows else [],
            "rows": rows[1:],
            "more": len(rows) > MAX_ROWS,
        }
    if path.suffix in {".txt", ".md", ".json"}:
        form = "about" if path.suffix == ".json" else "text"
        return {"form": form, "text": path.read_bytes()[:MAX_TEXT].decode("utf-8", errors="replace")}
    return {"form": "other"}


def chart_response(folder: Path, files: Sequence[dict[str, Any]], name: str) -> HttpResponse:
    """A chart among the files as SVG. 404 when there is none of that name."""
    file = f"{name}.svg"
    if file not in {item["name"] for item in files} or not (folder / file).is_file():
        raise Http404
    return _svg((folder / file).read_bytes())


def picture_response(pictures: Sequence[Picture], name: str) -> HttpResponse:
    """One of the charts as SVG, drawn once for the same numbers. 404 when there is none of that name."""
    for picture in pictures:
        if picture.name == name:
            drawn = hashlib.sha256(repr(picture).encode()).hexdigest()
            return _svg(cache.get_or_set(f"picture:{drawn}", picture.svg) or picture.svg())
    raise Http404


def _svg(content: str | bytes) -> HttpResponse:
    response = HttpResponse(content, content_type="image/svg+xml")
    response["Content-Security-Policy"] = CHART_POLICY
    return response
