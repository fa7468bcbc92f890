"""The tables "About the data" made safe one after another, each beside those before it and the questions answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lockgate.disclosure import Rules
from lockgate.disclosure.joint import Family, Told, exposed, held
from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.safe import TOTAL, safe_table
from lockgate.disclosure.tables import Table

TRIES = 8
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToTell:
    """One table to be told: its name, what ``about.yaml`` says of it, and the people of each cell (places)."""

    name: str
    spec: dict[str, Any]
    cells: dict[Key, Ints]


@dataclass
class Joint:
    """Tables of ``people`` people, told one after another.

    ``before``: questions that were answered; ``earlier``: tables that were published of these data as they were.
    """

    people: int
    rules: Rules
    before: list[Family]
    earlier: list[Family] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._told = Told(self.people, self.before)
        self._earlier = Told(self.people, self.earlier)

    def table(self, told: ToTell) -> Table | None:
        """The table as it may leave; None without rows, or when nothing of it may be shown.

        A group that may not be told beside the others is withheld; the table's totals are left out then, so that it
        can't be worked out from them.
        """
        secret: set[Key] = set()
        for _ in range(TRIES):
            cells = _cells(told, totals=not secret)
            if not cells:
                return None
            safe = _safe(told, cells, secret, self.rules)
            people = safe.counts["people"]
            if people.hidden.all():
                return None
            fresh = list(self._families(told, safe, cells))
            bad = {
                keys[number]
                for family, keys in fresh
                for number in np.flatnonzero(exposed(family, self._told, self.rules))
            }
            if not bad:
                self._hold(safe, cells)
                done = [family for family, _ in self._families(told, safe, cells)]
                self.families += done
                self._told.add(done)
                return safe
            more = {key for key in bad if TOTAL not in key} | secret
            # a total alone that may not be told goes with all totals
            secret = more if more != secret else more | {("", *key) for key in bad}
        return None

    def _hold(self, safe: Table, cells: dict[Key, Ints]) -> None:
        """Where a group is a few people from one that was published before, that number stands for it."""
        people = safe.counts["people"]
        groups = np.zeros((len(safe.keys), self.people), dtype=bool)
        for row, key in enumerate(safe.keys):
            groups[row, cells[key]] = True
        numbers = held(groups, self._earlier, self.rules)
        kept = (numbers >= 0) & ~people.hidden
        people.values[kept] = numbers[kept]

    def _families(self, told: ToTell, safe: Table, cells: dict[Key, Ints]) -> Any:
        """The table's groups, those together in which nobody is twice; and their labels."""
        by = list(told.spec["by"])
        summed = {by.index(name) for name in told.spec.get("totals", [])}
        together: dict[Key, list[Key]] = {}
        for key in safe.keys:
            apart = tuple(label for place, label in enumerate(key) if place not in summed)
            kind = tuple(str(label == TOTAL) for label in key)
            together.setdefault((*apart, *kind) if summed else key, []).append(key)
        rows = {key: row for row, key in enumerate(safe.keys)}
        people = safe.counts["people"]
        for number, keys in enumerate(together.values()):
            at = [rows[key] for key in keys]
            shown: Bools = ~people.hidden[at]
            groups = [cells[key] for key in keys]
            yield Family.of(f"{told.name} {number}", self.people, groups, shown, people.values[at]), keys


def _cells(told: ToTell, *, totals: bool) -> dict[Key, Ints]:
    """Who is in each cell, and in each total where these are told."""
    spec, by = told.spec, list(told.spec["by"])
    cells = dict(told.cells)
    if top := spec.get("top"):
        cells = dict(sorted(cells.items(), key=lambda item: (-len(item[1]), item[0]))[:top])
    for place in [by.index(name) for name in spec.get("totals", [])] if totals else []:
        sums: dict[Key, list[Ints]] = {}
        for key, people in cells.items():
            sums.setdefault((*key[:place], TOTAL, *key[place + 1 :]), []).append(people)
        cells |= {key: np.concatenate(parts) for key, parts in sums.items()}
    return cells


def _safe(told: ToTell, cells: dict[Key, Ints], secret: set[Key], rules: Rules) -> Table:
    """The table by itself made safe, and ``secret`` withheld; without totals where there is any."""
    spec = told.spec
    totals = {} if secret else dict.fromkeys(spec.get("totals", []), TOTAL)
    sizes = {key: len(people) for key, people in cells.items()}
    safe = safe_table(told.name, spec["title"], list(spec["by"]), sizes, rules, totals=totals)
    people = safe.counts["people"]
    for row, key in enumerate(safe.keys):
        if key in secret:
            people.hidden[row], people.values[row] = True, 0
    if secret:
        note = "groups withheld, and totals left out, that would give small ones away beside other tables"
        safe.entry = safe.entry.model_copy(update={"done": [*safe.entry.done, note]})
    return safe
