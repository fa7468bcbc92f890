"""The disclosure check of a twin against the release it stands for: nothing rare, nobody's row, no id, no moved dates.

It trusts nothing of how the folder was made: a folder in which somebody put real rows, their dates moved or not, is
refused with the reason. Every reason names tables and columns, never a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.curate import ERAS, Release
from lockgate.disclosure.patterns import identifying
from lockgate.engine import Engine, quote
from lockgate.errors import UsageError
from lockgate.schema import RELEASE, VOCABULARY_TABLES, Column
from lockgate.twin.shape import WAYS, group_name
from lockgate.workspace.scope.checks import person_column

SCHEMA = "lockgate.twin/1"

_SHIFTS = (-16, -9, 9, 16)  # days: by these the twin's dates are moved to see what chance alone matches
_FREE = frozenset({"description", "comment", "note_text", "snippet"})
_SIGMAS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its name, whether it is as it must be, and what was found."""

    name: str
    ok: bool
    found: str

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return {"name": self.name, "ok": self.ok, "found": self.found}


def check_twin(folder: Path, release: Release, threshold: int, engine: Engine) -> list[Finding]:
    """Everything that was looked at in a twin's folder. ``threshold``: the site's, in people."""
    facts = read_facts(folder)
    tables = {}
    for name in facts["tables"]:
        path = folder / f"{name}.parquet"
        if name not in RELEASE or not path.is_file() or name not in release.manifest["tables"]:
            continue
        engine.view_parquet(f"t_{name}", path)
        engine.view_parquet(f"r_{name}", release.table_path(name), RELEASE[name])
        if name not in VOCABULARY_TABLES and name != "cdm_source":
            tables[name] = [
                column
                for column in RELEASE[name]
                if column.name in engine.columns(f"SELECT * FROM {quote(f't_{name}')}")
            ]
    return [
        _files(folder, facts),
        _layout(engine, facts),
        _ids(engine, tables),
        _joins(engine, tables),
        _order(engine, tables),
        _rare(engine, tables, threshold, bool(facts.get("rare_codes"))),
        _texts(engine, tables),
        _rows(engine, tables, threshold),
        _paths(engine, tables),
    ]


