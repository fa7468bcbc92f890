"""Writes lines of JSON as gzip: in parallel, and the same bytes for the same lines.

One gzip member per file. Chunks are deflated on several threads, each closed with a sync flush, so that they
follow each other in one stream (the way of pigz); no time and no file name goes into the header.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lockgate.synthetic.strings import raw_bytes

LEVEL = 3
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

Lines = list[pa.Array]
Build = Callable[[int, int], Lines]


@dataclass(frozen=True)
class Block:
    """``rows`` things, and how the things from ``first`` to ``last`` become columns of lines (each ending in a
    newline; the lines of the first column come before those of the second)."""

    rows: int
    build: Build
    chunk: int = 40_000


@dataclass(frozen=True)
class _Chunk:
    deflated: bytes
    crc_parts: list[memoryview]
    lines: int


def _chunk(block: Block, first: int) -> _Chunk:
    columns = block.build(first, min(first + block.chunk, block.rows))
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [raw_bytes(column) for column in columns]
    packed = b"".join([packer.compress(part) for part in parts] + [packer.flush(zlib.Z_SYNC_FLUSH)])
    return _Chunk(packed, parts, sum(len(column) for column in columns))


def _in_order(pool: ThreadPoolExecutor, blocks: Iterable[Block], ahead: int) -> Iterator[_Chunk]:
    waiting: deque[Future[_Chunk]] = deque()
    for block in blocks:
        for first in range(0, block.rows, block.chunk):
            waiting.append(pool.submit(_chunk, block, first))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def write_lines(path: Path, blocks: Iterable[Block], extra: Iterable[str] = ()) -> int:
    """Write the blocks' lines, then the extra ones, to a gzip file; returns how many lines it holds."""
    threads = min(4, os.cpu_count() or 1)
    lines = size = check = 0
    with path.open("wb") as file, ThreadPoolExecutor(threads) as pool:
        file.write(_HEADER)
        for chunk in _in_order(pool, blocks, threads + 1):
            file.write(chunk.deflated)
            for part in chunk.crc_parts:
                check = zlib.crc32(part, check)
                size += len(part)
            lines += chunk.lines
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        for line in extra:
            data = f"{line}\n".encode()
            file.write(packer.compress(data))
            check = zlib.crc32(data, check)
            size += len(data)
            lines += 1
        file.write(packer.flush())
        file.write(struct.pack("<II", check, size & 0xFFFFFFFF))
    return lines
