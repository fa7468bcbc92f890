"""From raw FHIR lines to staged rows and faults, a portion at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture import documents
from lockgate.capture.containers import HoldsContainers
from lockgate.capture.fhir.bundles import MARK, open_bundles
from lockgate.capture.fhir.evaluate import Memo
from lockgate.capture.fhir.gathered import MODIFIERS, Indices, Part
from lockgate.capture.fhir.links import settle_links
from lockgate.capture.fhir.opened import Opener
from lockgate.capture.fhir.shape import macros, shapes
from lockgate.capture.fhir.stage import bury_part, stage_part, stage_waiting
from lockgate.capture.fhir.undated import settle_deletes
from lockgate.capture.macros import define
from lockgate.capture.seen import Codes

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake


WAITING_BYTES = 12 * 1024 * 1024


class FhirReader:
    """The Reader of FHIR R4 (see ``capture.intake.DirectReader``)."""

    format = "fhir"

    def __init__(self) -> None:
        self.opener = Opener()
        self.memo = Memo()

    def prepare(self, intake: Intake) -> None:
        """Define the macros of macros.sql."""
        define(intake.engine, intake.received_sql)
        documents.define(intake.engine)
        for statement in macros():
            intake.engine.execute(statement)

    def unpack(self, intake: Intake) -> bool:
        """Replace each Bundle by what its entries hold; the line stays the Bundle's."""
        return open_bundles(intake.engine)

    def flush(self, intake: Intake) -> None:
        """Stage what waits for more of its kind."""
        stage_waiting(intake, self.memo)

    def finish(self, intake: Intake) -> None:
        """Tell from all versions which links were taken away and which deletes hold; count letters without text."""
        settle_links(intake)
        settle_deletes(intake)
        documents.count_unread(intake.engine, intake.come("document"), intake.warnings)

    def read(self, intake: Intake, items: pa.Table) -> tuple[Codes, pa.StringArray]:
        """Open the items, stage the sound ones, say what is wrong with the others; kind (its code) and id of each."""
        # Before this portion takes its memory, not after: the two together would be the peak of a capture.
        stage_waiting(intake, self.memo, WAITING_BYTES)
        sound = np.asarray(pc.is_null(items.column("fault")))
        raw = _one(items.column("raw"))
        opened = self.opener.open(raw if sound.all() else raw.filter(pa.array(sound)), np.flatnonzero(sound))
        if not intake.unpacked and any(part.kind == "Bundle" for part in opened.parts):
            raise HoldsContainers
        hashes = _one(items.column("item_hash"))
        kinds: Codes = np.zeros(items.num_rows, np.int16)
        gone = np.asarray(pc.starts_with(raw, MARK))
        found = [(hashes[place].as_py(), *fault) for place, fault in sorted(opened.faults.items())]
        rows, ids = [], []
        for part in opened.parts:
            kinds[part.rows] = intake.seen.code(part.kind)
            named = _at(part.elements["id"].texts, part.elements["id"].codes).cast(pa.string())
            rows.append(part.rows)
            ids.append(named)
            without = np.asarray(pc.fill_null(pc.equal(named, ""), True))
            without[list(part.wrong)] = False  # an id that is no text is the wrong type
            theirs = _at(hashes, part.rows)
            if part.kind not in shapes():
                detail = f"{part.kind} is a FHIR R4 type that is kept raw and not staged yet"
                found += [(each, "not-staged-yet", detail) for each in theirs.to_pylist()]
                continue
            if without.any():
                found += [(each, "no-id", None) for each in theirs.filter(pa.array(without)).to_pylist()]
                part, kept = part.where(~without), pa.array(~without)
                theirs, named = theirs.filter(kept), named.filter(kept)
            for tell, deal in ((lambda those: gone[those.rows], bury_part), (_modified, _refuse_modified)):
                chosen = tell(part)
                if chosen.any():
                    kept = pa.array(chosen)
                    deal(intake, part.where(chosen), theirs.filter(kept), named.filter(kept))
                    kept, part = pa.array(~chosen), part.where(~chosen)
                    theirs, named = theirs.filter(kept), named.filter(kept)
            if len(part.rows):
                stage_part(intake, part, theirs, named, self.memo)
        intake.add_faults(found)
        return kinds, _placed(rows, ids, items.num_rows)


def _modified(part: Part) -> npt.NDArray[np.bool_]:
    """Which resources carry a modifierExtension or implicitRules: both may turn round what the rest says.

    Looked for at the top and, at any depth, in the elements that are read.
    """
    flags = np.zeros(len(part.rows), bool)
    top = shapes()[part.kind].top
    for name, element in part.elements.items():
        if name == "id" or top.get(name) in ("string", "date"):
            continue
        texts = element.texts
        perhaps = pc.is_valid(texts)
        if name not in MODIFIERS:
            perhaps = pc.or_(*(pc.match_substring(texts, f'"{word}"') for word in MODIFIERS))
        told = np.flatnonzero(np.asarray(pc.fill_null(perhaps, False)))
        said = [at for at in told.tolist() if _says_modified({name: _json(texts[at].as_py())})]
        if said:
            flags |= np.isin(element.codes, said)
    return flags


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None  # held for what it is


def _says_modified(value: object) -> bool:
    if isinstance(value, dict):
        given = value.get("modifierExtension") or value.get("implicitRules")
        return bool(given) or any(map(_says_modified, value.values()))
    return isinstance(value, list) and any(map(_says_modified, value))


def _refuse_modified(intake: Intake, part: Part, hashes: pa.StringArray, ids: pa.StringArray) -> None:
    detail = "a modifierExtension or implicitRules is given"
    intake.add_faults((item, "unknown-modifier", detail) for item in hashes.to_pylist())


def _placed(rows: list[Indices], values: list[pa.StringArray], count: int) -> pa.StringArray:
    """Values at their rows; NULL at the others."""
    if not rows:
        return pa.nulls(count, pa.string())
    if len(rows) == 1 and np.array_equal(rows[0], np.arange(count)):
        return values[0]
    there = np.full(count, -1)
    there[np.concatenate(rows)] = np.arange(sum(map(len, rows)))
    return pa.concat_arrays(values).take(pa.array(there, mask=there < 0))


def _at(values: pa.Array, places: npt.NDArray[np.integer[Any]]) -> pa.Array:
    """Values at places in ascending order, none twice: where there are as many, they are all of them."""
    return values if len(places) == len(values) else values.take(pa.array(places))


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column of a table as one array."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
