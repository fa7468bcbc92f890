"""Free text of a release: notes, incident descriptions and comments, scrubbed of identifiers.

A text in which the scrubber cannot be sure (it says ``residual``) is withheld, and counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from lockgate.curate.sources import Curation
from lockgate.deidentify import text as free_text
from lockgate.schema import STAGED

# What is scrubbed: staged table -> (prepared table, column of text, column of its person).
TEXTS = {
    "document": ("p_document", "text", "person_id"),
    "incident": ("p_incident", "description", "person_id"),
    "feedback": ("p_feedback", "comment", "person_id"),
}
_FATE = {"document": "note", "incident": "incident", "feedback": "feedback"}


@dataclass(frozen=True, slots=True)
class TextCounts:
    """Texts looked at, identifiers taken out, and texts withheld because something may have been left."""

    texts: int
    identifiers: int
    withheld: int
    reasons: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The counts as the manifest prints them."""
        return asdict(self)


def scrub_texts(build: Curation) -> TextCounts:
    """Make ``scrubbed`` (staged, id, text) and set the fate of notes that are withheld."""
    engine = build.engine
    known, names = _known(build), free_text.site_names(engine.local, build.site)
    engine.execute("CREATE OR REPLACE TABLE scrubbed (staged VARCHAR, id BIGINT, text VARCHAR)")
    texts = identifiers = withheld = 0
    reasons: dict[str, int] = {}
    for staged, (table, column, person) in TEXTS.items():
        # the same words of the same person (or of nobody) are scrubbed once
        engine.execute(
            f"CREATE OR REPLACE TABLE said AS SELECT id, {person} AS person_id, {column} AS text, "
            f"min(id) OVER (PARTITION BY {person}, {column}) AS document_id "
            f"FROM {table} WHERE fate = '{_FATE[staged]}' AND {column} IS NOT NULL"
        )
        notes = engine.arrow(
            "SELECT CAST(document_id AS VARCHAR) AS document_id, CAST(person_id AS VARCHAR) AS patient_id, text "
            "FROM said WHERE id = document_id ORDER BY id"
        )
        if not notes.num_rows:
            continue
        engine.register("scrub_answer", free_text.scrub(notes, known, names))
        engine.execute(
            "CREATE OR REPLACE TABLE scrub_result AS "
            "SELECT s.id, a.text, a.residual, a.reason, array_length(a.spans) AS found "
            "FROM said AS s JOIN scrub_answer AS a ON CAST(a.document_id AS BIGINT) = s.document_id"
        )
        engine.unregister("scrub_answer")
        engine.execute(
            f"INSERT INTO scrubbed SELECT '{staged}', id, text FROM scrub_result WHERE NOT residual"
        )
        if staged == "document":
            engine.execute(
                f"UPDATE {table} SET fate = 'not:withheld_by_the_scrubber' "
                "WHERE id IN (SELECT id FROM scrub_result WHERE residual)"
            )
        seen, found, held = engine.rows(
            "SELECT count(*), coalesce(sum(found), 0), count(*) FILTER (WHERE residual) FROM scrub_result"
        )[0]
        for reason, count in engine.rows(
            "SELECT coalesce(reason, ''), count(*) FROM scrub_result WHERE residual GROUP BY 1 ORDER BY 1"
        ):
            reasons[reason] = reasons.get(reason, 0) + int(count)
        texts, identifiers, withheld = texts + int(seen), identifiers + int(found), withheld + int(held)
    return TextCounts(texts, identifiers, withheld, reasons)


def _known(build: Curation) -> pa.Table:
    """Every record of every carried person, as ``patient_id`` and the columns of the staged patient."""
    columns = ", ".join(column.name for column in STAGED["patient"])
    return build.engine.arrow(
        f"SELECT CAST(person_id AS VARCHAR) AS patient_id, {columns} FROM s_patient "
        "WHERE standing = 'live' ORDER BY person_id, source, record_id"
    )
