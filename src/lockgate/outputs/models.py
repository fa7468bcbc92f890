"""Linear and logistic models fitted here, with the evidence that one record does not make them.

Least squares, and for a yes-or-no outcome iteratively reweighted least squares (P. McCullagh and J.A. Nelder,
*Generalized Linear Models*, 1989, ch. 2). Leverage is the diagonal of the hat matrix (D.A. Belsley, E. Kuh and R.E.
Welsch, *Regression Diagnostics*, 1980).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from lockgate.outputs.errors import OutputError, unknown
from lockgate.outputs.frames import Columns, Value, columns_of, label
from lockgate.outputs.summaries import student_t
from lockgate.outputs.survival import normal
from lockgate.outputs.write import write_table

Matrix = list[list[float]]
MOST_PARAMETERS = 60


def model(
    frame: Any,
    name: str,
    *,
    title: str,
    outcome: str,
    terms: Sequence[str],
    unit: str,
    family: str = "linear",
    level: float = 0.95,
    decimals: int = 3,
    notes: str = "",
) -> None:
    """Fit and write a model of one row per person: estimate, standard error and interval of each term.

    ``family``: "linear", or "logistic" for an outcome of 0 and 1 (estimates are log odds). ``terms``: columns; numbers
    enter as they are, text and truth as categories against the most frequent one. Rows with anything missing are left
    out. The intercept is not shown. Raises OutputError for unknown columns, two rows of one person, an outcome of
    another kind, terms that repeat one another, or a fit that doesn't settle (an outcome that the terms tell exactly).
    """
    columns = columns_of(frame)
    for column in (outcome, unit, *terms):
        if column not in columns:
            raise unknown("column", column, columns)
    if family not in ("linear", "logistic"):
        raise unknown("family", family, ("linear", "logistic"))
    if not terms:
        raise OutputError(f"model {name!r}: name at least one term")
    full = [
        i
        for i in range(len(columns[unit]))
        if all(columns[c][i] is not None for c in (outcome, unit, *terms))
    ]
    people = [columns[unit][i] for i in full]
    if not full or len(set(people)) < len(people):
        raise OutputError(f"model {name!r}: one row for each {unit!r}, and at least one complete row")
    result = [_number(columns[outcome][i], outcome) for i in full]
    if family == "logistic" and set(result) != {0.0, 1.0}:
        raise OutputError(f"model {name!r}: a logistic model's outcome is 0 and 1, and both occur")
    names, design, levels = coded(columns, terms, full)
    if len(names) + 1 > MOST_PARAMETERS or len(names) + 1 >= len(full):
        raise OutputError(f"model {name!r}: more terms than can be fitted to {len(full)} rows")
    estimates, inverse, weights = _fit(design, result, family, name)
    df = len(full) - len(names) - 1
    scale = 1.0
    if family == "linear":
        left = math.fsum((y - _dot(row, estimates)) ** 2 for row, y in zip(design, result, strict=True))
        scale = left / df
    critical = student_t(0.5 + level / 2, df) if family == "linear" else normal(0.5 + level / 2)
    errors = [math.sqrt(max(0.0, scale * inverse[i][i])) for i in range(len(names) + 1)]
    out: Columns = {"term": list(names), "estimate": [], "se": [], "low": [], "high": []}
    for estimate, error in zip(estimates[1:], errors[1:], strict=True):
        figures = (estimate, error, estimate - critical * error, estimate + critical * error)
        for column, value in zip(("estimate", "se", "low", "high"), figures, strict=True):
            out[column].append(round(value, decimals))
    roles: list[dict[str, Any]] = [{"name": "term", "role": "dimension"}]
    roles += [
        {"name": c, "role": "statistic", "kind": "coefficient"} for c in ("estimate", "se", "low", "high")
    ]
    split = [(row, int(y)) for row, y in zip(levels, result, strict=True)] if family == "logistic" else None
    spec = {"n": len(full), "df": df, "method": family, **evidence(design, inverse, weights, levels, split)}
    write_table(out, name, title=title, roles=roles, totals={}, missing="Not stated", notes=notes, model=spec)


def evidence_of(frame: Any, parameters: int, method: str) -> dict[str, Any]:
    """The evidence for a model that somebody else fitted, from the rows of its terms; without weights."""
    columns = columns_of(frame)
    rows = range(len(next(iter(columns.values()))))
    full = [i for i in rows if all(values[i] is not None for values in columns.values())]
    if not full:
        raise OutputError("the design has no complete row")
    names, design, levels = coded(columns, list(columns), full)
    if len(names) + 1 > MOST_PARAMETERS:
        raise OutputError("the design has more terms than can be looked at: leave its evidence out")
    inverse = inverted(_gram(design, [1.0] * len(design)), method)
    found = evidence(design, inverse, [1.0] * len(design), levels, None)
    return {**found, "parameters": max(parameters, len(names) + 1)}


def evidence(
    design: Matrix,
    inverse: Matrix,
    weights: list[float],
    levels: list[tuple[Value, ...]],
    split: list[tuple[tuple[Value, ...], int]] | None,
) -> dict[str, Any]:
    """What the gate asks of a model: who stands behind its rarest category, its rarest pattern, its most telling row.

    For a logistic model a category's people with and without the outcome count each.
    """
    width = len(levels[0])
    rarest: list[int] = []
    for i in range(width):
        if split is None:
            rarest += Counter(row[i] for row in levels if row[i] is not None).values()
        else:
            tally = Counter((row[i], y) for row, y in split if row[i] is not None)
            rarest += [tally[value, y] for value in {v for v, _ in tally} for y in (0, 1)]
    patterns = Counter(tuple(row) for row in design)
    leverage = max(
        w * math.fsum(a * b for a, b in zip(row, _times(inverse, row), strict=True))
        for row, w in zip(design, weights, strict=True)
    )
    return {
        "parameters": len(design[0]),
        "rarest": min(rarest, default=len(design)),
        "patterns": len(patterns),
        "rarest_pattern": min(patterns.values()),
        "leverage": round(min(1.0, leverage), 6),
    }


def coded(
    columns: Columns, terms: Sequence[str], rows: Sequence[int]
) -> tuple[list[str], Matrix, list[tuple[Value, ...]]]:
    """Names of the coefficients, the design with its intercept, and each row's categories (None for a number)."""
    names: list[str] = []
    design: Matrix = [[1.0] for _ in rows]
    levels: list[list[Value]] = [[] for _ in rows]
    for term in terms:
        values = [columns[term][i] for i in rows]
        category = any(isinstance(v, str | bool) for v in values)
        shown = [label(v, "Not stated") for v in values] if category else []
        known = Counter(shown)
        mine: list[Value]
        if category:
            first = max(sorted(known), key=lambda v: known[v])
            others = [v for v in sorted(known) if v != first]
            names += [f"{term}: {other} against {first}" for other in others]
            for row, mine, name in zip(design, levels, shown, strict=True):
                row += [1.0 if name == other else 0.0 for other in others]
                mine.append(name)
        else:
            names.append(term)
            for row, mine, value in zip(design, levels, values, strict=True):
                row.append(_number(value, term))
                mine.append(value if value in (0, 1) else None)
    return names, design, [tuple(mine) for mine in levels]


