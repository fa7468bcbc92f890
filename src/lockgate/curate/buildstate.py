"""What a build leaves for the next one, so that only the people a batch touches are worked out again.

``staged/build/`` (identifiable, mode 0700) holds generations: folders of Parquet files with the prepared rows of some
people. The first one has everybody; each incremental build adds one with the people it worked out again, and a
person's rows count in the newest generation that names them. Rows of nobody (unlinked ones) count in the newest only.
``state.json`` names the generations and what they were made of; it is replaced in one step, after the release is in
place. All of it may be deleted at any time: the next build is then a full one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import duckdb

from lockgate import __version__, terminology
from lockgate.capture.batches import Batch
from lockgate.curate.notesreview.stoplist import held_notes
from lockgate.deidentify.text import model_print
from lockgate.engine import SqlEngine, literal, quote
from lockgate.site import Site
from lockgate.site.files import atomic_dir, make_dir, remove_leftovers, write_atomic

FORMAT = 2
STATE = "state.json"
# Past so many generations the next one takes all of them in (a merge as sorted files do it).
MOST_GENERATIONS = 12

# The rows kept by person (all have person_id): table -> a column left out. The words of notes are not kept again.
BY_PERSON: dict[str, str] = {
    "code_use": "",
    "seen": "",
    "open_stay": "",
    "tally": "",
    "p_encounter": "",
    "visit": "",
    "p_encounter_move": "",
    "event": "",
    "p_document": "text",
    "p_specimen": "",
    "p_imaging_study": "",
    "scrub_done": "",
    "mention": "",
}
# What is kept whole: the global inputs as they were, and the texts of small tables.
WHOLE = (
    "whose",
    "limited",
    "withheld_code",
    "g_practitioner",
    "g_place",
    "g_named",
    "data_until",
    "site_name",
    "scrub_small",
)

# The code that decides what a release holds: a change in any of these rooms means a full build.
_CODE = (
    "schema",
    "engine",
    "terminology",
    "capture",
    "identity",
    "deidentify",
    "concepts",
    "quality",
    "curate",
)
# Files in them that decide nothing: words for a reader, and what is made from the sources.
_NO_CODE = (".md", ".pyc", ".so", ".sha256")
# Sections of site.toml that change no row.
_NO_MATTER = frozenset({"engine", "sandbox", "portal", "risk"})


@dataclass(frozen=True)
class BuildState:
    """The state of an earlier build: its folder, and what ``state.json`` says."""

    folder: Path
    facts: Mapping[str, Any]

    @property
    def generations(self) -> list[str]:
        """The folders of its generations, oldest first."""
        return [str(name) for name in self.facts["generations"]]

    @property
    def folders(self) -> list[Path]:
        """The same as paths."""
        return [self.folder / name for name in self.generations]

    @property
    def day(self) -> date:
        """The day of the build's release."""
        return date.fromisoformat(self.facts["day"])

    @property
    def batches(self) -> dict[str, str]:
        """The batches it was made of, each with the print of its staged files."""
        return dict(self.facts["batches"])


def state_folder(site: Site) -> Path:
    """Where the state is."""
    return site.staged / "build"


@cache
def _code_print() -> str:
    """A digest of the code and the reference data that decide what a release holds."""
    digest = hashlib.sha256(f"{__version__} {duckdb.__version__}".encode())

    def walk(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
        for entry in sorted(folder.iterdir(), key=lambda item: item.name):
            path = f"{name}/{entry.name}"
            if entry.is_dir():
                yield from walk(entry, path)
            elif not entry.name.endswith(_NO_CODE):
                yield path, entry

    for room in _CODE:
        for path, entry in walk(resources.files("lockgate") / room, room):
            digest.update(path.encode() + b"\0" + hashlib.sha256(entry.read_bytes()).digest())
    return digest.hexdigest()


def fingerprint(site: Site) -> dict[str, str]:
    """What a state is bound to, part by part, each as a digest or a name."""
    config = {k: v for k, v in site.config.model_dump(mode="json").items() if k not in _NO_MATTER}
    rules = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in site.path.glob("*.yaml")}
    vocabulary = terminology.vocabulary_info(site)
    return {
        "code": _code_print(),
        "configuration": _digest([config, rules]),
        "vocabulary": _digest([vocabulary.origin, vocabulary.version, vocabulary.sha256]),
        "dictionaries": _digest(
            [hashlib.sha256((site.path / name).read_bytes()).hexdigest() for name in _dictionaries(site)]
        ),
        "reference data": _digest(terminology.EDITIONS),
        "units": _digest(
            [terminology.unit_rules(site).to_pylist(), terminology.written_units(site).to_pylist()]
        ),
        "model of names": model_print(site.config.deidentify.ner_model)
        if site.config.deidentify.ner_model
        else "",
        "notes withheld by readers": _digest(held_notes(site)),
        "keys": f"{site.public_key_id}/{site.key('build-state/check').hex()[:16]}",
    }


