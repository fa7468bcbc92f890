"""Find a project's pseudonyms in a file, in any common encoding of the number or of the file.

A pseudonym is an integer of up to 63 bits. It is looked for as decimal digits (whatever separators stand between
them, cells' commas included, and digits of other scripts), as a float that lost its last digits, in the bases 2, 8, 36
and hexadecimal in either byte order, as eight raw bytes in either byte order, and all of these again backwards and
inside base64, base85, base32, hexadecimal, UTF-16, zlib, gzip, bzip2, xz, zip archives (spreadsheets and documents are
such) and the streams of PDF and PNG, nested up to three deep. What is encrypted, or spread over separate files, can't
be found so; people look at what leaves.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import contextlib
import lzma
import re
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lockgate.disclosure.contents import inside
from lockgate.schema import PROJECT

SMALLEST = 10**12
"""Smaller keys aren't looked for: they can't be told from ordinary numbers (one pseudonym in nine million)."""

_DEPTH = 3
_MOST_DECODED = 20_000_000
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_-])(?!\d+(?![A-Za-z0-9+/_-]))[A-Za-z0-9+/_-]{11,}={0,2}")
_BASE32 = re.compile(rb"(?<![A-Z0-9])(?![2-7]+(?![A-Z2-7]))[A-Z2-7]{13,}={0,6}")
_HEX = re.compile(rb"[0-9A-Fa-f]{13,}")
_HEX_PAIRS = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :,\\x-]{1,2}){7,}[0-9A-Fa-f]{2}")
_FLOAT = re.compile(rb"\d[.]?\d{10,20}(?:[eE][+]?\d{1,2})?")
_BETWEEN = re.compile(rb"(?<=\d)[\s,.;:'\"_|/-]{1,4}(?=\d)")
_DIGITS = re.compile(rb"\d{13,}")
_OTHER_BASES = (
    (2, re.compile(rb"(?<![0-9])[01]{40,63}(?![0-9])")),
    (8, re.compile(rb"(?<![0-9])(?:0o)?[0-7]{14,22}(?![0-9])")),
    (
        36,
        re.compile(rb"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{8,13}(?![A-Za-z0-9])"),
    ),
)
_BASE85 = re.compile(rb"[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]{10,}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A pseudonym found: in which encoding and how often; never which."""

    encoding: str
    count: int


