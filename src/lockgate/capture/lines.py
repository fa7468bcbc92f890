"""Reading files as raw lines, many at a time: found, unpacked, split, hashed and checked for UTF-8.

Nothing is interpreted here. A file that can't be read to its end yields the whole lines before the break and one
fault for what comes after.
"""

from __future__ import annotations

import ctypes
import gc
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.errors import UsageError

CHUNK_BYTES = 40 * 1024 * 1024  # every statement is planned anew for each portion
READ_BYTES = 4 * 1024 * 1024
CACHED = 256 * 1024
PACKED_BYTES = 128 * 1024
WHITESPACE = b" \t\r\n"

SCHEMA = pa.schema(
    [
        ("item_hash", pa.string()),
        ("file", pa.string()),
        ("line", pa.int64()),
        ("raw", pa.large_string()),
        ("fault", pa.string()),
        ("fault_detail", pa.string()),
    ]
)


@dataclass(slots=True)
class SourceFile:
    """One file to read: where it is, and the name the ledger knows it by."""

    path: Path
    name: str


@dataclass(slots=True)
class Lines:
    """Lines read so far and not yet handed on."""

    tables: list[pa.Table] = field(default_factory=list)
    size: int = 0

    def take(self) -> pa.Table:
        """Everything gathered, as one table; then start anew."""
        table = pa.concat_tables(self.tables) if self.tables else SCHEMA.empty_table()
        self.tables, self.size = [], 0
        return table


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for cycles of garbage between portions (``release_memory``), not within: a portion makes a million
    short-lived objects and hardly a cycle. What was there before is not looked at."""
    collecting = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()


def release_memory() -> None:
    """Hand back to the system what one portion has freed, or the next ones find it in pieces."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)


def find_files(path: Path, suffixes: tuple[str, ...]) -> tuple[list[SourceFile], list[str]]:
    """The files under ``path`` (or the file itself) whose names end in one of ``suffixes``, plain or ``.gz``.

    Returns them in order of name, and the names of the files passed over. Raises UsageError when there is no
    such path.
    """
    if path.is_file():
        return [SourceFile(path, path.name)], []
    if not path.is_dir():
        raise UsageError("no such file or folder", where=str(path), remedy="check the path")
    taken, passed = [], []
    for file in sorted(path.rglob("*")):
        if not file.is_file() or file.name.startswith("."):
            continue
        name = file.relative_to(path).as_posix()
        if name.lower().removesuffix(".gz").endswith(suffixes):
            taken.append(SourceFile(file, name))
        else:
            passed.append(name)
    return taken, passed


def item_hash(content: bytes) -> str:
    """The content hash of a raw item: SHA-256, the first 32 hex digits."""
    return hashlib.sha256(content).hexdigest()[:32]


def blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, unpacked where it is gzip. Everything before a break is yielded before the break is raised.

    Raises EOFError where the compressed stream breaks off, zlib.error where it is damaged, OSError otherwise.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if path.name.lower().endswith(".gz") and not packed and path.stat().st_size > 0:
            raise gzip.BadGzipFile("not a gzip file")
        if not packed:
            while block := stream.read(READ_BYTES):
                yield block
            return
        unpacker = zlib.decompressobj(wbits=31)
        while data := stream.read(PACKED_BYTES):
            while data:
                if unpacker.eof:  # a gzip file may hold several members, and zeros after the last
                    data = data.lstrip(b"\x00")
                    unpacker = zlib.decompressobj(wbits=31) if data else unpacker
                    if not data:
                        break
                if block := unpacker.decompress(data, READ_BYTES):
                    yield block
                data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        if not unpacker.eof:
            raise EOFError("the stream ends before its end marker")


def fault_row(file: SourceFile, line: int, content: bytes, reason: str, detail: str) -> pa.Table:
    # The hash covers the place too where there is no content: two unreadable files are two items.
    digest = item_hash(content or f"{reason}:{file.name}".encode())
    raw = content.decode("utf-8", errors="backslashreplace").replace("\x00", "\\x00")
    return pa.Table.from_arrays(
        [[digest], [file.name], [line], pa.array([raw], pa.large_string()), [reason], [detail]], schema=SCHEMA
    )


