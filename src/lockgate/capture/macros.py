"""The SQL macros that every format's SELECTs may use: times, NHS numbers, code systems."""

from __future__ import annotations

from functools import cache
from importlib import resources

from lockgate.engine import Engine, literal
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.terminology.systems import systems

# Where a concept carries several codings, the first of these is staged as the code.
PREFERRED = ("LOINC", "SNOMED", "ICD10", "OPCS4", "dm+d", "RxNorm", "CVX", "ICD10CM", "ATC")


def statements(sql: str) -> list[str]:
    """The statements of a file of SQL whose comments are whole lines."""
    bare = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [statement for statement in bare.split(";") if statement.strip()]


def _rank(vocabulary: str) -> int:
    return PREFERRED.index(vocabulary) if vocabulary in PREFERRED else len(PREFERRED)


@cache
def _shared() -> tuple[str, ...]:
    # A code system is looked up as a member of an ENUM: one hash probe a row, and little to plan. The order of its
    # members is the order of preference.
    names = sorted(systems(), key=lambda name: _rank(systems()[name]))
    members = ", ".join(literal(name) for name in names)
    vocabularies = ", ".join(literal(systems()[name]) for name in names)
    place = "enum_code(try_cast(system AS code_system))"
    text = resources.files(__package__).joinpath("macros.sql").read_text(encoding="utf-8")
    return (
        f"CREATE TYPE code_system AS ENUM ({members})",
        f"CREATE MACRO vocabulary(system) AS coalesce([{vocabularies}][CAST({place} AS INTEGER) + 1], system)",
        f"CREATE MACRO preference(system) AS coalesce(CAST({place} AS INTEGER),"
        " CASE WHEN system IS NULL THEN 9999 ELSE 999 END)",
        *SQL_MACROS,
        *statements(text),
    )


def define(engine: Engine, received_sql: str) -> None:
    """Define the shared macros; ``now_local()`` is the time of capture and a day's grace for the source's zone."""
    for statement in _shared():
        engine.execute(statement)
    engine.execute(
        f"CREATE OR REPLACE MACRO now_local() AS CAST({received_sql} + INTERVAL 1 DAY AS TIMESTAMP)"
    )