class IdentifierIndex:
    """A set of pseudonyms to look for."""

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self.ids = np.unique(ids[ids >= SMALLEST])
        self._maybe = np.zeros(1 << 23, dtype=bool)  # by the low bits: most other numbers end here
        self._maybe[self.ids & self._maybe.size - 1] = True

    @classmethod
    def of_folder(cls, folder: Path) -> IdentifierIndex:
        """All pseudonyms of a workspace's data: every key column of every Parquet file, by the schema's roles.

        Of a table the schema doesn't know, every whole-number column counts as a key.
        """
        found = [np.empty(0, dtype=np.int64)]
        for path in sorted(folder.rglob("*.parquet")):
            schema = pq.read_schema(path)
            known = {c.name: c for c in PROJECT.get(path.stem, ())}
            keys = [
                f.name
                for f in schema
                if str(f.type) == "int64" and (f.name not in known or known[f.name].key_domain is not None)
            ]
            if keys:
                table = pq.read_table(path, columns=keys)
                found += [
                    pc.unique(table.column(k)).drop_null().to_numpy(zero_copy_only=False).astype(np.int64)
                    for k in keys
                ]
        return cls(np.concatenate(found))

    def search(self, data: bytes) -> list[Hit]:
        """What of the set stands in the data."""
        if not self.ids.size:
            return []
        counts: dict[str, int] = {}
        for name, layer in layers(data):
            for how, number in self._in_layer(layer):
                key = f"{name}, {how}" if name else how
                counts[key] = counts.get(key, 0) + number
        return [Hit(encoding, count) for encoding, count in counts.items()]

    def _in_layer(self, data: bytes) -> Iterator[tuple[str, int]]:
        decimal = self._decimal(data)
        if decimal:
            yield "as digits", decimal
        backwards = self._decimal(data[::-1])
        if backwards:
            yield "as digits backwards", backwards
        rounded = self._floats(data)
        if rounded and not decimal:
            yield "as a rounded number", rounded
        hexadecimal = self._hexadecimal(data)
        if hexadecimal:
            yield "as hexadecimal", hexadecimal
        raw = self._raw(data)
        if raw:
            yield "as raw bytes", raw
        for base, pattern in _OTHER_BASES:
            tokens = pattern.findall(data)[:500_000]
            values = [v for v in (int(token, base) for token in tokens) if SMALLEST <= v < 2**63]
            found = self._known(np.array(values, dtype=np.int64)) if values else 0
            if found:
                yield f"in base {base}", found

    def _known(self, values: NDArray[np.int64]) -> int:
        values = values[self._maybe[values & self._maybe.size - 1]]
        at = np.searchsorted(self.ids, values)
        at[at == self.ids.size] = 0
        return int((self.ids[at] == values).sum())

    def _decimal(self, data: bytes) -> int:
        found = 0
        joined = _BETWEEN.sub(b"", data)
        texts = (data, joined) if joined != data else (data,)
        for text in texts:
            runs = _DIGITS.findall(text)
            if not runs:
                continue
            digits = np.frombuffer(b"x".join(runs), dtype=np.uint8).astype(np.int64) - 48
            found += sum(self._known(values) for values in _windows(digits, 13, 19))
        return found

    def _floats(self, data: bytes) -> int:
        """Numbers that lost their last digits to a float: within what a 53-bit mantissa loses."""
        values = []
        for token in _FLOAT.findall(data):
            number = float(token)
            if SMALLEST <= number < 2**63:
                values.append(int(number))
        if not values:
            return 0
        array = np.array(values, dtype=np.int64)
        slack = np.maximum(array >> 48, 1)  # fifteen digits kept
        low = np.searchsorted(self.ids, array - slack)
        high = np.searchsorted(self.ids, array + slack, side="right")
        return int((high > low).sum())

    def _hexadecimal(self, data: bytes) -> int:
        values: list[int] = []
        for token in _HEX.findall(data):
            if token.isdigit() and len(token) < 16:
                continue
            for length in (16, 15, 14, 13):
                for start in range(max(0, len(token) - length + 1)):
                    part = token[start : start + length]
                    values.append(int(part, 16))
                    if length == 16:
                        values.append(int.from_bytes(binascii.unhexlify(part), "little"))
            if len(values) > 2_000_000:
                break
        kept = np.array([v for v in values if SMALLEST <= v < 2**63], dtype=np.int64)
        return self._known(kept) if kept.size else 0

    def _raw(self, data: bytes) -> int:
        if len(data) < 8:
            return 0
        view = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, dtype=np.uint8), 8)
        found = 0
        for start in range(0, view.shape[0], 1_000_000):
            block = np.ascontiguousarray(view[start : start + 1_000_000])
            for order in (">i8", "<i8"):
                values = block.view(order).ravel().astype(np.int64)
                found += self._known(values[values >= SMALLEST])
        return found


def _windows(digits: NDArray[np.int64], shortest: int, longest: int) -> Iterator[NDArray[np.int64]]:
    """The values of all windows of each length; one that spans a separator (no digit) or starts with 0 is left out."""
    value = np.zeros(digits.size, dtype=np.uint64)
    good = (digits > 0) & (digits <= 9)
    for place in range(longest):
        size = digits.size - place
        if size <= 0:
            return
        digit = digits[place:]
        value, good = value[:size], good[:size] & (digit >= 0) & (digit <= 9)
        value = value * np.uint64(10) + np.where(good, digit, 0).astype(np.uint64)
        if place + 1 >= shortest:
            yield value[good & (value < np.uint64(2**63))].astype(np.int64)


def layers(data: bytes, depth: int = _DEPTH, name: str = "") -> Iterator[tuple[str, bytes]]:
    """The data itself, then whatever it holds in an encoding, and what that holds."""
    yield name, data
    if not name and len(data) > 12:
        yield from _text_layers(data[::-1], depth)
    if depth == 0:
        return
    for how, inner in _decoded(data):
        if 6 <= len(inner) <= _MOST_DECODED:
            yield from layers(inner, depth - 1, f"{name} in {how}" if name else f"in {how}")


