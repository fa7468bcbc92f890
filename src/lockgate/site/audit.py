"""The audit chain: who did what, in an order that can't be changed unseen.

One JSON object a line in ``audit/chain.jsonl``. Each entry holds the hash of the one before it, and the newest
entry's number and hash are signed with the site's key in ``audit/head.json``: a changed, removed, reordered or
cut-off entry shows. Both planes write here, one at a time (a file lock). Entries hold no identifiable value; an
NHS number in one is refused.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockgate.errors import LockgateError, UsageError
from lockgate.schema import nhs_number
from lockgate.site.files import PRIVATE_FILE, make_dir, write_atomic
from lockgate.site.keys import Keys

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the chain. ``hash`` covers all the rest; ``prev`` is the hash of entry ``seq - 1``."""

    seq: int
    at: str
    actor: str
    event: str
    detail: dict[str, Any]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What ``verify`` found: the line of the chain, what kind (changed, removed, reordered ...), and in words."""

    line: int
    kind: str
    message: str


def _digest(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def chained(last: Entry, event: str, *, actor: str, detail: dict[str, Any]) -> Entry:
    """The entry that follows another one, now."""
    return _chained(last.seq, last.hash, event, actor, detail)


def _chained(seq: int, prev: str, event: str, actor: str, detail: dict[str, Any]) -> Entry:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    body: dict[str, Any] = {
        "seq": seq + 1,
        "at": at,
        "actor": actor,
        "event": event,
        "detail": detail,
        "prev": prev,
    }
    return Entry(**body, hash=_digest(body))


def line_of(entry: Entry) -> bytes:
    """An entry as a line of the chain."""
    return (json.dumps(asdict(entry), ensure_ascii=False) + "\n").encode()


class Walk:
    """From line to line of a chain: whether each entry is as it was written and follows from the one before it.

    Begins before the first entry, or after the one with the given number and hash.
    """

    def __init__(self, seq: int = 0, digest: str = GENESIS) -> None:
        self.seq, self.hash = seq, digest

    def take(self, number: int, line: bytes) -> tuple[Entry | None, list[Problem]]:
        """The entry of the next line, None where it can't be read, and what is wrong with it."""
        try:
            told = json.loads(line)
            body = {key: told[key] for key in ("seq", "at", "actor", "event", "detail", "prev")}
            found_seq, found_hash = int(told["seq"]), str(told["hash"])
        except (ValueError, TypeError, KeyError):
            self.seq += 1
            self.hash = ""
            return None, [Problem(number, "unreadable", f"line {number} is no audit entry")]
        problems = []
        if len(told) != 7 or _digest(body) != found_hash:
            said = f"entry {found_seq} (line {number}) was changed after it was written"
            problems.append(Problem(number, "changed", said))
        seq, prev = self.seq, self.hash
        if found_seq > seq + 1:
            gone = f"entry {seq + 1}" if found_seq == seq + 2 else f"entries {seq + 1} to {found_seq - 1}"
            problems.append(Problem(number, "removed", f"{gone} removed before line {number}"))
        elif found_seq <= seq:
            said = f"entry {found_seq} stands at line {number}, after entry {seq}"
            problems.append(Problem(number, "reordered", said))
        elif prev and body["prev"] != prev:
            said = f"entry {found_seq} does not follow from the entry before it"
            problems.append(Problem(number, "broken", said))
        self.seq, self.hash = found_seq, found_hash
        return Entry(**{**body, "seq": found_seq}, hash=found_hash), problems


