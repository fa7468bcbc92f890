"""The reference pages of contracts: the language they are written in, and each one that ships."""

from __future__ import annotations

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
            " [staged model](staged-tables.md).\n",
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
