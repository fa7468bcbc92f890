"""Withhold more cells until no withheld small count can be worked out (complementary suppression), and the attacker.

Policy: from all that is shown, a withheld small count must remain possible anywhere from 1 to threshold - 1 (from 0
where zeros are withheld). So what is shown tells no more than the withholding itself does.

Method: each withheld small count asks the network how far it can move; where not far enough, the cheapest chain of
cells that would let it move is withheld too (shortest path, after J. Castro, "A shortest-paths heuristic for
statistical data protection in positive tables", INFORMS J. Computing 19, 2007). Then whatever was withheld without
need is shown again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockgate.disclosure.core import shown_bounds
from lockgate.disclosure.network import UNBOUNDED, Bools, Ints, Network, Step, solve
from lockgate.disclosure.rules import Rules

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """A table extended by its margins, (R+1) x (C+1): counts, and which of them are shown.

    ``given`` False: not part of what is published (an absent margin). ``related`` False: a margin that isn't the sum
    of its parts (people in several groups), so that nothing follows from it.
    """

    values: Ints
    given: Bools
    related: Bools

    @property
    def free(self) -> Bools:
        """Cells that tell the attacker nothing."""
        return np.asarray(~self.given | ~self.related)


@dataclass(frozen=True)
class Open:
    """The values that a withheld cell must remain able to have: everything from ``least`` to ``most``."""

    least: Ints
    most: Ints

    @classmethod
    def small(cls, shape: tuple[int, ...], rules: Rules) -> Open:
        """What the policy asks for a small count: anything the withholding itself doesn't rule out."""
        least = 0 if rules.zeros == "suppress" else 1
        return cls(np.full(shape, least, dtype=np.int64), np.full(shape, rules.threshold - 1, dtype=np.int64))

    def want(self, cell: tuple[int, int], value: int, *, up: bool) -> int:
        """How far a cell of this value must be able to rise or fall."""
        return max(0, int(self.most[cell]) - value if up else value - int(self.least[cell]))


def protect(
    grid: Grid,
    primary: Bools,
    withheld: Bools,
    rules: Rules,
    open_: Open | None = None,
    exact: Bools | None = None,
    keep: Bools | None = None,
) -> Bools:
    """Which cells to withhold so that every primary one stays as open as the policy asks.

    ``values`` are true counts that add up; ``primary`` cells may not be shown (``open_``: how open each must stay;
    that of small counts unless said otherwise); ``withheld`` are those already withheld for whatever reason
    (primary included). ``keep`` cells are never withheld for another's sake; ``exact`` ones neither, and the attacker
    may know them unrounded: where several tables share a margin, whatever moves in one then leaves the others as they
    are. Returns the whole set, which contains ``withheld``.
    """
    open_ = open_ or Open.small(grid.values.shape, rules)
    hidden = withheld.copy()
    fixed = np.zeros_like(hidden) if exact is None else exact & ~hidden
    kept = fixed if keep is None else fixed | keep
    low, high = bounds_of_true(grid, hidden, rules, fixed)
    network = Network(grid.values, low, high)
    cells = [(int(i), int(j)) for i, j in np.argwhere(primary & ~grid.free)]
    for i, j in sorted(cells, key=lambda cell: int(grid.values[cell])):
        for up in (True, False):
            want = open_.want((i, j), int(grid.values[i, j]), up=up)
            while network.room(i, j, up=up, want=want) < want:
                chain = _cheapest(network, grid, hidden | kept, (i, j), up, want)
                if chain is None:
                    break
                for cell in chain:
                    hidden[cell] = True
                    network.loosen(*cell, 0, int(UNBOUNDED))
    wants = [
        (cell, up, open_.want(cell, int(grid.values[cell]), up=up)) for cell in cells for up in (True, False)
    ]
    return _show_again(network, grid, wants, hidden, withheld, (low, high))


