"""The gate for outputs: a verdict for each file of a job, with every reason.

What it can't evaluate it doesn't pass: a file that outputs.json doesn't describe fails, a text with figures or a
statistic without a rule goes to a reviewer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.disclosure.contents import look
from lockgate.disclosure.counts import check_counts
from lockgate.disclosure.differences import (
    check_beside,
    check_differences,
    check_elsewhere,
    check_totals,
    read_earlier,
)
from lockgate.disclosure.files import listing, printable, read
from lockgate.disclosure.findings import Finding, Verdict, capped
from lockgate.disclosure.identifiers import IdentifierIndex, searchable
from lockgate.disclosure.known import NOTHING, Known, check_known
from lockgate.disclosure.manifest import (
    RECORD,
    ChartEntry,
    Record,
    TableEntry,
    TextEntry,
    parse_record,
)
from lockgate.disclosure.models import check_model_differences
from lockgate.disclosure.patterns import full_dates, identifying
from lockgate.disclosure.rowlevel import FORMULA, check_rows
from lockgate.disclosure.rules import DEFAULT_RULES, Rules
from lockgate.disclosure.statistics import check_figures
from lockgate.disclosure.tables import Table, read_table
from lockgate.errors import UsageError

_HARMLESS_NUMBER = re.compile(
    r"(?m)^\s*(?:\d{1,2}[.)]|#+ \d+(?:\.\d+)*)\s|\b(?:19|20)\d\d\b|\b95 ?%|\b[A-Z]{1,5}-?\d{1,2}\b"
)

_COUNTED = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\s+(?:[a-z]+\s+){0,2}"
    r"(?:people|persons?|patients?|women|woman|men|man|children|child|cases?|deaths?|died|of them)\b",
    re.IGNORECASE,
)


@dataclass
class Outputs:
    """A job's outputs as the gate read them: what is described, what could be read, and what is wrong so far."""

    folder: Path
    record: Record | None
    verdicts: dict[str, Verdict]
    tables: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def said(self) -> list[Verdict]:
        """The verdicts, outputs.json first, then by name; findings of one rule are cut at fifty."""
        for verdict in self.verdicts.values():
            verdict.findings = capped(verdict.findings)
        return [self.verdicts[name] for name in sorted(self.verdicts, key=lambda n: (n != RECORD, n))]


def check_outputs(
    folder: Path,
    rules: Rules = DEFAULT_RULES,
    *,
    pseudonyms: Path | IdentifierIndex | None = None,
    earlier: Sequence[Path] = (),
    elsewhere: Sequence[Path] = (),
    known: Known = NOTHING,
) -> list[Verdict]:
    """Check a job's outputs folder and say pass, fail or review for every file, with findings.

    ``pseudonyms``: the project's data folder (its keys are looked for in every file), or an index of it.
    ``earlier``: folders of the project's earlier releases; ``elsewhere``: those of other projects on the same people,
    which a person is asked about; ``known``: what the project was shown otherwise, by whom it counts. The charts are
    judged with their tables. Raises UsageError when there is no folder.
    """
    found = check(folder, rules, pseudonyms=pseudonyms, earlier=earlier, elsewhere=elsewhere, known=known)
    return found.said()


def check(
    folder: Path,
    rules: Rules = DEFAULT_RULES,
    *,
    pseudonyms: Path | IdentifierIndex | None = None,
    earlier: Sequence[Path] = (),
    elsewhere: Sequence[Path] = (),
    known: Known = NOTHING,
) -> Outputs:
    """As check_outputs, with the tables read."""
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), remedy="give a job's outputs folder")
    index = IdentifierIndex.of_folder(pseudonyms) if isinstance(pseudonyms, Path) else pseudonyms
    outputs = _read(folder, rules, index)
    before, problem = _earlier(earlier)
    others, unread = _earlier(elsewhere)
    problem += unread
    handed_in: list[Table] = []
    for entry in outputs.record.outputs if outputs.record else []:
        verdict = outputs.verdicts[name_of(entry)]
        verdict.findings += _words(entry)
        if isinstance(entry, TableEntry) and entry.name in outputs.tables:
            table = outputs.tables[entry.name]
            verdict.findings += check_table(table, rules, before, list(outputs.tables.values()))
            verdict.findings += check_elsewhere(table, others, rules)
            verdict.findings += check_known(table, known, rules, handed_in)
            handed_in.append(table)
            verdict.findings += problem
        elif isinstance(entry, TextEntry) and entry.file in outputs.texts:
            verdict.findings += check_text(outputs.texts[entry.file], entry.file, rules)
    for entry in outputs.record.outputs if outputs.record else []:
        if isinstance(entry, ChartEntry):
            outputs.verdicts[name_of(entry)].findings += _check_chart(entry, outputs)
    return outputs


