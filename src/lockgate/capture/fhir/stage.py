"""Resources of one type, opened, into faults and staged rows: rules and units first, then the mapping's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.fhir.evaluate import Evaluator, Memo, Values
from lockgate.capture.fhir.gathered import OUT_OF_RANGE, Indices, Part
from lockgate.capture.fhir.plan import KEEP, Arm, Needs, plan
from lockgate.capture.fhir.repeated import TWICE
from lockgate.capture.spool import staged_schema
from lockgate.capture.units import is_ucum
from lockgate.engine import literal, quote
from lockgate.schema import staged_columns

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake

Verdict = tuple[str, str]
MAX_SAID = 3


def stage_part(intake: Intake, part: Part, hashes: pa.StringArray, ids: pa.StringArray, memo: Memo) -> None:
    """Check one part and stage its sound resources. ``hashes`` and ``ids`` are those of its resources, in order.

    ``memo`` keeps, over one capture, what was worked out for texts that come again.
    """
    Staging(intake, part, hashes, ids, memo).run()


def bury_part(intake: Intake, part: Part, hashes: pa.StringArray, ids: pa.StringArray) -> None:
    """Write tombstones of resources that their source deleted."""
    Staging(intake, part, hashes, ids, Memo()).bury(np.arange(len(part.rows)))


def stage_waiting(intake: Intake, memo: Memo, most: int = 0) -> None:
    """Run the arms over whole resources for which more than ``most`` bytes wait: each run is planned anew."""
    due = [key for key, tables in memo.waiting.items() if sum(one.nbytes for one in tables) > most]
    for kind, table, number in due:
        resources = pa.concat_tables(memo.waiting.pop((kind, table, number)), promote_options="default")
        arm = plan(kind).tables[table][number]
        nothing = Part(kind, np.empty(0, np.int64), {}, {})
        evaluator = Evaluator(intake.engine, plan(kind).shape, nothing, _constants(intake), {}, memo)
        types = {column.name: column.type for column in staged_columns(table)}
        cast = ", ".join(f"CAST({quote(name)} AS {types[name]}) AS {quote(name)}" for name in arm.columns)
        rows = evaluator.over(resources, arm.needs, f"SELECT {cast} FROM ({arm.query(arm.columns)})")
        intake.stage(table, rows)
    if due and most:
        intake.engine.trim()  # more portions come, and need the room for themselves


def _constants(intake: Intake) -> dict[str, str]:
    return {"source": literal(intake.source), "batch_id": literal(intake.batch_id)}


class Staging:
    """The staging of one part."""

    def __init__(
        self, intake: Intake, part: Part, hashes: pa.StringArray, ids: pa.StringArray, memo: Memo
    ) -> None:
        self.intake, self.part, self.plan = intake, part, plan(part.kind)
        self.rows = {"item_hash": hashes, "record_id": ids}
        self.memo = memo
        self.buried: set[int] = set()
        self.found: dict[str, Values] = {}
        self.evaluator = Evaluator(intake.engine, self.plan.shape, part, _constants(intake), self.rows, memo)

    def run(self) -> None:
        """Faults, then rows."""
        count = len(self.part.rows)
        self._tell_versions()
        self._work_out()
        verdicts = self._verdicts()
        if verdicts:
            self.bury(self._withdrawn(verdicts))
        sound: npt.NDArray[np.bool_] | None = None
        if verdicts:
            sound = np.ones(count, bool)
            sound[list(verdicts)] = False
            bad = np.array(sorted(place for place in verdicts if place not in self.buried), np.int64)
            hashes = self.rows["item_hash"].take(pa.array(bad)).to_pylist()
            said = [verdicts[place] for place in bad.tolist()]
            self.intake.add_faults(
                (item, reason, detail) for item, (reason, detail) in zip(hashes, said, strict=True)
            )
        for table, arms in self.plan.tables.items():
            for number, arm in enumerate(arms):
                if arm.plain:
                    self._stage_plain(table, number, sound)
                else:
                    self._stage_whole(table, number, sound)
        self._remark(sound)

    def bury(self, chosen: Indices) -> None:
        """A tombstone for each of these resources, in every table that their type fills."""
        if not len(chosen):
            return
        if "version_at" not in self.rows:
            self._tell_versions()
        self.buried.update(chosen.tolist())
        count, places = len(chosen), pa.array(chosen)
        ids = self.rows["record_id"].take(places)
        for table, prefix in self.plan.shape.tombstones.items():
            rows = {
                "source": pa.array([self.intake.source] * count),
                "record_id": pc.binary_join_element_wise(prefix, ids, ""),
                "version_at": self.rows["version_at"].take(places),
                "deleted": pa.array([True] * count),
                "item_hash": self.rows["item_hash"].take(places),
                "batch_id": pa.array([self.intake.batch_id] * count),
            }
            self.intake.stage(table, pa.table(rows))

    def _tell_versions(self) -> None:
        """Make version_at (see version_time in macros.sql)."""
        when = f"version_time(r.meta.lastUpdated, r.meta.versionId, {self.intake.received_sql})"
        sql = f"SELECT item_hash, {when} AS version_at FROM item"
        versions = self.evaluator.columns({"version_at": frozenset({"meta"})}, lambda _: sql)
        self.rows["version_at"] = _one(versions["version_at"].for_rows())

    def _withdrawn(self, verdicts: dict[int, Verdict]) -> Indices:
        """Of faulty resources, those entered in error: tombstones all the same, or the older version would live."""
        faulty = np.array(sorted(verdicts), np.int64)
        sql = f"SELECT record_id, version_at, item_hash, {self.plan.shape.withdrawn} AS gone FROM item"
        said = self.evaluator.whole(sql, faulty)
        gone = {one["item_hash"] for one in said.to_pylist() if one["gone"]}
        hashes = self.rows["item_hash"].take(pa.array(faulty)).to_pylist()
        return faulty[[item in gone for item in hashes]]

    def _remark(self, sound: npt.NDArray[np.bool_] | None) -> None:
        """Count what is staged and not whole."""
        for number, text in enumerate(self.plan.shape.remarks):
            rows = _one(self.found[f"remark{number}"].for_rows())
            total = pc.sum(rows if sound is None else rows.filter(pa.array(sound))).as_py()
            if total:
                self.intake.warnings[text] += int(total)

    def _work_out(self) -> None:
        """Make the checks of the plan, and with them the columns of the arm that carries them (``found``)."""
        checks = self.plan.checks
        wanted = {
            name: check.needs
            for name, check in checks.items()
            if not check.path or self.evaluator.group_of(check.needs)  # units: of what was sent
        }
        if self.plan.carrier is not None:
            table, number = self.plan.carrier
            self.found = self._columns(table, self.plan.tables[table][number], wanted)
            return

        def query(names: list[str]) -> str:
            return f"SELECT item_hash, {', '.join(f'{checks[n].sql} AS {n}' for n in names)} FROM item"

        self.found = self.evaluator.columns(wanted, query)

    def _columns(self, table: str, arm: Arm, checks: dict[str, Needs]) -> dict[str, Values]:
        """The columns that a plain arm makes, and these of the checks it carries."""
        types = {column.name: column.type for column in staged_columns(table)}
        left = arm.passed | (self.plan.checks.keys() - checks.keys())

        def query(names: list[str]) -> str:
            cast = ", ".join(
                f"CAST({quote(name)} AS {types[name]}) AS {quote(name)}" if name in types else quote(name)
                for name in names
            )
            return f"SELECT item_hash, {cast} FROM ({arm.query(names)})"

        return self.evaluator.columns(
            {name: needs for name, needs in arm.columns.items() if name not in left}, query
        )

    def _verdicts(self) -> dict[int, Verdict]:
        """What is wrong with which resource (by place): the first rule it breaks."""
        verdicts: dict[int, Verdict] = {
            place: (_reason(said), "; ".join(said[:MAX_SAID])) for place, said in self.part.wrong.items()
        }
        for number, rule in enumerate(self.plan.shape.rules):
            broken = self.found[f"rule{number}"]
            if broken.any():
                for place in np.flatnonzero(broken.as_flags()).tolist():
                    verdicts.setdefault(place, (rule.reason, f"{rule.field} {rule.say}"))
        for name, check in self.plan.checks.items():
            if check.path and name in self.found:
                for place in _not_ucum(self.found[name]).tolist():
                    verdicts.setdefault(place, ("unknown-unit", _plain(check.path)))
        return verdicts

    def _stage_plain(self, table: str, number: int, sound: npt.NDArray[np.bool_] | None) -> None:
        arm = self.plan.tables[table][number]
        found = self.found if self.plan.carrier == (table, number) else self._columns(table, arm, {})
        keep = found.get(KEEP)
        if keep is not None and not keep.all():
            sound = keep.as_flags() if sound is None else sound & keep.as_flags()
        chosen = None if sound is None or sound.all() else np.flatnonzero(sound)
        self.intake.stage(table, self._assemble(table, arm, found, chosen))

    def _assemble(self, table: str, arm: Arm, found: dict[str, Values], chosen: Indices | None) -> pa.Table:
        """The rows of a plain arm: text as dictionaries, which Parquet takes as they are."""
        schema = staged_schema(table)
        count = len(self.part.rows) if chosen is None else len(chosen)
        constants = {"source": self.intake.source, "batch_id": self.intake.batch_id}
        arrays = []
        for column in schema:
            name = column.name
            if name in arm.passed and name in constants:
                array = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [constants[name]])
            elif name in arm.passed:
                array = self.rows[name] if chosen is None else self.rows[name].take(pa.array(chosen))
            elif name in found:
                array = _spread(found[name], column.type, chosen)
            else:
                array = pa.nulls(count, column.type)
            arrays.append(array)
        return pa.Table.from_arrays(arrays, schema=schema)

    def _stage_whole(self, table: str, number: int, sound: npt.NDArray[np.bool_] | None) -> None:
        """An arm as it is written, over the resources that pass its innermost condition: once enough wait for it."""
        arm = self.plan.tables[table][number]
        passes = self.found.get(f"passes_{table}{number}")
        if passes is not None:
            if not passes.any():
                return
            sound = passes.as_flags() if sound is None else sound & passes.as_flags()
        chosen = np.arange(len(self.part.rows)) if sound is None else np.flatnonzero(sound)
        if len(chosen):
            needed = self.evaluator.resources(arm.needs, chosen)
            self.memo.waiting.setdefault((self.part.kind, table, number), []).append(needed)


def _reason(said: list[str]) -> str:
    for words, reason in ((OUT_OF_RANGE, "impossible-number"), (TWICE, "repeated-key")):
        if all(words in one for one in said):
            return reason
    return "wrong-type"


def _spread(values: Values, type_: pa.DataType, chosen: Indices | None) -> pa.Array:
    """A column for the chosen resources; a dictionary where ``type_`` is one."""
    array, groups = _one(values.values), values.groups
    if groups is None:
        array = array if chosen is None else array.take(pa.array(chosen))
        return array.dictionary_encode() if pa.types.is_dictionary(type_) else array
    places = pa.array(groups if chosen is None else groups[chosen])
    if not pa.types.is_dictionary(type_):
        return array.take(places)
    encoded = array.dictionary_encode()  # different texts may give the same value
    return pa.DictionaryArray.from_arrays(encoded.indices.take(places), encoded.dictionary)


def _one(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of one or several chunks."""
    if not isinstance(array, pa.ChunkedArray):
        return array
    return (
        array.chunk(0)
        if array.num_chunks == 1
        else pa.concat_arrays(array.chunks or [pa.array([], array.type)])
    )


def _not_ucum(units: Values) -> Indices:
    """The resources (by place) with a unit that is no UCUM code; ``units`` are lists of codes."""
    lists = _one(units.values)
    codes = pc.unique(lists.flatten()).to_pylist()
    bad = pa.array([code for code in codes if code is not None and not is_ucum(code)], pa.string())
    if len(bad) == 0:
        return np.zeros(0, np.int64)
    hit = pc.list_parent_indices(lists).filter(pc.is_in(lists.flatten(), value_set=bad))
    flags = np.zeros(len(lists), bool)
    flags[hit.to_numpy()] = True
    return np.flatnonzero(flags if units.groups is None else flags[units.groups])


def _plain(path: str) -> str:
    """A SQL path as a person writes it, and what is wrong with it."""
    return f"{path.removeprefix('r.').replace('[1]', '')} has a unit that is no UCUM code"
