"""How easily somebody could be singled out: k-anonymity, l-diversity, uniques and expected risk of a table.

Definitions: L. Sweeney, *k-anonymity* (2002); A. Machanavajjhala et al., *l-diversity* (2007); K. El Emam, *Guide to
the De-Identification of Personal Health Information* (2013) for the prosecutor and marketer risks. People who agree in
all quasi-identifiers form a class. A missing value is a value of its own: "not stated" is something to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError

Ints = NDArray[np.int64]
SMALL = (2, 3, 5, 10, 20)
# Above so many quasi-identifiers not every set of them is looked at (2^n), only all together and all but one.
MOST_FOR_ALL_SETS = 6
MOST_COLUMNS = 20


@dataclass(frozen=True, slots=True)
class SetRisk:
    """The risk by one set of quasi-identifiers.

    ``k`` is the size of the smallest class, ``uniques`` how many records are alone in theirs, ``below`` how many are
    in classes smaller than each bound. ``highest_risk`` is the chance of a right guess for the worst-placed record
    (1 / k), ``expected_risk`` the mean over all records (classes / records): the share that an attacker who knows these
    columns of everybody gets right. ``l`` is the least number of values of the sensitive column in a class,
    ``homogeneous`` how many records are in classes that have only one (whoever finds the class knows the value); None
    without such a column.
    """

    columns: tuple[str, ...]
    records: int
    classes: int
    k: int
    uniques: int
    below: dict[int, int]
    highest_risk: float
    expected_risk: float
    l: int | None = None  # noqa: E741
    homogeneous: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return {
            **asdict(self),
            "columns": list(self.columns),
            "below": {str(b): n for b, n in self.below.items()},
        }


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """What a table may be: at most ``share`` of its records in classes smaller than ``k``; no class less than ``l``."""

    k: int = 5
    share: float = 0.0
    l: int | None = None  # noqa: E741

    def reasons(self, risk: SetRisk) -> list[str]:
        """Why a table is over the policy; none when it is within it."""
        found = []
        below = risk.below.get(self.k)
        if below is None:
            raise UsageError(
                f"k = {self.k} was not counted",
                remedy=f"one of: {', '.join(map(str, SMALL))}, or give it to `measure`",
            )
        if risk.records and below / risk.records > self.share:
            share = f"at most {self.share:.2%} may be" if self.share else "none may be"
            found.append(
                f"{below / risk.records:.2%} of the records are in classes smaller than {self.k}; {share}"
            )
        if self.l is not None and risk.l is not None and risk.l < self.l:
            found.append(f"a class has {risk.l} value(s) of the sensitive column; {self.l} are asked for")
        return found


def measure(
    engine: Engine,
    source: str,
    quasi_identifiers: Sequence[str],
    *,
    sensitive: str | None = None,
    all_sets: bool | None = None,
    bounds: Sequence[int] = SMALL,
    weight: str = "",
) -> list[SetRisk]:
    """The risk of a table or a SELECT by all quasi-identifiers together (first), and by every set of them.

    ``source`` is the name of a view or table of ``engine``, or a SELECT in parentheses. The table is read once, as
    numbers, from which all sets are counted. ``all_sets`` None looks at every set of up to six columns, and at all but
    one of more. ``weight`` is a column that says how many records a row stands for. Raises UsageError for columns
    that aren't there, named twice, or too many.
    """
    columns = _columns(engine, source, quasi_identifiers, sensitive)
    every = len(columns) <= MOST_FOR_ALL_SETS if all_sets is None else all_sets
    codes = _Codes.read(engine, source, columns, sensitive, weight)
    smallest = 0 if every else max(len(columns) - 2, 0)
    return [
        codes.risk(chosen, bounds)
        for size in range(len(columns), smallest, -1)
        for chosen in combinations(columns, size)
    ]


@dataclass(frozen=True)
class _Codes:
    """A table as numbers: each column's values numbered from 0 (a missing one too), equal rows counted together."""

    columns: dict[str, tuple[Ints, int]]  # the code of each row, and how many values there are
    sensitive: tuple[Ints, int] | None
    weights: Ints | None

    @classmethod
    def read(
        cls, engine: Engine, source: str, columns: Sequence[str], sensitive: str | None, weight: str
    ) -> _Codes:
        wanted = [*columns, *([sensitive] if sensitive else []), *([weight] if weight else [])]
        table = engine.arrow(f"SELECT {', '.join(quote(name) for name in wanted)} FROM {source} AS t")
        return cls(
            {name: _encode(table.column(name)) for name in columns},
            _encode(table.column(sensitive)) if sensitive else None,
            table.column(weight).to_numpy().astype(np.int64) if weight else None,
        )

    def risk(self, columns: Sequence[str], bounds: Sequence[int]) -> SetRisk:
        """Sort the rows by class (and sensitive value) once, and read every figure off where one ends."""
        key, span = _combine([self.columns[name] for name in columns])
        values = 1
        if self.sensitive is not None:
            code, values = self.sensitive
            if span > _MOST // values:
                key, span = _dense(key)
            key = key * values + code
        if self.weights is None:
            cells = np.sort(key)
            upto = None
        else:
            order = np.argsort(key, kind="stable")
            cells = key[order]
            upto = np.concatenate(([0], np.cumsum(self.weights[order])))
        classes = cells // values if values > 1 else cells
        starts = _starts(classes)
        ends = np.append(starts[1:], len(cells))
        sizes = ends - starts if upto is None else upto[ends] - upto[starts]
        if self.weights is not None:  # a row may stand for nobody
            starts, ends, sizes = starts[sizes > 0], ends[sizes > 0], sizes[sizes > 0]
        records = int(sizes.sum())
        diversity = None
        if self.sensitive is not None:
            before = np.concatenate(([0], np.cumsum(np.diff(cells, prepend=cells[:1] - 1) != 0)))
            diversity = before[ends] - before[starts]
        return SetRisk(
            columns=tuple(columns),
            records=records,
            classes=len(sizes),
            k=int(sizes.min()) if records else 0,
            uniques=int((sizes == 1).sum()),
            below={int(bound): int(sizes[sizes < bound].sum()) for bound in bounds},
            highest_risk=1 / int(sizes.min()) if records else 0.0,
            expected_risk=len(sizes) / records if records else 0.0,
            l=int(diversity.min()) if diversity is not None and records else None,
            homogeneous=int(sizes[diversity == 1].sum()) if diversity is not None else None,
        )