def check_table(
    table: Table, rules: Rules, earlier: Sequence[Table] = (), others: Sequence[Table] = ()
) -> list[Finding]:
    """All rules on one table, given the project's earlier tables and the other tables beside it (itself among them)."""
    names = [other.entry.name for other in others]
    before = others[: names.index(table.entry.name)] if table.entry.name in names else others
    return [
        *check_rows(table, rules),
        *check_counts(table, rules, others),
        *check_figures(table, rules),
        *check_differences(table, earlier, rules),
        *check_beside(table, before, rules),
        *check_totals(table, [*earlier, *before], rules),
        *check_model_differences(table, [*earlier, *before], rules),
    ]


def has_figures(text: str) -> bool:
    """Whether a text has a figure that is no year, number of a heading, name of a code or confidence level."""
    return bool(re.search(r"\d", _HARMLESS_NUMBER.sub(" ", text)) or _COUNTED.search(text))


def check_text(text: str, where: str, rules: Rules) -> list[Finding]:
    """A text passes by rule only when it is short and has no figures but years, headings and the like."""
    found: list[Finding] = []
    if len(text) > rules.max_text_characters:
        why = f"longer than {rules.max_text_characters:,} characters"
        found.append(Finding("text", where, why, "shorten it", "review"))
    if re.search(r"(?m)^.*(?:\|.*\||\t.*\t|(?:,[^,\n]*){3,}$).*", text) and re.search(r"\d", text):
        found.append(
            Finding("text", where, "looks like a table in a text", "write it with table()", "review")
        )
    if has_figures(text):
        why = "holds figures, which no rule can judge in a text"
        found.append(Finding("text", where, why, "put figures into a table", "review"))
    if re.search(r"data:|<[a-zA-Z!/]", text):
        found.append(Finding("text", where, "holds HTML or embedded data", "write plain Markdown"))
    return found


def name_of(entry: TableEntry | ChartEntry | TextEntry) -> str:
    """What a verdict calls an output: its file, or for a chart its name (it is drawn later)."""
    return entry.name if isinstance(entry, ChartEntry) else entry.file


def _read(folder: Path, rules: Rules, index: IdentifierIndex | None) -> Outputs:
    names = listing(folder)
    verdicts = {printable(name): Verdict(printable(name), "unknown") for name in names}
    record: Record | None = None
    if RECORD not in names:
        verdicts[RECORD] = Verdict(RECORD, "record")
        why = "the job wrote nothing" if not names else "the job's outputs aren't described"
        verdicts[RECORD].findings.append(
            Finding("not described", RECORD, why, "write outputs with lockgate.outputs")
        )
    outputs = Outputs(folder, None, verdicts)
    contents: dict[str, bytes] = {}
    for name in names:
        verdict = verdicts[printable(name)]
        text, data, problems = read(folder, name, rules)
        verdict.findings += problems
        contents[name] = data
        if not problems:
            outputs.texts[name] = text
        if index is not None and data:
            verdict.findings += [
                Finding(
                    "pseudonym",
                    printable(name),
                    f"holds the project's pseudonyms {hit.encoding}",
                    "leave them out",
                )
                for hit in index.search(data)
            ]
        if name != RECORD:
            said = text or searchable(data)
            verdict.findings += [
                Finding("identifier", printable(name), f"holds {what}", "leave it out")
                for what in identifying(said)
            ]
    if RECORD in outputs.texts:
        verdicts[RECORD].kind = "record"
        try:
            record = parse_record(outputs.texts[RECORD])
        except ValueError as error:
            why = f"isn't as lockgate.outputs writes it: {error}"
            verdicts[RECORD].findings.append(
                Finding("not described", RECORD, why, "write it with the library")
            )
    outputs.record = record
    _describe(outputs, contents)
    return outputs


