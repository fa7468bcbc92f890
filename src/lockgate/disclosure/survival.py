"""Life tables and their curves: each step must be of enough people, and the curve must follow from the counts shown.

A curve that is computed from the counts as they are shown (rounded) tells nothing that they don't, so that all rules on
counts hold for it. A step of a few people is mended by merging intervals, as no single count in it can be left out: the
numbers at risk before and after would give it back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lockgate.disclosure.findings import Finding
from lockgate.disclosure.manifest import Withheld
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.tables import Counts, Numbers, Table, is_rounded
from lockgate.outputs.survival import life_step, with_interval

KINDS = ("survival", "survival_low", "survival_high")
DECIMALS = 4


def check_survival(table: Table, rules: Rules) -> Iterator[Finding]:
    """A life table's steps and curve; and any other table that looks like a curve of survival."""
    if table.entry.survival is None:
        yield from _undeclared(table, rules)
        return
    if any(c.hidden.any() for c in table.counts.values()):
        yield Finding(
            "survival",
            table.entry.file,
            "a count of a life table is withheld: those beside it give it back",
            "merge intervals instead",
        )
        return
    for rows in steps_of(table):
        yield from _steps(table, rows, rules)
    for name, expected in curves(table).items():
        numbers = table.figures[name]
        with np.errstate(invalid="ignore"):
            away = ~(np.abs(numbers.values - expected) <= 0.5 * 10.0**-DECIMALS + 1e-9)
        for row in np.flatnonzero(away & numbers.shown):
            yield Finding(
                "survival",
                table.cell(int(row), name),
                "isn't that of the counts shown, so that it tells more than they do",
                "compute it from the rounded counts",
                repairable=True,
            )


def steps_of(table: Table) -> list[list[int]]:
    """The rows of each curve, in the order of time."""
    at = table.dimensions.index("time")
    groups: dict[tuple[str, ...], list[int]] = {}
    for row, key in enumerate(table.keys):
        groups.setdefault(key[:at] + key[at + 1 :], []).append(row)
    return [sorted(rows, key=lambda r: float(table.keys[r][at])) for rows in groups.values()]


def _steps(table: Table, rows: list[int], rules: Rules) -> Iterator[Finding]:
    rounded = rules.rounding > 1 and all(is_rounded(counts, rules) for counts in table.counts.values())
    slack = 2 * rules.rounding if rounded else 0  # four figures, each off by up to half the base
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        at_risk, events, censored = (
            int(table.counts[c].values[row]) for c in ("at_risk", "events", "censored")
        )
        left = at_risk - events - censored
        if any(0 < part < rules.threshold for part in (events, censored)) or (
            not rounded and 0 < left < rules.threshold
        ):
            yield Finding(
                "survival",
                table.cell(row, "events"),
                f"a step, or a rest, of fewer than {rules.threshold} people",
                "merge it with the intervals beside it",
                repairable=True,
            )
        after = 0 if following is None else int(table.counts["at_risk"].values[following])
        if following is not None and abs(left - after) > slack:
            yield Finding(
                "survival",
                table.cell(following, "at_risk"),
                "isn't the number left by the interval before",
                "make the table anew with lockgate.outputs.survival",
            )


def curves(table: Table) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Survival and its interval in each row, from the table's counts as they stand."""
    names = {c.name: KINDS.index(c.kind) for c in table.entry.of_role("statistic") if c.kind in KINDS}
    found = np.full((3, len(table.keys)), np.nan)
    level = table.entry.survival.level if table.entry.survival else 0.95
    for rows in steps_of(table):
        curve, variance = 1.0, 0.0
        for row in rows:
            at_risk, events, censored = (
                float(table.counts[c].values[row]) for c in ("at_risk", "events", "censored")
            )
            curve, variance = life_step(at_risk, events, censored, curve, variance)
            found[:, row] = with_interval(curve, variance, level)
    return {name: np.round(found[place], DECIMALS) for name, place in names.items()}


