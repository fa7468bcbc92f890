"""What changed between two versions of answers, exactly. No database here."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lockgate.portal.applications.bank import Answers, Bank, Question
from lockgate.portal.applications.catalogue import linkage_label

KEPT, ADDED, REMOVED = "kept", "added", "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One answer that differs: as words kept, added and removed (``parts``), or as items (``items``)."""

    section: str
    section_title: str
    key: str
    label: str
    parts: tuple[tuple[str, str], ...] = ()
    items: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The change as JSON values."""
        return {
            "section": self.section,
            "question": self.key,
            "label": self.label,
            "parts": [list(part) for part in self.parts],
            "items": [list(item) for item in self.items],
        }


def changed_keys(before: Answers, after: Answers) -> frozenset[str]:
    """The keys of the questions whose answers differ; no answer and an empty one are the same."""
    return frozenset(
        key for key in {*before, *after} if (before.get(key) or None) != (after.get(key) or None)
    )


def changes(bank: Bank, kind: str, before: Answers, after: Answers) -> list[Change]:
    """Every answer that differs, in the order of the form. A question that the bank doesn't have comes last."""
    differs = changed_keys(before, after)
    found = []
    for section in bank.sections:
        for question in section.questions:
            if question.key in differs:
                old, new = before.get(question.key), after.get(question.key)
                found.append(_change(section.key, section.title, question, kind, old, new))
    known = {question.key for question in bank.questions()}
    for key in sorted(differs - known):
        items = _items_of(_flat(before.get(key)), _flat(after.get(key)))
        found.append(Change("", "Other answers", key, key, items=items))
    return found


def _change(section: str, title: str, question: Question, kind: str, old: Any, new: Any) -> Change:
    if question.widget in {"text", "textarea"}:
        parts = words(str(old or ""), str(new or ""))
        return Change(section, title, question.key, question.label, parts=parts)
    labels = {option.value: option.label for option in question.choices(kind)}
    lines_old, lines_new = (_lines(question.widget, value, labels) for value in (old, new))
    return Change(section, title, question.key, question.label, items=_items_of(lines_old, lines_new))


def _lines(widget: str, value: Any, labels: Mapping[str, str]) -> list[str]:
    """An answer as lines that can be compared one by one."""
    if value in (None, "", [], {}):
        return []
    if widget == "columns":
        return [f"{table}.{name}" for table, names in value.items() for name in names]
    if widget == "people":
        return [
            f"{item['username']} ({item['role']})" if item.get("role") else item["username"] for item in value
        ]
    if widget == "linkages":
        return [linkage_label(item) for item in value]
    if widget == "partners":
        return [line for item in value for line in _partner(item)]
    if widget == "choices":
        return [labels.get(item, item) for item in value]
    if widget == "choice":
        return [labels.get(value, value)]
    if widget == "cohort":
        return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
    return _flat(value)


def _partner(item: Mapping[str, Any]) -> Iterable[str]:
    for table, names in item["tables"].items():
        yield from (f"{item['partner']}: {table}.{name}" for name in names)
    yield from (f"{item['partner']}: by {method}" for method in item["methods"])
    if item.get("until"):
        yield f"{item['partner']}: until {item['until']}"


def _flat(value: Any) -> list[str]:
    if value in (None, "", [], {}):
        return []
    return [value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)]


def _items_of(old: list[str], new: list[str]) -> tuple[tuple[str, str], ...]:
    """Lines removed and added, in their order; lines of both are left out."""
    found = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag != "equal":
            found += [(REMOVED, line) for line in old[i1:i2]] + [(ADDED, line) for line in new[j1:j2]]
    return tuple(found)


def words(old: str, new: str) -> tuple[tuple[str, str], ...]:
    """Two texts as runs of words that were kept, removed and added. Joining kept and added gives the new text."""
    a, b = _tokens(old), _tokens(new)
    found: list[tuple[str, str]] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append((KEPT, "".join(a[i1:i2])))
            continue
        if i2 > i1:
            found.append((REMOVED, "".join(a[i1:i2])))
        if j2 > j1:
            found.append((ADDED, "".join(b[j1:j2])))
    return tuple(found)


def _tokens(text: str) -> list[str]:
    """Words with the space that follows them, so that nothing is lost."""
    tokens: list[str] = []
    word = ""
    for letter in text:
        if word and not letter.isspace() and word[-1].isspace():
            tokens.append(word)
            word = ""
        word += letter
    return [*tokens, word] if word else tokens
