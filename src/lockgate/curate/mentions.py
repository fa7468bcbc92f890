"""``mention``: what the scrubbed notes of a release say, found note by note (room ``concepts``)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.concepts import MENTIONS, Annotator, annotate, annotator_of
from lockgate.curate.sources import Curation
from lockgate.site.files import spill_dir

_COLUMNS = (
    "person_id, note_id, note_nlp_id, section_concept_id, snippet, begin, lexical_variant, concept_id, "
    "source_concept_id, term_exists, term_temporal, term_modifiers"
)
_AT_ONCE = 2_000  # notes whose mentions are held in memory


def read_mentions(build: Curation) -> None:
    """Make ``mention`` (person_id, note_id, note_nlp_id, ...) of the notes of ``scrub_done``.

    In an incremental build these are the affected people's notes; everybody else's mentions stand. Only scrubbed texts
    are read, and none of notes that are withheld. Raises UsageError where a dictionary of the site can't be read.
    """
    engine = build.engine
    wanted = build.site.config.concepts.notes
    notes = engine.arrow(
        "SELECT d.id, d.person_id, d.text FROM scrub_done AS d JOIN p_document AS p ON p.id = d.id "
        f"WHERE d.staged = 'document' AND NOT d.residual AND p.fate = 'note' AND {str(wanted).lower()} ORDER BY d.id"
    )
    with tempfile.TemporaryDirectory(prefix="mentions-", dir=spill_dir(build.site.staged)) as folder:
        path = Path(folder) / "mention.parquet"
        schema = MENTIONS.append(pa.field("person_id", pa.int64()))
        schema = schema.append(pa.field("note_id", pa.int64())).append(pa.field("note_nlp_id", pa.int64()))
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            if len(notes):
                for found in _found(notes, annotator_of(engine, build.site)):
                    writer.write_table(found.cast(schema))
        engine.view_parquet("mention_found", path)
        engine.execute(f"CREATE OR REPLACE TABLE mention AS SELECT {_COLUMNS} FROM mention_found")


def _found(notes: pa.Table, annotator: Annotator) -> Iterator[pa.Table]:
    """The mentions of so many notes at once, with whose they are and their ids."""
    for start in range(0, len(notes), _AT_ONCE):
        part = notes.slice(start, _AT_ONCE)
        whose = dict(zip(map(str, part["id"].to_pylist()), part["person_id"].to_pylist(), strict=True))
        found = annotate(
            pa.table({"document_id": part["id"].cast(pa.string()), "text": part["text"]}), annotator
        )
        documents = found["document_id"].to_pylist()
        ids = [_id(*row) for row in zip(documents, found["number"].to_pylist(), strict=True)]
        for name, values in (
            ("person_id", [whose[document] for document in documents]),
            ("note_id", [int(document) for document in documents]),
            ("note_nlp_id", ids),
        ):
            found = found.append_column(name, pa.array(values, pa.int64()))
        yield found


def _id(document: str, number: int) -> int:
    """The id of a mention: a digest of its note's, which is a pseudonym, and of its number in it."""
    return int.from_bytes(hashlib.blake2b(f"{document}/{number}".encode(), digest_size=8).digest()) >> 1
