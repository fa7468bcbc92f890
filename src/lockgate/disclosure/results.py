"""Write checked outputs as they are published: CSV tables, SVG charts with their tables, texts, and result.json.

``result.json`` says what each file is: title, columns, what was withheld and why, and the rules. The evidence (shares
of the largest contributors, which counts were the small ones) stays inside.
"""

from __future__ import annotations

import html
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from lockgate import __version__
from lockgate.disclosure.charts import describe, render_chart
from lockgate.disclosure.differences import RESULT
from lockgate.disclosure.gate import Outputs, check, name_of
from lockgate.disclosure.identifiers import IdentifierIndex
from lockgate.disclosure.known import NOTHING, Known
from lockgate.disclosure.manifest import HIDDEN, ChartEntry, Record, TableEntry
from lockgate.disclosure.rules import DEFAULT_RULES, Rules
from lockgate.disclosure.tables import Table
from lockgate.errors import Refused, UsageError


def prepare(
    folder: Path,
    out: Path,
    rules: Rules = DEFAULT_RULES,
    *,
    pseudonyms: Path | IdentifierIndex | None = None,
    earlier: Sequence[Path] = (),
    known: Known = NOTHING,
    accepted: Collection[str] = (),
) -> list[Path]:
    """Check ``folder`` once more and write what leaves to ``out``; returns the files, result.json last.

    ``accepted``: verdict names in state "review" that human reviewers have passed. Raises Refused, with a reason per
    file, when any file fails or waits for a reviewer; nothing is written then.
    """
    outputs = check(folder, rules, pseudonyms=pseudonyms, earlier=earlier, known=known)
    reasons = [
        f"{v.file}: {f.rule}: {f.message}"
        for v in outputs.said()
        for f in v.findings
        if f.severity == "fail" or (f.severity == "review" and v.file not in accepted)
    ]
    if reasons or outputs.record is None:
        raise Refused(
            "the outputs don't pass the disclosure check", reasons=reasons, remedy="repair or change them"
        )
    if out.exists() and any(out.iterdir()):
        raise UsageError("isn't empty", where=str(out), remedy="give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for entry in outputs.record.outputs:
        if isinstance(entry, ChartEntry):
            files.append(_write(out / f"{entry.name}.svg", render_chart(entry, outputs.tables[entry.table])))
        else:
            files.append(_write(out / entry.file, outputs.texts[entry.file]))
    about = json.dumps(about_result(outputs, outputs.record, rules), indent=1, ensure_ascii=False)
    files.append(_write(out / RESULT, about + "\n"))
    return files


def about_result(outputs: Outputs, record: Record, rules: Rules) -> dict[str, Any]:
    """The public description of a result; also what later releases are compared with."""
    entries: list[dict[str, Any]] = []
    for entry in record.outputs:
        plain = entry.model_dump(by_alias=True, exclude={"evidence", "withheld"})
        if isinstance(entry, TableEntry) and entry.model is not None:
            plain["model"] = entry.model.model_dump(include={"n", "df", "method"})
        if isinstance(entry, ChartEntry):
            plain["description"] = describe(entry, outputs.tables[entry.table])[:2_000]
        entries.append(plain)
    return {
        "schema": "lockgate.released/1",
        "made_by": f"lockgate {__version__}",
        "withheld_mark": HIDDEN,
        "rules": rules.model_dump(),
        "files": [name_of(e) if not isinstance(e, ChartEntry) else f"{e.name}.svg" for e in record.outputs],
        "outputs": entries,
    }


def table_html(table: Table, *, caption: str = "") -> str:
    """A table as accessible HTML: caption, header cells with scope, withheld cells named in words."""
    entry: TableEntry = table.entry
    head = "".join(f'<th scope="col">{html.escape(c.name.replace("_", " "))}</th>' for c in entry.columns)
    cells: dict[str, list[str]] = {d: [k[i] for k in table.keys] for i, d in enumerate(table.dimensions)}
    for name, counts in table.counts.items():
        pairs = zip(counts.values.tolist(), counts.hidden.tolist(), strict=True)
        cells[name] = [HIDDEN if hidden else f"{value:,}" for value, hidden in pairs]
    for name, numbers in table.figures.items():
        pairs_text = zip(numbers.text, numbers.hidden.tolist(), strict=True)
        cells[name] = [HIDDEN if hidden else text for text, hidden in pairs_text]
    body = []
    for row in range(len(table.keys)):
        tags = []
        for column in entry.columns:
            value = cells[column.name][row]
            if column.role == "dimension":
                tags.append(f'<th scope="row">{html.escape(value)}</th>')
            elif value == HIDDEN:
                tags.append('<td><abbr title="withheld to protect confidentiality">[c]</abbr></td>')
            else:
                tags.append(f"<td>{html.escape(value)}</td>")
        body.append(f"<tr>{''.join(tags)}</tr>")
    title = html.escape(caption or entry.title)
    return (
        f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )  # fmt: skip


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path
