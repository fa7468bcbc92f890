"""More that may be asked of a definition before anything is approved: by group, beside another, month by month.

As in ``asking``, each number is a question of the ledger, and the answers are the only way to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lockgate.cohorts.asking import SECONDS, ids_of, key_of, no_longer_than, stages
from lockgate.cohorts.attrition import DIMENSIONS, groups_of
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import generate
from lockgate.cohorts.omop import open_omop
from lockgate.cohorts.people import people_table
from lockgate.cohorts.timeline import members
from lockgate.disclosure import Rules
from lockgate.disclosure.ledger import Answer, Asker, Ledger
from lockgate.disclosure.network import Ints
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.site import Site

EVERYBODY = "Everybody"
Questions = list[tuple[str, str, str, Ints]]  # row, column, key, people


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table that was asked: its row, its column, and the answer."""

    row: str
    column: str
    answer: Answer

    def as_dict(self) -> dict[str, Any]:
        """The cell as JSON values."""
        return {"row": self.row, "column": self.column, **self.answer.as_dict()}


def ask_split(
    site: Site, release: str, folder: Path, definition: Definition, dimension: str, *, asker: Asker, rules: Rules,
    seconds: float = SECONDS,
) -> list[Cell]:  # fmt: skip
    """Who is left after each stage of a definition, by sex, age, ethnicity or deprivation; "Not stated" is a group.

    The age is that at a person's first stay. UsageError for another dimension, or one that the release doesn't tell.
    """
    if dimension not in DIMENSIONS:
        raise UsageError(
            f"people can't be told by {dimension}", where="by", remedy=f"one of {', '.join(DIMENSIONS)}"
        )
    grown = stages(definition)

    def read(engine: Engine) -> Questions:
        people, _ = people_table(engine, folder)
        rows = generate(engine, [(number, stage) for number, (_, stage) in enumerate(grown)])
        of, subject = (rows.column(name).to_numpy() for name in ("cohort_definition_id", "subject_id"))
        starts = rows.column("cohort_start_date").to_numpy().astype("datetime64[Y]").astype(np.int64) + 1970
        entered, first = np.unique(subject[of == 0], return_index=True)
        grouped = groups_of(people, entered.astype(np.int64), starts[of == 0][first], dimension)
        if grouped is None:
            raise UsageError(
                f"the release doesn't tell people's {dimension}", where="by", remedy="ask by another"
            )
        labels, codes = grouped
        found: Questions = []
        for number, (name, stage) in enumerate(grown):
            left = np.unique(subject[of == number]).astype(np.int64)
            found.append((name, EVERYBODY, key_of(stage), left))
            place = codes[np.searchsorted(entered, left)] if left.size else left
            for code, label in enumerate(labels):
                if (codes == code).any():
                    key = _key("group", key_of(stage), dimension, label)
                    found.append((name, label, key, left[place == code]))
        return found

    return _asked(site, release, folder, read, asker, rules, seconds)


def ask_overlap(
    site: Site, release: str, folder: Path, one: Definition, two: Definition, *, asker: Asker, rules: Rules,
    seconds: float = SECONDS,
) -> list[Cell]:  # fmt: skip
    """How many people two definitions have, each and both."""

    def read(engine: Engine) -> Questions:
        rows = generate(engine, [(0, one), (1, two)])
        of, subject = (rows.column(name).to_numpy() for name in ("cohort_definition_id", "subject_id"))
        first, second = (np.unique(subject[of == number]).astype(np.int64) for number in (0, 1))
        both = _key("both", *sorted((key_of(one), key_of(two))))
        return [
            ("In the first", "People", key_of(one), first),
            ("In the second", "People", key_of(two), second),
            ("In both", "People", both, np.intersect1d(first, second)),
        ]

    return _asked(site, release, folder, read, asker, rules, seconds)


def ask_timeline(
    site: Site, release: str, folder: Path, definition: Definition, months: int, *, asker: Asker, rules: Rules,
    seconds: float = SECONDS,
) -> list[Cell]:  # fmt: skip
    """How many of a cohort's people have each event that it names, month by month (of 30 days) around their entry."""

    def read(engine: Engine) -> Questions:
        found = members(engine, definition, months)
        width = len(found.months)
        questions: Questions = [("The cohort", EVERYBODY, key_of(definition), found.people.astype(np.int64))]
        for event, criterion, pairs in zip(found.events, found.criteria, found.pairs, strict=True):
            said = hashlib.sha256(msgspec.json.encode(criterion)).hexdigest()
            for place, month in enumerate(found.months):
                key = _key("month", key_of(definition), said, str(month))
                questions.append(
                    (event, str(month), key, found.people[pairs[pairs % width == place] // width])
                )
        return questions

    return _asked(site, release, folder, read, asker, rules, seconds)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _asked(
    site: Site, release: str, folder: Path, read: Callable[[Engine], Questions], asker: Asker, rules: Rules,
    seconds: float,
) -> list[Cell]:  # fmt: skip
    with Engine(threads=2) as engine, no_longer_than(engine, seconds):
        open_omop(engine, folder)
        everyone = ids_of(engine, "person")
        questions = read(engine)
    answers = Ledger(site).ask_all(
        [(key, people) for _, _, key, people in questions],
        lambda: everyone,
        release=release,
        asker=asker,
        rules=rules,
    )
    return [Cell(row, column, answer) for (row, column, _, _), answer in zip(questions, answers, strict=True)]