def read_facts(folder: Path) -> dict[str, Any]:
    """``twin.json`` of a twin; UsageError when the folder is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / "twin.json").read_bytes())
        if facts["schema"] != SCHEMA or not isinstance(facts["tables"], dict):
            raise ValueError("schema")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "the folder is no twin", where=str(folder), remedy="lockgate twin make --out FOLDER"
        ) from error
    return facts


def refused(findings: list[Finding]) -> list[str]:
    """The reasons why a twin may not be given away."""
    return [f"{finding.name}: {finding.found}" for finding in findings if not finding.ok]


def _finding(name: str, problems: list[str], well: str) -> Finding:
    return Finding(name, not problems, "; ".join(problems[:8]) if problems else well)


def _files(folder: Path, facts: dict[str, Any]) -> Finding:
    known = {f"{name}.parquet" for name in facts["tables"]} | {
        "twin.json",
        "dictionary.json",
        "dictionary.md",
        "README.txt",
    }
    extra = sorted(path.name for path in folder.iterdir() if path.name not in known)
    gone = sorted(f"{name}.parquet" for name in facts["tables"] if not (folder / f"{name}.parquet").is_file())
    problems = [f"{len(extra)} files that no twin has"] if extra else []
    problems += [f"{name} is not there" for name in gone]
    return _finding("files", problems, f"{len(known)} files, as twin.json says")


def _layout(engine: Engine, facts: dict[str, Any]) -> Finding:
    problems = []
    for name, table in facts["tables"].items():
        if name not in RELEASE:
            continue
        want = [(c.name, c.type) for c in RELEASE[name] if c.name in table["columns"]]
        got = [
            (str(row[0]), str(row[1])) for row in engine.rows(f"DESCRIBE SELECT * FROM {quote(f't_{name}')}")
        ]
        if want != got:
            problems.append(f"{name} has not the columns and types of a workspace")
        if any(not column.askable for column in RELEASE[name] if column.name in table["columns"]):
            problems.append(f"{name} has a column that no scope can ask for")
    return _finding("layout", problems, "tables, columns and types are those of a workspace")


def _keys(tables: dict[str, list[Column]]) -> Iterator[tuple[str, str, str]]:
    for name, columns in tables.items():
        for column in columns:
            if column.key_domain is not None:
                yield name, column.name, column.key_domain


def _ids(engine: Engine, tables: dict[str, list[Column]]) -> Finding:
    """No id of the twin is an id of the release, of anything."""
    union = " UNION ".join(
        f"SELECT {quote(column)} AS id FROM {quote(f'r_{name}')}" for name, column, _ in _keys(tables)
    )
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE real_id AS SELECT DISTINCT id FROM ({union}) WHERE id IS NOT NULL"
    )
    problems = []
    for name, column, _ in _keys(tables):
        hits = engine.one(
            f"SELECT count(*) FROM {quote(f't_{name}')} t SEMI JOIN real_id ON id = t.{quote(column)}"
        )
        if hits:
            problems.append(f"{name}.{column} has {hits} ids of the release")
    return _finding("ids", problems, "no id is one of the release")


def _joins(engine: Engine, tables: dict[str, list[Column]]) -> Finding:
    """Every key points to a row, where its table is in the twin."""
    problems = []
    for name, column, domain in _keys(tables):
        own = f"{domain}_id"
        if domain == name or domain not in tables or own not in [c.name for c in tables[domain]]:
            continue
        lost = engine.one(
            f"SELECT count(*) FROM {quote(f't_{name}')} t WHERE t.{quote(column)} IS NOT NULL AND t.{quote(column)} "
            f"NOT IN (SELECT {quote(own)} FROM {quote(f't_{domain}')})"
        )
        if lost:
            problems.append(f"{name}.{column}: {lost} point to nothing")
    return _finding("keys", problems, "keys join")


def _order(engine: Engine, tables: dict[str, list[Column]]) -> Finding:
    """Nothing before birth, nothing after death, nothing outside the visit it belongs to, no end before its start.

    Of an era only the start is looked at: OHDSI's script has a record without an end last until the next day, so the
    era of what is known of the last day of a life ends a day after it, in a release and in a twin.
    """
    problems = []
    people = "SELECT p.person_id, p.year_of_birth AS born, NULL::DATE AS died FROM t_person p"
    if "death" in tables and "death_date" in [c.name for c in tables["death"]]:
        people = (
            "SELECT p.person_id, p.year_of_birth AS born, d.death_date AS died FROM t_person p "
            "LEFT JOIN t_death d USING (person_id)"
        )
    known = "person" in tables and "year_of_birth" in [c.name for c in tables["person"]]
    for name, columns in tables.items():
        person = person_column(name)
        days = [c.name for c in columns if c.role == "date" and c.type == "DATE"]
        days = days[:1] if name in ERAS else days
        if known and person and days and name != "person":
            wrong = engine.one(
                f"SELECT count(*) FROM {quote(f't_{name}')} t JOIN ({people}) p ON p.person_id = t.{quote(person)} "
                f"WHERE {' OR '.join(f'year(t.{quote(day)}) < born OR t.{quote(day)} > died' for day in days)}"
            )
            if wrong:
                problems.append(f"{name}: {wrong} rows before birth or after death")
        there = {c.name for c in columns}
        for start, end in ((c, c.replace("start_", "end_")) for c in there if "start_date" in c):
            if end in there and (
                wrong := engine.one(
                    f"SELECT count(*) FROM {quote(f't_{name}')} WHERE {quote(end)} < {quote(start)}"
                )
            ):
                problems.append(f"{name}: {wrong} rows end before they start")
        visit = "visit_occurrence_id" in [c.name for c in columns] and name != "visit_occurrence"
        if (
            visit
            and days
            and {"visit_start_date", "visit_end_date"} <= {c.name for c in tables.get("visit_occurrence", [])}
        ):
            wrong = engine.one(
                f"SELECT count(*) FROM {quote(f't_{name}')} t JOIN t_visit_occurrence v USING (visit_occurrence_id) "
                f"WHERE t.{quote(days[0])} NOT BETWEEN v.visit_start_date AND v.visit_end_date"
            )
            if wrong:
                problems.append(f"{name}: {wrong} rows outside their visit")
    return _finding("order in time", problems, "nothing before birth, after death or outside its visit")


def _rare(engine: Engine, tables: dict[str, list[Column]], threshold: int, by_itself: bool) -> Finding:
    """No code, word or place of the twin is of fewer people of the release than the threshold (of fewer rows, in tables
    about no patient); nor any two that stand for one thing."""
    problems = []
    for name, columns in tables.items():
        person = person_column(name)
        own = f" + count(*) FILTER ({quote(person)} IS NULL)" if person else ""
        units = f"count(DISTINCT {quote(person)}){own}" if person else "count(*)"
        groups: dict[str, list[str]] = {}
        for column in columns:
            said = column.role in ("concept", "code", "place") or column.type == "VARCHAR"
            if said and column.role != "text" and column.key_domain is None and column.name != "offset":
                groups.setdefault(group_name(column.name), []).append(column.name)
        for names in groups.values():
            # a rare value is in no frequent tuple; where a scope hides rare codes, each column is hidden by itself
            for some in [(each,) for each in names] if by_itself else [tuple(names)]:
                # where nobody is told of (places, staff) a single row is enough
                least = threshold if person or name == "feedback" else 1
                shown = ", ".join(map(quote, some))
                empty = " AND ".join(f"coalesce(CAST({quote(c)} AS VARCHAR), '') IN ('', '0')" for c in some)
                rare = engine.one(
                    f"SELECT count(*) FROM (SELECT DISTINCT {shown} FROM {quote(f't_{name}')} WHERE NOT ({empty})) t "
                    f"WHERE NOT EXISTS (SELECT 1 FROM (SELECT {shown}, {units} AS n FROM {quote(f'r_{name}')} "
                    f"GROUP BY {shown}) r WHERE n >= {least} AND "
                    + " AND ".join(f"r.{quote(c)} IS NOT DISTINCT FROM t.{quote(c)}" for c in some)
                    + ")"
                )
                if rare:
                    problems.append(
                        f"{name}: {rare} values of {' with '.join(some)} are of fewer than {least}"
                    )
    return _finding("rare values", problems, f"no code, word or place is of fewer than {threshold} people")


def _texts(engine: Engine, tables: dict[str, list[Column]]) -> Finding:
    """No free text is one of the release's, and none holds what looks like an identifier."""
    problems = []
    for name, columns in tables.items():
        for column in columns:
            if column.role != "text":
                continue
            if column.name in _FREE:
                same = engine.one(
                    f"SELECT count(*) FROM {quote(f't_{name}')} t SEMI JOIN {quote(f'r_{name}')} r "
                    f"ON r.{quote(column.name)} = t.{quote(column.name)}"
                )
                if same:
                    problems.append(f"{name}.{column.name}: {same} texts of the release")
            sample = engine.rows(
                f"SELECT DISTINCT {quote(column.name)} AS x FROM {quote(f't_{name}')} ORDER BY hash(x) LIMIT 2000"
            )
            if any(list(identifying(text)) for (text,) in sample if text):
                problems.append(f"{name}.{column.name}: words that look like an identifier")
    return _finding("texts", problems, "free text is invented")