class AuditLog:
    """The chain of one site. Instances may be made freely; the lock is the file's."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder = folder
        self.chain = folder / "chain.jsonl"
        self.head = folder / "head.json"
        self._keys = keys

    @contextmanager
    def _locked(self) -> Iterator[int]:
        make_dir(self.folder)
        handle = os.open(self.chain, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def append(self, event: str, *, actor: str, **detail: Any) -> Entry:
        """Add one entry, flushed to disk before it returns.

        ``event`` is a dotted name ("capture.batch", "scope.issued"); ``detail`` holds counts, ids of batches,
        releases, projects, hashes: JSON values that identify no patient.
        """
        text = refuse_identifying(event, actor, detail)
        with self._locked() as handle:
            seq, prev = self._tail(handle)
            entry = _chained(seq, prev, event, actor, json.loads(text))
            self._write(handle, line_of(entry))
            self.sign_head(entry)
        return entry

    def _write(self, handle: int, line: bytes) -> None:
        """The whole line, flushed to disk, or none of it (a full disk takes part of a line)."""
        before = os.fstat(handle).st_size
        try:
            written = os.write(handle, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, "only part of an audit entry could be written", str(self.chain))
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)
            raise

    def _drop_unfinished(self, handle: int) -> None:
        """Remove a last line that a crash cut off while it was written: nobody was told that it stands.

        The head is signed after its line is on the disk, so the line before such a rest is the signed one. Any other
        rest stays where it is, to be looked into.
        """
        size = os.fstat(handle).st_size
        if size == 0 or os.pread(handle, 1, size - 1) == b"\n":
            return
        block = os.pread(handle, size, 0)
        kept, newline, _ = block.rpartition(b"\n")
        try:
            last = json.loads(kept.rpartition(b"\n")[2]) if newline else {"seq": 0, "hash": GENESIS}
            head = json.loads(self.head.read_bytes()) if self.head.exists() else {"seq": 0, "hash": GENESIS}
        except ValueError:
            return
        if (last["seq"], last["hash"]) == (head["seq"], head["hash"]):
            os.ftruncate(handle, len(kept) + len(newline))
            os.fsync(handle)

    def _tail(self, handle: int) -> tuple[int, str]:
        """The number and hash of the last entry, read from the end of the file."""
        self._drop_unfinished(handle)
        size = os.fstat(handle).st_size
        if size == 0:
            if self.head.exists():
                raise LockgateError(
                    "the audit chain is empty but its signed head is not",
                    where=str(self.chain),
                    remedy="restore audit/ from the backup before going on; `lockgate audit verify` says more",
                )
            return 0, GENESIS
        window = 65536
        while True:
            start = max(0, size - window)
            block = os.pread(handle, size - start, start)
            if block.endswith(b"\n") and (start == 0 or block[:-1].count(b"\n") >= 1):
                break
            if not block.endswith(b"\n"):
                raise LockgateError(
                    "the last line of the audit chain is cut off",
                    where=str(self.chain),
                    remedy="`lockgate audit verify` names the line; restore it from the backup",
                )
            window *= 4
        last = json.loads(block[:-1].rsplit(b"\n", 1)[-1])
        return int(last["seq"]), str(last["hash"])

    def sign_head(self, entry: Entry) -> None:
        """Sign an entry as the newest of the chain."""
        message = f"{entry.seq}:{entry.hash}".encode()
        content = {
            "seq": entry.seq,
            "hash": entry.hash,
            "key_id": self._keys.public_key_id,
            "signature": self._keys.sign(message).hex(),
        }
        write_atomic(self.head, (json.dumps(content) + "\n").encode())

    def entries(self, event: str = "") -> Iterator[Entry]:
        """Every entry (of one event, where named), oldest first. Raises LockgateError at a line that can't be read."""
        if not self.chain.exists():
            return
        told = f'"event": {json.dumps(event, ensure_ascii=False)}'.encode() if event else b""
        with self.chain.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if told in line:
                    entry = self.read(line, f"{number}")
                    if not event or entry.event == event:
                        yield entry

    def newest(self) -> Iterator[Entry]:
        """Every entry, the newest first, read from the end of the file no further than is asked."""
        if not self.chain.exists():
            return
        with self.chain.open("rb") as stream:
            place, rest = stream.seek(0, os.SEEK_END), b""
            while place:
                size = min(65536, place)
                place -= size
                stream.seek(place)
                lines = (stream.read(size) + rest).split(b"\n")
                rest = lines.pop(0) if place else b""
                for line in reversed(lines):
                    if line:
                        yield self.read(line, "near the end")

    def read(self, line: bytes, place: str) -> Entry:
        """The entry of a line; LockgateError, naming the place, where it is none."""
        try:
            return Entry(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise LockgateError(
                "an audit entry can't be read",
                where=f"{self.chain}:{place}",
                remedy="`lockgate audit verify` says what happened to it",
            ) from error

    def verify(self) -> list[Problem]:
        """Every break in the chain; an empty list when it is whole."""
        problems: list[Problem] = []
        signed = self.signed_head()
        walk = Walk()
        hashes = {0: GENESIS}
        lines = self.chain.read_bytes().split(b"\n") if self.chain.exists() else [b""]
        if lines.pop() != b"":
            problems.append(Problem(len(lines) + 1, "cut-off", "the last line is incomplete"))
        for number, line in enumerate(lines, 1):
            entry, wrong = walk.take(number, line)
            problems += wrong
            if entry is not None:
                hashes[entry.seq] = entry.hash
        return _name_moves(problems, hashes) + self._verify_head(hashes, signed)

    def signed_head(self) -> bytes:
        """The signed head as it is now; empty where there is none.

        Read it before the chain that it is held against: an entry stands in the chain before its head is signed.
        """
        try:
            return self.head.read_bytes()
        except FileNotFoundError:
            return b""

    def verify_head(self, seq: int, digest: str, signed: bytes) -> list[Problem]:
        """Whether a signed head is that of the chain's last entry, or of one before it."""
        return self._verify_head({0: GENESIS, seq: digest}, signed)

    def verify_against(self, head: bytes) -> list[Problem]:
        """Whether the chain still holds the entry of a signed head that was kept elsewhere; what is wrong if not."""
        hashes = {0: GENESIS} | {entry.seq: entry.hash for entry in self.entries()}
        return self._holds(head, hashes, "the head from elsewhere")

    def _verify_head(self, hashes: dict[int, str], signed: bytes) -> list[Problem]:
        if not signed:
            return [Problem(0, "head", "the signed head is missing")] if max(hashes) else []
        return self._holds(signed, hashes, "the head")

    def _holds(self, signed: bytes, hashes: dict[int, str], what: str) -> list[Problem]:
        """Whether the entry that a signed head names is the chain's, and nothing up to it is gone."""
        last = max(hashes)
        try:
            head = json.loads(signed)
            seq, digest = int(head["seq"]), str(head["hash"])
            ours = self._keys.verify(f"{seq}:{digest}".encode(), bytes.fromhex(head["signature"]))
        except (ValueError, TypeError, KeyError):
            return [Problem(0, "head", f"{what} can't be read")]
        if not ours:
            return [Problem(0, "head", f"{what} is not signed by this site")]
        if seq > last:
            gone = f"entry {seq}" if seq == last + 1 else f"entries {last + 1} to {seq}"
            return [Problem(last + 1, "removed", f"{gone} removed from the end")]
        if hashes.get(seq, digest) != digest:
            return [Problem(seq, "changed", f"entry {seq} is not the one whose hash was signed")]
        return []


_TEN_DIGITS = re.compile(r"(?<![\w.-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w.-])")


def refuse_identifying(event: str, actor: str, detail: dict[str, Any]) -> str:
    """The detail of an entry as JSON text; UsageError when it holds an NHS number.

    Whoever changes something first and writes its entry afterwards asks here beforehand.
    """
    text = json.dumps(detail, ensure_ascii=False, default=str)
    for match in _TEN_DIGITS.finditer(f"{actor} {text}"):
        if nhs_number.valid(match.group()):
            raise UsageError(
                "an audit entry may not hold an NHS number",
                where=event,
                remedy="say it without the number; the record's local reference is enough",
            )
    return text


def _name_moves(problems: list[Problem], present: dict[int, str]) -> list[Problem]:
    """A gap whose entries stand elsewhere in the file is a reordering, not a removal."""
    named = []
    for problem in problems:
        if problem.kind == "removed":
            numbers = [int(word) for word in problem.message.split() if word.isdigit()]
            missing = range(numbers[0], (numbers[1] if "entries" in problem.message else numbers[0]) + 1)
            if all(number in present for number in missing):
                continue
        named.append(problem)
    return named