def bounds_of_true(grid: Grid, hidden: Bools, rules: Rules, exact: Bools) -> tuple[Ints, Ints]:
    """What an attacker will know of each cell: rounding's interval (or its value), or nothing where it is withheld."""
    base = rules.rounding
    shown = (grid.values + base // 2) // base * base
    low, high = shown_bounds(shown, rules)
    low, high = np.minimum(low, grid.values), np.maximum(high, grid.values)
    low, high = np.where(exact, grid.values, low), np.where(exact, grid.values, high)
    unknown = hidden | grid.free
    return np.where(unknown, 0, low), np.where(unknown, UNBOUNDED, high)


def _cheapest(
    network: Network, grid: Grid, hidden: Bools, cell: tuple[int, int], up: bool, want: int
) -> list[tuple[int, int]] | None:
    """The shown cells on the cheapest way for ``cell`` to move by ``want`` (or, failing that, by 1)."""
    shown = ~(hidden | grid.free)
    forth_if, back_if = network.forth.copy(), network.back.copy()
    along = network.sign > 0
    if_up, if_down = np.full_like(grid.values, UNBOUNDED), grid.values
    forth_if[shown] = np.where(along, if_up, if_down)[shown]
    back_if[shown] = np.where(along, if_down, if_up)[shown]
    cost = np.where(shown, _loss(grid), 0.0)
    from_row = bool(network.sign[cell] > 0) != up
    for least in (want, 1):
        forth_cost = np.where(forth_if >= least, np.where(network.forth >= least, 1e-6, 1e-6 + cost), np.inf)
        back_cost = np.where(back_if >= least, np.where(network.back >= least, 1e-6, 1e-6 + cost), np.inf)
        forth_cost[cell] = back_cost[cell] = np.inf
        path = _dijkstra(forth_cost, back_cost, cell, from_row)
        if path is not None:
            chain = [(i, j) for i, j, _ in path if shown[i, j]]
            return chain or None
    return None


def _loss(grid: Grid) -> Floats:
    """What a reader loses when a cell is withheld: more with its size, much more for a margin or a zero."""
    values = grid.values.astype(float)
    loss: Floats = 10.0 + np.sqrt(values)
    loss[values == 0] += 1_000.0
    loss[-1, :] += 10_000.0
    loss[:, -1] += 10_000.0
    return loss


def _dijkstra(
    forth: Floats,
    back: Floats,
    cell: tuple[int, int],
    from_row: bool,
) -> list[Step] | None:
    rows, columns = forth.shape
    nodes = rows + columns
    distance = np.full(nodes, np.inf)
    parent = np.full(nodes, -1)
    done = np.zeros(nodes, dtype=bool)
    start, end = (cell[0], rows + cell[1]) if from_row else (rows + cell[1], cell[0])
    distance[start] = 0.0
    while True:
        open_distance = np.where(done, np.inf, distance)
        node = int(open_distance.argmin())
        if not np.isfinite(open_distance[node]):
            return None
        if node == end:
            break
        done[node] = True
        span = slice(rows, nodes) if node < rows else slice(0, rows)
        step = forth[node] if node < rows else back[:, node - rows]
        better = distance[node] + step < distance[span]
        distance[span][better] = (distance[node] + step)[better]
        parent[span][better] = node
    path: list[Step] = []
    while node != start:
        before = int(parent[node])
        path.append((before, node - rows, 1) if before < rows else (node, before - rows, -1))
        node = before
    return path[::-1]


def _show_again(
    network: Network,
    grid: Grid,
    wants: list[tuple[tuple[int, int], bool, int]],
    hidden: Bools,
    withheld: Bools,
    bounds: tuple[Ints, Ints],
    budget: int = 40_000,
) -> Bools:
    """Show again each cell withheld for others' sake without which all remain protected; the largest first."""
    low, high = bounds
    extra = [(int(i), int(j)) for i, j in np.argwhere(hidden & ~withheld)]
    if len(extra) * len(wants) > budget:
        return hidden
    held = {w: network.room(*w[0], up=w[1], want=w[2]) for w in wants}
    for cell in sorted(extra, key=lambda c: -float(_loss(grid)[c])):
        network.loosen(*cell, int(low[cell]), int(high[cell]))
        if all(network.room(*w[0], up=w[1], want=w[2]) >= held[w] for w in wants):
            hidden[cell] = False
        else:
            network.loosen(*cell, 0, int(UNBOUNDED))
    return hidden


def attacker(grid: Grid, hidden: Bools, rules: Rules) -> Network | None:
    """All that an attacker knows, from what is shown alone: ``values`` of hidden cells are not looked at.

    None when the shown figures contradict each other, so that nothing can be worked out by adding up (or the
    margins aren't sums at all); the gate then sends the table to a reviewer.
    """
    unknown = hidden | grid.free
    low, high = shown_bounds(np.where(unknown, 0, grid.values), rules)
    low, high = np.where(unknown, 0, low), np.where(unknown, UNBOUNDED, high)
    guess = np.where(unknown, 0, grid.values)
    inner = guess[:-1, :-1]
    guess[:-1, -1] = np.where(unknown[:-1, -1], inner.sum(axis=1), guess[:-1, -1])
    guess[-1, :-1] = np.where(unknown[-1, :-1], inner.sum(axis=0), guess[-1, :-1])
    guess[-1, -1] = guess[:-1, -1].sum() if unknown[-1, -1] else guess[-1, -1]
    return solve(guess, low, high)


def narrowed(
    network: Network, cells: Bools, rules: Rules, open_: Open | None = None
) -> list[tuple[int, int]]:
    """Those of the hidden cells that the attacker narrows further than the policy allows."""
    open_ = open_ or Open.small(network.x.shape, rules)
    found = []
    for i, j in ((int(i), int(j)) for i, j in np.argwhere(cells)):
        for up in (True, False):
            want = open_.want((i, j), int(network.x[i, j]), up=up)
            if network.room(i, j, up=up, want=want) < want:
                found.append((i, j))
                break
    return found
