"""From raw FHIR lines to staged rows and faults, a portion at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.capture.fhir.opened import Indices, Opener
from lockgate.capture.fhir.shape import macros, shapes
from lockgate.capture.fhir.stage import stage_part
from lockgate.capture.macros import define
from lockgate.capture.seen import Codes

if TYPE_CHECKING:
    from lockgate.capture.intake import Intake


class FhirReader:
    """The Reader of FHIR R4 (see ``capture.intake.DirectReader``)."""

    format = "fhir"

    def __init__(self) -> None:
        self.opener = Opener()

    def prepare(self, intake: Intake) -> None:
        """Define the macros of macros.sql."""
        define(intake.engine, intake.received_sql)
        for statement in macros():
            intake.engine.execute(statement)

    def unpack(self, intake: Intake) -> bool:
        """Replace each Bundle by the resources of its entries; the line stays the Bundle's."""
        engine = intake.engine
        if not engine.rows("SELECT 1 FROM chunk WHERE contains(raw, '\"Bundle\"') LIMIT 1"):
            return False
        engine.execute("""
            CREATE OR REPLACE TEMP TABLE bundle AS
            SELECT * FROM chunk WHERE fault IS NULL AND contains(raw, '"Bundle"')
            AND CASE WHEN json_valid(raw) THEN json_extract_string(raw, '$.resourceType') = 'Bundle' ELSE false END""")
        engine.execute("""
            CREATE OR REPLACE TEMP TABLE entry AS
            SELECT file, line, CAST(json_extract(e, '$.resource') AS VARCHAR) AS resource,
                json_extract_string(e, '$.fullUrl') AS url
            FROM (SELECT file, line, unnest(json_extract(raw, '$.entry[*]')) AS e FROM bundle)
            WHERE json_type(e, '$.resource') = 'OBJECT'""")
        # A resource without an id takes the uuid of its entry's fullUrl, which is what other entries point to.
        engine.execute("""
            UPDATE entry
            SET resource = CAST(json_merge_patch(resource, json_object('id', substr(url, 10))) AS VARCHAR)
            WHERE starts_with(url, 'urn:uuid:') AND json_extract_string(resource, '$.id') IS NULL""")
        opened = engine.arrow("""
            SELECT * FROM chunk WHERE item_hash NOT IN (SELECT item_hash FROM bundle)
            UNION ALL
            SELECT left(sha256(resource), 32), file, line, resource, NULL, NULL FROM entry
            UNION ALL
            SELECT item_hash, file, line, raw, 'empty-bundle', 'no entry holds a resource' FROM bundle
            WHERE (file, line) NOT IN (SELECT (file, line) FROM entry)""")
        engine.connection.unregister("chunk")
        engine.register("chunk", opened)
        return True

    def finish(self, intake: Intake) -> None:
        """Every resource speaks for itself: nothing is left to tell at the end."""

    def read(self, intake: Intake, items: pa.Table) -> tuple[Codes, pa.StringArray]:
        """Open the items, stage the sound ones, say what is wrong with the others; kind (its code) and id of each."""
        sound = np.asarray(pc.is_null(items.column("fault")))
        raw = _one(items.column("raw"))
        opened = self.opener.open(raw if sound.all() else raw.filter(pa.array(sound)), np.flatnonzero(sound))
        hashes = _one(items.column("item_hash"))
        kinds: Codes = np.zeros(items.num_rows, np.int16)
        found = [(hashes[place].as_py(), *fault) for place, fault in sorted(opened.faults.items())]
        rows, ids = [], []
        for part in opened.parts:
            kinds[part.rows] = intake.seen.code(part.kind)
            named = part.elements["id"].texts.take(pa.array(part.elements["id"].codes)).cast(pa.string())
            rows.append(part.rows)
            ids.append(named)
            without = np.asarray(pc.fill_null(pc.equal(named, ""), True))
            without[list(part.wrong)] = False  # an id that is no text is the wrong type
            theirs = hashes.take(pa.array(part.rows))
            if part.kind not in shapes():
                detail = f"{part.kind} is a FHIR R4 type that is kept raw and not staged yet"
                found += [(each, "not-staged-yet", detail) for each in theirs.to_pylist()]
                continue
            if without.any():
                found += [(each, "no-id", None) for each in theirs.filter(pa.array(without)).to_pylist()]
                part, kept = part.where(~without), pa.array(~without)
                theirs, named = theirs.filter(kept), named.filter(kept)
            if len(part.rows):
                stage_part(intake, part, theirs, named)
        intake.add_faults(found)
        return kinds, _placed(rows, ids, items.num_rows)


def _placed(rows: list[Indices], values: list[pa.StringArray], count: int) -> pa.StringArray:
    """Values at their rows; NULL at the others."""
    if not rows:
        return pa.nulls(count, pa.string())
    if len(rows) == 1 and np.array_equal(rows[0], np.arange(count)):
        return values[0]
    there = np.full(count, -1)
    there[np.concatenate(rows)] = np.arange(sum(map(len, rows)))
    return pa.concat_arrays(values).take(pa.array(there, mask=there < 0))


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column of a table as one array."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
