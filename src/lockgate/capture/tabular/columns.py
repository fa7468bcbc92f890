"""A contract's columns as SQL: what was sent, what it means, and what is wrong with it.

A row's JSON becomes a row of texts once (``sent_rows``); everything else reads its columns under the alias ``r``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.capture.tabular.contract import Contract, FormatsBy
from lockgate.capture.tabular.formats import clock_reading, readings, with_point
from lockgate.engine import literal, quote

Fault = tuple[str, str, str]  # SQL condition over `r`, reason, what to say
_BLANKS = " \t\r\n\u00a0"


def structure(contract: Contract) -> str:
    """The JSON structure of a raw row: every column as text."""
    return "{" + ",".join(f'"{name}":"VARCHAR"' for name in contract.columns) + "}"


def sent_rows(contract: Contract, items: str) -> str:
    """SQL: of ``items`` (a query with item_hash, record_id and raw), the columns as sent, each a text.

    Flat, not a struct: DuckDB slices a struct with all its members for every branch of a CASE.
    """
    members = ", ".join(
        f"{_cleaned(contract, name, f'j.{quote(name)}')} AS {quote(name)}" for name in contract.columns
    )
    return (
        "WITH parsed AS MATERIALIZED (SELECT item_hash, record_id, CASE WHEN json_valid(raw)"
        f" THEN from_json(raw, {literal(structure(contract))}) END AS j FROM ({items}))"
        f" SELECT item_hash, record_id, {members} FROM parsed"
    )


def sent_in_raw(contract: Contract, name: str) -> str:
    """SQL: a column as sent, out of ``raw``, the JSON text of the row."""
    return _cleaned(contract, name, f"json_extract_string(raw, '$.{name}')")


def sent(contract: Contract, name: str) -> str:
    """SQL: a column as sent: trimmed, NULL where it is empty or a sentinel."""
    return f"r.{quote(name)}"


def _cleaned(contract: Contract, name: str, value: str) -> str:
    value = f"nullif(trim({value}, {literal(_BLANKS)}), '')"
    nothing = {text.strip(_BLANKS) for text in (*contract.sentinels, *contract.columns[name].sentinels)} - {
        ""
    }
    if not nothing:
        return value
    # One regular expression: to plan an IN for each of two hundred columns takes DuckDB seconds.
    words = "|".join(re.escape(text) for text in sorted(nothing))
    return f"CASE WHEN NOT regexp_full_match({value}, {literal(words)}) THEN {value} END"


def typed(contract: Contract, name: str) -> str:
    """SQL: a column in its type; NULL where it does not fit, or is ambiguous."""
    column, value = contract.columns[name], sent(contract, name)
    match column.type:
        case "integer":
            return f"CASE WHEN try_cast({value} AS DOUBLE) % 1 = 0 THEN try_cast({value} AS BIGINT) END"
        case "number":
            return f"try_cast({with_point(value, column.decimal)} AS DOUBLE)"
        case "boolean":
            return (
                f"CASE WHEN lower({value}) IN ('true', '1', 'yes', 'y', 't') THEN true"
                f" WHEN lower({value}) IN ('false', '0', 'no', 'n', 'f') THEN false END"
            )
        case "date":
            return f"CAST({_read(contract, name)} AS DATE)"
        case "datetime":
            return _read(contract, name)
        case "time":
            forms = contract.forms(name)
            return clock_reading(value, forms if isinstance(forms, list) else [])
        case "code" if column.codes:
            cases = " ".join(f"WHEN {literal(code)} THEN {literal(to)}" for code, to in column.codes.items())
            return f"CASE {value} {cases} {f'ELSE {value} ' if column.unlisted == 'keep' else ''}END"
        case "nhs_number":
            return f"nhs_number_clean({value})"
        case _:
            return value


def _days(contract: Contract, name: str) -> str:
    """SQL: the list of different times that the declared formats read in a date; NULL where none are declared."""
    column, value, forms = contract.columns[name], sent(contract, name), contract.forms(name)
    if isinstance(forms, list):
        return f"list_distinct([{', '.join(readings(value, column.type, forms))}])"
    cases = " ".join(
        f"WHEN {literal(told)} THEN list_distinct([{', '.join(readings(value, column.type, each))}])"
        for told, each in forms.formats.items()
    )
    return f"CASE {sent(contract, forms.by)} {cases} END"


def _may_be_two(contract: Contract, name: str) -> bool:
    """Whether two of a date's formats can read one text."""
    forms = contract.forms(name)
    if isinstance(forms, FormatsBy):
        return True
    return len(forms) > 1 and not set(forms) <= {"iso", "ymd"}


def _read(contract: Contract, name: str) -> str:
    column, value, forms = contract.columns[name], sent(contract, name), contract.forms(name)
    if isinstance(forms, list) and not _may_be_two(contract, name):
        found = readings(value, column.type, forms)
        return f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]
    days = _days(contract, name)
    return f"CASE WHEN len({days}) = 1 THEN {days}[1] END"


