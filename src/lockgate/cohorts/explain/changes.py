"""What changed between two versions of a definition: part by part, in English."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lockgate.cohorts.definition import Definition
from lockgate.cohorts.explain.english import Section, english


@dataclass(frozen=True)
class Change:
    """A part that differs: the lines that only the one version has, and those that only the other has."""

    part: str
    kind: Literal["added", "removed", "changed", "moved"]
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON."""
        return asdict(self)


def changes(before: Definition, after: Definition, names: Mapping[int, str] | None = None) -> list[Change]:
    """How ``after`` differs from ``before``; nothing where they are the same.

    Rules are matched by their names: one with another name is removed and added. ``moved``: a rule whose place among
    those that both versions have is another.
    """
    found = []
    if before.name != after.name:
        found.append(Change("Name", "changed", (before.name,), (after.name,)))
    old, new = _parts(before, names), _parts(after, names)
    for part in [*old, *(part for part in new if part not in old)]:
        if part not in new:
            found.append(Change(part, "removed", before=old[part]))
        elif part not in old:
            found.append(Change(part, "added", after=new[part]))
        elif old[part] != new[part]:
            found.append(Change(part, "changed", *_lines(old[part], new[part])))
    return [*found, *_moved(list(old), list(new))]


def as_english(found: Sequence[Change]) -> str:
    """Changes as text: - before a line that went, + before one that came."""
    if not found:
        return "The two are the same."
    parts = []
    for change in found:
        parts.append(f"{change.part}: {change.kind}")
        parts += [f"  - {line}" for line in change.before]
        parts += [f"  + {line}" for line in change.after]
    return "\n".join(parts)


def _parts(definition: Definition, names: Mapping[int, str] | None) -> dict[str, tuple[str, ...]]:
    """The lines of each part; rules without their number, concept sets one by one."""
    parts: dict[str, tuple[str, ...]] = {}
    seen: Counter[str] = Counter()
    for section in english(definition, names):
        title = section.title
        if title == "Concept sets":
            parts |= _sets(section)
            continue
        if title.startswith("Rule "):
            title = "Rule " + title.split(": ", 1)[1]
            seen[title] += 1
            if seen[title] > 1:
                title = f"{title} ({seen[title]})"
        parts[title] = tuple("  " * line.level + line.text for line in section.lines)
    return parts


def _sets(section: Section) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    part = ""
    for line in section.lines:
        if line.level == 0:
            label, _, rest = line.text.rpartition(":")
            part = f"Concept set {label.removeprefix('concept set ').removesuffix(' (not used)')}"
            found[part] = tuple(
                text for text in ("(not used)" if label.endswith(" (not used)") else "", rest) if text
            )
        else:
            found[part] = (*found[part], line.text)
    return found


def _lines(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    gone: list[str] = []
    come: list[str] = []
    for how, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if how != "equal":
            gone += old[a:b]
            come += new[c:d]
    return tuple(gone), tuple(come)


def _moved(old: list[str], new: list[str]) -> list[Change]:
    """Parts that both have and whose order differs: all but a longest run that keeps it."""
    a = [part for part in old if part in new]
    b = [part for part in new if part in old]
    kept = {
        part
        for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
        for part in a[block.a : block.a + block.size]
    }
    return [
        Change(part, "moved", (f"place {a.index(part) + 1}",), (f"place {b.index(part) + 1}",))
        for part in a
        if part not in kept
    ]
