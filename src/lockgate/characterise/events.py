"""The kinds of event, as ``events.yaml`` tells them, and the SQL that reads each in few scans."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from lockgate.characterise.catalogue import read
from lockgate.characterise.people import People
from lockgate.engine import Engine


class Events(NamedTuple):
    """A kind of event: its columns, and what is read of it."""

    table: str
    concept: str
    date: str
    end: str | None
    by: list[str]
    values: list[str]
    flags: dict[str, str]
    provider: bool
    visit: bool


@cache
def kinds() -> dict[str, Events]:
    """Every kind of event by its table."""
    told = read("events.yaml")
    return {
        table: Events(
            table=table,
            concept=each["concept"],
            date=each["date"],
            end=each.get("end"),
            by=each.get("by", []),
            values=each.get("values", []),
            flags=each.get("flags", {}),
            provider=each.get("provider", False),
            visit=each.get("visit", False),
        )
        for table, each in told.items()
    }


def joined(kind: Events, people: People, *columns: str, provider: bool = False) -> str:
    """FROM and the joins that tell of each event who it is about and whether it is inside a period, once per event."""
    source = f"{kind.table} AS e LEFT JOIN who AS w ON w.person_id = e.person_id"
    if people.several:
        source += (
            f" LEFT JOIN more AS m ON m.person_id = e.person_id AND e.{kind.date} >= m.first"
            f" AND e.{kind.date} <= m.last"
        )
    if provider:
        source += (
            " LEFT JOIN (SELECT DISTINCT provider_id FROM provider) AS p ON p.provider_id = e.provider_id"
        )
    return source


def inside(kind: Events, people: People) -> str:
    """Whether an event is inside a period of observation."""
    one = f"coalesce(e.{kind.date} >= w.first AND e.{kind.date} <= w.last, FALSE)"
    return f"({one} OR m.person_id IS NOT NULL)" if people.several else one


def weight(people: People) -> str:
    """How many periods of a person an event inside is in."""
    return "coalesce(m.weight, 1)" if people.several else "1"


def scan(engine: Engine, kind: Events, people: People) -> None:
    """Read the table once: ``T_groups`` (records by its columns and flags) and ``T_values`` (by concept and values).

    ``records`` counts every row, ``weighted`` those inside a period, once for each period.
    """
    providers = kind.provider and bool(engine.one("SELECT count(*) FROM provider"))
    within = inside(kind, people)
    state = " + ".join(
        f"CASE WHEN {condition} THEN {bit} ELSE 0 END"
        for bit, condition in _states(kind, within, providers=providers).values()
    )
    values = [f"v_{name}" for name in kind.values]
    columns = [f"e.{kind.concept} AS concept", *(f"e.{name}" for name in kind.by)]
    columns += [f"{_value(kind, name)} AS v_{name}" for name in kind.values]
    sets = [["state", "concept", *kind.by]] + ([["within", "concept", *values]] if values else [])
    grouped = list(dict.fromkeys(name for each in sets for name in each))
    # where nobody's periods run at once, what is grouped tells which rows count: a sum would be the dearest part
    weighted = ", CAST(sum(CASE WHEN within THEN weight ELSE 0 END) AS BIGINT) AS weighted"
    weight_of = f", {weight(people)} AS weight"
    counted = ("weighted", "weighted")
    if not people.overlapping:
        weighted = weight_of = ""
        counted = ("CASE WHEN (state & 1) > 0 THEN records ELSE 0 END AS weighted", "records AS weighted")
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {kind.table}_scan AS
        SELECT grouping(state) AS part, {", ".join(grouped)}, count(*) AS records{weighted}
        FROM (
            SELECT {", ".join(columns)}, CAST({state} AS SMALLINT) AS state, {within} AS within{weight_of}
            FROM {joined(kind, people, provider=providers)}
        ) AS e
        GROUP BY GROUPING SETS ({", ".join(f"({', '.join(each)})" for each in sets)})"""
    )
    told = [
        f"(state & {bit}) > 0 AS {name}"
        for name, (bit, _) in _states(kind, within, providers=providers).items()
    ]
    engine.execute(
        f"CREATE OR REPLACE TEMP VIEW {kind.table}_groups AS"
        f" SELECT {', '.join(['concept', *kind.by, *told])}, records, {counted[0]}"
        f" FROM {kind.table}_scan WHERE part = 0"
    )
    if values:
        engine.execute(
            f"CREATE OR REPLACE TEMP VIEW {kind.table}_values AS SELECT concept,"
            f" {', '.join(f'v_{name} AS {name}' for name in kind.values)}, {counted[1]}"
            f" FROM {kind.table}_scan WHERE part = 1 AND within"
        )


def _states(kind: Events, within: str, *, providers: bool) -> dict[str, tuple[int, str]]:
    """The facts of one row that records are counted by: a bit and a condition for each."""
    # inside comes first: its bit is read by number
    conditions = {"inside": within, "known": "w.known", "named": "e.person_id IS NOT NULL"}
    conditions["backwards"] = f"e.{kind.end} < e.{kind.date}" if kind.end else "FALSE"
    missing = "e.provider_id IS NOT NULL" + (" AND p.provider_id IS NULL" if providers else "")
    conditions["no_provider"] = missing if kind.provider else "FALSE"
    conditions |= kind.flags
    return {name: (1 << place, condition) for place, (name, condition) in enumerate(conditions.items())}


def _value(kind: Events, name: str) -> str:
    return f"CAST(e.{kind.end} - e.{kind.date} AS BIGINT)" if name == "length" else f"e.{name}"


def scan_visits(engine: Engine, kind: Events) -> None:
    """``T_visits``: records by the concept of the visit they name; dangling where there is no such visit."""
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {kind.table}_visits AS
        SELECT v.visit_concept_id AS concept, count(*) AS records, count(e.person_id) AS named,
            e.visit_occurrence_id IS NOT NULL AND v.visit_occurrence_id IS NULL AS dangling
        FROM {kind.table} AS e LEFT JOIN visit_occurrence AS v ON v.visit_occurrence_id = e.visit_occurrence_id
        GROUP BY concept, dangling"""
    )


def scan_details(engine: Engine, kind: Events) -> None:
    """``T_details``: records by the visit details of the visit they name, once for each (as Achilles counts them)."""
    if not engine.one("SELECT count(*) FROM visit_detail"):
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {kind.table}_details AS SELECT CAST(NULL AS BIGINT) AS concept, records"
            f" FROM (SELECT count(*) AS records FROM {kind.table}) AS e WHERE records > 0"
        )
        return
    engine.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {kind.table}_details AS
        SELECT v.visit_detail_concept_id AS concept, count(*) AS records
        FROM {kind.table} AS e LEFT JOIN visit_detail AS v ON v.visit_occurrence_id = e.visit_occurrence_id
        GROUP BY 1"""
    )
