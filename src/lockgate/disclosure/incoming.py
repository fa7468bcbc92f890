"""The gate the other way: code and reference data that a project asks to bring in.

What comes in can carry programs, and identifiers that break the pseudonyms. So only text of known kinds and Parquet
come in; an archive is unpacked, under limits, before it is looked at; nothing is run.
"""

from __future__ import annotations

import re
from pathlib import Path

from lockgate.disclosure.contents import HEAD, kind_of, look
from lockgate.disclosure.files import printable
from lockgate.disclosure.findings import Finding, Verdict
from lockgate.disclosure.patterns import identifying

CODE = frozenset({".py", ".sql", ".r", ".ipynb", ".toml", ".yaml", ".yml"})
DATA = frozenset({".csv", ".tsv", ".txt", ".md", ".json", ".geojson", ".parquet"})
MOST_BYTES = 100_000_000
_EICAR = re.compile(rb"X5O!P%@AP\[4\\PZX54\(P\^\)7CC\)7\}\$EICAR")
_RUNS_AT_LOAD = re.compile(
    rb"(?:__import__\s*\(|\bexec\s*\(|\beval\s*\(|marshal\.loads|pickle\.loads?|ctypes\.|base64\.b(?:64|85|32)decode)"
)


def check_incoming(folder: Path) -> list[Verdict]:
    """A verdict for each file below a folder: fail for what may not come in, review for what people should look at."""
    return [
        _check(path, path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*"))
        if not path.is_dir()
    ]


def _check(path: Path, name: str) -> Verdict:
    shown = printable(name)
    suffix = path.suffix.lower()
    verdict = Verdict(shown, "code" if suffix in CODE else "reference data")
    found = verdict.findings
    if path.is_symlink() or not path.is_file():
        found.append(Finding("file type", shown, "isn't a plain file", "hand in files"))
        return verdict
    if any(not c.isprintable() for c in name):
        found.append(Finding("file name", shown, "has control characters in its name", "rename it"))
    size = path.stat().st_size
    if size > MOST_BYTES:
        found.append(Finding("size", shown, f"is larger than {MOST_BYTES:,} bytes", "ask the data engineers"))
        return verdict
    data = path.read_bytes()
    if not size:
        found.append(Finding("size", shown, "is empty", "leave it out"))
    if suffix not in CODE | DATA:
        found.append(Finding("file type", shown, f"files called {suffix or 'without an ending'} don't come in",
                             "hand in code, or tables as CSV or Parquet"))  # fmt: skip
    if _EICAR.search(data):
        found.append(Finding("program", shown, "is a test file of virus scanners", "leave it out"))
    rule, what = kind_of(data[:HEAD])
    if suffix == ".parquet":
        if what != "a Parquet file":
            found.append(
                Finding("format", shown, "isn't a Parquet file, whatever its name says", "write it anew")
            )
        return verdict
    if rule and not (
        rule == "program" and suffix in {".py", ".r"}
    ):  # a first line that names its interpreter
        found += look(shown, data) or [
            Finding(rule, shown, f"is {what}", "hand in text: code, or tables as CSV")
        ]
        return verdict
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        found.append(Finding("encoding", shown, "isn't UTF-8 text", "write it anew as UTF-8"))
        return verdict
    if "\0" in text or b"PK\x03\x04" in data or b"\x7fELF" in data or b"This program cannot be run" in data:
        found.append(Finding("program", shown, "holds binary content inside of text", "hand in plain text"))
    for kind in identifying(text):
        if kind.startswith("an NHS number"):
            found.append(Finding("identifier", shown, f"holds {kind}", "reference data name nobody"))
        elif suffix in DATA and kind in ("a postcode", "an e-mail address", "a telephone number"):
            found.append(
                Finding("identifier", shown, f"holds {kind}", "look whether it names people", "review")
            )
    if suffix in CODE and _RUNS_AT_LOAD.search(data):
        found.append(
            Finding("program", shown, "unpacks or runs text as code", "look at what it runs", "review")
        )
    longest = max((len(line) for line in text.splitlines()), default=0)
    if suffix in CODE and longest > 5_000:
        found.append(
            Finding(
                "program", shown, "has a line of more than 5,000 characters", "look what it hides", "review"
            )
        )
    return verdict
