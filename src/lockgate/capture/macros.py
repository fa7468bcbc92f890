"""The SQL macros that every format's SELECTs may use: times, NHS numbers, code systems."""

from __future__ import annotations

from functools import cache
from importlib import resources

from lockgate.engine import Engine, literal
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.terminology.systems import systems

# Where a concept carries several codings, the first of these is staged as the code.
PREFERRED = ("SNOMED", "ICD10", "OPCS4", "dm+d", "LOINC", "RxNorm", "CVX", "ICD10CM", "ATC")
# Tried first, since nearly every coding is one of them.
USUAL = ("http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org")


def statements(sql: str) -> list[str]:
    """The statements of a file of SQL whose comments are whole lines."""
    bare = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [statement for statement in bare.split(";") if statement.strip()]


@cache
def _shared() -> tuple[str, ...]:
    names = {**{uri: systems()[uri] for uri in USUAL}, **systems()}
    vocabulary = " ".join(f"WHEN {literal(uri)} THEN {literal(name)}" for uri, name in names.items())
    preference = " ".join(f"WHEN {literal(name)} THEN {place}" for place, name in enumerate(PREFERRED))
    text = resources.files(__package__).joinpath("macros.sql").read_text(encoding="utf-8")
    return (
        f"CREATE OR REPLACE MACRO vocabulary(system) AS CASE system {vocabulary} ELSE system END",
        "CREATE OR REPLACE MACRO preference(system) AS"
        f" CASE vocabulary(system) {preference} ELSE {len(PREFERRED)} END",
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
