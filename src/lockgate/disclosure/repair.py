"""Make a copy of outputs that may leave: small counts withheld, others with them, the rest rounded.

Decisions are taken on the true figures (was this count small? had this median ten people on each side?) and the copy is
then checked like any other output, by what it shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lockgate.disclosure.core import is_small, percentage, round_counts
from lockgate.disclosure.counts import attack_rules, subset_pairs
from lockgate.disclosure.differences import close, comparable, completed, read_earlier
from lockgate.disclosure.findings import Verdict
from lockgate.disclosure.gate import Outputs, check, check_outputs, check_table, name_of
from lockgate.disclosure.identifiers import IdentifierIndex
from lockgate.disclosure.known import NOTHING, PEOPLE, Known, rows_to_withhold
from lockgate.disclosure.linked import extended
from lockgate.disclosure.manifest import RECORD, ChartEntry, Entry, Record, TableEntry, Withheld, record_json
from lockgate.disclosure.network import Bools, Ints
from lockgate.disclosure.protect import Grid, Open, attacker, protect
from lockgate.disclosure.rules import DEFAULT_RULES, Rules
from lockgate.disclosure.statistics import lone_totals, undoing_rounding, unsafe_cells
from lockgate.disclosure.survival import merged, recomputed
from lockgate.disclosure.tables import Counts, Numbers, Table, grid_of, layout, write_csv
from lockgate.errors import UsageError


@dataclass
class Repaired:
    """What ``repair`` made: the verdicts on the copy, what was done to each file, and what can't be repaired."""

    verdicts: list[Verdict]
    done: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "verdicts": [v.as_dict() for v in self.verdicts],
            "done": self.done,
            "left_out": self.left_out,
        }


def repair(
    folder: Path,
    out: Path,
    rules: Rules = DEFAULT_RULES,
    *,
    pseudonyms: Path | IdentifierIndex | None = None,
    earlier: Sequence[Path] = (),
    known: Known = NOTHING,
) -> Repaired:
    """Write a repaired copy of ``folder`` to ``out`` and check it.

    Files that no repair can mend are left out, and named with the reason. Raises UsageError when ``out`` exists and
    isn't empty.
    """
    if out.exists() and any(out.iterdir()):
        raise UsageError("isn't empty", where=str(out), remedy="give a new folder for the repaired copy")
    index = IdentifierIndex.of_folder(pseudonyms) if isinstance(pseudonyms, Path) else pseudonyms
    outputs = check(folder, rules, pseudonyms=index, earlier=earlier, known=known)
    try:
        before = read_earlier(earlier)
    except ValueError:
        before = []  # the check of the copy says so, and sends it to a reviewer
    result = Repaired([])
    kept: list[Entry] = []
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, verdict in outputs.verdicts.items():
        if name != RECORD and verdict.decision == "fail" and not verdict.repaired:
            reasons = {
                f.rule: f.message for f in verdict.findings if f.severity == "fail" and not f.repairable
            }
            result.left_out[name] = "; ".join(f"{rule}: {message}" for rule, message in reasons.items())
    tables = _repaired_tables(outputs, result, rules, before, known)
    for entry in outputs.record.outputs if outputs.record else []:
        name = name_of(entry)
        if name in result.left_out:
            continue
        if isinstance(entry, TableEntry):
            table = tables[entry.name]
            text = write_csv(table)
            entry = table.entry.model_copy(update={"sha256": hashlib.sha256(text.encode()).hexdigest()})
            (out / entry.file).write_text(text, encoding="utf-8", newline="")
            result.done[name] = entry.done
        elif isinstance(entry, ChartEntry):
            if not any(isinstance(k, TableEntry) and k.name == entry.table for k in kept):
                result.left_out[name] = f"its table {entry.table} is left out"
                continue
        else:
            (out / entry.file).write_text(outputs.texts[entry.file], encoding="utf-8", newline="")
        kept.append(entry)
    groups = outputs.record.groups if outputs.record else {}
    record = Record.model_validate({"schema": "lockgate.outputs/1", "outputs": kept, "groups": groups})
    (out / RECORD).write_text(record_json(record), encoding="utf-8")
    result.verdicts = check_outputs(out, rules, pseudonyms=index, earlier=earlier, known=known)
    return result


