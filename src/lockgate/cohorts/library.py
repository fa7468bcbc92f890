"""A site's library of cohort definitions and code lists: named, in numbered versions that never change.

``library/NAME/1.json`` is a version; ``log.jsonl`` beside it says when each version came, with its SHA-256, and which
status each was given since. What is read is compared with that hash first. No patient's data is in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from lockgate.cohorts.codelists import Code, CodeList, read_codelist
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.explain.names import code_items, concept_ids
from lockgate.cohorts.files import read_definition
from lockgate.errors import Refused, UsageError
from lockgate.site import Site
from lockgate.site.files import hold_lock, make_dir, write_atomic

SCHEMA = "lockgate.library/1"
FOLDER = "library"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_CONCEPT_NAME = re.compile(r'"CONCEPT_NAME"\s*:\s*("(?:[^"\\]|\\.)*")')
Status = Literal["draft", "reviewed", "retired"]
STATUSES: tuple[Status, ...] = ("draft", "reviewed", "retired")


@dataclass(frozen=True)
class Entry:
    """One version of a definition or a code list. ``text`` is the definition's file, as it was added."""

    name: str
    version: int
    kind: Literal["definition", "codelist"]
    title: str
    owner: str
    provenance: Mapping[str, str]
    file: str = ""
    text: str = ""
    codes: tuple[Code, ...] = ()
    concepts: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    added: str = ""
    by: str = ""
    status: Status = "draft"
    sha256: str = ""

    @property
    def concept_names(self) -> tuple[str, ...]:
        """What ATLAS writes beside the ids of its concepts."""
        names = _CONCEPT_NAME.findall(self.text) if self.file.endswith(".json") else []
        return tuple(dict.fromkeys(str(json.loads(name)) for name in names))

    @property
    def definition(self) -> Definition:
        """The definition; UsageError for a code list."""
        if self.kind != "definition":
            raise UsageError(f"{self.name} is a code list", remedy="name a definition")
        return read_definition(self.file, self.text.encode())

    def summary(self) -> dict[str, Any]:
        """What a list says of it."""
        return {
            "name": self.name, "version": self.version, "kind": self.kind, "title": self.title, "owner": self.owner,
            "status": self.status, "added": self.added, "sha256": self.sha256, "codes": len(self.codes),
            "concepts": len(self.concepts),
        }  # fmt: skip


@dataclass(frozen=True)
class New:
    """What is to be added under a name: ``raw`` as its file has it."""

    name: str
    file: str
    raw: bytes
    title: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)