def merged(table: Table, rules: Rules) -> Table:
    """The life table with its intervals merged until each step and each rest is nought or enough people.

    Raises ValueError when a curve rests on too few people for that.
    """
    kept: list[int] = []
    counts: dict[str, list[int]] = {name: [] for name in table.counts}
    for rows in steps_of(table):
        for last, parts in _merged_steps(table, rows, rules):
            kept.append(last)
            for name in counts:
                counts[name].append(parts[name])
    order = np.argsort(kept, kind="stable")
    kept = [kept[i] for i in order]
    none = np.zeros(len(kept), dtype=bool)
    entry = table.entry.model_copy(update={"rows": len(kept), "withheld": dict[str, Withheld]()})
    fresh = {n: Counts(np.array(v, dtype=np.int64)[order], none.copy()) for n, v in counts.items()}
    figures = {
        n: Numbers(f.values[kept], f.hidden[kept], [f.text[i] for i in kept])
        for n, f in table.figures.items()
    }
    return recomputed(Table(entry, table.dimensions, [table.keys[i] for i in kept], fresh, figures))


def _merged_steps(table: Table, rows: list[int], rules: Rules) -> list[tuple[int, dict[str, int]]]:
    def enough(step: dict[str, int]) -> bool:
        left = step["at_risk"] - step["events"] - step["censored"]
        parts = (step["events"], step["censored"])
        none = rules.zeros == "show"
        return all(n >= rules.threshold or (n == 0 and none) for n in parts) and (
            left == 0 or left >= rules.threshold
        )

    done: list[tuple[int, dict[str, int]]] = []
    open_: dict[str, int] | None = None
    for row in rows:
        values = {name: int(counts.values[row]) for name, counts in table.counts.items()}
        if open_ is None:
            open_ = values
        else:
            open_ = {n: open_[n] if n == "at_risk" else open_[n] + v for n, v in values.items()}
        if enough(open_):
            done.append((row, open_))
            open_ = None
    while open_ is not None:
        if not done:
            raise ValueError("a curve rests on too few people: leave its group out, or merge groups")
        _, before = done.pop()
        open_ = {n: before[n] if n == "at_risk" else before[n] + v for n, v in open_.items()}
        if enough(open_):
            done.append((rows[-1], open_))
            open_ = None
    return done


def recomputed(table: Table) -> Table:
    """The table with its curves computed from its counts (in place; returned for convenience)."""
    for name, values in curves(table).items():
        numbers = table.figures[name]
        numbers.values = values
        numbers.text = ["" if np.isnan(v) else repr(float(v)) for v in values]
    return table


def _undeclared(table: Table, rules: Rules) -> Iterator[Finding]:
    """A column that falls from about 1 along a numbered dimension is a curve; its steps count people."""
    if len(table.dimensions) > 2 or not table.dimensions:
        return
    for spec in table.entry.of_role("statistic"):
        numbers = table.figures[spec.name]
        if spec.n is None or spec.kind in KINDS or numbers.shown.sum() < 4:
            continue
        for at, dimension in enumerate(table.dimensions):
            lines: dict[tuple[str, ...], list[tuple[float, int]]] = {}
            for row, key in enumerate(table.keys):
                if numbers.shown[row] and _time(key[at]) is not None:
                    lines.setdefault(key[:at] + key[at + 1 :], []).append((_time(key[at]) or 0.0, row))
            if any(_falls(numbers, [row for _, row in sorted(line)]) for line in lines.values()):
                yield Finding(
                    "survival",
                    f"column {spec.name}",
                    f"falls from 1 along {dimension} as a curve of survival does: its steps tell of few people",
                    "write it with lockgate.outputs.survival",
                )
                break


def _falls(numbers: Numbers, rows: list[int]) -> bool:
    values = numbers.values[rows]
    return bool(
        len(rows) >= 4 and 0.8 <= values[0] <= 1 and values.min() >= 0 and (np.diff(values) <= 0).all()
        and values[-1] < values[0]
    )  # fmt: skip


def _time(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
