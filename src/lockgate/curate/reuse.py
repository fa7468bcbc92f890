"""What of the last release stands in the next one as it is, so that a build writes only what a batch changed.

A table of a release is one SELECT (``omop/``, ``linked/``), and a SELECT names what it reads. Of that, the tables kept
by person (buildstate.BY_PERSON) differ for affected people only; everything else is compared by a digest with what the
last build read. So for each table one of three holds:

- something that isn't kept by person differs: the SELECT runs over everybody;
- else, where it reads what is kept by person: the SELECT runs over the affected people, and everybody else's rows are
  those of the last release's file; where that gives the rows which are there already, the file itself stands;
- else the file stands: the new release links it (the same bytes on disk, under two names).

What is only asked of files (which concepts they use, how many values are missing) is kept by their SHA-256 and asked
again of new files only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.curate.buildstate import BY_PERSON, BuildState
from lockgate.curate.manifest import read_manifest
from lockgate.curate.release import Release
from lockgate.curate.verify import verify_folder
from lockgate.engine import SqlEngine, literal, quote
from lockgate.errors import LockgateError
from lockgate.site import Site

# What the SELECTs read that is kept by person: the scrubbed notes are a view of scrub_done.
PERSONAL = frozenset(BY_PERSON) | {"scrubbed_note"}
# Packaged data, which the state's fingerprint holds.
_PACKAGED = frozenset({"area", "area11", "fixed", "region"})
_NAMED = re.compile(r"\b(FROM|JOIN)(\s+)([a-z_0-9]+)\b")
_DEFINED = re.compile(r"\b([a-z_0-9]+) AS \(\s*(?:--[^\n]*\s*)*SELECT")


def tables_read(sql: str) -> frozenset[str]:
    """The tables that a SELECT of this room reads (it names each after FROM or JOIN, never after a comma)."""
    text = re.sub(r"--[^\n]*", "", sql)
    return frozenset(name for _, _, name in _NAMED.findall(text)) - set(_DEFINED.findall(text))


def of_affected(sql: str) -> str:
    """The SELECT over the rows of affected people (the tables ``few_<table>``) of what is kept by person."""
    return _NAMED.sub(
        lambda found: f"{found[1]}{found[2]}{'few_' if found[3] in PERSONAL else ''}{found[3]}", sql
    )


@dataclass
class Known:
    """Answers about files, by their SHA-256: those of the last build, and those that this one asked for."""

    before: Mapping[str, Any] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)

    def of(self, question: str, ask: Callable[[], Any]) -> Any:
        """The answer to a question whose name holds the SHA-256 of all it is about."""
        if question not in self.now:
            # an answer is the same whether it was asked now or read from the state
            answer = self.before[question] if question in self.before else json.loads(json.dumps(ask()))
            self.now[question] = answer
        return self.now[question]


@dataclass(frozen=True)
class LastRelease:
    """The release that the state's build made: its folder, its tables by place, and digests of what they read."""

    folder: Path
    tables: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, Any]


def last_release(site: Site, state: BuildState) -> LastRelease | None:
    """The release of a state, where it is there and every byte as it was built; else None, and all is written anew."""
    folder = site.releases / str(state.facts.get("release"))
    try:
        release = Release(folder.name, folder, read_manifest(folder))
    except LockgateError:
        return None
    if verify_folder(site, folder):
        return None
    tables = {
        str(table["file"]).removesuffix(".parquet"): table
        for part in ("tables", "limited")
        for table in release.manifest[part].values()
    }
    return LastRelease(folder, tables, dict(state.facts["inputs"]))


def digests(engine: SqlEngine, selects: Iterable[str]) -> dict[str, list[str]]:
    """For each table that the SELECTs read and that isn't kept by person: its rows, and a digest in any order."""
    read = frozenset().union(*(tables_read(sql) for sql in selects)) - PERSONAL - _PACKAGED
    rows = engine.rows(
        " UNION ALL ".join(
            f"SELECT '{name}', CAST(count(*) AS VARCHAR), CAST(sum(CAST(hash(t) AS HUGEINT)) AS VARCHAR), "
            f"CAST(bit_xor(hash(t)) AS VARCHAR) FROM {name} AS t"
            for name in sorted(read)
        )
    )
    return {name: [str(value) for value in values] for name, *values in rows}


def stands(last: LastRelease, place: str, sql: str, now: Mapping[str, Any], *, whose: bool) -> bool:
    """Whether what a table's SELECT reads is as it was, but for affected people's rows.

    ``whose``: the table leaves out, or has alone, the people in ``limited``; who comes there or leaves is affected.
    """
    read = tables_read(sql)
    shared = read - PERSONAL - _PACKAGED
    if whose and not read & PERSONAL:
        shared |= {"limited"}
    return place in last.tables and all(now[table] == last.inputs.get(table) for table in shared)


def merged(engine: SqlEngine, sql: str, shaped: Callable[[str], str], old: Path) -> str | None:
    """The SELECT of a table's rows: the last release's, with those of affected people anew.

    ``shaped`` gives a SELECT its columns and types. None where the affected people's rows are what they were.
    """
    anew = f"SELECT s.* FROM ({shaped(of_affected(sql))}) AS s SEMI JOIN affected USING (person_id)"
    there = f"FROM read_parquet({literal(old)}) AS o"
    fresh, stale, new = engine.rows(
        f"WITH fresh AS MATERIALIZED ({anew}), "
        f"stale AS MATERIALIZED (SELECT o.* {there} SEMI JOIN affected USING (person_id)) "
        "SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM stale), "
        "(SELECT count(*) FROM (FROM fresh EXCEPT ALL FROM stale))"
    )[0]
    if fresh == stale and not new:
        return None
    return f"SELECT o.* {there} ANTI JOIN affected USING (person_id) UNION ALL {anew}"


def keep_affected(engine: SqlEngine) -> None:
    """Give the tables kept by person, which hold affected people's rows, the names ``few_<table>``."""
    for table in BY_PERSON:
        engine.execute(f"DROP TABLE IF EXISTS few_{table}")
        engine.execute(f"ALTER TABLE {quote(table)} RENAME TO few_{table}")


def link_file(old: Path, new: Path) -> None:
    """The same file under another name; a copy where the disk has no hard links."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)
