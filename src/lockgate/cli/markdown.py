"""Small pieces of Markdown for the reference pages."""

from __future__ import annotations

NOTE = "<!-- Written by `lockgate docs write` from the code. Change the code, not this page. -->\n"


def cell(text: object) -> str:
    """A text in a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(head: list[str], rows: list[list[object]]) -> str:
    """A table, with its newline."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell(each) for each in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
