"""Who asks the ledger of questions, a line of it, and what is said of a line to the one who asked."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from lockgate.disclosure.inference import Status
from lockgate.disclosure.rules import Rules


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: an account, for a project or for none yet; and the accounts whose questions count as its own."""

    username: str
    project: str = ""
    together: frozenset[str] = frozenset()


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the ledger. ``shown``: the count as it was told, None where it wasn't; ``of``: the entry whose answer
    stands for this one; ``people``: the name of the file that holds whom it counts."""

    number: int
    at: str
    asker: str
    project: str
    release: str
    key: str
    status: Status
    shown: int | None
    of: int | None
    because: list[int]
    people: str
    prev: str
    hash: str = ""

    def digest(self) -> str:
        """The hash of all the rest."""
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self, hash=""))).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be said of a count. ``people`` is rounded, and None where nothing is told."""

    status: Status
    people: int | None
    question: int
    release: str
    text: str
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The answer as JSON values."""
        return asdict(self)


def told(entry: Entry, rules: Rules) -> Answer:
    """An entry as what is said to the one who asks."""
    text, reason = f"{entry.shown:,}" if entry.shown is not None else "", ""
    if entry.status == "withheld":
        text = f"fewer than {rules.threshold}, or near it"
        reason = f"A count under {rules.threshold} is not told, nor one so near to it that telling both would tell it."
    elif entry.status == "held":
        which = (
            f"that of an earlier question (number {entry.of})"
            if entry.of
            else "one in a table that is public"
        )
        reason = (
            f"This group is fewer than {2 * rules.threshold} people away from {which}, so its number stands for it: "
            "the difference of the two would be a small group."
        )
    elif entry.status == "refused":
        text = "not told"
        with_what = (
            f" (numbers {', '.join(map(str, entry.because))})" if entry.because else " or public tables"
        )
        reason = (
            f"With earlier questions{with_what} this answer would let a count under {rules.threshold} be worked out, "
            "or it can't be shown that it wouldn't."
        )
    return Answer(entry.status, entry.shown, entry.number, entry.release, text, reason)
