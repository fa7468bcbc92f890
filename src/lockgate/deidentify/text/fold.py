"""One spelling for matching: accents off, quotes and dashes plain, invisible characters gone, offsets kept.

Engines that match the raw text miss "José" written with a combining accent, "07700\u00a0900123" with a no-break space
and "Whee\u00adler" with a soft hyphen. Matching runs on the folded text; spans are told in the original's offsets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from itertools import accumulate
from typing import TypeVar

S = TypeVar("S", str, bytes)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201b": "'", "\u02bc": "'", "\u00b4": "'", "\u0060": "'", "\u201c": '"',
    "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-",
    "\u2212": "-", "\u00f8": "o", "\u00d8": "O", "\u0142": "l", "\u0141": "L", "\u0131": "i", "\u0111": "d",
    "\u0110": "D", "\u00df": "ss", "\u00e6": "ae", "\u00c6": "AE", "\u0153": "oe", "\u0152": "OE", "\u00fe": "th",
    "\u2028": "\n", "\u2029": "\n", "\u0085": "\n",
}  # fmt: skip


@lru_cache(maxsize=65536)
def _fold_char(char: str) -> str:
    if char in _PLAIN:
        return _PLAIN[char]
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me") or (category == "Cc" and char not in "\n\r\t\f\v"):
        return ""
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.digit(char))
    plain = unicodedata.normalize("NFKD", char)
    return "".join(part for part in plain if unicodedata.category(part) not in ("Mn", "Me", "Cf")) or char


class _OneToOne(dict[int, str]):
    """A table for ``str.translate`` that folds what stays one character and leaves the rest for the slow way."""

    def __missing__(self, code: int) -> str:
        folded = _fold_char(chr(code)) if code > 127 else chr(code)
        self[code] = folded if len(folded) == 1 else chr(code)
        return self[code]


_TABLE = _OneToOne()
_CHANGES_LENGTH = re.compile(
    r"[\u00ad\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\u00df\u00e6\u00c6\u0152\u0153\u00fe"
    r"\ufb00-\ufb06\x00-\x08\x0e-\x1f\x7f]"
)
_USUAL = bytes(
    code for code in range(128) if code in b"\t\n\v\f\r" or 32 <= code < 127
)  # no control characters
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


def _one_to_one(match: re.Match[str]) -> str:
    return match[0].translate(_TABLE)


def fold(text: str) -> tuple[str, list[int] | None]:
    """The folded text, and the offset in the original of each of its characters (one more at the end).

    None for the offsets means that they are the same.
    """
    if text.isascii() and not text.encode("ascii").translate(None, _USUAL):
        return text, None
    if not _CHANGES_LENGTH.search(text):
        return _BEYOND_ASCII.sub(_one_to_one, text), None
    pieces = [_fold_char(char) if char > "\x7f" or char < " " or char == "\x7f" else char for char in text]
    starts = [0, *accumulate(map(len, pieces))]
    origin = [0] * (starts[-1] + 1)
    for place, piece in enumerate(pieces):
        for step in range(len(piece)):
            origin[starts[place] + step] = place
    origin[starts[-1]] = len(text)
    return "".join(pieces), origin


def fold_value(value: str) -> str:
    """A known value (a name, a street) folded, trimmed, with single spaces."""
    return " ".join(fold(value)[0].split())


_OUTLINE = bytes(
    ord("A" if char.isupper() else "a" if char.islower() else "0" if char.isdigit() else char)
    for char in map(chr, range(128))
) + bytes(128)


def outline(folded: str) -> bytes:
    """The outline of a folded text, a byte for each of its characters: A for a capital, a for a small letter, 0 for a
    digit, the same for a mark of ASCII, ? for any other. A rule is asked only of a text in whose outline its own is.
    """
    return folded.encode("ascii", "replace").translate(_OUTLINE)


def flatten(folded: str) -> str:
    """A folded text in lower case, of the same length, with spaces for tabs and the ends of lines."""
    return folded.lower().replace("\n", " ").replace("\t", " ")


def any_of(parts: Iterable[S], text: S) -> bool:
    """Whether one of some strings (or bytes) stands in another."""
    for part in parts:  # noqa: SIM110 - any() over a generator takes thrice as long
        if part in text:
            return True
    return False


class Endings:
    """Strings with one of which a text ends: its last two characters are looked up first, which is quick."""

    __slots__ = ("_lasts", "_strings")

    def __init__(self, *strings: str) -> None:
        self._strings = strings
        self._lasts = frozenset(string[-2:] for string in strings)

    def end(self, text: str) -> bool:
        """Whether the text ends with one of them."""
        return (text[-2:] in self._lasts or text[-1:] in self._lasts) and text.endswith(self._strings)


class _Remembered(dict[K, V]):
    """What a function says of each value that it was asked of, until they are too many."""

    __slots__ = ("most", "of")

    def __init__(self, of: Callable[[K], V], most: int) -> None:
        self.of = of
        self.most = most

    def __missing__(self, key: K) -> V:
        value = self.of(key)
        if len(self) >= self.most:
            self.clear()
        self[key] = value
        return value


def remembered(most: int) -> Callable[[Callable[[K], V]], Callable[[K], V]]:
    """A decorator for a function of one argument: what it says of up to ``most`` of them is remembered.

    As ``lru_cache``, but a look-up takes a third of the time: which value was asked for last is not kept.
    """
    return lambda function: _Remembered(function, most).__getitem__


def places(part: S, text: S) -> list[int]:
    """Where a part stands in a text (or in an outline), the first first."""
    found: list[int] = []
    place = text.find(part)
    while place >= 0:
        found.append(place)
        place = text.find(part, place + 1)
    return found


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())
