"""How many people a definition has, as it may be told before anything is approved: the one way from a definition to a
number on a page, in the API or from the command line, through the ledger of questions.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np

from lockgate.cohorts.bitcount import BitmapIndex
from lockgate.cohorts.definition import Definition
from lockgate.cohorts.explain.sql import sql_script
from lockgate.cohorts.generate import generate
from lockgate.cohorts.headcount import members
from lockgate.cohorts.omop import open_omop
from lockgate.cohorts.release_index import opened_index
from lockgate.curate.release import bitmaps_folder
from lockgate.disclosure import Rules
from lockgate.disclosure.ledger import Answer, Asker, Ledger, told
from lockgate.disclosure.network import Ints
from lockgate.engine import Engine
from lockgate.engine.lineage import touched
from lockgate.errors import Refused
from lockgate.schema import OMOP
from lockgate.site import Site

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """A stage of a definition and the answer to how many people are left after it."""

    name: str
    answer: Answer

    def as_dict(self) -> dict[str, Any]:
        """The step as JSON values."""
        return {"step": self.name, **self.answer.as_dict()}


def stages(definition: Definition) -> list[tuple[str, Definition]]:
    """A definition grown rule by rule: its entry events, its additional criteria, each rule; the last is itself."""
    entry = msgspec.structs.replace(definition, qualifying=None, qualifying_limit="all", rules=())
    found = [("Entry events", entry)]
    if definition.qualifying is not None:
        found.append(("Additional criteria", msgspec.structs.replace(definition, rules=())))
    for number, rule in enumerate(definition.rules, 1):
        grown = msgspec.structs.replace(definition, rules=definition.rules[:number])
        found.append((rule.name or f"Rule {number}", grown))
    return found


def key_of(definition: Definition) -> str:
    """What names a definition in the ledger: the hash of what it says, whatever its sets and rules are called."""
    rules = tuple(msgspec.structs.replace(rule, name="", description="") for rule in definition.rules)
    bare = msgspec.structs.replace(definition, rules=rules, name="", concept_sets=())
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()


def recall(
    site: Site, release: str, definition: Definition, *, asker: Asker, rules: Rules
) -> list[Step] | None:
    """The answers that the ledger has for every stage already; None when one was not asked."""
    ledger, found = Ledger(site), []
    for name, stage in stages(definition):
        answer = ledger.recall(key_of(stage), release, asker, rules)
        if answer is None:
            return None
        found.append(Step(name, answer))
    return found


def answered(site: Site, definition: Definition, question: int, rules: Rules) -> Answer | None:
    """What the ledger's entry of that number says, when that is the definition it was asked of; else None."""
    found = [entry for entry in Ledger(site).entries() if entry.number == question]
    return told(found[0], rules) if found and found[0].key == key_of(definition) else None


def ask(
    site: Site,
    release: str,
    folder: Path,
    definition: Definition,
    *,
    asker: Asker,
    rules: Rules,
    seconds: float = SECONDS,
) -> list[Step]:
    """How many people are left after each stage of a definition, in the OMOP folder of a release.

    Each stage is a question of the ledger. Raises Refused when it takes longer than ``seconds``, or the ledger is full.
    """
    known = recall(site, release, definition, asker=asker, rules=rules)
    if known is not None:
        return known
    grown = stages(definition)
    index = opened_index(bitmaps_folder(site, release))
    people, everyone = _people(folder, [stage for _, stage in grown], seconds, index)
    answers = Ledger(site).ask_all(
        [(key_of(stage), found) for (_, stage), found in zip(grown, people, strict=True)],
        lambda: everyone,
        release=release,
        asker=asker,
        rules=rules,
    )
    site.audit.append(
        "ledger.touched",
        actor=asker.username,
        project=asker.project,
        release=release,
        definition=key_of(definition),
        touched=_touched(definition),
        touched_by="sql",
    )
    return [Step(name, answer) for (name, _), answer in zip(grown, answers, strict=True)]


def _touched(definition: Definition) -> dict[str, list[str]]:
    """The tables and columns that the SQL of a definition reads; of OMOP all, where that can't be told."""
    known = {name: [column.name for column in columns] for name, columns in OMOP.items()}
    found = touched(sql_script(definition), known)
    return known if found is None else found


def _people(
    folder: Path, definitions: Sequence[Definition], seconds: float, index: BitmapIndex | None
) -> tuple[list[Ints], Ints]:
    """The people of each definition, and everybody: from the index where it can tell, else without stays, else by
    them."""
    places = [None if index is None else index.places(definition) for definition in definitions]
    left = [number for number, told in enumerate(places) if told is None]
    with Engine(threads=2) as engine, no_longer_than(engine, seconds):
        open_omop(engine, folder)
        everyone = ids_of(engine, "person")
        observed = ids_of(engine, "observation_period") if len(left) < len(places) else everyone
        found = [observed[told] if told is not None else everyone[:0] for told in places]
        without = members(engine, [(number, definitions[number]) for number in left], index)
        for number, ids in without.items():
            found[number] = ids
        left = [number for number in left if number not in without]
        if left:
            rows = generate(engine, [(number, definitions[number]) for number in left])
            of = rows.column("cohort_definition_id").to_numpy()
            subject = rows.column("subject_id").to_numpy()
            for number in left:
                found[number] = np.unique(subject[of == number]).astype(np.int64)
    return found, everyone


def ids_of(engine: Engine, table: str) -> Ints:
    """The person ids of a table, each once, in order."""
    ids = engine.arrow(f"SELECT DISTINCT person_id FROM {table} WHERE person_id IS NOT NULL ORDER BY 1")
    return np.asarray(ids.column(0).to_numpy(), dtype=np.int64)


@contextmanager
def no_longer_than(engine: Engine, seconds: float) -> Iterator[None]:
    """Stop whatever the engine runs once the time is over."""
    done = threading.Event()

    def watch() -> None:
        if not done.wait(seconds):
            while not done.wait(0.05):  # between two statements there is nothing to stop
                engine.connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except duckdb.InterruptException:
        raise Refused(
            f"counting took longer than {seconds:g} seconds and was stopped",
            reasons=["out of time"],
            remedy="ask for fewer events or rules, or run `lockgate cohort ask` on the environment's machine",
        ) from None
    finally:
        done.set()
        watcher.join()
