"""The SQL macros that every format's SELECTs may use: times, NHS numbers, code systems."""

from __future__ import annotations

from functools import cache
from importlib import resources

from lockgate.engine import Engine, literal
from lockgate.schema.nhs_number import SQL_MACROS
from lockgate.terminology.systems import systems

# Where a concept carries several codings, the first of these is staged as the code.
PREFERRED = ("LOINC", "SNOMED", "ICD10", "OPCS4", "dm+d", "RxNorm", "CVX", "ICD10CM", "ATC")
# Tried first, since nearly every coding is one of them.
USUAL = ("http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org")


def statements(sql: str) -> list[str]:
    """The statements of a file of SQL whose comments are whole lines."""
    bare = "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
    return [statement for statement in bare.split(";") if statement.strip()]


@cache
def _shared() -> tuple[str, ...]:
    names = {**{uri: systems()[uri] for uri in USUAL}, **systems()}
    uris = {name: vocabulary for name, vocabulary in names.items() if ":" in name}
    ranks = {uri: PREFERRED.index(vocabulary) for uri, vocabulary in uris.items() if vocabulary in PREFERRED}
    known = {
        macro: " ".join(f"WHEN {literal(n)} THEN {literal(v)}" for n, v in table.items())
        for macro, table in (("vocabulary", uris), ("vocabulary_named", names))
    }
    preference = " ".join(f"WHEN {literal(uri)} THEN {rank}" for uri, rank in ranks.items())
    text = resources.files(__package__).joinpath("macros.sql").read_text(encoding="utf-8")
    return (
        *(
            f"CREATE OR REPLACE MACRO {macro}(system) AS CASE WHEN system IS NULL THEN NULL ELSE"
            f" CASE system {cases} ELSE system END END"
            for macro, cases in known.items()
        ),
        "CREATE OR REPLACE MACRO preference(system) AS CASE WHEN system IS NULL THEN 99 ELSE"
        f" CASE system {preference} ELSE {len(PREFERRED)} END END",
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