def _split(file: SourceFile, block: bytes, first_line: int) -> tuple[pa.Table, int]:
    """Lines of a block of whole lines: the table, and how many lines (blank ones too) it spans."""
    data = np.frombuffer(block, np.uint8)
    ends = places_of(data, 10)
    if len(ends) == 0 or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    count = len(ends)
    offsets = np.append(starts, min(int(ends[-1]) + 1, len(data))).astype(np.int64)
    binary = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    )
    numbers = np.arange(first_line, first_line + count, dtype=np.int64)
    if b"\x00" in block:
        return _split_faulty(file, block, starts, ends, first_line), count
    try:
        text = binary.cast(pa.large_string())  # several times as fast as decoding
    except pa.ArrowInvalid:
        return _split_faulty(file, block, starts, ends, first_line), count
    raw = pc.ascii_trim_whitespace(text)
    if (data[starts[starts < len(data)]] <= 32).any():  # some lines may be blank
        filled = pc.not_equal(pc.binary_length(raw), 0)
        raw, numbers = raw.filter(filled), numbers[np.asarray(filled)]
    return _table(file, raw, numbers), count


def places_of(data: npt.NDArray[np.uint8], byte: int) -> npt.NDArray[np.int64]:
    """Where a byte that is seldom stands; what is looked at together fits a processor's cache."""
    found = [np.flatnonzero(data[at : at + CACHED] == byte) + at for at in range(0, len(data), CACHED)]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def is_utf8(block: bytes) -> bool:
    """Whether bytes are UTF-8 text."""
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _split_faulty(
    file: SourceFile, block: bytes, starts: np.ndarray, ends: np.ndarray, first_line: int
) -> pa.Table:
    """A block that holds bytes that are no text: line by line, the faulty ones set apart."""
    good: list[bytes] = []
    numbers: list[int] = []
    tables: list[pa.Table] = []
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        content = block[start:end].strip(WHITESPACE)
        if not content:
            continue
        if b"\x00" in content:
            tables.append(fault_row(file, first_line + index, content, "not-utf8", "holds null bytes"))
        elif not is_utf8(content):
            tables.append(fault_row(file, first_line + index, content, "not-utf8", "is not UTF-8"))
        else:
            good.append(content)
            numbers.append(first_line + index)
    raw = pa.array(good, pa.large_binary()).view(pa.large_string())
    tables.insert(0, _table(file, raw, np.array(numbers, dtype=np.int64)))
    return pa.concat_tables(tables)


def _table(file: SourceFile, raw: pa.LargeStringArray, numbers: np.ndarray) -> pa.Table:
    count = len(raw)
    return pa.Table.from_arrays(
        [
            hashes(raw),
            pa.repeat(pa.scalar(file.name), count),
            pa.array(numbers, pa.int64()),
            raw,
            pa.nulls(count, pa.string()),
            pa.nulls(count, pa.string()),
        ],
        schema=SCHEMA,
    )


def hashes(raw: pa.LargeStringArray) -> pa.StringArray:
    """Content hashes of many items.

    One call of OpenSSL's SHA-256 each (1.3 µs for 800 bytes, with the processor's own instructions): DuckDB's
    sha256() and even its md5() take longer.
    """
    _, offsets_buffer, data = raw.buffers()
    if len(raw) == 0 or data is None:
        return pa.array([item_hash(b"")] * len(raw), pa.string())
    offsets = np.frombuffer(offsets_buffer, np.int64)[raw.offset : raw.offset + len(raw) + 1].tolist()
    view, fresh = memoryview(data), hashlib.sha256().copy
    digests = []
    for start, end in pairwise(offsets):
        digest = fresh()  # a copy: OpenSSL looks the algorithm up for each new one
        digest.update(view[start:end])
        digests.append(digest.digest())
    text = np.frombuffer(b"".join(digests).hex().encode(), "S64").astype("S32")  # the first half of each
    places = np.arange(0, 32 * (len(raw) + 1), 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(raw), pa.py_buffer(places), pa.py_buffer(text))


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a file can't be read to its end; ``begun``: whether something was read before."""

    why: str
    begun: bool


