"""Files of HL7 v2 as raw messages: framed or bare, one or many, in a batch envelope or not, any line ends, gzip.

A message begins with MSH at the start of a line or frame. FHS, BHS, BTS and FTS are the envelope, not messages: the
count that BTS or FTS gives is held against what came. Anything else between messages is an item of its own, held back.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa

from lockgate.capture.hl7v2.message import ENVELOPE
from lockgate.capture.lines import SCHEMA, Broken, Lines, SourceFile, blocks_and_end, fault_row, hashes

CHUNK_BYTES = 48 * 1024 * 1024
LARGEST = 64 * 1024 * 1024
_MESSAGE = re.compile(rb"MSH[^A-Za-z0-9\s]")  # begins with letters: many times as fast as with a choice
_ENVELOPE = re.compile(rb"[FB][HT]S[^A-Za-z0-9\s]")
_ENDS = b"\r\n\x0b\x1c"
_FRAME = b"\x0b\x1c\r\n\t "
CHARSETS = {
    "": "",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UNICODE": "utf-8",
    "8859/1": "latin-1",
    "8859/15": "iso8859-15",
}


def read_messages(
    files: list[SourceFile], character_set: str, warnings: Counter[str], chunk_bytes: int = CHUNK_BYTES
) -> Iterator[pa.Table]:
    """The messages of all files as tables of ``lines.SCHEMA``; ``line`` is the message's place in its file, from 1.

    ``character_set`` is that of messages whose MSH-18 is empty. What is worth telling goes to ``warnings``.
    """
    gathered = Lines()
    for file in files:
        for table, size in _read_file(file, character_set, warnings):
            gathered.tables.append(table)
            gathered.size += size
            if gathered.size >= chunk_bytes:
                yield gathered.take()
    if gathered.tables:
        yield gathered.take()


def _read_file(file: SourceFile, charset: str, warnings: Counter[str]) -> Iterator[tuple[pa.Table, int]]:
    tail, number, broken = b"", 0, ""
    envelope = _Envelope(warnings)
    for block in blocks_and_end(file.path):
        if isinstance(block, Broken):
            if not block.begun:
                yield fault_row(file, 0, b"", "unreadable-file", block.why), 0
                return
            broken = block.why
            break
        if not number and not tail:
            block = block.removeprefix(b"\xef\xbb\xbf")
        pieces = _pieces(tail + block)
        tail = pieces.pop()
        if len(tail) > LARGEST:
            number += 1
            yield (
                fault_row(file, number, tail[:4096], "too-large", "more than 64 MB without an end"),
                len(tail),
            )
            tail = b""
        if pieces:
            table, number = _table(file, pieces, number, charset, envelope)
            yield table, sum(map(len, pieces))
    if broken:
        yield fault_row(file, number + 1, tail, "truncated-file", broken), len(tail)
        return
    table, _ = _table(file, [tail], number, charset, envelope)
    if table.num_rows:
        yield table, len(tail)
    elif not number:
        warnings["files without a message in them"] += 1


def _pieces(data: bytes) -> list[bytes]:
    """Data cut before every message and every segment of an envelope; what comes before the first is a piece too."""
    starts = [found.start() for found in _MESSAGE.finditer(data)]
    if b"BHS" in data or b"FHS" in data or b"BTS" in data or b"FTS" in data:
        starts = sorted(starts + [found.start() for found in _ENVELOPE.finditer(data)])
    cuts = [0, *(start for start in starts if start and data[start - 1] in _ENDS), len(data)]
    return [data[start:end] for start, end in pairwise(cuts)]


class _Envelope:
    """How many messages a batch had, and how many it said it would have."""

    def __init__(self, warnings: Counter[str]) -> None:
        self.warnings = warnings
        self.count = 0

    def see(self, segment: bytes) -> None:
        if segment.startswith(b"BHS"):
            self.count = 0
        if segment.startswith(b"BTS"):
            said = segment[4:].split(segment[3:4], 1)[0].strip()
            if said.isdigit() and int(said) != self.count:
                self.warnings["a batch trailer (BTS-1) counts other than the messages that came"] += 1


def _table(
    file: SourceFile, pieces: list[bytes], number: int, charset: str, envelope: _Envelope
) -> tuple[pa.Table, int]:
    messages: list[tuple[int, bytes]] = []
    faults: list[pa.Table] = []
    for piece in pieces:
        content = piece.strip(_FRAME)
        if not content:
            continue
        if content[:3] in ENVELOPE:
            envelope.see(content)
            content = b"\n".join(content.splitlines()[1:]).strip(_FRAME)
            if not content:
                continue
        framed = b"\x1c" in content
        body, _, junk = content.partition(b"\x1c") if framed else (content, b"", b"")
        for part in (body.strip(_FRAME), junk.strip(_FRAME)) if framed else (body,):
            if not part.strip(b"\x00"):
                continue
            number += 1
            if not part.startswith(b"MSH"):
                faults.append(fault_row(file, number, part, "not-hl7", "does not begin with MSH"))
                continue
            envelope.count += 1
            messages.append((number, part))
    decoded: list[str] = []
    numbers: list[int] = []
    for place, body in messages:
        text, reason, detail = decode(body, charset)
        if reason:
            faults.append(fault_row(file, place, body, reason, detail))
        else:
            decoded.append(text)
            numbers.append(place)
    raw = pa.array(decoded, pa.large_string())
    sound = pa.Table.from_arrays(
        [
            hashes(raw),
            pa.repeat(pa.scalar(file.name), len(raw)),
            pa.array(numbers, pa.int64()),
            raw,
            pa.nulls(len(raw), pa.string()),
            pa.nulls(len(raw), pa.string()),
        ],
        schema=SCHEMA,
    )
    return pa.concat_tables([sound, *faults]), number


def decode(body: bytes, default: str) -> tuple[str, str, str]:
    """A message's text, and the reason and detail where its bytes are not of the character set it names (MSH-18)."""
    if b"\x00" in body:
        return "", "wrong-charset", "holds null bytes"
    if body.isascii():
        return body.decode("ascii"), "", ""
    head = re.split(rb"[\r\n]", body, maxsplit=1)[0]
    fields = head.split(head[3:4])
    named = fields[17].split(b"~")[0].decode("latin-1").strip().upper() if len(fields) > 17 else ""
    codec = CHARSETS.get(named or default)
    if codec is None:
        return "", "wrong-charset", "MSH-18 names a character set that is not read here"
    try:
        return body.decode(codec), "", ""
    except UnicodeDecodeError as error:
        return "", "wrong-charset", f"byte {error.start} does not fit {named or default}"