def _text_layers(backwards: bytes, depth: int) -> Iterator[tuple[str, bytes]]:
    """What an encoded text holds that was written backwards."""
    for how, inner in _decoded(backwards):
        if 6 <= len(inner) <= _MOST_DECODED:
            yield from layers(inner, depth - 1, f"backwards in {how}")


def searchable(data: bytes) -> str:
    """The words of a file that is no plain text, as far as they can be read: those of what it holds too."""
    parts = [data[:_MOST_DECODED], *(content for _, content in inside(data))]
    if data.count(b"\0") * 3 > len(data):
        parts += [
            data.decode(code, errors="ignore").encode("utf-8", errors="ignore")
            for code in ("utf-16-le", "utf-16-be")
        ]
    return "\n".join(re.sub(r"[^\x20-\x7e\n]+", " ", part.decode("utf-8", errors="ignore")) for part in parts)


def _decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield from inside(data)
    for magic, unpack in ((b"BZh", bz2.BZ2Decompressor), (b"\xfd7zXZ", lzma.LZMADecompressor)):
        if data.startswith(magic):
            with contextlib.suppress(OSError, EOFError, lzma.LZMAError):
                yield "an archive", unpack().decompress(data, _MOST_DECODED)
    if any(b > 0xC0 for b in data[:200_000]):
        text = data[:1_000_000].decode("utf-8", errors="ignore")
        plain = "".join(str(unicodedata.digit(c, c)) if c > "\x7f" else c for c in text)
        if plain != text:
            yield "digits of another script", plain.encode("utf-8", errors="ignore")
    tokens85 = _BASE85.findall(data)[:100_000]
    parts85 = [part for token in tokens85 for part in _base85(token)]
    if parts85:
        yield "base85", b"\n".join(parts85)
    if data[:2] == b"\x1f\x8b" or (data[:1] == b"\x78" and len(data) > 8):
        unpacked = _inflate(data)
        if unpacked:
            yield "zlib", unpacked
    for encoding in ("utf-16-le", "utf-16-be"):
        if data.count(b"\0") * 3 > len(data) and len(data) % 2 == 0:
            yield "UTF-16", data.decode(encoding, errors="ignore").encode("utf-8", errors="ignore")
    pairs = [
        re.sub(rb"[^0-9A-Fa-f]", b"", t.replace(b"\\x", b"").replace(b"0x", b""))
        for t in _HEX_PAIRS.findall(data)
    ]
    parts = [binascii.unhexlify(t[: len(t) // 2 * 2]) for t in [*_HEX.findall(data), *pairs]]
    if parts:
        yield "hexadecimal", b"\n".join(parts)
    tokens = _BASE64.findall(data)
    for shift in range(4):
        pieces = [_base64(token[shift:]) for token in tokens if len(token) - shift >= 8]
        joined = b"\n".join(p for p in pieces if p)
        if joined:
            yield "base64", joined
            for piece in pieces:
                if piece[:2] == b"\x1f\x8b" or piece[:1] == b"\x78":
                    yield "base64", piece
    parts32 = [_base32(token) for token in _BASE32.findall(data)]
    if any(parts32):
        yield "base32", b"\n".join(parts32)


def _base64(token: bytes) -> bytes:
    token = token.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    token = token[: len(token) - 1] if len(token) % 4 == 1 else token
    return base64.b64decode(token + b"=" * (-len(token) % 4))


def _base85(token: bytes) -> Iterator[bytes]:
    for decode in (base64.b85decode, base64.a85decode):
        try:
            yield decode(token)
        except ValueError:
            continue


def _base32(token: bytes) -> bytes:
    token = token.rstrip(b"=")
    token = token[: len(token) - 1] if len(token) % 8 in (1, 3, 6) else token
    try:
        return base64.b32decode(token + b"=" * (-len(token) % 8))
    except binascii.Error:
        return b""


def _inflate(data: bytes) -> bytes:
    """What zlib or gzip unpacks to, up to a limit (an archive that explodes is cut)."""
    try:
        return zlib.decompressobj(wbits=47).decompress(data, _MOST_DECODED)
    except zlib.error:
        return b""
