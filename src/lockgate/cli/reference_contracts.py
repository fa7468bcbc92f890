"""The reference pages of contracts: the language they are written in, and each one that ships."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from lockgate.capture.tabular.contract import (
    RESERVED,
    Contract,
    ContractColumn,
    ContractRule,
    Deletes,
    FormatsBy,
    Kind,
    Merges,
)
from lockgate.capture.tabular.load import LoadedContract, contracts
from lockgate.cli.markdown import NOTE, table

_KINDS = {
    "text": "as sent, without blanks around it",
    "integer": "a whole number (`3`, `3.0`)",
    "number": "a number",
    "boolean": "true/false, yes/no, y/n, t/f, 1/0",
    "date": "a day, by `date_formats`; midnight after it is fine. ISO 8601 is always read, unless a pattern begins"
    " with `%Y`",
    "datetime": "a day and a time, the same way; the item also has COLUMN_offset and COLUMN_flag",
    "time": 'a time of day: `10:16`, `10:16:00`, or its `date_formats` (`["%H%M"]`)',
    "code": "one of `codes`, staged as what they say",
    "nhs_number": "ten digits, its check digit right; blanks inside are taken out",
    "ucum": "a unit, a valid UCUM code",
}


def _fields(model: type[BaseModel]) -> Iterator[list[object]]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        kind = field.annotation
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        words = f" ({', '.join(map(str, get_args(kind)))})" if _is_choice(kind) else ""
        yield [f"`{field.alias or name}`", (field.description or "") + words, default]


def _is_choice(kind: Any) -> bool:
    return bool(get_args(kind)) and all(isinstance(word, str) for word in get_args(kind))


def _shown(default: object) -> str:
    return "" if default in (None, "", [], {}, False) else f"`{default}`"


def contract_language() -> str:
    """The keys of contract.yaml and what a SELECT may read."""
    head = ["key", "meaning", "default"]
    return "\n".join(
        [
            NOTE,
            "# The language of contracts\n",
            "A contract is a folder: `contract.yaml` says what a table from another system looks like, and each"
            " `STAGED_TABLE[.WHAT].sql` beside it is a SELECT that makes rows of a table of the"
            " [staged model](staged-tables.md). [How to write one](../how-to/contracts.md);"
            " [those that ship](contracts.md).\n",
            "## contract.yaml\n",
            table(head, [row for row in _fields(Contract) if row[0] != "`families`"]),
            "## A column\n",
            table(head, list(_fields(ContractColumn))),
            "Types:\n",
            table(["type", "what it reads"], [[f"`{kind}`", _KINDS[kind]] for kind in get_args(Kind)]),
            "## Date formats\n",
            _DATES,
            table(head, list(_fields(FormatsBy))),
            "## Rules, deletes, merges\n",
            "A rule:\n",
            table(head, list(_fields(ContractRule))),
            "`deletes` (such a row needs only its key and its version to be filled):\n",
            table(head, list(_fields(Deletes))),
            "`merges`:\n",
            table(head, list(_fields(Merges))),
            _SELECTS.format(reserved=", ".join(f"`{name}`" for name in RESERVED)),
        ]
    )


def contract_page(loaded: LoadedContract) -> str:
    """One contract as a section: what it is, its columns, and where its rows go."""
    told = loaded.contract
    facts = [
        ["key", ", ".join(told.key) or "the content of the row"],
        ["version", told.version or "the time of capture"],
        ["person", ", ".join(told.person) or "nobody is named"],
        ["source", told.source or told.name],
        ["file", f"`{told.delimiter}` between values, {told.encoding}; or Parquet"],
        ["clocks", told.time_zone or "the site's zone"],
        ["sentinels", ", ".join(f"`{word}`" for word in told.sentinels)],
        ["deletes", f"{told.deletes.column} = {', '.join(told.deletes.values)}" if told.deletes else ""],
        ["replaces", ", ".join(told.replaces)],
        ["merges", f"{told.merges.retired} into {told.merges.survivor}" if told.merges else ""],
        ["rows go to", ", ".join(f"`{table}`" for table in loaded.tables())],
        ["owner", told.owner],
        ["legal basis", told.legal_basis],
    ]
    members = {member: name for name, each in told.families.items() for member in each}
    rows: list[list[object]] = []
    for name, column in told.columns.items():
        whole = told.families.get(members.get(name, ""), [])
        if whole and name != whole[0]:
            continue
        shown = f"`{name}` to `{whole[-1]}`" if whole else f"`{name}`"
        rows.append([shown, column.type, _needs(told, name, column), _says(column)])
    rules: list[list[object]] = [
        [f"`{rule.column}`", rule.say, rule.reason if rule.then == "quarantine" else "a note"]
        for rule in told.rules
    ]
    parts = [f"## {told.name}: {told.title}\n"]
    parts += [f"{told.about.strip()}\n"] if told.about else []
    parts += [
        table(["", ""], [[key, said] for key, said in facts if said]),
        table(["column", "type", "", "meaning"], rows),
    ]
    parts += (
        ["A row is held back (or noted) where:\n", table(["column", "what", "as"], rules)] if rules else []
    )
    return "\n".join(parts)


def _needs(told: Contract, name: str, column: ContractColumn) -> str:
    words = ["required"] if column.required is True or name in told.key else []
    words += ["in the header"] if column.required == "column" else []
    words += ["identifies"] if column.identifies or column.type == "nhs_number" else []
    return ", ".join(words)


def _says(column: ContractColumn) -> str:
    words = [column.about] if column.about else []
    words += [column.code_system] if column.code_system else []
    words += (
        ["codes " + ", ".join(f"{code}: {to}" if code != to else code for code, to in column.codes.items())]
        if column.codes
        else []
    )
    words += ["nothing: " + ", ".join(f"`{word}`" for word in column.sentinels)] if column.sentinels else []
    words += ["also called " + ", ".join(column.aliases)] if column.aliases else []
    if isinstance(column.date_formats, FormatsBy):
        each = (f"{value} {' or '.join(forms)}" for value, forms in column.date_formats.formats.items())
        words.append(f"form by {column.date_formats.by}: {', '.join(each)}")
    elif column.date_formats:
        words.append("form " + " or ".join(f"`{form}`" for form in column.date_formats))
    limits = [f"at least {column.minimum:g}"] if column.minimum is not None else []
    limits += [f"at most {column.maximum:g}"] if column.maximum is not None else []
    return "; ".join([*words, *limits])


def shipped_contracts() -> str:
    """Every contract that ships."""
    listed: list[list[object]] = [
        [f"[{name}](#{name.replace(' ', '-')}-{_anchor(one)})", one.contract.title, ", ".join(one.tables())]
        for name, one in contracts().items()
    ]
    return "\n".join(
        [
            NOTE,
            "# Contracts that ship\n",
            "What tables Lockgate reads as it comes. [The language](contract-language.md);"
            " [how to write one](../how-to/contracts.md). A site's own stand in `SITE/contracts/`, before a"
            " shipped one of the same name.\n",
            table(["contract", "title", "rows go to"], listed),
            *(contract_page(one) for one in contracts().values()),
        ]
    )


def _anchor(one: LoadedContract) -> str:
    """The anchor that Markdown makes of a title."""
    return "-".join(re.sub(r"[^a-z0-9 -]", "", one.contract.title.lower()).split())


_SELECTS = """## What a SELECT reads

