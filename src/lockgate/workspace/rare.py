"""Rare codes of one table: what fewer than k people hold becomes an ancestor that enough hold, or nothing.

A code counts people of the release, less those left out; a rare concept climbs to its nearest ancestor, with the other
rare ones that climb there, until at least k people stand there together. Words that stand where a code does (an
occupation, a source's own code) have no ancestors: they are masked.
"""

from __future__ import annotations

from lockgate.engine import Engine, quote
from lockgate.schema import RELEASE, Column
from lockgate.workspace.scope.checks import person_column

# These say how something was recorded or measured, not what somebody has; and values as sent are numbers.
_NOT_TELLING = (
    "_type_concept_id",
    "unit_",
    "operator_",
    "_field_concept_id",
    "encoding_",
    "language_",
    "domain_",
)
_NUMBERS = frozenset({("measurement", "value_source_value"), ("measurement", "measurement_time")})
# Demographic: the risk policy measures these.
_DEMOGRAPHIC = frozenset({"person", "person_deprivation", "location"})
MOST_STEPS = 20


def guarded(table: str) -> list[Column]:
    """The columns of a release's table in which rare codes are generalised or masked."""
    if table in _DEMOGRAPHIC or table not in RELEASE or person_column(table) is None:
        return []
    return [
        column
        for column in RELEASE[table]
        if (column.role == "concept" or (column.role == "code" and column.type == "VARCHAR"))
        and not any(part in column.name for part in _NOT_TELLING)
        and (table, column.name) not in _NUMBERS
    ]


def rare_name(table: str, column: str) -> str:
    """The table (value, shown) of a column's rare values, and what stands for each."""
    return quote(f"rare_{table}_{column}")


def find_rare(engine: Engine, table: str, columns: list[Column], k: int) -> None:
    """Make ``rare_<table>_<column>`` for each of the columns. Needs ``release_<table>``, ``opted_out``."""
    person = quote(str(person_column(table)))
    for column in columns:
        name, value = rare_name(table, column.name), quote(column.name)
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE held AS SELECT DISTINCT t.{person} AS person_id, t.{value} AS value, "
            f"t.{value} AS shown FROM {quote(f'release_{table}')} t "
            f"WHERE t.{value} IS NOT NULL AND t.{person} NOT IN (SELECT person_id FROM opted_out)"
        )
        if column.role == "concept":
            _climb(engine, k)
            changed = "shown <> value"
        else:
            engine.execute(
                "UPDATE held SET shown = NULL WHERE value IN "
                f"(SELECT value FROM held GROUP BY value HAVING count(DISTINCT person_id) < {int(k)})"
            )
            changed = "shown IS NULL"
        engine.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT DISTINCT value, shown FROM held WHERE {changed}"
        )


def _climb(engine: Engine, k: int) -> None:
    """Move each rare ``shown`` of ``held`` to its nearest ancestor, again, until none is rare; 0 at the top."""
    for step in range(MOST_STEPS):
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE too_few AS SELECT shown FROM held WHERE shown <> 0 GROUP BY shown "
            f"HAVING count(DISTINCT person_id) < {int(k)}"
        )
        if not engine.one("SELECT count(*) FROM too_few"):
            return
        if step == MOST_STEPS - 1:
            engine.execute("UPDATE held SET shown = 0 WHERE shown IN (SELECT shown FROM too_few)")
            return
        engine.execute(
            "CREATE OR REPLACE TEMP TABLE parent AS SELECT f.shown, coalesce(a.ancestor, 0) AS ancestor FROM too_few f "
            "LEFT JOIN (SELECT descendant_concept_id AS shown, arg_min(ancestor_concept_id, "
            "(min_levels_of_separation, ancestor_concept_id)) AS ancestor FROM release_concept_ancestor "
            "WHERE ancestor_concept_id <> descendant_concept_id GROUP BY ALL) a USING (shown)"
        )
        engine.execute("UPDATE held SET shown = parent.ancestor FROM parent WHERE held.shown = parent.shown")
