"""What people decided of pairs of records: same, different or unsure. Kept for ever, obeyed by every build, reversible.

``staged/index/decisions.jsonl`` has one line a decision and is only ever added to; the last line of a pair holds, and
``withdrawn`` takes it back. A decision that contradicts those that hold (A is B, B is C, A is not C) is refused, so
that what holds is the same set in whatever order it was decided.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from lockgate.engine import Engine
from lockgate.errors import LockgateError, Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import PRIVATE_FILE, make_dir, write_atomic

SAME, DIFFERENT, UNSURE, WITHDRAWN = "same", "different", "unsure", "withdrawn"
VERDICTS = (SAME, DIFFERENT, UNSURE, WITHDRAWN)

Ref = tuple[str, str]  # source, record_id


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: the pair and its records, the verdict, why, who and when."""

    number: int
    pair: str
    left: Ref
    right: Ref
    verdict: str
    reason: str
    by: str
    at: str
    linked: bool | None = None  # whether the model had linked them, and how likely it thought them one person
    probability: float | None = None


def pair_id(site: Site, left: Ref, right: Ref) -> str:
    """The name of a pair: the same for both directions, and meaningless without the site's key."""
    text = "\x1f".join(part for ref in sorted((left, right)) for part in ref)
    return hashlib.blake2b(text.encode(), key=site.key("review-pair"), digest_size=6).hexdigest()


def decisions_path(site: Site) -> Path:
    """Where a site's decisions are."""
    return site.staged / "index" / "decisions.jsonl"


def read_decisions(site: Site) -> list[Decision]:
    """Every decision, oldest first; LockgateError when the file can't be read."""
    path = decisions_path(site)
    if not path.exists():
        return []
    try:
        raw = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [Decision(**{**one, "left": tuple(one["left"]), "right": tuple(one["right"])}) for one in raw]
    except (ValueError, KeyError, TypeError) as error:
        raise LockgateError(
            "the decisions of the clerical review can't be read",
            where=str(path),
            remedy="restore the file from the backup",
        ) from error


def holding(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """The decision that holds for each pair."""
    last = {one.pair: one for one in decisions}
    return {pair: one for pair, one in last.items() if one.verdict != WITHDRAWN}


def register(engine: Engine, site: Site) -> None:
    """Make the table ``identity_decision`` of what holds."""
    held = sorted(holding(read_decisions(site)).values(), key=lambda one: (one.left, one.right))
    columns = {
        "left_source": [one.left[0] for one in held],
        "left_id": [one.left[1] for one in held],
        "right_source": [one.right[0] for one in held],
        "right_id": [one.right[1] for one in held],
        "verdict": [one.verdict for one in held],
    }
    engine.register(
        "identity_decided",
        pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}),
    )
    engine.execute("CREATE OR REPLACE TEMP TABLE identity_decision AS SELECT * FROM identity_decided")


def decide(
    site: Site,
    left: Ref,
    right: Ref,
    verdict: str,
    *,
    reason: str,
    by: str,
    groups: dict[Ref, int],
    parted: Iterable[tuple[Ref, Ref]] = (),
    joined: Iterable[tuple[Ref, Ref]] = (),
    linked: bool | None = None,
    probability: float | None = None,
) -> Decision:
    """Keep a decision. ``groups`` says which records the exact steps hold for one person, ``joined`` and ``parted``
    what the sources say, ``linked`` and ``probability`` what the model had made of the pair.

    UsageError for an unknown verdict or no reason; Refused, saying which decisions stand against it, when it
    contradicts what holds.
    """
    if verdict not in VERDICTS:
        raise UsageError(f"{verdict} is no verdict", remedy=f"one of {', '.join(VERDICTS)}")
    if not reason.strip():
        raise UsageError(
            "a decision needs a reason", where="reason", remedy="say what you saw, in a sentence"
        )
    pair = pair_id(site, left, right)
    with _alone(site):
        made = read_decisions(site)
        others = [one for one in holding(made).values() if one.pair != pair]
        if verdict in (SAME, DIFFERENT):
            _refuse_contradiction(left, right, verdict, others, groups, list(joined), list(parted))
        if verdict == WITHDRAWN and pair not in holding(made):
            raise UsageError(
                "there is no decision to withdraw", where=pair, remedy="`lockgate index review list`"
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        decision = Decision(
            len(made) + 1, pair, left, right, verdict, reason.strip(), by, now, linked, probability
        )
        lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in (*made, decision))
        write_atomic(decisions_path(site), lines.encode())
    return decision


def _refuse_contradiction(
    left: Ref,
    right: Ref,
    verdict: str,
    others: list[Decision],
    groups: dict[Ref, int],
    joined: list[tuple[Ref, Ref]],
    parted: list[tuple[Ref, Ref]],
) -> None:
    """Refused when what holds and the new verdict can't all be true. Records are named by their decisions only."""

    def node(ref: Ref) -> Ref | int:
        return groups.get(ref, ref)

    ties: dict[Ref | int, list[tuple[Ref | int, str]]] = defaultdict(list)
    said = [
        (one.left, one.right, f"decision {one.number} ({one.pair}: same)")
        for one in others
        if one.verdict == SAME
    ]
    said += [(a, b, "a merge that a source has said") for a, b in joined]
    if verdict == SAME:
        said.append((left, right, "this one"))
    for a, b, why in said:
        ties[node(a)].append((node(b), why))
        ties[node(b)].append((node(a), why))
    bars = [(one.left, one.right, f"decision {one.number} ({one.pair}: different)")
            for one in others if one.verdict == DIFFERENT]  # fmt: skip
    bars += [(a, b, "a parting that a source has said") for a, b in parted]
    if verdict == DIFFERENT:
        bars = [(left, right, "this one")]
    for a, b, why in bars:
        path = _path(ties, node(a), node(b)) if node(a) != node(b) else None
        if path is not None and (verdict == DIFFERENT or "this one" in path):
            against = [step for step in (*path, why) if step != "this one"]
            raise Refused(
                f"this would contradict what holds: two records can't be one person and two people ({verdict})",
                reasons=[f"it stands against {step}" for step in dict.fromkeys(against)],
                where="verdict",
                remedy="withdraw one of these decisions first, or decide otherwise here",
            )


def _path(
    ties: dict[Ref | int, list[tuple[Ref | int, str]]], start: Ref | int, end: Ref | int
) -> list[str] | None:
    """The reasons along a shortest way from one person to another, or None."""
    came: dict[Ref | int, list[str]] = {start: []}
    queue = [start]
    for here in queue:
        for there, why in ties.get(here, ()):
            if there not in came:
                came[there] = [*came[here], why]
                queue.append(there)
    return came.get(end)


@contextmanager
def _alone(site: Site) -> Iterator[None]:
    handle = os.open(
        make_dir(decisions_path(site).parent) / ".decisions.lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE
    )
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