def _fit(
    design: Matrix, result: list[float], family: str, name: str
) -> tuple[list[float], Matrix, list[float]]:
    if family == "linear":
        weights = [1.0] * len(design)
        inverse = inverted(_gram(design, weights), name)
        return _times(inverse, _cross(design, result)), inverse, weights
    estimates = [0.0] * len(design[0])
    for _ in range(50):
        chances = [1 / (1 + math.exp(-max(-30.0, min(30.0, _dot(row, estimates))))) for row in design]
        weights = [p * (1 - p) for p in chances]
        inverse = inverted(_gram(design, weights), name)
        step = _times(inverse, _cross(design, [y - p for y, p in zip(result, chances, strict=True)]))
        estimates = [a + b for a, b in zip(estimates, step, strict=True)]
        if max(abs(b) for b in step) < 1e-9:
            return estimates, inverse, weights
    raise OutputError(f"model {name!r} doesn't settle: some term tells the outcome exactly; merge categories")


def _gram(design: Matrix, weights: list[float]) -> Matrix:
    width = len(design[0])
    gram = [[0.0] * width for _ in range(width)]
    for row, w in zip(design, weights, strict=True):
        for i, a in enumerate(row):
            if a:
                wa, line = w * a, gram[i]
                for j in range(i, width):
                    line[j] += wa * row[j]
    return [[gram[min(i, j)][max(i, j)] for j in range(width)] for i in range(width)]


def inverted(matrix: Matrix, name: str) -> Matrix:
    """The inverse of a positive definite matrix, by elimination after scaling its diagonal to one."""
    size = len(matrix)
    scale = [math.sqrt(matrix[i][i]) if matrix[i][i] > 0 else 0.0 for i in range(size)]
    if not all(scale):
        raise OutputError(f"model {name!r}: a term is nought for everybody")
    work = [
        [matrix[i][j] / scale[i] / scale[j] for j in range(size)]
        + [1.0 if i == j else 0.0 for j in range(size)]
        for i in range(size)
    ]
    for i in range(size):
        pivot = work[i][i]
        if pivot < 1e-9:
            raise OutputError(f"model {name!r}: its terms repeat one another, or tell the outcome exactly")
        work[i] = [v / pivot for v in work[i]]
        for k in range(size):
            if k != i and work[k][i]:
                factor = work[k][i]
                work[k] = [a - factor * b for a, b in zip(work[k], work[i], strict=True)]
    return [[work[i][size + j] / scale[i] / scale[j] for j in range(size)] for i in range(size)]


def _cross(design: Matrix, values: list[float]) -> list[float]:
    return [
        math.fsum(row[i] * v for row, v in zip(design, values, strict=True)) for i in range(len(design[0]))
    ]


def _times(matrix: Matrix, vector: list[float]) -> list[float]:
    return [_dot(row, vector) for row in matrix]


def _dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _number(value: Value, column: str) -> float:
    if isinstance(value, bool):
        return float(value)
    if value is None or isinstance(value, str) or not math.isfinite(value):
        raise OutputError(f"{column!r} is not a column of numbers")
    return float(value)
