"""Notes in, safe notes out: Arrow tables and JSON lines, every note scrubbed, or withheld with its reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.deidentify.text.audit import residue
from lockgate.deidentify.text.engine import scrub_text
from lockgate.deidentify.text.known import Known, from_notes_format
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import Span
from lockgate.errors import LockgateError, UsageError
from lockgate.site.files import write_atomic

# The longest note that is scrubbed (characters); a longer one is no note, and is withheld.
LONGEST = 5_000_000

# Why a note is withheld: reason -> meaning and what to do. Reasons of the audit are "own-<check>" (audit.CHECKS).
REASONS: dict[str, str] = {
    "no-text": "there is no text",
    "null-bytes": "the text holds null bytes: the file is no text, or was cut",
    "broken-encoding": "the text holds replacement characters or UTF-8 read as Latin-1: read the source again, rightly",
    "too-long": f"the text has more than {LONGEST:,} characters: split the document",
    "own-number": "a number of the patient's record is still in the scrubbed text",
    "own-postcode": "the patient's postcode is still in the scrubbed text",
    "own-address": "the patient's house and street are still in the scrubbed text",
    "own-email": "the patient's e-mail address is still in the scrubbed text",
    "own-full-name": "the patient's full name is still in the scrubbed text",
    "own-name": "a name of the patient is still in the scrubbed text",
    "own-birth-date": "the patient's date of birth is still in the scrubbed text",
}

_BROKEN = re.compile("\ufffd|[\ud800-\udfff]|\u00c3[\u0080-\u00bf]|\u00e2\u20ac|\u00c2[\u0080-\u00bf]")

SPAN = pa.struct([("begin", pa.int32()), ("end", pa.int32()), ("kind", pa.string()), ("own", pa.bool_())])
SCRUBBED = pa.schema(
    [
        ("document_id", pa.string()),
        ("text", pa.string()),
        ("spans", pa.list_(SPAN)),
        ("residual", pa.bool_()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One note after scrubbing: ``text`` is None when it is withheld, and then ``reason`` says why."""

    text: str | None
    spans: list[Span]
    reason: str | None


def scrub_note(text: str | None, known: Known | None = None, site: SiteNames | None = None) -> Scrubbed:
    """Scrub one note, audit the result against its patient, and withhold it where it can't be made safe."""
    reason = _unreadable(text)
    if reason or text is None:
        return Scrubbed(None, [], reason or "no-text")
    safe, spans = scrub_text(text, known, site)
    left = residue(safe, known) if known is not None else None
    return Scrubbed(None, spans, f"own-{left}") if left else Scrubbed(safe, spans, None)


def _unreadable(text: str | None) -> str | None:
    if text is None:
        return "no-text"
    if len(text) > LONGEST:
        return "too-long"
    if "\x00" in text:
        return "null-bytes"
    if not text.isascii() and _BROKEN.search(text):
        return "broken-encoding"
    return None


