"""The hospital's HL7 v2 feed of the record's last year, as its integration engine kept it: ADT, ORU, ORM, MDM and VXU.

The same encounters, results and letters as in the FHIR export. As in life some messages come twice, some late; stays
are opened in error and cancelled (A11), discharges are taken back (A13), people are registered under a temporary number
and merged later (A40), results are corrected, a letter is withdrawn (T11).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from lockgate.synthetic.draw import stream
from lockgate.synthetic.people import END
from lockgate.synthetic.sources.known import Habits, Known, as_known
from lockgate.synthetic.sources.messages import Feed, Message, People, stamp
from lockgate.synthetic.sources.orders import letters, results, vaccines
from lockgate.synthetic.strings import DAY, day
from lockgate.synthetic.world import World

SOURCE = "hl7v2"
FROM = day("2025-01-01")
_CLASSES = ("E", "I", "O", "V")
TWICE, LATE = 0.004, 0.02
TEMPORARY, IN_ERROR, TAKEN_BACK = 0.02, 0.015, 0.02


@dataclass
class Written:
    """What the feed holds: messages by file, and what the truth has to tell of it."""

    rows: dict[str, int] = field(default_factory=dict)
    planted: list[tuple[str, int, str]] = field(default_factory=list)
    named: list[tuple[str, int]] = field(default_factory=list)  # record id -> person
    known: Known | None = None


def _visit(
    world: World, people: People, feed: Feed, encounter: int, temporary: str | None, odd: str
) -> Iterator[Message]:
    """The messages of one encounter; ``odd`` says what went wrong in it."""
    seen = world.encounters
    who = int(seen.patient[encounter])
    pid = people.pid(who, temporary)
    kind = _CLASSES[int(seen.kind[encounter])]
    first, last = np.searchsorted(seen.move_encounter, [encounter, encounter + 1])
    wards = [(int(seen.move_start[i]), feed.wards[int(seen.move_ward[i])]) for i in range(first, last)]
    start, end = int(seen.start[encounter]), int(seen.end[encounter])
    place = wards[0][1] if wards else feed.wards[int(seen.ward[encounter])]
    number = f"V{encounter + 1:08d}"

    def adt(event: str, at: int, where: str, discharged: str = "", before: str = "") -> Message:
        pv1 = feed.pv1(kind, where, number, encounter, stamp(start), discharged, before)
        return feed.message(f"ADT^{event}", at, [f"EVN|{event}|{stamp(at)}", pid, pv1])

    yield adt("A01" if kind == "I" else "A04", start, place)
    for (_, before), (at, where) in pairwise(wards):
        yield adt("A02", at, where, before=before)
    final = wards[-1][1] if wards else place
    if odd == "taken back" and kind == "I":
        early = max(start + 3600, end - 7200)
        yield adt("A03", early, final, stamp(early))
        yield adt("A13", early + 600, final)
    yield adt("A03", end, final, stamp(end))
    if odd == "in error":
        # somebody else's stay, opened under this person and cancelled ten minutes later
        wrong = feed.pv1("I", place, f"X{encounter + 1:08d}", encounter, stamp(start))
        for event, at in (("A01", start + 60), ("A11", start + 660)):
            yield feed.message(f"ADT^{event}", at, [f"EVN|{event}|{stamp(at)}", pid, wrong])


def _adt(world: World, people: People, feed: Feed, written: Written) -> Iterator[Message]:
    rng = stream(world.seed, "adt")
    seen = world.encounters
    chosen = np.flatnonzero(seen.start // DAY >= FROM)
    luck = rng.random(len(chosen))
    met: set[int] = set()
    for encounter, drawn in zip(chosen.tolist(), luck.tolist(), strict=True):
        who = int(seen.patient[encounter])
        first = who not in met
        met.add(who)
        emergency = int(seen.kind[encounter]) == 0
        temporary = f"T{encounter + 1:08d}" if first and emergency and drawn < TEMPORARY else None
        odd = (
            "in error" if drawn > 1 - IN_ERROR else "taken back" if drawn > 1 - IN_ERROR - TAKEN_BACK else ""
        )
        yield from _visit(world, people, feed, encounter, temporary, odd)
        if temporary:
            at = int(seen.end[encounter]) + 1800
            merged = [f"EVN|A40|{stamp(at)}", people.pid(who), f"MRG|{temporary}^^^{feed.trust}^MR"]
            yield feed.message("ADT^A40", at, merged)
            written.named.append((temporary, who))
    written.named += [(people.local[who], who) for who in sorted(met)]


def _faulty(feed: Feed, people: People, who: int) -> list[tuple[Message, str]]:
    """Messages that capture must hold, and why."""
    at = END * DAY + 12 * 3600
    pid = people.pid(who)
    fields = pid.split("|")
    impossible = "|".join([*fields[:7], "20230230", *fields[8:]])
    visit = feed.pv1("I", "AMU", "V99999999", 0, stamp(at))
    event = f"EVN|A01|{stamp(at)}"
    return [
        (feed.message("ADT^A01", at, [event, impossible, visit]), "impossible-date"),
        (feed.message("ADT^A01", at + 1, [event, pid, "PV1|1|I|AMU"]), "no-id"),
        (feed.message("ADT^A43", at + 2, [f"EVN|A43|{stamp(at)}", pid, "MRG|T1"]), "unknown-message"),
        (feed.message("ORU^R01", at + 3, [pid]), "missing-required"),
    ]


def write_feed(world: World, folder: Path) -> Written:
    """Write the feed into a folder, a file per quarter, messages in the order in which they came."""
    folder.mkdir(parents=True, exist_ok=True)
    known = as_known(world, SOURCE, Habits(no_nhs=0.04, former_name=0.3, moved=0.05, born=0.001))
    people, feed = People(world, known), Feed(world)
    written = Written(known=known)
    messages = list(_adt(world, people, feed, written))
    for more in (results, letters, vaccines):
        messages += more(world, people, feed, FROM)
    written.named += [(people.local[who], who) for who in people.named]
    written.named = sorted(set(written.named))
    rng = stream(world.seed, "feed")
    late = np.where(rng.random(len(messages)) < LATE, rng.integers(3600, 20 * DAY, len(messages)), 0)
    came = np.array([message.at for message in messages]) + late
    order = np.argsort(came, kind="stable")
    again = set(rng.choice(len(messages), max(2, round(len(messages) * TWICE)), replace=False).tolist())
    last = (END + 1) * DAY - 1
    files: dict[str, list[str]] = {f"feed-2025-q{quarter}.hl7.gz": [] for quarter in range(1, 5)}
    names = list(files)
    edges = [day(f"2025-{month:02d}-01") * DAY for month in (4, 7, 10)]
    for place in order.tolist():
        name = names[int(np.searchsorted(edges, min(int(came[place]), last), side="right"))]
        files[name].append(messages[place].text)
        if place in again:
            files[name].append(messages[place].text)
    for message, reason in _faulty(feed, people, 0):
        files[names[-1]].append(message.text)
        written.planted.append((f"hl7v2/{names[-1]}", len(files[names[-1]]), reason))
    for name, texts in files.items():
        with (folder / name).open("wb") as file, gzip.GzipFile("", "wb", 3, file, mtime=0) as packed:
            packed.write("".join(f"{text}\r\n" for text in texts).encode())
        written.rows[name] = len(texts)
    return written