def _repaired_tables(
    outputs: Outputs, result: Repaired, rules: Rules, earlier: Sequence[Table], known: Known
) -> dict[str, Table]:
    """Each table that isn't left out, repaired; those of fewer dimensions first, as they hold others' margins."""
    done: dict[str, Table] = {}
    beside: list[Table] = []
    for table in sorted(outputs.tables.values(), key=lambda t: len(t.dimensions)):
        if table.entry.file in result.left_out:
            continue
        try:
            done[table.entry.name] = repair_table(
                table, rules, earlier, beside, rows_to_withhold(table, known, rules, beside)
            )
            if table.entry.survival is not None:
                table = merged(table, rules)
        except ValueError as error:
            result.left_out[table.entry.file] = str(error)
            continue
        masks = {n: done[table.entry.name].counts[n].hidden for n in table.counts}
        counts = {n: Counts(np.where(masks[n], 0, c.values), masks[n]) for n, c in table.counts.items()}
        beside.append(Table(table.entry, table.dimensions, table.keys, counts, table.figures))
    return done


def repair_table(
    table: Table,
    rules: Rules,
    earlier: Sequence[Table] = (),
    beside: Sequence[Table] = (),
    also: Bools | None = None,
) -> Table:
    """A copy of a table with all repaired that can be.

    ``beside``: tables released with it, with true counts where shown; their totals count as its margins. ``also``: rows
    whose count of people is withheld for what is known elsewhere. Raises ValueError when its figures contradict each
    other, or a total in another table would have to be withheld.
    """
    given = table
    if table.entry.survival is not None:
        table = merged(table, rules)
    fixed = _once(table, rules, earlier, beside, also)
    for _ in range(3):  # what is shown after a repair can itself look like a part of something
        if not any(f.severity == "fail" and f.repairable for f in check_table(fixed, rules, earlier)):
            break
        fixed = _once(fixed, rules, earlier, (), None)
    done = _notes(fixed, table, rules)
    if len(fixed.keys) < len(given.keys):
        done.append(f"intervals merged until each step is of {rules.threshold} people or more")
    if fixed.entry.survival is not None:
        done.append("the curve is computed from the rounded counts")
    fixed.entry = fixed.entry.model_copy(update={"done": [*table.entry.done, *done]})
    return fixed


def _once(
    table: Table, rules: Rules, earlier: Sequence[Table], beside: Sequence[Table], also: Bools | None
) -> Table:
    seeds = {name: np.zeros(len(table.keys), dtype=bool) for name in table.counts}
    fixed = _with_counts(table, rules, earlier, seeds, beside, also)
    for _ in range(3):
        again = False
        for before in [*earlier, *beside]:
            for name, earlier_name, rows, earlier_rows in comparable(fixed, before):
                then = before.counts[earlier_name]
                then = Counts(round_counts(then.values, rules), then.hidden)
                if completed(fixed, name, then, rows, earlier_rows, rules):
                    seeds[name][rows] |= then.hidden[earlier_rows]
                    again = True
        if not again:
            break
        fixed = _with_counts(table, rules, earlier, seeds, beside, also)
    _figures(fixed, table, rules)
    return fixed


