"""The ledger of questions: every count of people that was asked of the site's releases, and what was told.

It stands in the data plane (``ledger/`` of the site, private) and holds whom each question counts, as places in an
index of the releases' person ids. A question is judged beside the earlier ones of its pool (``inference.judge``); the
same question has the same answer for good. Each line holds the hash of the one before it, and each has its entry in
the audit chain, with that hash and without the number that was told.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import numpy as np

from lockgate.disclosure.answers import Answer, Asker, Entry, told
from lockgate.disclosure.core import round_counts
from lockgate.disclosure.inference import Bits, Question, judge
from lockgate.disclosure.joint import Family, Parted
from lockgate.disclosure.known import Groups
from lockgate.disclosure.network import Ints
from lockgate.disclosure.public import (
    beside_published,
    families_bytes,
    groups_bytes,
    read_families,
    read_groups,
)
from lockgate.disclosure.rules import Rules
from lockgate.errors import LockgateError, Refused
from lockgate.site import Site
from lockgate.site.audit import GENESIS
from lockgate.site.files import PRIVATE_FILE, make_dir, write_atomic

__all__ = ["EVERYONE", "MOST_QUESTIONS", "Answer", "Asker", "Entry", "Ledger", "told"]

MOST_QUESTIONS = 500
EVERYONE = "everyone"  # the key of the question that counts a whole release


class Ledger:
    """The questions of one site. Instances may be made freely; the lock is the file's."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.folder = site.ledger
        self.lines = self.folder / "questions.jsonl"
        self._secret = site.key("ledger")

    # Reading

    def entries(self) -> list[Entry]:
        """Every line, oldest first. LockgateError when one was changed, removed or can't be read."""
        found: list[Entry] = []
        prev = GENESIS
        if not self.lines.exists():
            return found
        for number, line in enumerate(self.lines.read_bytes().splitlines(), 1):
            try:
                entry = msgspec.json.decode(line, type=Entry)
                whole = entry.prev == prev and entry.hash == entry.digest() and entry.number == number
            except msgspec.MsgspecError:
                whole = False
            if not whole:
                raise LockgateError(
                    "the ledger of questions was changed or is damaged, so no question can be judged",
                    where=f"{self.lines}:{number}",
                    remedy="restore ledger/ from the backup; the audit chain has each line's hash",
                )
            found.append(entry)
            prev = entry.hash
        return found

    def recall(self, key: str, release: str, asker: Asker, rules: Rules) -> Answer | None:
        """The answer that this question has in the asker's pool already, or None."""
        for entry in self.entries():
            if entry.key == key and entry.release == release and self._counts(entry, asker):
                return told(entry, rules)
        return None

    def _counts(self, entry: Entry, asker: Asker) -> bool:
        """Whether an earlier question is one of the asker's pool."""
        if self._site.config.disclosure.questions == "everyone" or entry.key == EVERYONE:
            return True
        same_project = bool(asker.project) and entry.project == asker.project
        return same_project or entry.asker in {asker.username, *asker.together}

    # Asking

    def ask(
        self,
        key: str,
        people: Ints,
        everyone: Callable[[], Ints],
        *,
        release: str,
        asker: Asker,
        rules: Rules,
    ) -> Answer:
        """The answer to "how many people are these?": ``ask_all`` of one question."""
        return self.ask_all([(key, people)], everyone, release=release, asker=asker, rules=rules)[0]

    def ask_all(
        self,
        questions: Sequence[tuple[str, Ints]],
        everyone: Callable[[], Ints],
        *,
        release: str,
        asker: Asker,
        rules: Rules,
    ) -> list[Answer]:
        """The answers to several questions in their order, each judged beside those before it.

        ``key`` names the question (a hash of its definition), ``people`` the release's person ids it counts (each
        once), ``everyone`` gives those of the whole release: the total is the first question of any release. Raises
        Refused when the pool has asked as many questions as a pool may.
        """
        with self._locked():
            entries = self.entries()
            self._catch_up(entries)
            if not any(entry.key == EVERYONE and entry.release == release for entry in entries):
                whole = replace(asker, username="lockgate", project="", together=frozenset())
                self._answer(entries, EVERYONE, everyone(), release, whole, rules)
            answers = []
            for key, people in questions:
                known = [
                    entry
                    for entry in entries
                    if entry.key == key and entry.release == release and self._counts(entry, asker)
                ]
                entry = known[0] if known else self._answer(entries, key, people, release, asker, rules)
                answers.append(told(entry, rules))
        return answers

    def _answer(
        self, entries: list[Entry], key: str, people: Ints, release: str, asker: Asker, rules: Rules
    ) -> Entry:
        pool = [entry for entry in entries if self._counts(entry, asker)]
        behind = {entry.of for entry in pool}  # an answer that stands for one of the pool counts with it
        pool = [entry for entry in entries if entry.number in behind or self._counts(entry, asker)]
        if len(pool) >= MOST_QUESTIONS:
            raise Refused(
                f"{MOST_QUESTIONS} different questions were asked already, and no more are answered",
                reasons=["the ledger of questions is full"],
                where=asker.project or asker.username,
                remedy="apply for the data, or ask those who run the environment",
            )
        places, width = self._placed(people)
        inside = np.zeros(width, dtype=np.bool_)
        inside[places] = True
        bits: Bits = np.packbits(inside)
        earlier = [
            Question(one.number, self._people(one), "shown" if one.status == "shown" else "withheld",
                     self._guard(one.number, rules))
            for one in pool
            if one.of is None and one.status in ("shown", "withheld")
        ]  # fmt: skip
        beside = beside_published(places, [*self.published(), *self.results()], rules, self._guard)
        found = beside[0] if beside else judge(bits, earlier, rules)
        shown = beside[1] if beside else None
        if beside is None and found.status == "shown":
            shown = int(round_counts(np.asarray([len(people)]), rules)[0])
        elif beside is None and found.status == "held":
            shown = next(one.shown for one in pool if one.number == found.of)
        number = len(entries) + 1
        file = f"{number}.bits"
        make_dir(self.folder / "people")
        write_atomic(self.folder / "people" / file, zlib.compress(bits.tobytes(), 1))
        entry = Entry(
            number=number,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            asker=asker.username,
            project=asker.project,
            release=release,
            key=key,
            status=found.status,
            shown=shown,
            of=found.of,
            because=list(found.because),
            people=file,
            prev=entries[-1].hash if entries else GENESIS,
        )
        entry = msgspec.structs.replace(entry, hash=entry.digest())
        self._append(entry)
        entries.append(entry)
        self._note(entry)
        return entry

    def _guard(self, number: int | str, rules: Rules) -> int:
        drawn = hmac.digest(self._secret, str(number).encode(), "sha256")
        return rules.threshold + int.from_bytes(drawn[:8], "big") % rules.threshold

    # What the site publishes

    def places(self, people: Ints) -> Ints:
        """The place of each person in the index of people, by which published tables tell whom they count."""
        with self._locked():
            return self._placed(people)[0]

    def answered(self) -> list[Family]:
        """Every question that was told its own number, whoever asked it, as a group that a published table must not
        come near."""
        found = []
        for entry in self.entries():
            if entry.status == "shown" and entry.of is None and entry.shown is not None:
                inside = np.unpackbits(self._people(entry)).view(np.bool_)
                groups = [np.flatnonzero(inside)]
                told, values = np.array([True]), np.array([entry.shown], dtype=np.int64)
                found.append(Family.of(f"question {entry.number}", len(inside), groups, told, values))
        return found

    def published(self, *, but: str = "") -> list[Family]:
        """The groups of every published table, whether told or withheld; without those of the surface ``but``."""
        folder = self.folder / "published"
        files = sorted(folder.glob("*.npz")) if folder.is_dir() else []
        return [family for file in files if file.stem != but for family in read_families(file)]

    def publish(self, surface: str, families: Sequence[Family], *, actor: str) -> None:
        """Keep whom a surface's tables count (in the place of what it told before), so that questions are judged beside
        them; with its entry in the audit chain."""
        self._keep("published", surface, families_bytes(families), families, actor)

    def _keep(self, where: str, name: str, content: bytes, kept: Sequence[Parted], actor: str) -> None:
        with self._locked():
            make_dir(self.folder / where)
            write_atomic(self.folder / where / f"{name}.npz", content)
            self._site.audit.append(
                f"ledger.{where}",
                actor=actor,
                surface=name,
                groups=sum(int(one.told.sum()) for one in kept),
                sha256=hashlib.sha256(content).hexdigest(),
            )

    # What left through the airlock, and what a project knows

    def release(self, result: str, groups: Sequence[Groups], *, actor: str) -> None:
        """Keep whom a result's tables count, before it leaves: results are public, so every question and every later
        table is held against them; with its entry in the audit chain."""
        self._keep("released", result, groups_bytes(groups), groups, actor)

    def results(self, *, but: str = "") -> list[Groups]:
        """The groups of every released table; without those of the result ``but``."""
        folder = self.folder / "released"
        files = sorted(folder.glob("*.npz")) if folder.is_dir() else []
        return [groups for file in files if file.stem != but for groups in read_groups(file)]

    def told_to(self, asker: Asker) -> list[Groups]:
        """Every count that the asker's pool was told in Explore, and all that is public."""
        entries = self.entries()
        pool = {one.number for one in entries if self._counts(one, asker)}
        pool |= {
            one.of for one in entries if one.number in pool and one.of is not None
        }  # whose answer stood for it
        found = []
        for one in entries:
            if one.number in pool and one.status == "shown" and one.shown is not None:
                people = np.flatnonzero(np.unpackbits(self._people(one)))
                starts, value = np.array([0, len(people)]), np.array([one.shown])
                found.append(Groups(str(one.number), "explore", starts, people, np.array([True]), value))
        return [*found, *map(Groups.of_family, self.published()), *self.results()]

    # Files

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_dir(self.folder)
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._drop_unfinished()
            yield
        finally:
            os.close(handle)

    def _drop_unfinished(self) -> None:
        """Remove a last line that a crash cut off: nobody was told that answer."""
        if self.lines.exists():
            content = self.lines.read_bytes()
            if content and not content.endswith(b"\n"):
                os.truncate(self.lines, content.rfind(b"\n") + 1)

    def _append(self, entry: Entry) -> None:
        handle = os.open(self.lines, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        with os.fdopen(handle, "wb") as stream:
            stream.write(msgspec.json.encode(entry) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _note(self, entry: Entry) -> None:
        """The entry's audit entry, and that it has one."""
        self._site.audit.append(
            "ledger.asked",
            actor=entry.asker,
            question=entry.number,
            project=entry.project,
            release=entry.release,
            definition=entry.key,
            status=entry.status,
            line=entry.hash,
        )
        write_atomic(self.folder / "noted", str(entry.number).encode())

    def _catch_up(self, entries: Sequence[Entry]) -> None:
        """Note what a crash kept out of the audit chain."""
        file = self.folder / "noted"
        noted = int(file.read_text()) if file.exists() else 0
        for entry in entries[noted:]:
            self._note(entry)

    def _placed(self, people: Ints) -> tuple[Ints, int]:
        """The place of each person in the index of people, which takes in those it doesn't know yet; and its length."""
        file = self.folder / "index.npy"
        known: Ints = np.load(file) if file.exists() else np.empty(0, dtype=np.int64)
        order = np.argsort(known, kind="stable")
        fresh = np.setdiff1d(people, known)
        if len(fresh):
            known = np.concatenate([known, fresh])
            part = self.folder / ".index.partial.npy"
            np.save(part, known)
            part.chmod(PRIVATE_FILE)
            part.replace(file)
            order = np.argsort(known, kind="stable")
        return np.asarray(order[np.searchsorted(known, people, sorter=order)], dtype=np.int64), len(known)

    def _people(self, entry: Entry) -> Bits:
        try:
            content = zlib.decompress((self.folder / "people" / entry.people).read_bytes())
        except (OSError, zlib.error) as error:
            raise LockgateError(
                "whom an earlier question counts can't be read, so no question can be judged",
                where=str(self.folder / "people" / entry.people),
                remedy="restore ledger/ from the backup",
            ) from error
        return np.frombuffer(content, dtype=np.uint8)