The sound rows are in `item`: every column in its type, the list of each family of columns (`diag_{{01..20}}` gives
`diag_01` to `diag_20` and the list `diag`), for a datetime `COLUMN_offset` (its offset as sent) and `COLUMN_flag`
(`ambiguous` where the clocks of `time_zone` show it twice, `nonexistent` where they never do, `ambiguous-date`
where two formats read two days), for a date with `ambiguous: flag` its `COLUMN_flag`, and {reserved}.

- `record_id` is the key (`a|b`), after `prefix|`. Parts of a record are named `record_id || '#' || n`: they come
  and go with their record's version. Rows named otherwise say `... AS record_id`.
- `version_at` is the version column as UTC, else the time of capture. `deleted` is true for a row that `deletes`.
- `person_ref` is the first filled column of `person`: use it as `patient_ref`, and as `record_id` in `patient.sql`.
- A version of a record that has no row in a table any more ends the older version's rows there: a tombstone is
  written.
- `source_zone()` is the contract's `time_zone` (else the site's). `time_flag(time, zone)`, `day_time(day, clock)`,
  `value_number(text)`, `value_operator(text)`, `vocabulary(system)`, `ts(text)` and others are in
  `capture/macros.sql`.
"""

_DATES = """\
`iso` (2024-03-27), `dmy` (27/03/2024), `mdy` (03/27/2024), `ymd` (2024/03/27), each with `/`, `-` or `.`, or
a strptime pattern such as `"%d-%b-%Y"` or `"%m%Y"` (a month stands for its first day). Where several are declared, a
value is read by all of them: if they agree it is that day; if two read two days it is ambiguous, and nothing is
guessed. Formats that depend on the row:
"""
