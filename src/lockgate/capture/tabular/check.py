"""What is wrong with a contract: all of it at once, each with its place and what to do; and a dry run over a sample."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import ValidationError

from lockgate.capture.lines import SourceFile
from lockgate.capture.reasons import REASONS
from lockgate.capture.tabular import columns, read_rows
from lockgate.capture.tabular.contract import Contract, FormatsBy
from lockgate.capture.tabular.load import FILE, LoadedContract, no_table, read_selects, read_yaml, said
from lockgate.capture.tabular.reader import TableReader, define_for, is_own
from lockgate.capture.tabular.shapes import PATTERNS, fits
from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError
from lockgate.schema import COMMON, STAGED, staged_columns

CHOOSE = "CHOOSE"  # what `contract new` writes where only a person can tell


def _received() -> str:
    return f"TIMESTAMP '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}'"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend (``error``) or to know (``note``)."""

    kind: Literal["error", "note"]
    where: str
    what: str
    remedy: str = ""


@dataclass(slots=True)
class Report:
    """What a check found; ``sample`` is what a dry run would have done."""

    contract: str
    problems: list[Problem] = field(default_factory=list)
    sample: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there is nothing to mend."""
        return not any(problem.kind == "error" for problem in self.problems)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"ok": self.ok, **asdict(self)}


def check_contract(folder: Path, sample: Path | None = None) -> Report:
    """Check a contract's folder (or its contract.yaml); with a ``sample``, read it without keeping anything.

    Every problem is named, not only the first. No value of the sample is repeated.
    """
    folder = folder.parent if folder.is_file() else folder
    report = Report(str(folder))
    add = report.problems.append
    try:
        raw = read_yaml(folder / FILE)
    except UsageError as error:
        add(Problem("error", error.where or FILE, error.message, error.remedy or ""))
        return report
    left = list(_left_open(raw))
    for place, words in left:
        add(
            Problem(
                "error", f"{FILE}: {place}", f"a choice is left open: {words}", "put what holds in its place"
            )
        )
    selects = read_selects(folder)
    for name in no_table(selects):
        add(Problem("error", f"{name}.sql", "no staged table is called so", f"one of {', '.join(STAGED)}"))
    if not selects:
        add(Problem("error", str(folder), "the contract has no SELECT", "add STAGED_TABLE.sql"))
    try:
        contract = Contract.model_validate(raw)
    except ValidationError as error:
        for words in said(error):
            if CHOOSE not in words:
                add(
                    Problem(
                        "error", FILE, words, "docs/reference/contract-language.md says what may be there"
                    )
                )
        return report
    known = {name: text for name, text in selects.items() if name not in no_table(selects)}
    loaded = LoadedContract(contract=contract, selects=known, origin=str(folder))
    if contract.name != folder.resolve().name:
        add(Problem("note", f"{FILE}: name", f"is {contract.name}, and its folder is called otherwise"))
    report.problems += _meaning(loaded)
    with Engine(threads=1) as engine:
        report.problems += _sql(engine, loaded)
    if sample is not None and report.ok:
        _dry_run(report, loaded, sample)
    return report


def _left_open(raw: object, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _left_open(value, f"{place}.{key}" if place else str(key))
    elif isinstance(raw, list):
        for value in raw:
            yield from _left_open(value, place)
    elif isinstance(raw, str) and raw.startswith(CHOOSE):
        yield place, raw.removeprefix(CHOOSE).strip(": ") or "nothing is chosen"


def _meaning(loaded: LoadedContract) -> Iterator[Problem]:
    contract = loaded.contract
    for rule in contract.rules:
        if rule.reason not in REASONS:
            yield Problem(
                "error",
                f"{FILE}: rules",
                f"no reason is called {rule.reason}",
                f"one of {', '.join(REASONS)}",
            )
    if not contract.key:
        yield Problem("note", f"{FILE}: key", "no key: a row is its content, never corrected or deleted")
    elif contract.version is None:
        yield Problem("note", f"{FILE}: version", "no version column: what is captured later is newer")
    if not any(column.identifies or column.type == "nhs_number" for column in contract.columns.values()):
        yield Problem("note", f"{FILE}: columns", "no column is said to identify a person")
    for table, selects in loaded.tables().items():
        text = "\n".join(selects)
        if any(column.name == "patient_ref" for column in STAGED[table]) and "patient_ref" not in text:
            yield Problem("note", f"{table}.sql", "its rows name no patient (patient_ref)")
        if contract.deletes and all(is_own(table, one) for one in selects) and "false AS deleted" in text:
            yield Problem(
                "error",
                f"{table}.sql",
                "says `false AS deleted`, and the contract has deletes",
                "select `deleted`",
            )
    used = set(re.findall(r"[a-z_][a-z0-9_]*", " ".join(loaded.selects.values()).lower()))
    used |= set(re.findall(r"[a-z_][a-z0-9_]*", " ".join(rule.when for rule in contract.rules).lower()))
    used |= {*contract.key, *contract.person, *contract.replaces, contract.version or ""}
    used |= {contract.deletes.column} if contract.deletes else set()
    merges = contract.merges
    if merges:
        used |= {merges.survivor, merges.retired, merges.at, merges.unmerge.column if merges.unmerge else ""}
    used |= {c.date_formats.by for c in contract.columns.values() if isinstance(c.date_formats, FormatsBy)}
    members = {member: name for name, each in contract.families.items() for member in each}
    idle = {
        members.get(name, name)
        for name in contract.columns
        if name not in used and members.get(name) not in used
    }
    if idle:
        yield Problem(
            "note",
            f"{FILE}: columns",
            f"declared and never used: {', '.join(sorted(idle))}",
            "list them under `kept`",
        )


def _prepare(engine: Engine, loaded: LoadedContract) -> TableReader:
    define_for(engine, _received(), loaded.contract.time_zone or "Europe/London")
    engine.execute(
        "CREATE TEMP TABLE fault (item_hash VARCHAR, reason VARCHAR, detail VARCHAR, waits_for VARCHAR)"
    )
    for table in STAGED:
        listed = ", ".join(f"{quote(column.name)} {column.type}" for column in staged_columns(table))
        engine.execute(f"CREATE TEMP TABLE {quote('staged_' + table)} ({listed})")
    return TableReader(loaded)


def _sql(engine: Engine, loaded: LoadedContract) -> Iterator[Problem]:
    """Compile the rules and the SELECTs over no rows: what DuckDB says then holds no value of anybody."""
    plain = loaded.model_copy(update={"contract": loaded.contract.model_copy(update={"rules": []})})
    reader = _prepare(engine, plain)
    nothing = (
        "SELECT NULL::VARCHAR AS item_hash, NULL::VARCHAR AS record_id, NULL::VARCHAR AS raw WHERE false"
    )
    engine.execute(f"CREATE TEMP TABLE shaped AS {columns.sent_rows(loaded.contract, nothing)}")
    reader.type_rows(engine, "s", "b", _received())
    for rule in loaded.contract.rules:
        try:
            engine.execute(f"SELECT 1 FROM item WHERE ({rule.when})")
        except duckdb.Error as error:
            yield Problem("error", f"{FILE}: rules: {rule.column}: when", _first(error), "mend the condition")
    for name, select in loaded.selects.items():
        table = name.split(".")[0]
        where = f"{name}.sql"
        try:
            found = [row[0] for row in engine.rows(f"DESCRIBE {select}")]
        except duckdb.Error as error:
            yield Problem(
                "error", where, _first(error), "mend the SELECT, or declare the column in contract.yaml"
            )
            continue
        staged = {column.name for column in staged_columns(table)}
        for column in found:
            if column not in staged:
                yield Problem(
                    "error", where, f"the staged table {table} has no column {column}", _near(column, table)
                )
        missing = [column.name for column in COMMON if column.name not in found]
        if missing:
            yield Problem(
                "error", where, f"lacks {', '.join(missing)}", "every SELECT begins with these columns"
            )
        if set(found) <= staged and not missing:
            try:
                engine.execute(f"INSERT INTO {quote('staged_' + table)} BY NAME {select}")
            except duckdb.Error as error:
                yield Problem("error", where, _first(error), "cast the column to the staged column's type")


def _near(column: str, table: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(column, [each.name for each in STAGED[table]], 3)
    return f"is it {' or '.join(near)}?" if near else "docs/reference/staged-tables.md lists its columns"


def _first(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:300]


def _dry_run(report: Report, loaded: LoadedContract, sample: Path) -> None:
    """Read a sample as a capture would, and keep nothing; references are not looked at."""
    if not sample.is_file():
        report.problems.append(Problem("error", str(sample), "no such file", "check the path"))
        return
    notes: list[str] = []
    received, staged, warned = 0, Counter[str](), Counter[str]()
    with Engine(threads=1) as engine:
        reader = _prepare(engine, loaded)
        try:
            for chunk in read_rows(SourceFile(sample, sample.name), loaded.contract, notes):
                received += chunk.num_rows
                engine.register("chunk", chunk)
                engine.execute(
                    "INSERT INTO fault SELECT item_hash, fault, fault_detail, NULL FROM chunk WHERE fault IS NOT NULL"
                )
                items = (
                    f"SELECT item_hash, ({reader.head})[2] AS record_id, raw FROM chunk WHERE fault IS NULL"
                )
                engine.execute(
                    f"CREATE OR REPLACE TEMP TABLE shaped AS {columns.sent_rows(loaded.contract, items)}"
                )
                reader.type_rows(engine, "sample", "sample", _received())
                reader.stage(engine)
                for words, count in [*reader.warnings(engine), *_shapes(engine, loaded.contract)]:
                    warned[words] += count
        except Refused as error:
            for words in error.reasons or [error.message]:
                report.problems.append(Problem("error", sample.name, words, error.remedy or ""))
            return
        reasons = engine.rows("SELECT reason, detail, count(*) FROM fault GROUP BY ALL ORDER BY 3 DESC, 1, 2")
        for table in STAGED:
            count = engine.one(f"SELECT count(*) FROM {quote('staged_' + table)} WHERE NOT deleted")
            if count:
                staged[table] = count
        twice = engine.one("SELECT count(*) - count(DISTINCT record_id) FROM item") if received else 0
    held = sum(count for _, _, count in reasons)
    report.sample = {
        "received": received,
        "sound": received - held,
        "quarantined": held,
        "reasons": [{"reason": reason, "detail": detail, "rows": count} for reason, detail, count in reasons],
        "rows": dict(staged),
        "notes": [*notes, *(f"{words} ({count})" for words, count in sorted(warned.items()))],
    }
    if twice:
        what = f"{twice} rows of the sample share their key with another: the newer one wins"
        report.problems.append(Problem("note", f"{FILE}: key", what))


def _shapes(engine: Engine, contract: Contract) -> Iterator[tuple[str, int]]:
    """How many values of a column do not look like codes of the system it is said to be of."""
    for name, column in contract.columns.items():
        if column.code_system in {*PATTERNS, "dm+d"}:
            odd = f"{quote(name)} IS NOT NULL AND NOT ({fits(column.code_system, quote(name))})"
            count = engine.one(f"SELECT count(*) FROM item WHERE {odd}")
            if count:
                yield (
                    f"column {name} holds what does not look like {column.code_system}: staged as it came",
                    count,
                )