def _more_than_chance(hits: int, by_chance: float) -> bool:
    return hits > by_chance + _SIGMAS * math.sqrt(by_chance + 1) + 3


def _rows(engine: Engine, tables: dict[str, list[Column]], threshold: int) -> Finding:
    """Rows of the twin that agree in kind, day and value with a row that few have in the release: no more than when the
    twin's days are moved by a week or two, which leaves nobody's."""
    problems, looked = [], 0
    for name, columns in tables.items():
        if (
            name not in WAYS
            or person_column(name) is None
            or WAYS[name].kind not in ("events", "one", "children")
        ):
            continue
        there = {column.name for column in columns}
        day = next((c.name for c in columns if c.role == "date" and c.type == "DATE"), None)
        kinds = [column for column in WAYS[name].main[:1] if column in there]
        if day is None:
            continue
        person = quote(str(person_column(name)))
        told = [*kinds, *(c.name for c in columns if c.role == "number")]
        sex = name != "observation_period" and "person" in tables
        with_person = (
            "JOIN {}_person p ON p.person_id = t." + person
            if sex and {"gender_concept_id", "year_of_birth"} <= {c.name for c in tables["person"]}
            else ""
        )
        of_person = ["p.gender_concept_id", "p.year_of_birth"] if with_person else []
        shown = ", ".join([*(f"t.{quote(c)}" for c in told), *of_person])
        signature = f"hash({shown + ', ' if shown else ''}CAST(t.{quote(day)} AS DATE) + {{}})"
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE rare_row AS "
            f"SELECT {signature.format(0)} AS s FROM {quote(f'r_{name}')} t {with_person.format('r')} "
            f"GROUP BY s HAVING count(DISTINCT t.{person}) < {threshold}"
        )

        def matches(shift: int, at: str = name, s: str = signature, join: str = with_person) -> int:
            return int(
                engine.one(
                    f"SELECT count(DISTINCT s) FROM (SELECT {s.format(shift)} AS s FROM {quote(f't_{at}')} t "
                    f"{join.format('t')}) SEMI JOIN rare_row USING (s)"
                )
            )

        hits = matches(0)
        chance = sum(matches(shift) for shift in _SHIFTS) / len(_SHIFTS)
        looked += 1
        if _more_than_chance(hits, chance):
            problems.append(f"{name}: {hits} rows agree with somebody's, where chance gives {chance:.0f}")
    return _finding(
        "real rows", problems, f"rows of {looked} tables agree with real ones no more than by chance"
    )


