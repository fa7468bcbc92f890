"""``lockgate docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.common import emit
from lockgate.errors import UsageError

app = typer.Typer()
Folder = Annotated[Path, typer.Option(help="The folder of reference pages.")]
REFERENCE = Path("docs/reference")


def _pages() -> dict[str, str]:
    from lockgate.cli.reference import PAGES

    return {name: page() for name, page in PAGES.items()}


def _need(folder: Path) -> None:
    if not folder.parent.is_dir():
        raise UsageError(
            "there is no such folder", where=str(folder.parent), remedy="run it in Lockgate's source tree"
        )


@app.command()
def write(folder: Folder = REFERENCE) -> None:
    """Write the reference pages from the code."""
    _need(folder)
    folder.mkdir(exist_ok=True)
    pages = _pages()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
    emit({"written": sorted(pages)}, f"Wrote {len(pages)} pages to {folder}")


@app.command()
def check(folder: Folder = REFERENCE) -> None:
    """Check that the reference pages say what the code says; exit 1 and name them when they don't."""
    _need(folder)
    stale = [
        name
        for name, text in _pages().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    emit(
        {"ok": not stale, "stale": stale},
        f"Out of date: {', '.join(stale)}. Next: lockgate docs write"
        if stale
        else "The reference is up to date.",
    )
    raise typer.Exit(1 if stale else 0)