def _with_counts(
    table: Table,
    rules: Rules,
    earlier: Sequence[Table],
    seeds: dict[str, Bools],
    beside: Sequence[Table],
    also: Bools | None,
) -> Table:
    """The table with its counts withheld and rounded, and the record of which and why; figures as they were."""
    joined = extended(table, beside)
    fixed: dict[str, Counts] = {}
    withheld: dict[str, Withheld] = {}
    wholes: dict[str, list[str]] = {name: [] for name in table.counts}
    for part, whole in subset_pairs(table):
        wholes[part].append(whole)
    for name in _wholes_first(wholes):
        counts = table.counts[name]
        small = is_small(counts.values, rules) & ~counts.hidden
        before = table.entry.withheld.get(name)
        small |= counts.hidden if before is None else _marked(before.small, small.size) & counts.hidden
        least = np.full(small.size, 0 if rules.zeros == "suppress" else 1, dtype=np.int64)
        most = np.full(small.size, rules.threshold - 1, dtype=np.int64)
        complement = np.zeros_like(small)
        secret = small | counts.hidden | seeds[name]
        near = _near(table, name, [*earlier, *beside], rules) & ~counts.hidden & ~small
        if also is not None and name == PEOPLE:
            near |= also & ~counts.hidden & ~small
        for whole in wholes[name]:
            b = table.counts[whole]
            rest = b.values - counts.values
            known = ~b.hidden & ~counts.hidden
            few = known & ((rest > 0) & (rest < rules.threshold))
            if rules.class_disclosure == "refuse":
                few |= known & (rest == 0) & (b.values > 0)
            complement |= few & ~small
            least = np.where(few, np.minimum(least, np.maximum(0, b.values - rules.threshold + 1)), least)
            most = np.where(few, np.maximum(most, b.values - 1), most)
            secret |= fixed[whole].hidden
        near &= ~complement
        complement |= near  # its margins must not tell what an earlier figure would be compared with
        least = np.where(near, np.maximum(0, counts.values - rules.threshold + 1), least)
        most = np.where(near, counts.values + rules.threshold - 1, most)
        primary = small | complement
        hidden = _protected(joined, joined.counts[name], primary, secret | primary, (least, most), rules)
        fixed[name] = Counts(np.where(hidden, 0, round_counts(counts.values, rules)), hidden)
        withheld[name] = Withheld(
            small=np.flatnonzero(small).tolist(),
            complement=np.flatnonzero(complement).tolist(),
            other=np.flatnonzero(hidden & ~primary).tolist(),
        )
    model = table.entry.model
    if model is not None:
        model = model.model_copy(update={"n": int(round_counts([model.n], rules)[0])})
    entry = table.entry.model_copy(
        update={"withheld": {n: w for n, w in withheld.items() if fixed[n].hidden.any()}, "model": model}
    )
    figures = {n: Numbers(f.values.copy(), f.hidden.copy(), list(f.text)) for n, f in table.figures.items()}
    return Table(entry, table.dimensions, table.keys, {n: fixed[n] for n in table.counts}, figures)


def _protected(
    table: Table, counts: Counts, primary: Bools, secret: Bools, bounds: tuple[Ints, ...], rules: Rules
) -> Bools:
    """The rows to withhold so that the primary ones can't be worked out from the margins."""
    if not secret.any():
        return secret.copy()
    own = secret.size
    borrowed = counts.hidden[own:]  # totals in other tables: withheld there or not, but not by this repair
    primary = np.concatenate([primary, np.zeros_like(borrowed)])
    secret = np.concatenate([secret, borrowed])
    bounds = tuple(np.concatenate([b, np.zeros(borrowed.size, dtype=np.int64)]) for b in bounds)
    index = layout(table)
    hidden: Bools = secret.copy()
    if index is None:
        row_of = {key: row for row, key in enumerate(table.keys)}
        for row in np.flatnonzero(secret):
            for key in table.covers(table.keys[int(row)]):
                if key in row_of:
                    hidden[row_of[key]] = True
        return _own(hidden, own, borrowed)
    seen_as = attack_rules(counts, rules)
    grid, unknown = grid_of(index, counts, seen_as)
    network = attacker(grid, unknown, seen_as)
    if network is None and borrowed.size:  # totals of other people, after all
        own_counts = Counts(counts.values[:own], counts.hidden[:own])
        cut = Table(table.entry, table.dimensions, table.keys[:own], {}, {})
        return _protected(cut, own_counts, primary[:own], secret[:own], tuple(b[:own] for b in bounds), rules)
    if network is None:
        raise ValueError("the figures contradict each other: make the table anew from the data")
    there = index >= 0
    at = np.where(there, index, 0)
    values = Grid(network.x, grid.given, grid.related)
    small = Open.small(index.shape, rules)
    open_ = Open(np.where(there, bounds[0][at], small.least), np.where(there, bounds[1][at], small.most))
    chosen = protect(values, there & primary[at], there & secret[at], rules, open_)
    hidden[index[there & chosen]] = True
    return _own(hidden, own, borrowed)


