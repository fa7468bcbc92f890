"""Notes in, safe notes out: every note scrubbed, or withheld with its reason.

The order is the gate's: what can't be read is withheld first; then identifiers become tags; then the audit looks at the
note with its tags; and only then may anything else stand in the place of a tag. So no surrogate can hide what is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from lockgate.deidentify.dates import shift_days
from lockgate.deidentify.text.audit import residue
from lockgate.deidentify.text.engine import scrub_text
from lockgate.deidentify.text.known import Known
from lockgate.deidentify.text.language import unreadable_language
from lockgate.deidentify.text.misfiled import names_another
from lockgate.deidentify.text.ner import Ner
from lockgate.deidentify.text.sitenames import SiteNames
from lockgate.deidentify.text.spans import Span
from lockgate.deidentify.text.stands import Dates, Describer, Form, Keep, Stand, render, to_json
from lockgate.schema.text import UNREADABLE, unreadable

# Why a note is withheld: reason -> meaning and what to do. Reasons of the audit are "own-<check>" (audit.CHECKS).
REASONS: dict[str, str] = {
    **UNREADABLE,
    "other-script": "words in letters that are not Latin: the engine can't see names in them",
    "other-language": "a paragraph in another language than English: the engine can't see names in it",
    "unknown-patient": "the note's patient is not among the known people, so nothing can be audited",
    "another-patient": "the header names somebody else, and nothing in the note fits its patient: wrongly filed?",
    "own-number": "a number of the patient's record is still in the scrubbed text",
    "own-postcode": "the patient's postcode is still in the scrubbed text",
    "own-address": "the patient's house and street are still in the scrubbed text",
    "own-email": "the patient's e-mail address is still in the scrubbed text",
    "own-full-name": "the patient's full name is still in the scrubbed text",
    "own-name": "a name of the patient is still in the scrubbed text",
    "own-birth-date": "the patient's date of birth is still in the scrubbed text",
}

SPAN = pa.struct([("begin", pa.int32()), ("end", pa.int32()), ("kind", pa.string()), ("own", pa.bool_())])
SCRUBBED = pa.schema(
    [
        ("document_id", pa.string()),
        ("text", pa.string()),
        ("spans", pa.list_(SPAN)),
        ("residual", pa.bool_()),
        ("reason", pa.string()),
        ("stands", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One note after scrubbing: ``text`` has tags, or is None when it is withheld, and then ``reason`` says why.

    ``stands``: what may stand in the place of the tags, where a describer was given.
    """

    text: str | None
    spans: list[Span]
    reason: str | None
    stands: list[Stand] = field(default_factory=list)


def scrub_note(
    text: str | None,
    known: Known | None = None,
    site: SiteNames | None = None,
    describer: Describer | None = None,
    ner: Ner | None = None,
) -> Scrubbed:
    """Scrub one note, audit the result against its patient, and withhold it where it can't be made safe."""
    reason = _unreadable(text)
    if reason or text is None:
        return Scrubbed(None, [], reason or "no-text")
    safe, spans = scrub_text(text, known, site, ner)
    if known is not None:
        if left := residue(safe, known):
            return Scrubbed(None, spans, f"own-{left}")
        if names_another(text, spans, known):
            return Scrubbed(None, spans, "another-patient")
    return Scrubbed(safe, spans, None, describer.describe(text, spans) if describer else [])


def _unreadable(text: str | None) -> str | None:
    return unreadable(text) or unreadable_language(text or "")


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


