"""What a request for release is like: whether rules alone may decide it, and whether it is the same again.

Both look at files that passed every rule. What is decided without people is told by these functions alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lockgate.disclosure.gate import has_figures
from lockgate.disclosure.manifest import (
    RECORD,
    ChartEntry,
    Entry,
    Record,
    TableEntry,
    TextEntry,
    parse_record,
)
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.tables import read_table

MOST_FILES = 10
QUARTILES = frozenset({"q1", "q3"})
PLAIN = frozenset({"mean", "sd", "se", "interval", "median", "quantile", "rate", "ratio"})


def not_low_risk(folder: Path, verdicts: Iterable[Mapping[str, Any]], rules: Rules) -> list[str]:
    """Why people must decide on checked outputs; none when a site's policy may let rules decide.

    Low risk: everything passes by rule; up to ten tables and charts of counts, percentages and plain statistics, of up
    to two dimensions, no count shown under twice the threshold; no model, no curve, no text of the author's, and no
    figure in the words beside them (a title made by the code can hold a count).
    """
    reasons = [f"{v['file']}: {v['decision']}" for v in verdicts if v["decision"] != "pass"]
    try:
        record = _record(folder)
    except ValueError:
        return [*reasons, "it isn't described"]
    if len(record.outputs) > MOST_FILES:
        reasons.append(f"more than {MOST_FILES} files")
    if any(has_figures(words) for pair in record.groups.items() for words in pair):
        reasons.append("figures in the name or context of a group")
    for entry in record.outputs:
        if isinstance(entry, TextEntry):
            reasons.append(f"{entry.name}: a text")
        if any(has_figures(words) for words in _words(entry)):
            reasons.append(f"{entry.name}: figures in a name, title or note, which code may have written")
        if not isinstance(entry, TableEntry):
            continue
        if entry.model is not None or entry.survival is not None:
            reasons.append(f"{entry.name}: a model or curve")
        if len(entry.of_role("dimension")) > 2:
            reasons.append(f"{entry.name}: more than two dimensions")
        if any(c.kind not in PLAIN for c in entry.of_role("statistic")):
            reasons.append(f"{entry.name}: a statistic that isn't plain")
        table = read_table(entry, (folder / entry.file).read_text(encoding="utf-8"))
        for counts in table.counts.values():
            shown = counts.values[~counts.hidden]
            if ((shown > 0) & (shown < 2 * rules.threshold)).any():
                reasons.append(f"{entry.name}: a count under {2 * rules.threshold}")
                break
    return reasons


def _words(entry: Entry) -> list[str]:
    """The author's words beside an output's figures, all of which are published with it; its name among them."""
    words = [re.sub(r"[_-]", " ", entry.name), entry.title, entry.group]
    if isinstance(entry, TableEntry):
        words += [
            entry.notes,
            *(c.name.replace("_", " ") for c in entry.columns if c.name not in QUARTILES),
            *entry.totals.values(),
        ]
    elif isinstance(entry, ChartEntry):
        words += [entry.x_title, entry.y_title, entry.description]
    return words


def shape(folder: Path) -> dict[str, Any]:
    """What outputs are like but for their figures: files, kinds, titles, columns and the labels of their rows."""
    found: dict[str, Any] = {}
    for entry in _record(folder).outputs:
        said = entry.model_dump(
            by_alias=True, exclude={"sha256", "evidence", "withheld", "done", "rows", "model", "description"}
        )
        if isinstance(entry, TableEntry):
            table = read_table(entry, (folder / entry.file).read_text(encoding="utf-8"))
            said["labels"] = sorted(map(list, table.keys)) if not entry.survival else "intervals"
        elif isinstance(entry, ChartEntry):
            said["description"] = entry.description
        else:
            said["words"] = (folder / entry.file).read_text(encoding="utf-8")
        found[entry.name] = said
    return found


def unlike(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Where two shapes differ, by the name of the output."""
    return [
        f"{name}: {'new' if name not in before else 'missing' if name not in now else 'described or split otherwise'}"
        for name in sorted({*now, *before})
        if json.dumps(now.get(name), sort_keys=True) != json.dumps(before.get(name), sort_keys=True)
    ]


def _record(folder: Path) -> Record:
    try:
        return parse_record((folder / RECORD).read_bytes())
    except OSError as error:
        raise ValueError("there is no outputs.json") from error
