"""Notes in, mentions out: Arrow tables, and files of JSON lines or Parquet as a command has them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.concepts.annotate import Annotator, Mention
from lockgate.concepts.notes import read_notes
from lockgate.errors import UsageError
from lockgate.schema.text import unreadable
from lockgate.site.files import atomic_file

MENTIONS = pa.schema(
    [
        ("document_id", pa.string()),
        ("number", pa.int32()),
        ("begin", pa.int32()),
        ("end", pa.int32()),
        ("lexical_variant", pa.string()),
        ("snippet", pa.string()),
        ("section", pa.string()),
        ("section_concept_id", pa.int64()),
        ("concept_id", pa.int64()),
        ("source_concept_id", pa.int64()),
        ("code", pa.string()),
        ("term_exists", pa.string()),
        ("term_temporal", pa.string()),
        ("term_modifiers", pa.string()),
        ("name", pa.string()),
        ("operator", pa.string()),
        ("value", pa.float64()),
        ("value_high", pa.float64()),
        ("unit", pa.string()),
        ("qualifier", pa.string()),
    ]
)


def annotate(notes: pa.Table, annotator: Annotator) -> pa.Table:
    """The mentions and values of a table of notes (document_id, text), as MENTIONS, in the order of the notes.

    ``number`` counts them within a note; ``begin`` and ``end`` are characters of its text. A note that can't be read
    (notes.REASONS) has no rows.
    """
    rows: list[dict[str, Any]] = []
    for document, text in zip(
        notes["document_id"].cast(pa.string()).to_pylist(), notes["text"].to_pylist(), strict=True
    ):
        if unreadable(text) is None:
            rows += [{"document_id": document, **row} for row in rows_of(text, annotator)]
    return pa.Table.from_pylist(rows, MENTIONS)


def rows_of(text: str, annotator: Annotator) -> Iterator[dict[str, Any]]:
    """The rows of one note, under the names of MENTIONS."""
    for number, mention in enumerate(annotator.annotate(text)):
        yield _row(number, mention, text, annotator)


def _row(number: int, mention: Mention, text: str, annotator: Annotator) -> dict[str, Any]:
    entry, value, section = mention.entry, mention.value, mention.section
    concept = source = 0
    if entry is not None:
        concept, source = entry.concept_id, entry.source_concept_id
    elif value is not None and value.concept is not None:
        concept = source = annotator.concepts.get(value.concept, 0)
    return {
        "number": number,
        "begin": mention.begin,
        "end": mention.end,
        "lexical_variant": text[mention.begin : mention.end][:250],
        "snippet": mention.snippet(text),
        "section": section.name if section else None,
        "section_concept_id": annotator.concepts.get(("LOINC", section.loinc), 0) if section else 0,
        "concept_id": concept,
        "source_concept_id": source,
        "code": (entry.code or None) if entry else None,
        "term_exists": "Y" if mention.context.exists else "N",
        "term_temporal": "past" if mention.context.historical else "present",
        "term_modifiers": mention.modifiers(),
        "name": value.name if value else None,
        "operator": (value.operator or None) if value else None,
        "value": value.value if value else None,
        "value_high": value.high if value else None,
        "unit": (value.unit or None) if value else None,
        "qualifier": (value.qualifier or None) if value else None,
    }


@dataclass(frozen=True, slots=True)
class AnnotateResult:
    """What ``annotate_file`` did: ``notes == annotated + withheld``; mentions by how they are meant."""

    notes: int
    annotated: int
    withheld: int
    characters: int
    terms: int
    mentions: int
    values: int
    exists: int
    negated: int
    historical: int
    conditional: int
    other: int
    uncertain: int
    asked: int
    reasons: dict[str, int]
    out: str

    def as_dict(self) -> dict[str, Any]:
        """The form of ``lockgate annotate --json``."""
        return asdict(self)


_SAID = ("negated", "historical", "conditional", "other", "uncertain", "asked")


def annotate_file(notes: Path, out: Path, annotator: Annotator) -> AnnotateResult:
    """Annotate JSON lines ``{"document_id", "text", "patient_id"?}``, one note at a time.

    Raises UsageError where the notes can't be read or there is no folder for ``out``. A line comes out for each line
    in: ``document_id``, ``patient_id`` where it had one, and ``mentions``, a list of objects under the names of
    MENTIONS. A note that can't be read has ``mentions`` null and its ``reason``.
    """
    if not out.parent.is_dir() or out.is_dir():
        raise UsageError(
            "is no file in a folder that there is", where=str(out), remedy="make the folder first"
        )
    if out.exists() and notes.exists() and out.samefile(notes):
        raise UsageError("would be written over", where=str(notes), remedy="name another file with --out")
    counts, reasons = Counter[str](), Counter[str]()
    with atomic_file(out) as stream:
        for note in read_notes(notes):
            counts["notes"] += 1
            line: dict[str, Any] = {
                "document_id": note.document_id if note.document_id is not None else f"line-{note.line}"
            }
            if note.patient_id is not None:
                line["patient_id"] = note.patient_id
            counts["characters"] += len(note.text)
            if note.reason:
                reasons[note.reason] += 1
                line |= {"mentions": None, "reason": note.reason}
            else:
                found = annotator.annotate(note.text)
                _count(counts, found)
                line["mentions"] = [
                    {
                        name: value
                        for name, value in _row(number, one, note.text, annotator).items()
                        if value is not None
                    }
                    for number, one in enumerate(found)
                ]
            stream.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
    return AnnotateResult(
        notes=counts["notes"],
        annotated=counts["notes"] - reasons.total(),
        withheld=reasons.total(),
        characters=counts["characters"],
        terms=annotator.dictionary.terms,
        mentions=counts["mentions"],
        values=counts["values"],
        exists=counts["exists"],
        **{name: counts[name] for name in _SAID},
        reasons=dict(reasons.most_common()),
        out=str(out),
    )


def _count(counts: Counter[str], found: Sequence[Mention]) -> None:
    counts["mentions"] += len(found)
    for one in found:
        counts["values"] += one.value is not None
        counts["exists"] += one.context.exists
        for name in _SAID:
            counts[name] += getattr(one.context, name)
