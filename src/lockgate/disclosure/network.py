"""A two-way table with margins as a network of flows: what an attacker can work out about its hidden cells.

Every cell of the table extended by its margins (last row: column totals, last column: row totals, corner: grand
total) is an arc between its row's node and its column's node; the margins' arcs run the other way, so that "the
parts add up to the total" is "what flows into a node flows out". What is published bounds each arc: an exact
figure to a point, a rounded one to an interval, a withheld or unpublished one from nought up.

How far a hidden cell can move is then a maximum flow between its two ends through the other cells (M. Fischetti
and J.J. Salazar, "Models and algorithms for the 2-dimensional cell suppression problem", Math. Programming 84,
1999). All bounds are whole numbers and the matrix is totally unimodular, so the flow is the exact answer over
whole-number tables: no linear-programming solver is needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UNBOUNDED = np.int64(1) << 40
Step = tuple[int, int, int]  # row node, column node, +1 along row -> column or -1 back


class Network:
    """Values ``x`` of an extended (R+1) x (C+1) table with bounds ``low`` and ``high`` for each cell.

    ``x`` must add up and lie within the bounds: a solution the attacker can't rule out. Use ``solve`` to find one.
    """

    def __init__(self, x: Ints, low: Ints, high: Ints) -> None:
        self.x = x.astype(np.int64, copy=True)
        self.low = low.astype(np.int64, copy=True)
        self.high = high.astype(np.int64, copy=True)
        self.sign = signs(x.shape)
        self._residuals()

    def _residuals(self) -> None:
        up, down = self.high - self.x, self.x - self.low
        along = self.sign > 0
        self.forth = np.where(along, up, down)  # room from the row's node to the column's
        self.back = np.where(along, down, up)  # and from the column's node to the row's

    def loosen(self, i: int, j: int, low: int, high: int) -> None:
        """Give one cell other bounds (it is withheld now, or published again)."""
        self.low[i, j], self.high[i, j] = low, high
        up, down = self.high[i, j] - self.x[i, j], self.x[i, j] - self.low[i, j]
        self.forth[i, j], self.back[i, j] = (up, down) if self.sign[i, j] > 0 else (down, up)

    def room(self, i: int, j: int, *, up: bool, want: int) -> int:
        """By how much cell (i, j) can rise (or fall) while the others follow; looks no further than ``want``."""
        own = int(self.high[i, j] - self.x[i, j]) if up else int(self.x[i, j] - self.low[i, j])
        want = min(want, own)
        if want <= 0:
            return 0
        forth, back = self.forth[i, j], self.back[i, j]
        self.forth[i, j] = self.back[i, j] = 0
        from_row = (self.sign[i, j] > 0) != up  # an arc that grows needs a way back from its head to its tail
        pushed: list[tuple[list[Step], int]] = []
        got = want if self._surely(i, j, from_row, want) else 0
        while got < want:
            path = None
            least = want - got
            while path is None and least > 0:  # wide paths first, down to width 1
                path, least = self._path(i, j, from_row, least), max(least // 3, 1) if least > 1 else 0
            if path is None:
                break
            amount = min(want - got, self._width(path))
            self._push(path, amount)
            pushed.append((path, amount))
            got += amount
        for path, amount in reversed(pushed):
            self._push(path, -amount)
        self.forth[i, j], self.back[i, j] = forth, back
        return got

    def _surely(self, i: int, j: int, from_row: bool, want: int) -> bool:
        """Whether disjoint detours by one other row and one other column each already make ``want`` up.

        A cheap lower bound that settles nearly every cell of a large table without a search.
        """
        if from_row:
            first, middle, last = self.forth[i], self.back, self.forth[:, j]
        else:
            first, middle, last = self.back[i], self.forth, self.back[:, j]
        columns, rows = np.flatnonzero(first), np.flatnonzero(last)
        pairs = min(columns.size, rows.size)
        columns, rows = columns[:pairs], rows[:pairs]
        detours = np.minimum(np.minimum(first[columns], last[rows]), middle[rows, columns])
        return int(detours.sum()) >= want

    def interval(self, i: int, j: int) -> tuple[int, int]:
        """The least and greatest value of cell (i, j) in any table that agrees with what is published."""
        limit = int(UNBOUNDED)
        value = int(self.x[i, j])
        return (
            value - self.room(i, j, up=False, want=value - int(self.low[i, j])),
            value + self.room(i, j, up=True, want=limit),
        )

    def _width(self, path: list[Step]) -> int:
        return min(int(self.forth[i, j] if d > 0 else self.back[i, j]) for i, j, d in path)

    def _push(self, path: list[Step], amount: int) -> None:
        for i, j, d in path:
            self.forth[i, j] -= d * amount
            self.back[i, j] += d * amount

    def _path(self, i: int, j: int, from_row: bool, least: int) -> list[Step] | None:
        """A shortest path of residual room >= ``least`` from row node i to column node j, or the other way."""
        rows, columns = self.x.shape
        source_rows = np.zeros(rows, dtype=bool)
        source_columns = np.zeros(columns, dtype=bool)
        if from_row:
            source_rows[i] = True
        else:
            source_columns[j] = True
        target = ("column", j) if from_row else ("row", i)
        return self._search(source_rows, source_columns, least, target)

    def _search(
        self,
        rows: Bools,
        columns: Bools,
        least: int,
        target: tuple[str, int] | None,
        sinks: Bools | None = None,
    ) -> list[Step] | None:
        """Breadth first, whole levels at a time, from the marked nodes to ``target`` or to any marked sink."""
        row_count, column_count = self.x.shape
        parent_of_column = np.full(column_count, -1)
        parent_of_row = np.full(row_count, -1)
        seen_rows, seen_columns = rows.copy(), columns.copy()
        front_rows, front_columns = np.flatnonzero(rows), np.flatnonzero(columns)
        while front_rows.size or front_columns.size:
            if target is not None and self._steps_onto(
                target, front_rows, front_columns, least, parent_of_row, parent_of_column
            ):
                return _trace(target, parent_of_row, parent_of_column)
            new_columns = new_rows = np.empty(0, dtype=np.intp)
            if front_rows.size:
                reach = self.forth[front_rows] >= least
                new_columns = np.flatnonzero(reach.any(axis=0) & ~seen_columns)
                parent_of_column[new_columns] = front_rows[reach[:, new_columns].argmax(axis=0)]
            if front_columns.size:
                reach = self.back[:, front_columns] >= least
                new_rows = np.flatnonzero(reach.any(axis=1) & ~seen_rows)
                parent_of_row[new_rows] = front_columns[reach[new_rows].argmax(axis=1)]
            seen_columns[new_columns] = True
            seen_rows[new_rows] = True
            end = self._at_sink(new_rows, new_columns, sinks) if sinks is not None else None
            if end is not None:
                return _trace(end, parent_of_row, parent_of_column)
            front_rows, front_columns = new_rows, new_columns
        return None

    def _steps_onto(
        self,
        target: tuple[str, int],
        front_rows: NDArray[np.intp],
        front_columns: NDArray[np.intp],
        least: int,
        parent_of_row: NDArray[np.intp],
        parent_of_column: NDArray[np.intp],
    ) -> bool:
        """Whether the target is one step from the front (looked at first: it saves building the widest level)."""
        kind, node = target
        if kind == "column" and front_rows.size:
            hits = front_rows[self.forth[front_rows, node] >= least]
            if hits.size:
                parent_of_column[node] = hits[0]
                return True
        if kind == "row" and front_columns.size:
            hits = front_columns[self.back[node, front_columns] >= least]
            if hits.size:
                parent_of_row[node] = hits[0]
                return True
        return False

    def _at_sink(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], sinks: Bools
    ) -> tuple[str, int] | None:
        at_rows = rows[sinks[rows]]
        if at_rows.size:
            return ("row", int(at_rows[0]))
        at_columns = columns[sinks[self.x.shape[0] + columns]]
        return ("column", int(at_columns[0])) if at_columns.size else None


def signs(shape: tuple[int, ...]) -> Ints:
    """+1 where a cell's arc runs from its row to its column (inner cells, grand total), -1 for margins."""
    sign = np.ones(shape, dtype=np.int64)
    sign[-1, :-1] = sign[:-1, -1] = -1
    return sign