def _dictionaries(site: Site) -> list[str]:
    return [name for name in site.config.concepts.dictionaries if (site.path / name).is_file()]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def batch_prints(batches: list[Batch]) -> dict[str, str]:
    """For each batch the names, sizes and times of its staged files: a batch never changes, and this would show it."""
    return {
        batch.batch_id: _digest(
            [
                (path.name, path.stat().st_size, path.stat().st_mtime_ns)
                for path in sorted(batch.staged.glob("*.parquet"))
            ]
        )
        for batch in batches
    }


def read_state(site: Site, batches: Mapping[str, str], day: date) -> BuildState | str:
    """The state of the last build where the next can go on from it, else in words why it can't."""
    folder = state_folder(site)
    try:
        facts = json.loads((folder / STATE).read_bytes())
        state = BuildState(folder, facts)
        known, made_of = state.batches, dict(facts["fingerprint"])
        whole = facts["format"] == FORMAT and all((folder / name).is_dir() for name in state.generations)
        before = state.day
    except FileNotFoundError:
        return "there is no build to go on from"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "the state of the last build can't be read"
    if not whole:
        return "the state of the last build is not whole"
    changed = [name for name, value in fingerprint(site).items() if made_of.get(name) != value]
    if changed:
        return f"since the last build changed: {', '.join(changed)}"
    if any(batches.get(batch) != print_ for batch, print_ in known.items()):
        return "a batch of the last build is gone or is not as it was"
    if day < before:
        return "the release is of an earlier day than the last build's"
    return state


def views(engine: SqlEngine, folders: Sequence[Path], *, prefix: str = "") -> None:
    """Views ``<prefix><table>`` over the tables of generations, oldest first: a person's rows are the newest's.

    With a prefix also over the tables that are kept whole.
    """
    newest = len(folders) - 1
    people = " UNION ALL ".join(
        f"SELECT person_id, {number} AS generation FROM read_parquet({literal(folder / 'people.parquet')})"
        for number, folder in enumerate(folders)
    )
    newest_of = f"{prefix}newest_generation"
    engine.execute(
        f"CREATE OR REPLACE TABLE {newest_of} AS "
        f"SELECT person_id, max(generation) AS generation FROM ({people}) AS p GROUP BY person_id"
    )
    for table in BY_PERSON:
        rows = " UNION ALL ".join(
            f"SELECT *, {number} AS generation FROM read_parquet({literal(folder / f'{table}.parquet')})"
            for number, folder in enumerate(folders)
        )
        engine.execute(
            f"CREATE OR REPLACE VIEW {quote(prefix + table)} AS SELECT t.* EXCLUDE (generation) FROM ({rows}) AS t "
            f"LEFT JOIN {newest_of} AS n ON n.person_id = t.person_id "
            f"WHERE t.generation = coalesce(n.generation, CASE WHEN t.person_id IS NULL THEN {newest} ELSE 0 END)"
        )
    if prefix:
        for table in WHOLE:
            engine.view_parquet(prefix + table, folders[-1] / f"{table}.parquet")


def clear(site: Site) -> None:
    """Remove what builds that were killed left in the state; for whoever holds the releases' lock."""
    remove_leftovers(make_dir(state_folder(site)))


@contextmanager
def next_generation(site: Site) -> Iterator[tuple[str, Path]]:
    """A new generation: its name, and the folder to write it to, which gets its place when the block ends well.

    It counts for nothing until ``commit`` names it.
    """
    folder = make_dir(state_folder(site))
    name = f"g-{secrets.token_hex(6)}"
    with atomic_dir(folder / name) as partial:
        yield name, partial


def write_people(engine: SqlEngine, folder: Path, people: str) -> None:
    """Write the tables that are kept by person; ``people`` is a SELECT of those for whom they speak."""
    engine.write_parquet(people, folder / "people.parquet", level=1)
    for table, left_out in BY_PERSON.items():
        # of rows that come from a state it is left out already
        columns = f"COLUMNS(lambda name: name <> {literal(left_out)})" if left_out else "*"
        engine.write_parquet(f"SELECT {columns} FROM {quote(table)}", folder / f"{table}.parquet", level=1)


def write_whole(engine: SqlEngine, folder: Path) -> None:
    """Write the tables that are kept whole."""
    for table in WHOLE:
        engine.write_parquet(f"SELECT * FROM {quote(table)}", folder / f"{table}.parquet", level=1)


def commit(
    site: Site,
    generations: list[str],
    *,
    batches: Mapping[str, str],
    day: date,
    release: str,
    made: Mapping[str, Any],
) -> None:
    """Make these generations the state, in one step, and remove all others.

    ``made`` is what the build of the release found that the next one need not find again: ``inputs``, ``known``
    (reuse.py) and ``versions`` (accounts.py).
    """
    folder = state_folder(site)
    facts = {
        "format": FORMAT,
        "generations": generations,
        "batches": dict(batches),
        "day": day.isoformat(),
        "fingerprint": fingerprint(site),
        "release": release,
        **made,
    }
    write_atomic(folder / STATE, (json.dumps(facts) + "\n").encode())
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name not in generations:
            shutil.rmtree(entry, ignore_errors=True)
