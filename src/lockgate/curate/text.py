"""Free text of a release: notes, incident descriptions and comments, scrubbed of identifiers.

A text in which the scrubber cannot be sure (it says ``residual``) is withheld, and counted.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from lockgate.curate.notesreview.stoplist import held_notes
from lockgate.curate.sources import Curation
from lockgate.deidentify import text as free_text
from lockgate.engine import literal
from lockgate.schema import STAGED

# What is scrubbed: staged table -> (prepared table, column of text, fate of a row that is carried).
TEXTS = {
    "document": ("p_document", "text", "note"),
    "incident": ("p_incident", "description", "incident"),
    "feedback": ("p_feedback", "comment", "feedback"),
}
_BOOKKEEPING = frozenset({"source", "record_id", "version_at", "deleted", "item_hash", "batch_id"})


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


def scrub_notes(build: Curation, *, cached: bool = False) -> None:
    """Make ``scrub_done``: every note after scrubbing; one that is withheld gets that fate.

    With ``cached`` a note is taken from the last build (``before_scrub_done``) where it has the same words, its
    person's record says the same, and it mentions no name that only one of the two builds knows.
    """
    _scrub(build, ("document",), "scrub_done", cached)
    build.engine.execute(
        "UPDATE p_document SET fate = 'not:withheld_by_the_scrubber' "
        "WHERE id IN (SELECT id FROM scrub_done WHERE residual)"
    )
    _hold_back(build)


def _hold_back(build: Curation) -> None:
    """Withhold the notes in which a reader found an identifier: by their id, or by their words as released."""
    held = held_notes(build.site)
    if not held:
        return
    ids = ", ".join(str(int(one["note_id"])) for one in held)
    digests = ", ".join(literal(str(one["digest"])) for one in held)
    build.engine.execute(
        "UPDATE p_document SET fate = 'not:withheld_by_a_reader' WHERE fate = 'note' AND "
        f"(id IN ({ids}) OR id IN (SELECT id FROM scrub_done WHERE md5(text) IN ({digests})))"
    )


def scrub_whole(build: Curation, *, cached: bool = False) -> TextCounts:
    """Make ``scrub_small``, the same for incidents and comments, and what of all texts may be released,
    ``scrubbed_note`` and ``scrubbed_small`` (staged, id, text).

    Needs the ``scrub_done`` of everybody; returns the counts of all texts.
    """
    engine = build.engine
    _scrub(build, ("incident", "feedback"), "scrub_small", cached)
    columns = "staged, id, text, residual, reason, found"
    every = f"(SELECT {columns} FROM scrub_done UNION ALL SELECT {columns} FROM scrub_small) AS t"
    texts_of = {"scrubbed_note": "scrub_done", "scrubbed_small": "scrub_small"}
    if cached:
        texts_of["few_scrubbed_note"] = "few_scrub_done"
    for view, table in texts_of.items():
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT staged, id, text, stands FROM {table} WHERE NOT residual"
        )
    texts, found, withheld = engine.rows(
        f"SELECT count(*), coalesce(sum(found), 0), count(*) FILTER (WHERE residual) FROM {every}"
    )[0]
    reasons = engine.rows(
        f"SELECT coalesce(reason, ''), count(*) FROM {every} WHERE residual GROUP BY 1 ORDER BY 1"
    )
    return TextCounts(
        int(texts), int(found), int(withheld), {str(reason): int(count) for reason, count in reasons}
    )


def notes_by_type(build: Curation) -> list[dict[str, Any]]:
    """For each type of document, by its title: how many notes there were, how many are withheld, and why.

    Titles that fewer people have than the threshold count as "other". Needs ``common_text`` and the ``scrub_done`` of
    everybody.
    """
    rows = build.engine.rows(
        """
        SELECT coalesce(t.words, 'other') AS type, s.reason, count(*) AS notes
        FROM scrub_done AS s
        JOIN p_document AS d ON d.id = s.id
        LEFT JOIN common_text AS t ON t.words = d.title
        WHERE s.staged = 'document'
        GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    types: dict[str, dict[str, Any]] = {}
    for name, reason, count in rows:
        told = types.setdefault(str(name), {"type": str(name), "notes": 0, "withheld": 0, "reasons": {}})
        told["notes"] += int(count)
        if reason is not None:
            told["withheld"] += int(count)
            told["reasons"][str(reason)] = int(count)
    return list(types.values())