def _describe(outputs: Outputs, contents: dict[str, bytes]) -> None:
    """Match files and descriptions; read the tables."""
    described: set[str] = {RECORD}
    for entry in outputs.record.outputs if outputs.record else []:
        name = name_of(entry)
        verdict = outputs.verdicts.setdefault(name, Verdict(name, entry.kind))
        verdict.kind = entry.kind
        if isinstance(entry, ChartEntry):
            continue
        described.add(entry.file)
        if entry.file not in contents:
            verdict.findings.append(
                Finding("missing", name, "described, but there is no such file", "write it again")
            )
            continue
        if entry.sha256 and entry.file in outputs.texts:
            digest = hashlib.sha256(contents[entry.file]).hexdigest()
            if digest != entry.sha256:
                why = "isn't the file that outputs.json describes"
                verdict.findings.append(Finding("changed", name, why, "write it once, by the library"))
        if isinstance(entry, TableEntry) and entry.file in outputs.texts:
            try:
                outputs.tables[entry.name] = read_table(entry, outputs.texts[entry.file])
            except ValueError as error:
                verdict.findings.append(Finding("format", name, str(error), "write it with lockgate.outputs"))
    drawn = {e.name for e in outputs.record.outputs if isinstance(e, ChartEntry)} if outputs.record else set()
    for name, verdict in outputs.verdicts.items():
        if name not in described and name not in drawn:
            if name in outputs.texts:
                verdict.findings += look(name, contents[name])
            verdict.findings.append(
                Finding(
                    "not described",
                    name,
                    "no entry of outputs.json describes it",
                    "write it with lockgate.outputs",
                )
            )


def _words(entry: TableEntry | ChartEntry | TextEntry) -> list[Finding]:
    """Identifiers and dates in the words beside an output: titles, notes, axis titles, column names."""
    words = [entry.title, entry.group]
    if isinstance(entry, TableEntry):
        words += [entry.notes, *(c.name for c in entry.columns), *entry.done]
    elif isinstance(entry, ChartEntry):
        words += [entry.x_title, entry.y_title, entry.description]
    text = "\n".join(words)
    where = f"the title or notes of {entry.name}"
    found = [Finding("identifier", where, f"holds {what}", "leave it out") for what in identifying(text)]
    if isinstance(entry, TableEntry) and any(c.name.lstrip().startswith(FORMULA) for c in entry.columns):
        why = "a column's name starts like a spreadsheet formula"
        found.append(Finding("formula", where, why, "start it with a letter"))
    if full_dates(text):
        found.append(Finding("date", where, "holds a date to the day", "give the month", "review"))
    if len(text) > 4_000:
        found.append(Finding("free text", where, "is longer than 4,000 characters", "shorten it", "review"))
    return found


def _check_chart(entry: ChartEntry, outputs: Outputs) -> list[Finding]:
    """A chart is as safe as its table, if it shows nothing else."""
    table = outputs.tables.get(entry.table)
    if table is None:
        return [
            Finding("chart", entry.name, f"its table {entry.table} can't be read", "write the table first")
        ]
    figures = [*table.counts, *table.figures]
    if any(c not in table.dimensions for c in (entry.x, entry.colour) if c is not None) or any(
        c not in figures for c in (entry.y, *(entry.band or []))
    ):
        return [
            Finding("chart", entry.name, "shows a column that its table hasn't", "draw a column of the table")
        ]
    areas = set(table.keys) if entry.mark == "map" else set()
    if entry.mark == "map" and set(entry.places) - {key[table.dimensions.index(entry.x)] for key in areas}:
        return [
            Finding("chart", entry.name, "places an area that its table hasn't", "place the table's areas")
        ]
    verdict = outputs.verdicts[table.entry.file]
    if verdict.decision == "pass":
        return []
    if verdict.decision == "review":
        return [Finding("chart", entry.name, f"its table {entry.table} needs a reviewer", "", "review")]
    return [
        Finding(
            "chart",
            entry.name,
            f"its table {entry.table} fails",
            "repair the table",
            "fail",
            verdict.repaired,
        )
    ]


def _earlier(folders: Sequence[Path]) -> tuple[list[Table], list[Finding]]:
    try:
        return read_earlier(folders), []
    except ValueError as error:
        return [], [
            Finding("difference", "earlier releases", str(error), "let a reviewer compare them", "review")
        ]