def _paths(engine: Engine, tables: dict[str, list[Column]]) -> Finding:
    """The gaps between a person's events, which moving all dates by one offset would leave: four in a row, no more
    alike than when they are taken from different people."""
    problems, looked = [], 0
    for name in ("visit_occurrence", "measurement", "drug_exposure", "condition_occurrence", "note"):
        columns = {column.name for column in tables.get(name, [])}
        day = next((c.name for c in tables.get(name, []) if c.role == "date" and c.type == "DATE"), None)
        if day is None or "person_id" not in columns:
            continue
        gaps = (
            "SELECT person_id, list(d ORDER BY d) AS days FROM (SELECT DISTINCT person_id, {day} AS d FROM {of}) "
            "GROUP BY person_id HAVING count(*) >= 5"
        )
        path = (
            "SELECT person_id, days[2] - days[1] AS a, days[3] - days[2] AS b, days[4] - days[3] AS c, "
            "days[5] - days[4] AS e FROM ({})"
        )
        for side in ("t", "r"):
            inner = gaps.format(day=quote(day), of=quote(f"{side}_{name}"))
            engine.execute(
                f"CREATE OR REPLACE TEMP TABLE path_{side} AS SELECT *, row_number() OVER (ORDER BY person_id) AS i, "
                f"count(*) OVER () AS n FROM ({path.format(inner)})"
            )
        hits = int(
            engine.one(
                "SELECT count(*) FROM path_t SEMI JOIN path_r USING (a, b, c, e) WHERE a + b + c + e > 12"
            )
        )
        chance = 0.0
        for turn in (1, 2, 3, 5):
            mixed = (
                "SELECT x.a, y.b, z.c, w.e FROM path_t x "
                f"JOIN path_t y ON y.i = (x.i + {turn} - 1) % x.n + 1 "
                f"JOIN path_t z ON z.i = (x.i + {2 * turn} - 1) % x.n + 1 "
                f"JOIN path_t w ON w.i = (x.i + {3 * turn} - 1) % x.n + 1"
            )
            chance += int(
                engine.one(
                    f"SELECT count(*) FROM ({mixed}) SEMI JOIN path_r USING (a, b, c, e) WHERE a + b + c + e > 12"
                )
            )
        chance /= 4
        looked += 1
        if _more_than_chance(hits, chance):
            problems.append(
                f"{name}: {hits} people have somebody's gaps between dates, where chance gives {chance:.0f}"
            )
    return _finding(
        "moved dates", problems, f"gaps between dates of {looked} tables are nobody's beyond chance"
    )