def _scrub(build: Curation, tables: tuple[str, ...], name: str, cached: bool) -> None:
    engine = build.engine
    said = " UNION ALL ".join(
        f"SELECT '{staged}' AS staged, id, person_id, {column} AS text FROM {table} "
        f"WHERE fate = '{fate}' AND {column} IS NOT NULL"
        for staged, (table, column, fate) in TEXTS.items()
        if staged in tables
    )
    # the same words of the same person (or of nobody) are scrubbed once
    engine.execute(
        "CREATE OR REPLACE TABLE said AS SELECT t.*, md5(text) AS text_print, "
        f"min(id) OVER (PARTITION BY staged, person_id, text) AS document_id FROM ({said}) AS t"
    )
    known, prints = _known(build)
    engine.register("known_print", prints)
    kept = _kept(build, name) if cached else "SELECT * FROM said WHERE false"
    engine.execute(f"CREATE OR REPLACE TABLE kept AS {kept}")
    notes = engine.arrow(
        "SELECT staged, CAST(document_id AS VARCHAR) AS document_id, CAST(person_id AS VARCHAR) AS patient_id, text "
        "FROM said WHERE id = document_id AND id NOT IN (SELECT document_id FROM kept) ORDER BY staged, id"
    )
    names = free_text.SiteNames.holding(dict(engine.rows("SELECT phrase, kind FROM site_name")))
    model = build.site.config.deidentify.ner_model
    ner = free_text.Ner.load(model) if model else None
    engine.register(
        "scrub_answer", free_text.scrub(notes, known, names, kept=_stands(build, tables), ner=ner)
    )
    answers = (
        "SELECT CAST(document_id AS BIGINT) AS document_id, text, residual, reason, array_length(spans) AS found, "
        "stands FROM scrub_answer"
    )
    if cached:
        answers += " UNION ALL SELECT document_id, safe, residual, reason, found, stands FROM kept"
    engine.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT s.staged, s.id, s.person_id, s.text_print, k.known_print, "
        f"a.text, a.residual, a.reason, a.found, a.stands FROM said AS s "
        f"JOIN ({answers}) AS a ON a.document_id = s.document_id "
        "LEFT JOIN known_print AS k ON k.person_id = s.person_id"
    )
    engine.unregister("scrub_answer")
    engine.execute("DROP TABLE said")


def _stands(build: Curation, tables: tuple[str, ...]) -> free_text.Kept | None:
    """What the site keeps beside its notes; nothing beside other texts, which are mostly about nobody."""
    rules = build.site.config.deidentify
    if rules.notes == "tags" or "document" not in tables:
        return None
    return free_text.Kept(
        key=build.site.key("release/notes"),
        keep=rules.notes,
        monthly=rules.event_dates == "month",
        oldest=build.release_date.year - rules.top_age,
    )


def _kept(build: Curation, name: str) -> str:
    """The texts of ``said`` that the last build has scrubbed as this one would, as a SELECT."""
    engine = build.engine
    engine.execute(
        f"""
        CREATE OR REPLACE TABLE was AS
        SELECT s.document_id, any_value(s.text) AS text, any_value(b.text) AS safe, any_value(b.residual) AS residual,
            any_value(b.reason) AS reason, any_value(b.found) AS found, any_value(b.stands) AS stands
        FROM said AS s LEFT JOIN known_print AS k ON k.person_id = s.person_id
        JOIN before_{name} AS b ON b.staged = s.staged AND b.text_print = s.text_print
            AND b.person_id IS NOT DISTINCT FROM s.person_id AND b.known_print IS NOT DISTINCT FROM k.known_print
        WHERE s.id = s.document_id
        GROUP BY s.document_id"""
    )
    new = free_text.SiteNames.holding(dict(engine.rows("SELECT phrase, kind FROM new_name")))
    if new is None:
        return "SELECT * FROM was"
    again = [
        note
        for note, text in engine.rows("SELECT document_id, text FROM was")
        if free_text.mentions(text, new)
    ]
    engine.register("again", pa.table({"document_id": pa.array(again, pa.int64())}))
    return "SELECT * FROM was ANTI JOIN again USING (document_id)"


def _known(build: Curation) -> tuple[pa.Table, pa.Table]:
    """The records of the people of ``said``, as ``patient_id`` and the columns of the staged patient, and their prints.

    A print (person_id, known_print) is a digest of all that the records of a person say.
    """
    columns = ", ".join(column.name for column in STAGED["patient"])
    known = build.engine.arrow(
        f"SELECT CAST(person_id AS VARCHAR) AS patient_id, {columns} FROM s_patient "
        "WHERE standing = 'live' AND person_id IN (SELECT person_id FROM said) ORDER BY person_id, source, record_id"
    )
    told: dict[str, Any] = {}
    for row in known.to_pylist():
        values = [value for name, value in row.items() if name not in _BOOKKEEPING]
        told.setdefault(row["patient_id"], hashlib.sha256()).update(repr(values).encode())
    prints = {
        "person_id": pa.array([int(person) for person in told], pa.int64()),
        "known_print": pa.array([digest.hexdigest() for digest in told.values()], pa.string()),
    }
    return known, pa.table(prints)