_MOST = 2**62


def _encode(column: pa.ChunkedArray) -> tuple[Ints, int]:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), max(len(encoded.dictionary), 1)


def _combine(columns: Sequence[tuple[Ints, int]]) -> tuple[Ints, int]:
    """One number for each row's combination of codes, and the number that all of them are below."""
    key, span = columns[0]
    for code, values in columns[1:]:
        if span > _MOST // values:
            key, span = _dense(key)
        key, span = key * values + code, span * values
    return key, span


def _dense(key: Ints) -> tuple[Ints, int]:
    found, inverse = np.unique(key, return_inverse=True)
    return inverse.astype(np.int64), len(found)


def _starts(ordered: Ints) -> Ints:
    """Where each run of equal numbers begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))


def _columns(engine: Engine, source: str, wanted: Sequence[str], sensitive: str | None) -> tuple[str, ...]:
    there = [str(row[0]) for row in engine.rows(f"DESCRIBE SELECT * FROM {source} AS t")]
    by_name = {name.lower(): name for name in there}
    missing = [name for name in (*wanted, *([sensitive] if sensitive else [])) if name.lower() not in by_name]
    if missing:
        raise UsageError(
            f"there is no column {', '.join(repr(name) for name in missing)}",
            remedy=f"columns: {', '.join(there)}",
        )
    columns = tuple(by_name[name.lower()] for name in wanted)
    if not columns:
        raise UsageError("no quasi-identifier is named", remedy=f"columns: {', '.join(there)}")
    if len(set(columns)) < len(columns):
        raise UsageError("a quasi-identifier is named twice", remedy="name each once")
    if len(columns) > MOST_COLUMNS:
        raise UsageError(
            f"{len(columns)} quasi-identifiers are too many", remedy=f"name at most {MOST_COLUMNS}"
        )
    if sensitive and by_name[sensitive.lower()] in columns:
        raise UsageError(
            f"{sensitive!r} is a quasi-identifier and the sensitive column at once",
            remedy="name it in one place",
        )
    return columns


def require(risk: SetRisk, policy: RiskPolicy, where: str) -> None:
    """The gate: Refused when a table's risk is over the policy."""
    reasons = policy.reasons(risk)
    if reasons:
        raise Refused(
            "the risk of re-identification is over the policy",
            reasons=reasons,
            where=where,
            remedy="`lockgate risk ... --ladder` shows which generalisation brings it under",
        )
