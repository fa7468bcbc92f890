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
import pyarrow.compute as pc
from numpy.typing import NDArray

from lockgate.engine import Engine, quote
from lockgate.errors import Refused, UsageError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
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
    ``homogeneous`` how many records are in classes that have only one (whoever finds the class knows the value), ``t``
    the furthest that a class's distribution of it is from the table's (0 the same, 1 the other end); None without such
    a column, or for ``t`` where it was not asked for.
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
    t: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The form that ``--json`` prints."""
        return {
            **asdict(self),
            "columns": list(self.columns),
            "below": {str(b): n for b, n in self.below.items()},
        }


@dataclass(frozen=True, slots=True)
class RiskPolicy:
    """What a table may be: at most ``share`` of its records in classes smaller than ``k``.

    No class has less than ``l`` values of the sensitive column, nor is further than ``t`` from the table's in it.
    """

    k: int = 5
    share: float = 0.0
    l: int | None = None  # noqa: E741
    t: float | None = None

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
        if risk.records and (
            (self.l is not None and risk.l is None) or (self.t is not None and risk.t is None)
        ):
            raise UsageError(
                "the policy is about a sensitive column, and none was measured",
                remedy="name it, and ask for t",
            )
        if self.l is not None and risk.l is not None and risk.l < self.l:
            found.append(f"a class has {risk.l} value(s) of the sensitive column; {self.l} are asked for")
        if self.t is not None and risk.t is not None and risk.t > self.t:
            found.append(
                f"a class is {risk.t:.3f} from the table in the sensitive column; at most {self.t} may be"
            )
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
    closeness: bool = False,
) -> list[SetRisk]:
    """The risk of a table or a SELECT by all quasi-identifiers together (first), and by every set of them.

    ``source`` is the name of a view or table of ``engine``, or a SELECT in parentheses. The table is read once, as
    numbers, from which all sets are counted. ``all_sets`` None looks at every set of up to six columns, and at all but
    one of more. ``weight`` is a column that says how many records a row stands for; ``closeness`` adds ``t``. Raises
    UsageError for columns that aren't there, named twice, or too many.
    """
    columns = _columns(engine, source, quasi_identifiers, sensitive)
    every = len(columns) <= MOST_FOR_ALL_SETS if all_sets is None else all_sets
    codes = _Codes.read(engine, source, columns, sensitive, weight, closeness)
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
    closeness: _Closeness | None = None

    @classmethod
    def read(
        cls,
        engine: Engine,
        source: str,
        columns: Sequence[str],
        sensitive: str | None,
        weight: str,
        closeness: bool = False,
    ) -> _Codes:
        wanted = [*columns, *([sensitive] if sensitive else []), *([weight] if weight else [])]
        table = engine.arrow(f"SELECT {', '.join(quote(name) for name in wanted)} FROM {source} AS t")
        weights = table.column(weight).to_numpy().astype(np.int64) if weight else None
        return cls(
            {name: _encode(table.column(name)) for name in columns},
            _encode(table.column(sensitive)) if sensitive else None,
            weights,
            _whole(table.column(sensitive), weights) if sensitive and closeness else None,
        )

    def risk(self, columns: Sequence[str], bounds: Sequence[int]) -> SetRisk:
        """Sort the rows by class (and sensitive value) once, and read every figure off where one ends."""
        parts = [self.columns[name] for name in columns]
        values = 1
        if self.sensitive is not None:
            parts.append(self.sensitive)
            values = self.sensitive[1]
        key, span = _combine(parts)
        kinds, counts = _cells(key, span, self.weights)
        # where, among the cells (class and sensitive value), each class begins
        first = _starts(kinds // kinds.dtype.type(values)) if values > 1 else np.arange(len(kinds))
        sizes = np.add.reduceat(counts, first) if len(first) else counts
        diversity = np.diff(first, append=len(kinds))
        closeness = None
        if self.closeness is not None and len(kinds):
            closeness = self.closeness.furthest(kinds % kinds.dtype.type(values), counts, first, sizes)
        if self.weights is not None:  # a row may stand for nobody
            diversity, sizes = diversity[sizes > 0], sizes[sizes > 0]
        records = int(sizes.sum())
        most = max(bounds, default=2)
        held = np.bincount(np.minimum(sizes, most), minlength=most + 1) * np.arange(most + 1)
        return SetRisk(
            columns=tuple(columns),
            records=records,
            classes=len(sizes),
            k=int(sizes.min()) if records else 0,
            uniques=int(held[1]),
            below={int(bound): int(held[:bound].sum()) for bound in bounds},
            highest_risk=1 / int(sizes.min()) if records else 0.0,
            expected_risk=len(sizes) / records if records else 0.0,
            l=int(diversity.min()) if self.sensitive is not None and records else None,
            homogeneous=int(sizes[diversity == 1].sum()) if self.sensitive is not None else None,
            t=closeness,
        )


@dataclass(frozen=True)
class _Closeness:
    """The distribution of the sensitive column in the whole table, and whether its values have an order."""

    shares: Floats  # of each code, adding up to 1
    order: Ints | None  # the place of each code among the numbers; None for words

    def furthest(self, codes: NDArray[Any], counts: Ints, first: Ints, sizes: Ints) -> float:
        """The greatest distance of a class's distribution from the table's (t, of N. Li et al., 2007).

        For words the total variation distance, for numbers the earth mover's with steps between neighbouring values.
        """
        owner = np.repeat(np.arange(len(first)), np.diff(first, append=len(counts)))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(sizes[owner] > 0, counts / sizes[owner], 0.0)
        if self.order is None:
            over = np.maximum(share - self.shares[codes], 0)
            return float(np.add.reduceat(over, first).max())
        place = self.order[codes]
        by_class = np.lexsort((place, owner))
        place, share = place[by_class], share[by_class]
        whole = np.zeros(len(self.shares))
        whole[self.order] = self.shares
        upto = np.cumsum(whole)  # the table's distribution function, and its running sums
        sums = np.concatenate(([0.0], np.cumsum(upto)))
        within = np.cumsum(share)
        within -= np.repeat(np.concatenate(([0.0], within[first[1:] - 1])), np.diff(first, append=len(share)))
        # from one value of the class to the next its own function is flat: the area between the two in closed form
        last = np.append(first[1:], len(share)) - 1
        until = np.append(place[1:], 0)
        until[last] = len(upto) - 1
        apart = _area(upto, sums, place, until, within) / max(len(upto) - 1, 1)
        before = _area(upto, sums, np.zeros(len(first), np.int64), place[first], np.zeros(len(first)))
        total = np.add.reduceat(apart, first) + before / max(len(upto) - 1, 1)
        return float(total[sizes > 0].max(initial=0.0))


def _area(upto: Floats, sums: Floats, start: Ints, until: Ints, level: Floats) -> Floats:
    """The sum of |upto[i] - level| over i from start to until - 1, for each; ``upto`` never falls."""
    cross = np.clip(np.searchsorted(upto, level), start, until)
    under = level * (cross - start) - (sums[cross] - sums[start])
    over = (sums[until] - sums[cross]) - level * (until - cross)
    return np.asarray(under + over)


def _cells(key: NDArray[Any], span: int, weights: Ints | None) -> tuple[NDArray[Any], Ints]:
    """The distinct numbers of a key in order, and how many records each stands for."""
    if span <= 4 * len(key):  # close together: counted without sorting
        counts = np.bincount(key, weights=weights, minlength=1).astype(np.int64)
        # a row may stand for nobody, and is a cell all the same
        there = counts if weights is None else np.bincount(key, minlength=1)
        kinds = np.flatnonzero(there)
        return kinds, counts[kinds]
    if weights is None:
        cells, upto = np.sort(key), None
    else:
        order = np.argsort(key, kind="stable")
        cells, upto = key[order], np.concatenate(([0], np.cumsum(weights[order])))
    at = _starts(cells)
    ends = np.append(at[1:], len(cells))
    return cells[at], ends - at if upto is None else upto[ends] - upto[at]


_MOST = 2**62


def _encode(column: pa.ChunkedArray) -> tuple[Ints, int]:
    encoded = _numbered(column)
    return encoded.indices.to_numpy(zero_copy_only=False), max(len(encoded.dictionary), 1)


def _numbered(column: pa.ChunkedArray) -> Any:
    """A column's values numbered, a missing one too. No number (NaN) is missing, and -0.0 is 0.0."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        zero = pa.scalar(0.0, column.type)
        column = pc.add(pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column), zero)
    return column.combine_chunks().dictionary_encode(null_encoding="encode")