def _trace(
    end: tuple[str, int], parent_of_row: NDArray[np.intp], parent_of_column: NDArray[np.intp]
) -> list[Step]:
    steps: list[Step] = []
    kind, node = end
    while True:
        parent = int((parent_of_column if kind == "column" else parent_of_row)[node])
        if parent < 0:
            return steps[::-1]
        steps.append((parent, node, 1) if kind == "column" else (node, parent, -1))
        kind, node = ("row", parent) if kind == "column" else ("column", parent)


def solve(guess: Ints, low: Ints, high: Ints) -> Network | None:
    """A network whose values add up within the bounds, starting from a guess; None when there is no such table."""
    if (low > high).any():
        return None
    network = Network(np.clip(guess, low, high), low, high)
    sign = network.sign
    rows = network.x.shape[0]
    excess = np.concatenate([-(sign * network.x).sum(axis=1), (sign * network.x).sum(axis=0)])
    while (excess > 0).any():
        start = int(excess.argmax())
        marked = np.zeros(excess.size, dtype=bool)
        marked[start] = True
        path = network._search(marked[:rows], marked[rows:], 1, None, excess < 0)
        if path is None:
            return None
        i, j, d = path[-1]
        end = rows + j if d > 0 else i
        amount = min(int(excess[start]), int(-excess[end]), network._width(path))
        network._push(path, amount)
        excess[start] -= amount
        excess[end] += amount
    up = np.where(sign > 0, network.forth, network.back)
    network.x = high.astype(np.int64) - up
    return network
