"""The docs lead somewhere: every link to a file of the project finds it, and every page can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"(?<!\\)\]\((?!https?:|mailto:|#)([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def _links(page: Path) -> set[Path]:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    return {(page.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_finds_its_file(page: Path) -> None:
    assert [str(link) for link in sorted(_links(page)) if not link.exists()] == []


def test_the_index_leads_to_every_page() -> None:
    linked = _links(ROOT / "docs" / "index.md")
    pages = {*(ROOT / "docs" / "how-to").glob("*.md"), *(ROOT / "docs" / "reference").glob("*.md")}
    assert sorted(page.name for page in pages - linked) == []