def blocks_and_end(path: Path) -> Iterator[bytes | Broken]:
    """As ``blocks``; where the file can't be read, or breaks off, the last one says why."""
    begun, source = False, blocks(path)
    block: bytes | Broken | None
    while True:
        try:
            block = next(source, None)
        except EOFError:
            block = Broken("the compressed stream breaks off", True)
        except zlib.error:
            block = Broken("the gzip data is damaged", True)
        except OSError as error:
            why = "the file can't be read to its end" if begun else error.strerror or "not a gzip file"
            block = Broken(why if begun else why.lower(), begun)
        if block is None:
            return
        yield block
        if isinstance(block, Broken):
            return
        begun = True


def read_chunks(files: list[SourceFile], chunk_bytes: int = CHUNK_BYTES) -> Iterator[pa.Table]:
    """The lines of all files as tables of SCHEMA, each of about ``chunk_bytes`` of text; blank lines left out."""
    lines = Lines()
    for file in files:
        for table, size in _read_file(file):
            lines.tables.append(table)
            lines.size += size
            if lines.size >= chunk_bytes:
                yield lines.take()
    if lines.tables:
        yield lines.take()


def _read_file(file: SourceFile) -> Iterator[tuple[pa.Table, int]]:
    tail, line = b"", 1
    broken: str | None = None
    whole = file.name.lower().removesuffix(".gz").endswith(".json")
    for block in blocks_and_end(file.path):
        if isinstance(block, Broken):
            if not block.begun:
                yield fault_row(file, 0, b"", "unreadable-file", block.why), 0
                return
            broken = block.why
            break
        if line == 1 and not tail and block.startswith(b"\xef\xbb\xbf"):
            block = block[3:]
        cut = 0 if whole else block.rfind(b"\n") + 1
        if not cut:
            tail += block
            continue
        ended = b"".join((tail, memoryview(block)[:cut]))
        table, count = _split(file, ended, line)
        yield table, len(ended)
        line += count
        tail = block[cut:]
    yield from _finish(file, tail, line, whole and broken is None, broken)


def _finish(
    file: SourceFile, tail: bytes, line: int, whole: bool, broken: str | None
) -> Iterator[tuple[pa.Table, int]]:
    """What is left at the end of a file: its last line, a whole JSON document, or the stump of a broken file."""
    if broken is not None:
        yield fault_row(file, line, tail, "truncated-file", broken), len(tail)
        return
    if not tail.strip(WHITESPACE):
        return
    if whole and _is_one_document(tail):
        yield (
            _table(file, pa.array([tail.strip(WHITESPACE).decode()], pa.large_string()), np.array([1])),
            len(tail),
        )
        return
    table, _ = _split(file, tail, line)
    if not tail.endswith(b"\n") and not whole:
        last = tail[tail.rfind(b"\n") + 1 :].strip(WHITESPACE)
        if last and _looks_cut(last):
            yield table.slice(0, table.num_rows - 1), len(tail) - len(last)
            detail = "the last line is incomplete"
            yield fault_row(file, line + tail.count(b"\n"), last, "truncated-file", detail), len(last)
            return
    yield table, len(tail)


def _is_one_document(content: bytes) -> bool:
    """Whether a .json file is one document over many lines rather than one document a line."""
    import json

    try:
        content.decode("utf-8")
        json.loads(content)
    except ValueError:
        return False
    return b"\x00" not in content


def _looks_cut(last: bytes) -> bool:
    """Whether a last line without its newline starts an object and never ends it."""
    import json

    if not last.startswith(b"{"):
        return False
    try:
        json.loads(last)
    except json.JSONDecodeError as error:
        return error.msg != "Extra data"  # an object that does end, and more on its line
    except ValueError:
        return True
    return False
