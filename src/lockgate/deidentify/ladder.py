"""The ladder of generalisation: which column to make coarser, step by step, until a table is within its policy.

A greedy search after Datafly (L. Sweeney, 1998): at each rung every column's next coarser form is tried, and the one is
taken that brings most records out of small classes for the least information lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.deidentify.risk import SMALL, RiskPolicy, SetRisk, measure
from lockgate.engine import Engine, quote

_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "DOUBLE",
    "FLOAT",
)
MOST_RUNGS = 40
WEIGHT = "risk_weight"


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: the column made coarser, its new form in words, and the risk after it; the first has no column."""

    column: str
    form: str
    risk: SetRisk

    def as_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return {"column": self.column, "form": self.form, **self.risk.as_dict()}


def forms(engine: Engine, source: str, column: str) -> list[tuple[str, str]]:
    """The coarser forms of a column, each as (words, SQL), the last one the column left out."""
    name = quote(column)
    kind = str(engine.one(f"SELECT typeof({name}) FROM {source} AS t LIMIT 1"))
    gone = ("left out", f"CAST(NULL AS {kind})")
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return [
            *(
                (f"{unit} of the date", f"date_trunc('{unit}', {name})")
                for unit in ("month", "quarter", "year", "decade")
            ),
            gone,
        ]
    if kind in _NUMBERS or kind.startswith("DECIMAL"):
        spread = engine.one(f"SELECT max({name}) - min({name}) FROM {source} AS t")
        widths = [w for w in (2, 5, 10, 20, 50, 100, 1000, 10_000) if spread and w < float(spread)]
        return [*((f"bands of {w}", f"floor({name} / {w}) * {w}") for w in widths), gone]
    if kind != "VARCHAR":  # yes or no, times of day: nothing coarser but to leave it out
        return [gone]
    shape = "^[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}$"
    postcodes = engine.one(
        f"SELECT avg(CASE WHEN regexp_matches(upper({name}), '{shape}') THEN 1.0 ELSE 0 END)"
        f" FROM {source} AS t WHERE {name} IS NOT NULL"
    )
    if postcodes is not None and postcodes > 0.9:
        outward = f"regexp_replace(upper(trim({name})), ' ?[0-9][A-Z]{{2}}$', '')"
        return [
            ("outward code", outward),
            ("postcode area", f"regexp_extract(upper({name}), '^[A-Z]+')"),
            gone,
        ]
    return [
        *((f"values of fewer than {n} records as one", _rare(source, name, n)) for n in (5, 20, 100)),
        gone,
    ]


def _rare(source: str, name: str, least: int) -> str:
    common = f"(SELECT {name} FROM {source} AS c GROUP BY {name} HAVING sum({WEIGHT}) >= {least})"
    return f"CASE WHEN {name} IS NULL OR {name} IN {common} THEN {name} ELSE '(rare)' END"


def ladder(
    engine: Engine,
    source: str,
    quasi_identifiers: Sequence[str],
    policy: RiskPolicy,
    *,
    sensitive: str | None = None,
) -> list[Rung]:
    """The rungs from the table as it is (first) to one within the policy, or to all columns left out (last)."""
    bounds = sorted({*SMALL, policy.k})
    close = policy.t is not None
    now = measure(
        engine, source, quasi_identifiers, sensitive=sensitive, all_sets=False, bounds=bounds, closeness=close
    )[0]
    columns = now.columns
    kept = ", ".join(quote(c) for c in (*columns, *([sensitive] if sensitive else [])))
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE risk_ladder AS SELECT {kept}, count(*) AS {WEIGHT} FROM {source} AS t"
        " GROUP BY ALL"
    )
    steps = {column: forms(engine, "risk_ladder", column) for column in columns}
    at = dict.fromkeys(columns, 0)
    found = [Rung("", "as it is", now)]
    while policy.reasons(found[-1].risk) and len(found) <= MOST_RUNGS:
        tried = []
        for column in columns:
            if at[column] < len(steps[column]):
                words, _ = steps[column][at[column]]
                risk = _with(engine, columns, steps, {**at, column: at[column] + 1}, sensitive, bounds, close)
                tried.append(
                    (_gain(found[-1].risk, risk, policy, engine, column, steps, at), column, words, risk)
                )
        if not tried:
            break
        _, column, words, risk = max(tried, key=lambda item: (item[0], -columns.index(item[1])))
        at[column] += 1
        found.append(Rung(column, words, risk))
    engine.execute("DROP TABLE risk_ladder")
    return found


def _with(
    engine: Engine,
    columns: Sequence[str],
    steps: dict[str, list[tuple[str, str]]],
    at: dict[str, int],
    sensitive: str | None,
    bounds: Sequence[int],
    close: bool,
) -> SetRisk:
    shaped = ", ".join(f"{steps[c][at[c] - 1][1] if at[c] else quote(c)} AS {quote(c)}" for c in columns)
    mark = f", {quote(sensitive)}" if sensitive else ""
    source = f"(SELECT {shaped}{mark}, {WEIGHT} FROM risk_ladder)"
    return measure(
        engine,
        source,
        columns,
        sensitive=sensitive,
        all_sets=False,
        bounds=bounds,
        weight=WEIGHT,
        closeness=close,
    )[0]


def _gain(
    before: SetRisk,
    after: SetRisk,
    policy: RiskPolicy,
    engine: Engine,
    column: str,
    steps: dict[str, list[tuple[str, str]]],
    at: dict[str, int],
) -> float:
    """Records brought out of small classes, or nearer to the policy, for each bit of the column that is lost."""
    now = steps[column][at[column] - 1][1] if at[column] else quote(column)
    then = steps[column][at[column]][1]
    first, second = engine.rows(f"SELECT count(DISTINCT {now}), count(DISTINCT {then}) FROM risk_ladder")[0]
    lost = (
        math.log2(max(first, 1) + 1) - math.log2(max(second, 1))
        if second
        else math.log2(max(first, 1) + 1) + 1
    )
    gained = float(before.below[policy.k] - after.below[policy.k])
    if policy.l is not None:
        gained += (before.homogeneous or 0) - (after.homogeneous or 0)
    if policy.t is not None:
        gained += ((before.t or 0.0) - (after.t or 0.0)) * before.records
    return gained / max(lost, 0.01)