class Library:
    """The library of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.folder = site.path / FOLDER

    def names(self) -> list[str]:
        """Every name, in order."""
        return sorted(path.parent.name for path in self.folder.glob("*/log.jsonl"))

    def entries(self, *, every: bool = False) -> Iterator[Entry]:
        """The latest version of every name; with ``every``, all versions."""
        for name in self.names():
            versions = sorted(self._log(name)[0])
            for version in versions if every else versions[-1:]:
                yield self.read(name, version)

    def versions(self, name: str) -> list[Entry]:
        """Every version of a name, the latest first."""
        return [self.read(name, version) for version in sorted(self._log(name)[0], reverse=True)]

    def read(self, name: str, version: int | None = None) -> Entry:
        """One version, else the latest. UsageError for one there isn't; Refused for one that isn't as it was added."""
        added, statuses = self._log(name)
        if version is None:
            version = max(added)
        if version not in added:
            raise UsageError(
                f"{name} has no version {version}", where="library", remedy=f"name one of 1 to {max(added)}"
            )
        path = self.folder / name / f"{version}.json"
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise self._changed(path, "it can't be read") from error
        if hashlib.sha256(raw).hexdigest() != added[version]:
            raise self._changed(path, "it isn't what was added")
        told = json.loads(raw)
        return Entry(
            name=name,
            version=version,
            kind=told["kind"],
            title=told["title"],
            owner=told["owner"],
            provenance=told["provenance"],
            file=told["file"],
            text=told["text"],
            codes=tuple(Code(**code) for code in told["codes"]),
            concepts=tuple(told["concepts"]),
            words=tuple(told["words"]),
            added=told["added"],
            by=told["by"],
            status=statuses[version],
            sha256=added[version],
        )

    def resolve(self, reference: str) -> Entry:
        """The entry of ``NAME`` or ``NAME@VERSION``."""
        name, _, version = reference.partition("@")
        if version and not re.fullmatch(r"[1-9]\d{0,5}", version):
            raise UsageError("that is no version", where=reference, remedy="write NAME@2")
        return self.read(name, int(version) if version else None)

    def add(self, new: New, *, owner: str, actor: str, status: Status = "draft") -> tuple[Entry, bool]:
        """Add a version, unless the latest has the same content, owner, title and provenance.

        Returns the entry and whether it is new. Raises UsageError where the file, the name or the owner can't be used.
        """
        with self._writing():
            entry, fresh = self._add(new, owner, actor, status)
            if fresh:
                self._site.audit.append(
                    "library.added", actor=actor, name=entry.name, version=entry.version, sha256=entry.sha256
                )
        return entry, fresh

    def add_many(
        self, many: list[New], *, owner: str, actor: str, status: Status = "draft"
    ) -> tuple[list[Entry], list[Entry], list[UsageError]]:
        """Add what can be read: the new entries, those there were, and why the rest is refused, each with its place."""
        added: list[Entry] = []
        there: list[Entry] = []
        refused: list[UsageError] = []
        with self._writing():
            for new in many:
                try:
                    entry, fresh = self._add(new, owner, actor, status)
                except UsageError as error:
                    refused.append(error)
                    continue
                (added if fresh else there).append(entry)
            if added:
                listed = "\n".join(f"{e.name}@{e.version} {e.sha256}" for e in added)
                self._site.audit.append(
                    "library.imported",
                    actor=actor,
                    added=len(added),
                    refused=len(refused),
                    sha256=hashlib.sha256(listed.encode()).hexdigest(),
                )
        return added, there, refused

    def set_status(self, reference: str, status: Status, *, actor: str) -> Entry:
        """Give a version another status; the version itself stays as it is."""
        if status not in STATUSES:
            raise UsageError(f"there is no status {status}", remedy=f"give one of {', '.join(STATUSES)}")
        with self._writing():
            entry = self.resolve(reference)
            self._note(
                entry.name, {"event": "status", "version": entry.version, "status": status, "by": actor}
            )
            self._site.audit.append(
                "library.status", actor=actor, name=entry.name, version=entry.version, status=status
            )
        return self.read(entry.name, entry.version)

    def _add(self, new: New, owner: str, actor: str, status: Status) -> tuple[Entry, bool]:
        if not NAME.fullmatch(new.name):
            raise UsageError(
                "that is no name for the library",
                where=new.file,
                remedy="use small letters, digits and hyphens, 80 at most",
            )
        if not owner.strip():
            raise UsageError("nobody is named as its owner", where=new.file, remedy="say --owner")
        content = {"owner": owner.strip(), "provenance": dict(new.provenance), **_content(new)}
        fingerprint = hashlib.sha256(_json(content)).hexdigest()
        version = 1
        if (self.folder / new.name / "log.jsonl").exists():
            latest = self.read(new.name)
            if latest.kind != content["kind"]:
                raise UsageError(
                    f"{new.name} is the name of a {latest.kind}",
                    where=new.file,
                    remedy="give it another name",
                )
            told = json.loads((self.folder / new.name / f"{latest.version}.json").read_bytes())
            if told["content"] == fingerprint:
                return latest, False
            version = latest.version + 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        raw = _json({"schema": SCHEMA, "content": fingerprint, "added": now, "by": actor, **content})
        make_dir(self.folder / new.name)
        write_atomic(self.folder / new.name / f"{version}.json", raw)
        self._note(
            new.name,
            {
                "event": "added", "version": version, "sha256": hashlib.sha256(raw).hexdigest(), "status": status,
                "by": actor,
            },
        )  # fmt: skip
        return self.read(new.name, version), True

    def _note(self, name: str, line: dict[str, Any]) -> None:
        path = self.folder / name / "log.jsonl"
        before = path.read_bytes() if path.exists() else b""
        line["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        write_atomic(path, before + json.dumps(line).encode() + b"\n")

    def _log(self, name: str) -> tuple[dict[int, str], dict[int, Status]]:
        """The hash and the status of each version."""
        path = self.folder / name / "log.jsonl"
        if not NAME.fullmatch(name) or not path.exists():
            raise UsageError(
                f"the library has no {name!r}",
                where="library",
                remedy="`lockgate library search` finds names",
            )
        added: dict[int, str] = {}
        statuses: dict[int, Status] = {}
        for line in path.read_text("utf-8").splitlines():
            told = json.loads(line)
            if told["event"] == "added":
                added[told["version"]] = told["sha256"]
            statuses[told["version"]] = cast(Status, told["status"])
        return added, statuses

    @contextmanager
    def _writing(self) -> Iterator[None]:
        make_dir(self.folder)
        with hold_lock(
            self.folder / ".lock", "somebody else is writing to the library", "try again when they are done"
        ):
            yield

    def _changed(self, path: Path, reason: str) -> Refused:
        return Refused(
            "a version of the library was changed after it was added",
            reasons=[reason],
            where=str(path.relative_to(self._site.path)),
            remedy="put the file back from a backup: versions never change",
        )


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True).encode()


def _content(new: New) -> dict[str, Any]:
    """What a version holds: of a definition its text, and what it can be found by; of a code list the codes only."""
    if Path(new.file).suffix == ".csv":
        told: CodeList = read_codelist(new.raw, new.file)
        return {
            "kind": "codelist",
            "title": new.title or told.title or new.name,
            "file": new.file,
            "text": "",
            "codes": [
                {"vocabulary": c.vocabulary, "code": c.code, "category": c.category} for c in told.codes
            ],
            "concepts": [],
            "words": list(told.notes),
        }
    definition = read_definition(new.file, new.raw)
    sets = [name for name, _ in definition.concept_sets]
    items = {(item.vocabulary, item.code) for item in code_items(definition)} | _atlas_codes(new)
    return {
        "kind": "definition",
        "title": new.title or definition.name or _of_entry(definition) or new.name,
        "file": new.file,
        "text": new.raw.decode("utf-8-sig"),
        "codes": [
            {"vocabulary": vocabulary, "code": code, "category": ""} for vocabulary, code in sorted(items)
        ],
        "concepts": sorted(set(concept_ids(definition))),
        "words": [*sets, *(rule.name for rule in definition.rules)],
    }


def _of_entry(definition: Definition) -> str:
    """The name of the concept set that people enter by."""
    asked = [criterion.concepts for criterion in definition.entry]
    return next((name for name, concepts in definition.concept_sets if concepts in asked), "")


def _atlas_codes(new: New) -> set[tuple[str, str]]:
    """The codes that ATLAS writes beside the concepts of its sets."""
    if Path(new.file).suffix != ".json":
        return set()
    told = json.loads(new.raw)
    told = told.get("expression", told)
    told = json.loads(told) if isinstance(told, str) else told
    return {
        (str(concept["VOCABULARY_ID"]), str(concept["CONCEPT_CODE"]))
        for concepts in told.get("ConceptSets") or []
        for item in concepts["expression"].get("items") or []
        for concept in (item["concept"],)
        if concept.get("VOCABULARY_ID") and concept.get("CONCEPT_CODE")
    }
