"""The catalogue of analyses: what each counts, by what, and how, as the YAML files of this room tell it.

Numbers, names and meanings are those of OHDSI Achilles 1.7.2 (Apache-2.0); how they are computed is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

from lockgate.errors import UsageError
from lockgate.schema import packaged_yaml

ACHILLES = "1.7.2"


class Analysis(NamedTuple):
    """One analysis: its number, what it counts, the names of its strata, and the SELECT that gives its rows.

    The columns of the SELECT are the strata, then the count ("counts"); or the strata, a value and its count
    ("values"), of which the distribution is told; or the strata and the statistics themselves ("statistics"). A
    percentile that falls among values that aren't known is the largest known one, or nothing where ``beyond`` says so.
    """

    id: int
    name: str
    category: str
    strata: list[str]
    gives: Literal["counts", "values", "statistics"]
    sql: str
    beyond: Literal["largest", "nothing"]


def read(name: str) -> Any:
    """What a YAML file of this room says."""
    return packaged_yaml(__package__, name)


@cache
def catalogue() -> dict[int, Analysis]:
    """Every analysis by its number."""
    selects = read("selects.yaml")
    found = {}
    for file in sorted(each.name for each in resources.files(__package__).joinpath("analyses").iterdir()):
        if not file.endswith(".yaml"):
            continue
        for number, told in read(f"analyses/{file}").items():
            sql = told.get("sql") or selects[told["select"]].format(
                table=told.get("table", ""),
                by=", ".join(told.get("by", [])),
                value=told.get("value", ""),
                where=told.get("where", "TRUE"),
                date=told.get("date", ""),
            )
            found[number] = Analysis(
                id=number,
                name=told["name"],
                category=told["category"],
                strata=told.get("strata", []),
                gives=told.get("gives", "counts"),
                sql=sql.strip(),
                beyond=told.get("beyond", "largest"),
            )
    return dict(sorted(found.items()))


@cache
def period_tables() -> dict[str, str]:
    """The tables that analyses of periods share: their SELECTs by name."""
    tables: dict[str, str] = read("periods.yaml")
    return tables


@cache
def columns_read() -> dict[str, dict[str, str]]:
    """The tables and columns of the CDM that the analyses read, with their SQL types."""
    told = read("tables.yaml")

    def kind(table: str, column: str) -> str:
        if column in told["types"]:
            return str(told["types"][column])
        for end, name in (("_id", "BIGINT"), ("_date", "DATE"), ("_source_value", "VARCHAR")):
            if column.endswith(end):
                return name
        return str(told["types"][table])

    return {
        table: {column: kind(table, column) for column in columns}
        for table, columns in told["tables"].items()
    }


@cache
def unmapped_sql(version: str) -> str:
    """Records whose concept is 0, by table, by the column that has their value in the source, and by that value."""
    return "\nUNION ALL ".join(
        f"SELECT '{table}' AS events, '{column}' AS source_column, {column} AS source_value, count(*) AS records"
        f" FROM {table} WHERE {concept} = 0 GROUP BY {column}"
        for table, columns in read("tables.yaml")["unmapped"].items()
        for column, concept in columns.items()
        if not (version == "5.4" and table == "visit_detail")
    )


def chosen(numbers: Iterable[int] | None) -> list[Analysis]:
    """The analyses of these numbers, in order; all without numbers. Raises UsageError naming one that isn't known."""
    every = catalogue()
    wanted = sorted(set(every if numbers is None else numbers))
    unknown = [str(number) for number in wanted if number not in every]
    if unknown:
        raise UsageError(
            f"there is no analysis {', '.join(unknown)}",
            where="--analyses",
            remedy="`lockgate characterise list` tells them",
        )
    return [every[number] for number in wanted]