def extras(contract: Contract) -> Iterator[tuple[str, str]]:
    """Further columns of an item, as (name, SQL): COLUMN_offset and COLUMN_flag of times, and the lists of families."""
    for name, column in contract.columns.items():
        if column.type == "datetime":
            offset = f"tz_offset({sent(contract, name)})"
            clock = f"CASE WHEN {offset} IS NULL THEN time_flag({typed(contract, name)}, source_zone()) END"
            yield f"{name}_offset", offset
            yield f"{name}_flag", f"CASE WHEN {_two(contract, name)} THEN 'ambiguous-date' ELSE {clock} END"
        elif column.type == "date" and contract.flags(name):
            yield f"{name}_flag", f"CASE WHEN {_two(contract, name)} THEN 'ambiguous-date' END"
    for name, members in contract.families.items():
        yield name, f"[{', '.join(typed(contract, member) for member in members)}]"


def _two(contract: Contract, name: str) -> str:
    return f"len({_days(contract, name)}) > 1" if _may_be_two(contract, name) else "false"


def deleted(contract: Contract) -> str:
    """SQL: whether the row deletes its record."""
    if contract.deletes is None:
        return "false"
    listed = ", ".join(literal(value) for value in contract.deletes.values)
    return f"coalesce({sent(contract, contract.deletes.column)} IN ({listed}), false)"


def version_at(contract: Contract, received_sql: str) -> str:
    """SQL: the version as a UTC time; the time of capture where the row has none. A number counts seconds of 1970."""
    if contract.version is None:
        return received_sql
    kind, value = contract.columns[contract.version].type, typed(contract, contract.version)
    if kind == "integer":
        return f"coalesce(make_timestamp({value} * 1000000), {received_sql})"
    text = sent(contract, contract.version)
    local = f"CAST(timezone(source_zone(), CAST({value} AS TIMESTAMP)) AS TIMESTAMP)"
    if kind == "datetime":
        said = f"CAST(try_cast({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
        local = f"CASE WHEN tz_offset({text}) IS NOT NULL THEN coalesce({said}, {local}) ELSE {local} END"
    return f"coalesce({local}, {received_sql})"


def faults(contract: Contract) -> list[Fault]:
    """What quarantines a row, in order of telling. A row that deletes needs no more than its key and its version."""
    needed = {*contract.key, *([contract.version] if contract.version else [])}
    alive = "" if contract.deletes is None else f"NOT {deleted(contract)} AND "
    found: list[Fault] = []
    for name, column in contract.columns.items():
        if column.required is True or name in contract.key:
            guard = "" if name in needed else alive
            found.append(
                (f"{guard}{sent(contract, name)} IS NULL", "missing-required", f"column {name} is empty")
            )
    for name in contract.columns:
        guard = "" if name in needed else alive
        found += [(guard + when, reason, said) for when, reason, said in _column_faults(contract, name)]
    return found


def _column_faults(contract: Contract, name: str) -> Iterator[Fault]:
    column, text, value = contract.columns[name], sent(contract, name), typed(contract, name)
    unfit = f"{text} IS NOT NULL AND {value} IS NULL"
    match column.type:
        case "integer" | "number" | "boolean" | "time":
            yield unfit, "wrong-type", f"column {name} is no {column.type}"
        case "date" | "datetime":
            yield from _date_faults(contract, name)
        case "nhs_number":
            bad = f"{text} IS NOT NULL AND NOT nhs_number_valid({text})"
            yield bad, "bad-nhs-number", f"column {name} fails the check of NHS numbers"
        case "code" if column.codes and column.unlisted == "quarantine":
            yield unfit, "bad-code", f"column {name} holds a code the contract does not list"
    if column.pattern:
        bad = f"{text} IS NOT NULL AND NOT regexp_full_match({text}, {literal(column.pattern)})"
        yield bad, "bad-code", f"column {name} is not of the form agreed"
    for limit, sign in ((column.minimum, "<"), (column.maximum, ">")):
        if limit is not None:
            yield f"{value} {sign} {limit}", "bad-code", f"column {name} is out of its range"


def _date_faults(contract: Contract, name: str) -> Iterator[Fault]:
    column, text, value, forms = (
        contract.columns[name],
        sent(contract, name),
        typed(contract, name),
        contract.forms(name),
    )
    unread = f"{text} IS NOT NULL AND {value} IS NULL"
    if isinstance(forms, FormatsBy):
        said = f"column {name}: no date format is declared for this value of {forms.by}"
        yield f"{text} IS NOT NULL AND {_days(contract, name)} IS NULL", "ambiguous-date", said
        told = "a form declared for its source"
    else:
        told = "the form " + (" or ".join(forms) or "ISO 8601")
    if _may_be_two(contract, name):
        if not contract.flags(name):
            said = f"column {name} may be two days by the formats declared"
            yield _two(contract, name), "ambiguous-date", said
        unread = f"{text} IS NOT NULL AND len({_days(contract, name)}) = 0"
    yield unread, "impossible-date", f"column {name} is no {column.type} of {told}"
    yield f"{value} < TIMESTAMP '1880-01-01'", "impossible-date", f"column {name} is before 1880"
    if column.past:
        yield f"{value} > now_local()", "impossible-date", f"column {name} is in the future"
