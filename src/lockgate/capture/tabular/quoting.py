"""Where the rows of delimited text end, by RFC 4180: a newline inside a quoted value ends no row.

A quote counts only where a value begins, so ``5" nail`` is plain text. A quoted value that never ends, or whose quote
is closed in the middle of it, would swallow the rows after it: its line is set apart, and reading goes on after it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_QUOTED = 4 * 1024 * 1024  # bytes; a value that is quoted for longer was never closed
_QUOTE, _NEWLINE, _RETURN, _BLANK = 34, 10, 13, 32

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """The places after each row, and the rows (by where they begin) whose quotes can't be read."""

    ends: Places
    broken: frozenset[int]


def rows_of(block: bytes, delimiter: str, *, last: bool) -> Rows:
    """The whole rows of a block that begins with a row; ``last``: nothing comes after it, so its end ends a row."""
    data = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    opened, closed, broken = np.empty(0, np.int64), np.empty(0, np.int64), list[int]()
    if b'"' in block:
        quotes = np.flatnonzero(data == _QUOTE)
        if paired := _paired(data, quotes, ord(delimiter), last):
            opened, closed = paired
        else:
            opened, closed, broken = _one_by_one(
                block, quotes.tolist(), newlines.tolist(), ord(delimiter), last
            )
    within = np.searchsorted(opened, newlines) - np.searchsorted(closed, newlines)
    ends = newlines[within == 0] + 1
    if last and len(block) and (len(ends) == 0 or ends[-1] != len(block)):
        ends = np.append(ends, len(block))
    starts = np.concatenate(([0], ends)) if len(ends) else np.zeros(1, np.int64)
    begun = starts[np.searchsorted(starts, np.array(broken, np.int64), side="right") - 1]
    return Rows(ends, frozenset(begun.tolist()))


def _paired(
    data: npt.NDArray[np.uint8], quotes: Places, delimiter: int, last: bool
) -> tuple[Places, Places] | None:
    """Where values are quoted from and to, if every quote opens, closes or is doubled as it should; else None."""
    whole = len(quotes) // 2 * 2
    opened, closed = quotes[0:whole:2], quotes[1:whole:2]
    if len(quotes) > whole:
        if last or len(data) - quotes[-1] > MAX_QUOTED:
            return None
        opened, closed = np.append(opened, quotes[-1]), np.append(closed, len(data))
    before = data[opened - 1]
    good = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE) | (opened == 0)
    good |= (opened == 3) & (data[:3].tobytes() == b"\xef\xbb\xbf")
    there = closed + 1 < len(data)
    after = data[np.where(there, closed + 1, 0)]
    ended = (after == delimiter) | (after == _NEWLINE) | (after == _QUOTE) | (after == _RETURN) | ~there
    sound = good.all() and ended.all() and (closed - opened).max(initial=0) <= MAX_QUOTED
    return (opened, closed) if sound else None


def _one_by_one(
    block: bytes, quotes: list[int], newlines: list[int], delimiter: int, last: bool
) -> tuple[Places, Places, list[int]]:
    """As ``_paired``, quote by quote; and those that open a value which no quote closes as it should."""
    opened, closed, broken = [], [], []
    number = 0
    while number < len(quotes):
        place = quotes[number]
        number += 1
        if not _begins(block, place, delimiter):
            continue
        end, number = _close(quotes, number)
        if end is None and not last and len(block) - place <= MAX_QUOTED:
            opened.append(place)  # its end is in the next block
            closed.append(len(block))
            break
        if end is not None and end - place <= MAX_QUOTED and _ends(block, end, delimiter):
            opened.append(place)
            closed.append(end)
            continue
        broken.append(place)
        line = bisect_left(newlines, place)
        if line == len(newlines):
            break
        number = bisect_right(quotes, newlines[line])
    return np.array(opened, np.int64), np.array(closed, np.int64), broken


def _begins(block: bytes, place: int, delimiter: int) -> bool:
    """Whether a value begins here."""
    return (
        place == 0
        or block[place - 1] in (delimiter, _NEWLINE)
        or (place == 3 and block.startswith(b"\xef\xbb\xbf"))
    )


def _close(quotes: list[int], number: int) -> tuple[int | None, int]:
    """The quote that closes a value (one that isn't doubled), and the number of the one after it."""
    while number < len(quotes):
        if number + 1 < len(quotes) and quotes[number + 1] == quotes[number] + 1:
            number += 2
            continue
        return quotes[number], number + 1
    return None, number


def _ends(block: bytes, place: int, delimiter: int) -> bool:
    """Whether a value, closed here, ends; blanks may follow."""
    after = place + 1
    while after < len(block) and block[after] == _BLANK:
        after += 1
    return after == len(block) or block[after] in (delimiter, _NEWLINE, _RETURN)
