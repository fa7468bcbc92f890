"""Files of notes: JSON lines in, the same lines scrubbed, one at a time, however many there are."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from lockgate.deidentify.text.known import from_notes_format
from lockgate.deidentify.text.ner import Ner
from lockgate.deidentify.text.scrub import PLAIN, REASONS, People, Scrubbed, Shown, scrub_one, whose
from lockgate.errors import LockgateError, UsageError
from lockgate.site.files import PRIVATE_FILE, put_in_place

# Reasons that only lines of a file can have.
LINE_REASONS: dict[str, str] = {
    "not-a-note": "the line is not a JSON object",
    "line-too-long": "the line has more than 64 MiB: split the document",
    "duplicate-id": "an earlier line has the same document_id: which of the two is meant can't be told",
}
ALL_REASONS = REASONS | LINE_REASONS
_LONGEST_LINE = 64 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class ScrubResult:
    """What ``scrub_file`` did: counts that add up (``notes == scrubbed + withheld``), kinds replaced, reasons.

    ``without_record``: of the scrubbed notes those that were not held against any record, for want of a patient_id or
    of known people; of them the audit says nothing.
    """

    notes: int
    scrubbed: int
    withheld: int
    without_record: int
    characters: int
    people: int
    spans: dict[str, int]
    own_spans: int
    reasons: dict[str, int]
    form: str
    dates: str
    out: str

    def as_dict(self) -> dict[str, Any]:
        """The form of ``lockgate scrub --json``."""
        return asdict(self)


def scrub_file(
    notes: Path, out: Path, *, known: Path | None = None, shown: Shown = PLAIN, ner: Ner | None = None
) -> ScrubResult:
    """Scrub JSON lines ``{"document_id", "text", "patient_id"?}``; the same lines come out with ``text`` scrubbed.

    Files may be compressed with gzip; ``out`` is where its name ends in ``.gz``. Each line out also has ``spans``
    ([[begin, end, kind], ...] in offsets of the original). A withheld note has ``text`` null and its ``reason``; a line
    that can't be read comes out as a withheld note named by its line. Other members are not passed on: nobody has said
    that they are safe. One line is held at a time, and eight bytes of each document_id.
    ``known`` is JSON lines, one person each: ``patient_id`` and staged patient columns, or the form of uk-notes.json.
    Raises UsageError for files that can't be read or written and LockgateError for people who are none.
    """
    for path in (notes, *([known] if known else [])):
        if out.exists() and path.exists() and out.samefile(path):
            raise UsageError("would be written over", where=str(path), remedy="name another file with --out")
    people = People(_people(known) if known else [])
    kinds, reasons = Counter[str](), Counter[str]()
    total = characters = own = without = 0
    seen: set[int] = set()
    with _written(out) as stream:
        for line in _notes(notes):
            total += 1
            note, text = _scrubbed(line, people, shown, seen, ner)
            characters += len(line.text or "")
            kinds.update(span.kind for span in note.spans)
            own += sum(span.own for span in note.spans)
            without += note.reason is None and people.get(line.patient) is None
            told: dict[str, Any] = {"document_id": line.name}
            if line.patient is not None:
                told["patient_id"] = line.patient
            told |= {"text": text, "spans": [list(span[:3]) for span in note.spans]}
            if note.reason:
                reasons[note.reason] += 1
                told["reason"] = note.reason
            stream.write(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    withheld = reasons.total()
    return ScrubResult(
        notes=total,
        scrubbed=total - withheld,
        withheld=withheld,
        without_record=without,
        characters=characters,
        people=len(people),
        spans=dict(kinds.most_common()),
        own_spans=own,
        reasons=dict(reasons.most_common()),
        form=shown.form,
        dates=shown.dates,
        out=str(out),
    )


class _Line(NamedTuple):
    """A line of a file of notes: what it calls itself, and ``wrong``, a key of LINE_REASONS, where it is no note."""

    name: Any
    patient: Any
    text: str | None
    wrong: str | None = None


def _scrubbed(
    line: _Line, people: People, shown: Shown, seen: set[int], ner: Ner | None
) -> tuple[Scrubbed, str | None]:
    if line.wrong:
        return Scrubbed(None, [], line.wrong), None
    print_ = hashlib.blake2b(repr(line.name).encode("utf-8", "replace"), digest_size=8).digest()
    if (number := int.from_bytes(print_, "big")) in seen:
        return Scrubbed(None, [], "duplicate-id"), None
    seen.add(number)
    name = whose(line.patient, line.name)
    note = scrub_one(
        line.text, line.patient, people, None, shown.describer(name, people.get(line.patient)), ner
    )
    return note, shown.render(note, name)


def _notes(path: Path) -> Iterator[_Line]:
    for number, said in _lines(path):
        if said is None:
            yield _Line(f"line-{number}", None, None, "line-too-long")
            continue
        try:
            note = json.loads(said)
        except (ValueError, RecursionError):
            note = None
        if not isinstance(note, dict):
            yield _Line(f"line-{number}", None, None, "not-a-note")
            continue
        document, patient, text = note.get("document_id"), note.get("patient_id"), note.get("text")
        yield _Line(
            document if _is_id(document) else f"line-{number}",
            patient if _is_id(patient) else None,
            text if isinstance(text, str) else None,
        )


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


@contextmanager
def _read(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, decompressed where they are gzip's; UsageError where they can't be read to the end."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw, "rb") as stream:
                    yield stream  # type: ignore[misc]
            else:
                yield raw
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or "its gzip is broken or cut short"
        raise UsageError(f"can't be read ({said})", where=str(path), remedy="look at the file") from error


def _lines(path: Path) -> Iterator[tuple[int, str | None]]:
    """The lines of a file that are not empty; bytes that are no UTF-8 become U+FFFD, which withholds the note.

    None for a line that is longer than any note.
    """
    with _read(path) as stream:
        number = 0
        while line := stream.readline(_LONGEST_LINE + 1):
            number += 1
            whole = len(line) <= _LONGEST_LINE
            while len(line) > _LONGEST_LINE and not line.endswith(b"\n"):
                line = stream.readline(_LONGEST_LINE + 1)  # the rest of it is read over
                if not line:
                    break
            if not whole:
                yield number, None
            elif line.strip():
                yield number, line.decode("utf-8", errors="replace").removeprefix("\ufeff")


@contextmanager
def _written(out: Path) -> Iterator[IO[bytes]]:
    """A new file that takes its name when all of it is written; compressed where the name ends in ``.gz``."""
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}.partial")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    except OSError as error:
        raise UsageError(
            f"can't be written ({error.strerror})", where=str(out), remedy="name a file in a folder of yours"
        ) from error
    try:
        with os.fdopen(handle, "wb") as raw:
            if out.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield raw
        put_in_place(partial, out)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _people(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in _lines(path):
        try:
            person = json.loads(line or "")
        except (ValueError, RecursionError) as error:
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