class People:
    """The known identifiers by patient, made ready at a patient's first note; some thousands are kept."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], *, keep: int = 4096) -> None:
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            if row.get("patient_id") is not None:
                self._rows.setdefault(str(row["patient_id"]), []).append(row)
        self._ready: dict[str, Known] = {}
        self._keep = keep

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, patient_id: object) -> Known | None:
        """The identifiers of a patient, or None for one who is not known."""
        name = None if patient_id is None else str(patient_id)
        if name is None or name not in self._rows:
            return None
        if name not in self._ready:
            if len(self._ready) >= self._keep:
                self._ready.clear()
            self._ready[name] = Known.from_rows(self._rows[name])
        return self._ready[name]


def scrub(notes: pa.Table, known: pa.Table | None = None, site: SiteNames | None = None) -> pa.Table:
    """Scrub a table of notes (document_id, patient_id, text) with what is known of their patients.

    ``known`` has a ``patient_id`` and columns of the staged patient table (several rows per patient are one person's;
    columns may be missing); ``site`` the names that any note may hold (people.site_names).
    Returns SCRUBBED, in the order of ``notes``: ``text`` with typed tags, or NULL where the note is withheld
    (``residual`` true, ``reason`` a key of REASONS); ``spans`` in offsets of the original text.
    """
    people = People(known.to_pylist() if known is not None else [])
    patients = notes["patient_id"].to_pylist() if "patient_id" in notes.column_names else [None] * len(notes)
    done = [
        scrub_note(text, people.get(patient), site)
        for text, patient in zip(notes["text"].to_pylist(), patients, strict=True)
    ]
    return pa.table(
        {
            "document_id": notes["document_id"].cast(pa.string()),
            "text": pa.array([note.text for note in done], pa.string()),
            "spans": pa.array([[span._asdict() for span in note.spans] for note in done], pa.list_(SPAN)),
            "residual": pa.array([note.text is None for note in done], pa.bool_()),
            "reason": pa.array([note.reason for note in done], pa.string()),
        },
        schema=SCRUBBED,
    )


@dataclass(frozen=True, slots=True)
class ScrubResult:
    """What ``scrub_file`` did: counts that add up (``notes == scrubbed + withheld``), kinds replaced, reasons."""

    notes: int
    scrubbed: int
    withheld: int
    characters: int
    people: int
    spans: dict[str, int]
    own_spans: int
    reasons: dict[str, int]
    out: str

    def as_dict(self) -> dict[str, Any]:
        """The form of ``lockgate scrub --json``."""
        return asdict(self)


def scrub_file(notes: Path, out: Path, *, known: Path | None = None) -> ScrubResult:
    """Scrub JSON lines ``{"document_id", "text", "patient_id"?}``; the same lines come out with ``text`` scrubbed.

    Each line out also has ``spans`` ([[begin, end, kind], ...] in offsets of the original). A withheld note has
    ``text`` null and its ``reason``; a line that can't be read comes out as a withheld note named by its line. Other
    members are not passed on: nobody has said that they are safe.
    ``known`` is JSON lines, one person each: ``patient_id`` and staged patient columns, or the form of uk-notes.json.
    """
    people = People(_people(known) if known else [])
    counts, reasons = Counter[str](), Counter[str]()
    total = withheld = characters = own = 0
    lines: list[str] = []
    for number, document, patient, text in _notes(notes):
        total += 1
        note = scrub_note(text, people.get(patient))
        characters += len(text or "")
        counts.update(span.kind for span in note.spans)
        own += sum(span.own for span in note.spans)
        line: dict[str, Any] = {"document_id": document if document is not None else f"line-{number}"}
        if patient is not None:
            line["patient_id"] = patient
        line |= {"text": note.text, "spans": [list(span[:3]) for span in note.spans]}
        if note.reason:
            withheld += 1
            reason = "not-a-note" if text is None and document is None else note.reason
            reasons[reason] += 1
            line["reason"] = reason
        lines.append(json.dumps(line, ensure_ascii=False))
    write_atomic(out, ("\n".join(lines) + "\n" if lines else "").encode())
    return ScrubResult(
        notes=total,
        scrubbed=total - withheld,
        withheld=withheld,
        characters=characters,
        people=len(people),
        spans=dict(counts.most_common()),
        own_spans=own,
        reasons=dict(reasons.most_common()),
        out=str(out),
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not empty; bytes that are no UTF-8 become U+FFFD, which withholds the note."""
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line.decode("utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"can't be read ({error.strerror})", where=str(path)) from error


def _notes(path: Path) -> Iterator[tuple[int, Any, Any, str | None]]:
    for number, line in _lines(path):
        try:
            note = json.loads(line)
        except ValueError:
            note = None
        if not isinstance(note, dict):
            yield number, None, None, None
            continue
        document, patient, text = note.get("document_id"), note.get("patient_id"), note.get("text")
        yield number, document, patient, text if isinstance(text, str) else None


def _people(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in _lines(path):
        try:
            person = json.loads(line)
        except ValueError as error:
            raise LockgateError(
                "is not JSON", where=f"{path}:{number}", remedy="one person a line"
            ) from error
        if not isinstance(person, dict):
            raise LockgateError("is not a JSON object", where=f"{path}:{number}", remedy="one person a line")
        row = from_notes_format(person) if isinstance(person.get("p"), dict) else person
        if row.get("patient_id") in (None, ""):
            raise LockgateError(
                "has no patient_id", where=f"{path}:{number}", remedy="name the patient of each person"
            )
        yield row
