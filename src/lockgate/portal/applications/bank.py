"""The question bank: versioned YAML files, read into small frozen objects. No Django here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from lockgate.errors import UsageError

KINDS = {
    "research": "Research",
    "service_evaluation": "Service evaluation",
    "audit": "Clinical audit",
    "clinical_analytics": "Clinical analytics",
}
KIND_HINTS = {
    "research": "New knowledge that others can rely on elsewhere. Needs a sponsor and an ethics opinion.",
    "service_evaluation": "How well a service works as it is, for those who run it.",
    "audit": "Whether care meets a standard that is written down.",
    "clinical_analytics": "Figures for running or planning care.",
}
WIDGETS = frozenset(
    {"text", "textarea", "choice", "choices", "date", "people", "columns", "linkages", "partners", "cohort"}
)
CURRENT = "2026-11"

Answers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a choice."""

    value: str
    label: str
    hint: str = ""
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question: how it is asked, of whom, and whether it must be answered."""

    key: str
    label: str
    widget: str
    hint: str = ""
    required: bool = True
    max_words: int = 0
    kinds: tuple[str, ...] = ()
    when: tuple[str, str] | None = None
    options: tuple[Option, ...] = ()
    register: bool = False

    def asked(self, kind: str, answers: Answers) -> bool:
        """Whether this is asked in an application of that kind, given the answers so far."""
        if self.kinds and kind not in self.kinds:
            return False
        return self.when is None or answers.get(self.when[0]) == self.when[1]

    def choices(self, kind: str) -> tuple[Option, ...]:
        """The options open to that kind."""
        return tuple(option for option in self.options if not option.kinds or kind in option.kinds)


@dataclass(frozen=True, slots=True)
class Section:
    """A page of questions, under one of the Five Safes."""

    key: str
    title: str
    five_safes: str
    intro: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Bank:
    """One version of the question bank."""

    version: str
    sections: tuple[Section, ...]

    def section(self, key: str) -> Section:
        """The section of that key; UsageError when there is none."""
        for section in self.sections:
            if section.key == key:
                return section
        raise UsageError(f"there is no section {key!r}", where=f"question bank {self.version}")

    def questions(self) -> Iterator[Question]:
        """All questions in order."""
        for section in self.sections:
            yield from section.questions

    def question(self, key: str) -> Question:
        """The question of that key; UsageError when there is none."""
        for question in self.questions():
            if question.key == key:
                return question
        raise UsageError(f"there is no question {key!r}", where=f"question bank {self.version}")

    def asked(self, kind: str, answers: Answers) -> list[Question]:
        """The questions of an application of that kind, given its answers."""
        return [question for question in self.questions() if question.asked(kind, answers)]


@cache
def load(version: str = CURRENT) -> Bank:
    """Read one version. UsageError names a version that isn't there or a bank that contradicts itself."""
    file = resources.files(__package__).joinpath("questions", f"{version}.yaml")
    if not file.is_file():
        raise UsageError(f"there is no question bank {version!r}", where="portal/applications/questions")
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    bank = Bank(raw["version"], tuple(_section(item) for item in raw["sections"]))
    _check(bank, version)
    return bank


def _section(raw: dict[str, Any]) -> Section:
    questions = tuple(_question(item) for item in raw["questions"])
    return Section(raw["key"], raw["title"], raw["five_safes"], raw.get("intro", ""), questions)


def _question(raw: dict[str, Any]) -> Question:
    raw = dict(raw)
    when = raw.pop("when", None)
    options = tuple(
        Option(**{**item, "kinds": tuple(item.get("kinds", ()))}) for item in raw.pop("options", ())
    )
    kinds = tuple(raw.pop("kinds", ()))
    return Question(
        **raw, kinds=kinds, options=options, when=(when["question"], when["is"]) if when else None
    )


def _check(bank: Bank, version: str) -> None:
    seen: set[str] = set()
    for question in bank.questions():
        where = f"question bank {version}, question {question.key}"
        if question.key in seen:
            raise UsageError("asked twice", where=where)
        if question.widget not in WIDGETS:
            raise UsageError(f"unknown widget {question.widget!r}", where=where)
        if unknown := set(question.kinds) - set(KINDS):
            raise UsageError(f"unknown kinds {sorted(unknown)}", where=where)
        if question.when and question.when[0] not in seen:
            raise UsageError(f"depends on {question.when[0]!r}, which is not asked before it", where=where)
        seen.add(question.key)
    if bank.version != version:
        raise UsageError(f"says version {bank.version!r} inside", where=f"question bank {version}")
