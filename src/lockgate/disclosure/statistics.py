"""What is wrong with the statistics and percentages of a table, given the counts they rest on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lockgate.disclosure.core import dominated, is_small, percentage, quantile_unsafe
from lockgate.disclosure.findings import Finding
from lockgate.disclosure.manifest import ColumnSpec
from lockgate.disclosure.models import check_model
from lockgate.disclosure.network import Bools
from lockgate.disclosure.rules import Rules
from lockgate.disclosure.survival import KINDS, check_survival
from lockgate.disclosure.tables import Numbers, Table, layout

Floats = NDArray[np.float64]

PASSING = frozenset(
    {"mean", "sd", "se", "interval", "median", "quantile", "sum", "rate", "ratio", "coefficient", "p_value"}
)
DOMINATED = frozenset({"mean", "sum"})
DERIVABLE = frozenset({"mean", "sum", "interval"})
SPREAD = frozenset({"sd", "se", "interval"})


def check_figures(table: Table, rules: Rules) -> Iterator[Finding]:
    """Statistics of few people, dominated ones, quantiles near an end, percentages that give a count away."""
    for spec in table.entry.of_role("statistic"):
        numbers = table.figures[spec.name]
        if spec.kind not in PASSING and not (spec.kind in KINDS and table.entry.survival):
            yield Finding(
                "statistic",
                f"column {spec.name}",
                "a statistic that no rule covers",
                "let a reviewer judge it",
                "review",
            )
        if spec.n is None:
            continue
        for rule, why, cells in unsafe_cells(table, spec, rules):
            for row in np.flatnonzero(cells & numbers.shown):
                yield Finding(rule, table.cell(int(row), spec.name), why, "withhold it", repairable=True)
        if spec.kind in DOMINATED and spec.name not in table.entry.evidence:
            yield Finding(
                "dominance",
                f"column {spec.name}",
                "no evidence of how much the largest contributors make up",
                "compute it with lockgate.outputs.summary, which keeps that evidence",
                "review",
            )
        yield from _lone(table, spec, numbers)
    for name, cells in undoing_rounding(table, rules).items():
        for row in np.flatnonzero(cells):
            yield Finding(
                "rounding undone",
                table.cell(int(row), name),
                "together with the other statistics beside it, it gives the unrounded count back",
                "withhold it, or show fewer decimals",
                repairable=True,
            )
    for spec in table.entry.of_role("percentage"):
        yield from _percentages(table, spec)
    yield from _rates(table, rules)
    yield from check_model(table, rules)
    yield from check_survival(table, rules)


def unsafe_cells(table: Table, spec: ColumnSpec, rules: Rules) -> Iterator[tuple[str, str, Bools]]:
    """(rule, reason, cells) for each rule that forbids cells of a statistic, from its n and its evidence."""
    if spec.n is None:
        return
    n = table.counts[spec.n]
    few = n.hidden | is_small(n.values, rules) | (n.values == 0)
    yield "statistic", f"a statistic whose count {spec.n} is withheld or below {rules.threshold}", few
    if spec.kind in SPREAD:
        yield (
            "degrees of freedom",
            f"fewer than {rules.min_df} degrees of freedom",
            np.asarray(~few & (n.values - 1 < rules.min_df)),
        )
    if spec.kind in ("median", "quantile"):
        q = 0.5 if spec.kind == "median" or spec.q is None else spec.q
        yield (
            "quantile",
            f"fewer than {rules.side} people on one side of the quantile",
            np.asarray(~few & quantile_unsafe(n.values, q, rules)),
        )
    evidence = table.entry.evidence.get(spec.name)
    if evidence is not None:
        largest = np.array([np.nan if v is None else v for v in evidence.largest], dtype=float)
        second = np.array([np.nan if v is None else v for v in evidence.second], dtype=float)
        known = ~np.isnan(largest) & ~np.isnan(second)
        over = dominated(np.nan_to_num(largest), np.nan_to_num(second), rules)
        yield (
            "dominance",
            "one or two people make up most of it",
            np.asarray(~few & (over | ~known)),
        )
        if evidence.contributors is not None and spec.kind in DOMINATED:
            those = np.array(evidence.contributors, dtype=np.int64)
            yield (
                "dominance",
                f"fewer than {rules.threshold} people have another value than 0: it is theirs alone",
                np.asarray(~few & (those > 0) & (those < rules.threshold)),
            )


def undoing_rounding(table: Table, rules: Rules) -> dict[str, Bools]:
    """Cells that, with others beside them, tell the count they rest on more closely than its rounding does.

    A sum over a mean is n; (t sd / half the interval)^2 is n, and so is (sd / se)^2. The decimals shown limit how
    closely. Sums and standard deviations are the ones named, as readers miss them least.
    """
    found: dict[str, Bools] = {}
    if rules.rounding == 1:
        return found
    by_n: dict[str, list[ColumnSpec]] = {}
    for spec in table.entry.of_role("statistic"):
        by_n.setdefault(spec.n or "", []).append(spec)
    by_n.pop("", None)
    for n, specs in by_n.items():
        of_kind = {
            k: [table.figures[s.name] for s in specs if s.kind == k] for k in ("mean", "interval", "se")
        }
        widths = [_half(low, high) for low, high in pairwise_ends(of_kind["interval"])]
        widths += [_with_error(se) for se in of_kind["se"]]
        for spec in specs:
            value, error = _with_error(table.figures[spec.name])
            others = [_with_error(mean) for mean in of_kind["mean"]] if spec.kind == "sum" else []
            others = widths if spec.kind == "sd" else others
            power = 2 if spec.kind == "sd" else 1
            cells = np.zeros(len(table.keys), dtype=bool)
            for other, other_error in others:
                with np.errstate(divide="ignore", invalid="ignore"):
                    apart = power * (error / np.abs(value) + other_error / np.abs(other))
                    cells |= table.counts[n].values * apart < rules.rounding / 2
            cells &= table.figures[spec.name].shown & ~table.counts[n].hidden
            if cells.any():
                found[spec.name] = cells
    return found


def pairwise_ends(ends: list[Numbers]) -> list[tuple[Numbers, Numbers]]:
    """Interval columns by twos, in the order of the table: low and high."""
    return list(zip(ends[::2], ends[1::2], strict=False))


def _with_error(numbers: Numbers) -> tuple[Floats, Floats]:
    return numbers.values, np.array([0.5 * 10.0 ** -_decimals(text) for text in numbers.text])


def _half(low: Numbers, high: Numbers) -> tuple[Floats, Floats]:
    """Half the width of an interval and its error; nothing where an end is withheld."""
    (a, error), (b, other) = _with_error(low), _with_error(high)
    return np.where(low.shown & high.shown, (b - a) / 2, np.nan), (error + other) / 2


def lone_totals(table: Table, spec: ColumnSpec, numbers: Numbers) -> Bools:
    """Totals shown of a sum, mean or interval over exactly one withheld figure of a shown count: it follows."""
    found = np.zeros(len(table.keys), dtype=bool)
    if spec.kind not in DERIVABLE or spec.n is None:
        return found
    n = table.counts[spec.n]
    row_of = {key: row for row, key in enumerate(table.keys)}
    lines: dict[int, list[int]] = {}
    index = layout(table)
    secret = ~numbers.shown & ~n.hidden & (n.values > 0)
    for row in np.flatnonzero(secret):
        key = table.keys[int(row)]
        for total_key in table.covers(key):
            total = row_of.get(total_key)
            if total is not None and numbers.shown[total] and not n.hidden[total]:
                lines.setdefault(total, []).append(int(row))
    for total, rows in lines.items():
        found[total] = len(rows) == 1 or index is None
    return found


def _lone(table: Table, spec: ColumnSpec, numbers: Numbers) -> Iterator[Finding]:
    for row in np.flatnonzero(lone_totals(table, spec, numbers)):
        yield Finding(
            "derivable",
            table.cell(int(row), spec.name),
            "the one withheld figure among its parts can be worked out from this total",
            "withhold the total's figure too",
            repairable=True,
        )


def _percentages(table: Table, spec: ColumnSpec) -> Iterator[Finding]:
    numbers = table.figures[spec.name]
    top, bottom = table.counts[spec.numerator or ""], table.counts[spec.denominator or ""]
    secret = top.hidden | bottom.hidden
    for row in np.flatnonzero(secret & numbers.shown):
        yield Finding(
            "percentage",
            table.cell(int(row), spec.name),
            "shown, though a count behind it is withheld",
            "withhold it",
            repairable=True,
        )
    expected = percentage(top.values, bottom.values, spec.per)
    half_unit = np.array([0.5 * 10.0 ** -_decimals(text) for text in numbers.text])
    with np.errstate(invalid="ignore"):
        away = ~(np.abs(numbers.values - expected) <= half_unit * (1 + 1e-6) + 1e-9)
    for row in np.flatnonzero(away & numbers.shown & ~secret):
        yield Finding(
            "percentage",
            table.cell(int(row), spec.name),
            "isn't that of the counts shown, so that it tells more than they do",
            "compute it from the rounded counts",
            repairable=True,
        )


PER = (1, 100, 1_000, 10_000, 100_000)


def _rates(table: Table, rules: Rules) -> Iterator[Finding]:
    """A rate, or a ratio of nought to one, behind which fewer events than the threshold may stand, told by its size.

    A rate is taken as per the least of ``PER`` that is no less than any of it; time at risk isn't known, so a person
    judges. Not asked where a count column holds the events: rules on counts look at that one.
    """
    if table.entry.survival is not None:
        return
    for spec in table.entry.of_role("statistic"):
        numbers = table.figures[spec.name]
        if spec.kind not in ("rate", "ratio") or spec.n is None or not numbers.shown.any():
            continue
        n = table.counts[spec.n].values
        values = np.where(numbers.shown, numbers.values, 0.0)
        if spec.kind == "ratio" and values.max() > 1:
            continue
        per = next((each for each in PER if values.max() <= each), PER[-1])
        behind = values * n / per
        others = [counts for name, counts in table.counts.items() if name != spec.n]
        if any(
            (np.abs(each.values - behind) <= 0.05 * each.values + rules.rounding).all() for each in others
        ):
            continue
        few = numbers.shown & (behind > 0) & (behind < rules.threshold - 0.5)
        for row in np.flatnonzero(few):
            yield Finding(
                "rate",
                table.cell(int(row), spec.name),
                f"fewer than {rules.threshold} events may stand behind it, and no count says how many",
                "give the events as a count column, or write it as a percentage of two counts",
                "review",
            )


def _decimals(text: str) -> int:
    mantissa = text.lower().partition("e")[0]
    return min(12, len(mantissa.partition(".")[2]))