def _whole(column: pa.ChunkedArray, weights: Ints | None) -> _Closeness:
    """How the values of a column are spread over the table; numbers in their order, a missing one after all others."""
    encoded = _numbered(column)
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    counts = np.bincount(codes, weights=weights, minlength=max(len(encoded.dictionary), 1))
    order = None
    if (
        pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
        or pa.types.is_decimal(column.type)
    ):
        order = np.empty(len(counts), np.int64)
        order[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(counts))
    return _Closeness(counts / max(counts.sum(), 1), order)


def _combine(columns: Sequence[tuple[Ints, int]]) -> tuple[NDArray[Any], int]:
    """One number for each row's combination of codes, and the number that all of them are below.

    The last column's code is the key's remainder by its number of values.
    """
    whole = 1
    for _, values in columns:
        whole *= values
    small = np.uint32 if whole < 2**32 else np.int64  # half the memory to sort and to read
    key: Any = columns[0][0].astype(small)
    span = columns[0][1]
    for code, values in columns[1:]:
        if span > _MOST // values:
            key, span = _dense(key)
        key *= key.dtype.type(values)
        key += code.astype(key.dtype, copy=False)
        span *= values
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
    types = {str(row[0]): str(row[1]) for row in engine.rows(f"DESCRIBE SELECT * FROM {source} AS t")}
    there = list(types)
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
    nested = [
        name for name in (*columns, *([by_name[sensitive.lower()]] if sensitive else []))
        if types[name].endswith("]") or types[name].startswith(("STRUCT", "MAP", "UNION", "VARIANT"))
    ]  # fmt: skip
    if nested:
        raise UsageError(f"{nested[0]!r} holds lists or structures", remedy="name columns of single values")
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
