"""A definition as a flow chart: SVG drawn from boxes, each with its words; with counts where attrition is known."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockgate.cohorts.definition import Definition
from lockgate.cohorts.explain.english import Section, english
from lockgate.cohorts.shown import ENTRY, Row
from lockgate.disclosure.style import FONT, INK, PALETTE, PAPER, QUIET, accessible

WIDTH, BOX, LEFT = 720, 440, 20
CHARACTERS = 70  # of a line in a box
LINE, PAD, GAP = 18, 12, 34
MOST_LINES = 12


@dataclass(frozen=True)
class Box:
    """One step of the flow: its title and lines; ``remaining`` and ``lost`` people in words, "" where not known."""

    title: str
    lines: tuple[str, ...]
    remaining: str = ""
    lost: str = ""


def flow(
    definition: Definition, names: Mapping[int, str] | None = None, rows: Sequence[Row] = ()
) -> list[Box]:
    """The steps of a definition in order. ``rows``: its attrition as it may be shown, for the counts of everybody."""
    counts = {row.place: row for row in rows if row.dimension == "everybody"}
    boxes, place = [], 0
    for section in english(definition, names):
        if section.title == "Concept sets":
            continue
        row = None
        if section.title == "Who enters":
            row = counts.get(0)
        elif _loses(section, definition):
            place += 1
            row = counts.get(place)
        elif section.title == "Until when" and counts:
            row = counts[max(counts)]
        boxes.append(_box(section, row))
    return boxes


def _loses(section: Section, definition: Definition) -> bool:
    return section.title.startswith("Rule ") or (
        section.title == "Additional criteria" and definition.qualifying is not None
    )


def _box(section: Section, row: Row | None) -> Box:
    lines = tuple("  " * line.level + line.text for line in section.lines)
    if row is None:
        return Box(section.title, lines)
    remaining = f"{_told(row.remaining)} remain"
    return Box(section.title, lines, remaining, "" if row.step == ENTRY else f"{_told(row.lost)} lost")


def _told(count: int | None) -> str:
    return "[c]" if count is None else f"{count:,}"


def flow_text(boxes: Sequence[Box]) -> str:
    """The chart in words, for those who can't see it."""
    parts = []
    for place, box in enumerate(boxes, 1):
        counts = ", ".join(text for text in (box.lost, box.remaining) if text)
        parts.append(f"{place}. {box.title}{f' ({counts})' if counts else ''}")
        parts += [f"   {line}" for line in box.lines]
    return "\n".join(parts)


def flow_svg(boxes: Sequence[Box], title: str = "Cohort definition") -> str:
    """The chart as SVG with a title and, as its description, all of its words."""
    parts, top = [], 20
    for place, box in enumerate(boxes):
        lines = _wrapped(box)
        height = 2 * PAD + LINE * (1 + len(lines)) + (LINE if box.remaining else 0)
        parts.append(
            f'<rect x="{LEFT}" y="{top}" width="{BOX}" height="{height}" rx="4" fill="{PAPER}" '
            f'stroke="{PALETTE[0]}" stroke-width="1.5"/>'
        )
        at = top + PAD + 13
        parts.append(_text(LEFT + PAD, at, textwrap.shorten(box.title, 56, placeholder="…"), bold=True))
        for line in lines:
            at += LINE
            parts.append(_text(LEFT + PAD, at, line, size=12))
        if box.remaining:
            parts.append(_text(LEFT + PAD, at + LINE, box.remaining, bold=True, colour=PALETTE[0]))
        if box.lost:
            middle = top + height // 2
            parts.append(_arrow(LEFT + BOX, middle, LEFT + BOX + 90, middle))
            parts.append(_text(LEFT + BOX + 100, middle + 4, box.lost, colour=PALETTE[1], bold=True))
        top += height
        if place < len(boxes) - 1:
            parts.append(_arrow(LEFT + BOX // 2, top, LEFT + BOX // 2, top + GAP))
            top += GAP
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 20}" '
        f'viewBox="0 0 {WIDTH} {top + 20}" font-family="{FONT}">'
        f'<rect width="100%" height="100%" fill="{PAPER}"/><g aria-hidden="true">{"".join(parts)}</g></svg>'
    )
    return accessible(svg, "flow", title, flow_text(boxes))


def _wrapped(box: Box) -> list[str]:
    found: list[str] = []
    for line in box.lines:
        indent = line[: len(line) - len(line.lstrip())]
        found += textwrap.wrap(
            line, CHARACTERS, initial_indent=indent, subsequent_indent=f"{indent}  ", drop_whitespace=True
        ) or [""]
    if len(found) > MOST_LINES:
        left = len(found) - MOST_LINES + 1
        found = [*found[: MOST_LINES - 1], f"… and {left} lines more, in the text"]
    return found


def _text(x: int, y: int, text: str, *, size: int = 13, bold: bool = False, colour: str = INK) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"{weight} xml:space="preserve">'
        f"{html.escape(text)}</text>"
    )


def _arrow(x: int, y: int, to_x: int, to_y: int) -> str:
    head = (
        f"{to_x - 5},{to_y - 8} {to_x + 5},{to_y - 8} {to_x},{to_y}"
        if x == to_x
        else f"{to_x - 8},{to_y - 5} {to_x - 8},{to_y + 5} {to_x},{to_y}"
    )
    return (
        f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="{QUIET}" stroke-width="1.5"/>'
        f'<polygon points="{head}" fill="{QUIET}"/>'
    )
