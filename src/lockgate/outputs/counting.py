"""Counts of people by group from microdata, with whom each counts kept as evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from lockgate.outputs.errors import OutputError, unknown
from lockgate.outputs.frames import Columns, Value, columns_of, label
from lockgate.outputs.record import keep
from lockgate.outputs.write import write_table


def counts(
    frame: Any,
    name: str,
    *,
    title: str,
    unit: str,
    by: Sequence[str] = (),
    total: str | None = "All",
    missing: str = "Not stated",
    notes: str = "",
) -> None:
    """Write a table of how many different people each group of ``by`` has, counted here from one row per record.

    ``unit``: the column that says whose record it is; a record without one is an error. ``total``: the label of the
    rows over all groups (every margin), or None for none. A record without a group is in the group ``missing``.
    Lockgate counts again outside the job, so that a table written so can be confirmed.
    """
    columns = columns_of(frame)
    dims = [by] if isinstance(by, str) else list(by)
    for column in (unit, *dims):
        if column not in columns:
            raise unknown("column", column, columns)
    labels = [[label(value, missing) for value in columns[d]] for d in dims]
    if total is not None and any(total in column for column in labels):
        raise OutputError(f"a group is called {total!r} itself: give total= another label")
    groups: defaultdict[tuple[str, ...], set[Value]] = defaultdict(set)
    margins = [over for size in range(1, len(dims) + 1) for over in combinations(range(len(dims)), size)]
    for place, who in enumerate(columns[unit]):
        if who is None:
            raise OutputError(f"a record has no {unit!r}: whose is it?")
        key = tuple(column[place] for column in labels)
        groups[key].add(who)
        for over in margins if total is not None else ():
            groups[tuple(str(total) if i in over else part for i, part in enumerate(key))].add(who)
    if not groups:
        raise OutputError(f"counts {name!r}: there is no record")
    ordered = sorted(groups, key=lambda key: [(part == total, part == missing, part) for part in key])
    out: Columns = {d: [key[i] for key in ordered] for i, d in enumerate(dims)}
    if "n" in out:
        raise OutputError("a column that names a group can't be called 'n'")
    out["n"] = [len(groups[key]) for key in ordered]
    roles: list[dict[str, Any]] = [{"name": d, "role": "dimension"} for d in dims]
    roles.append({"name": "n", "role": "count", "of": "people", "subset_of": None})
    totals = dict.fromkeys(dims, total) if total is not None else {}
    write_table(
        out,
        name,
        title=title,
        roles=roles,
        totals={d: t for d, t in totals.items() if t is not None},
        missing=missing,
        notes=notes,
    )
    said = {"title": title, "unit": unit, "by": dims, "total": total, "missing": missing, "notes": notes}
    keep("counts", name, said, {column: columns[column] for column in (unit, *dims)})
