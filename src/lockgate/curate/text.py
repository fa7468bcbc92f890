"""Free text of a release: notes, incident descriptions and comments, scrubbed of identifiers.

A text in which the scrubber cannot be sure (it says ``residual``) is withheld, and counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from lockgate.curate.sources import Curation
from lockgate.deidentify.text import scrub

# What is scrubbed: staged table -> (prepared table, column of text, column of its person).
TEXTS = {
    "document": ("p_document", "text", "person_id"),
    "incident": ("p_incident", "description", "person_id"),
    "feedback": ("p_feedback", "comment", "person_id"),
}
_FATE = {"document": "note", "incident": "incident", "feedback": "feedback"}

# The identifiers each patient row brings: kind -> SQL of one value, or of a list of values.
KNOWN = {
    "nhs_number": "nhs_number",
    "local_number": "local_number",
    "name": "family_name",
    "given_name": "given_name",
    "middle_name": "middle_names",
    "address": "address_line",
    "city": "city",
    "postcode": "postcode",
    "email": "email",
    "birth_date": "CAST(birth_date AS VARCHAR)",
    "gp_name": "gp_name",
}
KNOWN_LISTS = {
    "name": "former_names",
    "phone": "phone",
    "contact_name": "contact_names",
    "contact_phone": "contact_phones",
}


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
    known = _known(build)
    engine.execute("CREATE OR REPLACE TABLE scrubbed (staged VARCHAR, id BIGINT, text VARCHAR)")
    texts = identifiers = withheld = 0
    reasons: dict[str, int] = {}
    for staged, (table, column, person) in TEXTS.items():
        notes = engine.arrow(
            f"SELECT CAST(id AS VARCHAR) AS document_id, CAST({person} AS VARCHAR) AS patient_id, {column} AS text "
            f"FROM {table} WHERE fate = '{_FATE[staged]}' AND {column} IS NOT NULL ORDER BY id"
        )
        if not notes.num_rows:
            continue
        engine.register("scrub_result", scrub(notes, known))
        engine.execute(
            f"INSERT INTO scrubbed SELECT '{staged}', CAST(document_id AS BIGINT), text FROM scrub_result "
            "WHERE NOT residual"
        )
        if staged == "document":
            engine.execute(
                f"UPDATE {table} SET fate = 'not:withheld_by_the_scrubber' "
                "WHERE id IN (SELECT CAST(document_id AS BIGINT) FROM scrub_result WHERE residual)"
            )
        found, held = engine.rows(
            "SELECT coalesce(sum(len(spans)), 0), count(*) FILTER (WHERE residual) FROM scrub_result"
        )[0]
        for reason, count in engine.rows(
            "SELECT coalesce(reason, ''), count(*) FROM scrub_result WHERE residual GROUP BY 1 ORDER BY 1"
        ):
            reasons[reason] = reasons.get(reason, 0) + int(count)
        texts, identifiers, withheld = texts + notes.num_rows, identifiers + int(found), withheld + int(held)
        engine.connection.unregister("scrub_result")
    return TextCounts(texts, identifiers, withheld, reasons)


def _known(build: Curation) -> pa.Table:
    """Every identifier of every carried person, from all their records: (patient_id, kind, value)."""
    parts = [
        f"SELECT person_id, '{kind}' AS kind, {value} AS value FROM s_patient"
        for kind, value in KNOWN.items()
    ] + [
        f"SELECT person_id, '{kind}', unnest({values}) FROM s_patient" for kind, values in KNOWN_LISTS.items()
    ]
    return build.engine.arrow(
        "SELECT DISTINCT CAST(person_id AS VARCHAR) AS patient_id, kind, value "
        f"FROM ({' UNION ALL '.join(parts)}) AS known WHERE value IS NOT NULL AND person_id IS NOT NULL "
        "ORDER BY 1, 2, 3"
    )