@dataclass(frozen=True)
class Shown:
    """In what form scrubbed notes come out, where no release and no scope say it.

    ``key`` (16 bytes or more) decides surrogates and offsets: the same key gives the same again, another one others.
    Patients are told apart by their ``patient_id``; a note of nobody known has surrogates and an offset of its own.
    """

    form: Literal["tags", "surrogates"] = "tags"
    dates: Dates = "tag"
    key: bytes = b""
    oldest: int = field(default_factory=lambda: datetime.now(UTC).year - 90)

    def __post_init__(self) -> None:
        if self.plain is False and len(self.key) < 16:
            raise ValueError("a key of at least 16 bytes is needed")

    @property
    def plain(self) -> bool:
        """Whether tags are all that is wanted."""
        return self.form == "tags" and self.dates == "tag"

    def _for(self, use: str) -> bytes:
        return hashlib.blake2b(use.encode(), key=self.key[:64], digest_size=32).digest()

    def describer(self, whose: str, known: Known | None) -> Describer | None:
        """What describes the stand-ins of a note of somebody; None where none are wanted."""
        if self.plain:
            return None
        keep: Keep = "surrogates" if self.form == "surrogates" else "dates"
        return Describer(self._for("slots"), whose, known or Known(), keep)

    def render(self, note: Scrubbed, whose: str) -> str | None:
        """The text of a scrubbed note in this form."""
        if note.text is None or self.plain:
            return note.text
        form = Form(
            self.form == "surrogates", self.dates, self._for("draws"), self._days(whose), oldest=self.oldest
        )
        return render(note.text, note.stands, form)

    def _days(self, whose: str) -> int:
        number = int.from_bytes(
            hashlib.blake2b(whose.encode(), digest_size=8).digest(), "little", signed=True
        )
        return int(shift_days(np.array([number], np.int64), self._for("dates"))[0].as_py())


PLAIN = Shown()


def whose(patient: object, document: object) -> str:
    """Whose a note is, to the key: the patient's, or its own where it has none."""
    return f"document {document}" if patient is None else f"patient {patient}"


@dataclass(frozen=True)
class Kept:
    """What a release keeps beside its notes, so that a workspace can put something else in the place of tags.

    ``key``: the release's, of the slots. ``monthly``: the release keeps the months of dates only. ``oldest``: the least
    year of birth that it shows.
    """

    key: bytes
    keep: Keep
    monthly: bool = False
    oldest: int = 0


def scrub(
    notes: pa.Table,
    known: pa.Table | None = None,
    site: SiteNames | None = None,
    *,
    shown: Shown = PLAIN,
    kept: Kept | None = None,
    ner: Ner | None = None,
) -> pa.Table:
    """Scrub a table of notes (document_id, patient_id, text) with what is known of their patients.

    ``known`` has a ``patient_id`` and columns of the staged patient table (several rows per patient are one person's;
    columns may be missing); ``site`` the names that any note may hold (people.site_names).
    Returns SCRUBBED, in the order of ``notes``: ``text`` in the form ``shown`` (typed tags), or NULL where the note is
    withheld (``residual`` true, ``reason`` a key of REASONS); ``spans`` in offsets of the original text. With ``kept``
    the text has tags, and ``stands`` says what may stand there instead.
    ``ner`` is a model that reads names beside the rules.
    """
    people = People(known.to_pylist() if known is not None else [])
    patients = notes["patient_id"].to_pylist() if "patient_id" in notes.column_names else [None] * len(notes)
    documents = notes["document_id"].cast(pa.string()).to_pylist()
    done: list[Scrubbed] = []
    texts: list[str | None] = []
    for document, patient, text in zip(documents, patients, notes["text"].to_pylist(), strict=True):
        record, name = people.get(patient), whose(patient, document)
        if kept is not None:
            # a note of nobody is named by its words, for its document has another number in each build
            name = whose(patient, hashlib.sha256((text or "").encode(errors="replace")).hexdigest())
            describer: Describer | None = Describer(
                kept.key, name, record or Known(), kept.keep, kept.monthly, kept.oldest
            )
        else:
            describer = shown.describer(name, record)
        note = scrub_one(text, patient, people, site, describer, ner)
        done.append(note)
        texts.append(note.text if kept is not None else shown.render(note, name))
    return pa.table(
        {
            "document_id": documents,
            "text": pa.array(texts, pa.string()),
            "spans": pa.array([[span._asdict() for span in note.spans] for note in done], pa.list_(SPAN)),
            "residual": pa.array([note.text is None for note in done], pa.bool_()),
            "reason": pa.array([note.reason for note in done], pa.string()),
            "stands": pa.array([to_json(note.stands) if kept else None for note in done], pa.string()),
        },
        schema=SCRUBBED,
    )


def scrub_one(
    text: str | None,
    patient: object,
    people: People,
    site: SiteNames | None = None,
    describer: Describer | None = None,
    ner: Ner | None = None,
) -> Scrubbed:
    """``scrub_note`` for a note of somebody: where people are known and this patient is not, it is withheld."""
    known = people.get(patient)
    note = scrub_note(text, known, site, describer, ner)
    if len(people) and known is None and patient is not None and note.reason is None:
        return Scrubbed(None, note.spans, "unknown-patient")
    return note