def _own(hidden: Bools, own: int, borrowed: Bools) -> Bools:
    if (hidden[own:] & ~borrowed).any():
        raise ValueError(
            "a total in another table gives a withheld count away: put both into one table with margins"
        )
    return hidden[:own]


def _near(table: Table, name: str, others: Sequence[Table], rules: Rules) -> Bools:
    found = np.zeros(len(table.keys), dtype=bool)
    for before in others:
        for column, earlier_column, rows, earlier_rows in comparable(table, before):
            if column == name:
                found |= close(table.counts[name], before.counts[earlier_column], rows, earlier_rows, rules)
    return found


def _wholes_first(wholes: dict[str, list[str]]) -> list[str]:
    """Count columns in an order in which every whole comes before its parts."""
    order: list[str] = []
    waiting = list(wholes)
    while waiting:
        ready = [n for n in waiting if all(w in order for w in wholes[n])]
        if not ready:
            raise ValueError("counts are declared to be parts of each other in a circle")
        order += ready
        waiting = [n for n in waiting if n not in ready]
    return order


def _marked(rows: list[int], size: int) -> Bools:
    marks = np.zeros(size, dtype=bool)
    marks[[r for r in rows if 0 <= r < size]] = True
    return marks


def _figures(fixed: Table, table: Table, rules: Rules) -> None:
    """Withhold statistics that the rules forbid, by the true counts and by those shown; compute percentages anew."""
    for spec in fixed.entry.of_role("statistic"):
        numbers = fixed.figures[spec.name]
        for source in (table, fixed):
            for _, _, cells in unsafe_cells(source, spec, rules):
                numbers.hidden |= cells & ~np.isnan(numbers.values)
        while (totals := lone_totals(fixed, spec, numbers)).any():
            numbers.hidden |= totals
    for name, cells in undoing_rounding(fixed, rules).items():
        fixed.figures[name].hidden |= cells
    if fixed.entry.survival is not None and not any(c.hidden.any() for c in fixed.counts.values()):
        recomputed(fixed)
    for spec in fixed.entry.of_role("percentage"):
        numbers = fixed.figures[spec.name]
        top, bottom = fixed.counts[spec.numerator or ""], fixed.counts[spec.denominator or ""]
        values = percentage(top.values, bottom.values, spec.per)
        numbers.hidden = (numbers.hidden | top.hidden | bottom.hidden) & ~np.isnan(numbers.values)
        numbers.text = [
            "" if text == "" or np.isnan(value) else f"{value:.1f}"
            for text, value in zip(numbers.text, values.tolist(), strict=True)
        ]
        numbers.values = np.array([float(text) if text else np.nan for text in numbers.text], dtype=float)


def _notes(fixed: Table, table: Table, rules: Rules) -> list[str]:
    """What was done, as it may be published: never how many of the withheld counts are the small ones."""
    notes = []
    fresh = sum(int((fixed.counts[n].hidden & ~c.hidden).sum()) for n, c in table.counts.items())
    if fresh:
        notes.append(
            f"{fresh} counts withheld, shown as [c]: below {rules.threshold}, or needed to keep such a count from "
            "being worked out"
        )
    if any((c.values[~fixed.counts[n].hidden] % rules.rounding).any() for n, c in table.counts.items()):
        notes.append(
            f"counts rounded to the nearest {rules.rounding}, totals by themselves, so parts may not add up"
        )
    gone = sum(int((fixed.figures[n].hidden & ~f.hidden).sum()) for n, f in table.figures.items())
    if gone:
        notes.append(f"{gone} statistics and percentages withheld: of too few people, or of withheld counts")
    if any(
        fixed.figures[c.name].text != table.figures[c.name].text for c in fixed.entry.of_role("percentage")
    ):
        notes.append("percentages computed from the rounded counts")
    return notes
