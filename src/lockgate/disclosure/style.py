"""How Lockgate's charts look, and what makes an SVG readable to those who can't see it."""

from __future__ import annotations

import html
import re

INK, QUIET, RULE, PAPER = "#1b2a34", "#5a6b76", "#e3e8eb", "#ffffff"
PALETTE = ["#1f6f8b", "#c8553d", "#7a5c99", "#5b8c5a", "#b8860b", "#3d5a80", "#a44a6a", "#6b705c"]
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
WIDTH = 640


def accessible(svg: str, name: str, title: str, words: str) -> str:
    """Give the root element a role, a title and a description, and hide the parts that repeat them."""
    ids = f"{name}-title", f"{name}-desc"
    svg = re.sub(r"<svg ", f'<svg role="img" aria-labelledby="{ids[0]} {ids[1]}" ', svg, count=1)
    head = f'<title id="{ids[0]}">{html.escape(title)}</title><desc id="{ids[1]}">{html.escape(words)}</desc>'
    return re.sub(r"(<svg [^>]*>)", lambda match: match.group(1) + head, svg, count=1)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of up to ``width`` characters, broken at spaces."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
