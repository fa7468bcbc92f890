"""Two results compared: what rose, what fell, what appeared and what vanished."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.characterise.catalogue import catalogue
from lockgate.characterise.run import SCHEMA, STRATA
from lockgate.engine import Engine
from lockgate.errors import UsageError

KEYS = ("analysis_id", *STRATA)
# Proportions are told in the strata of these; their rows have no key to be matched by.
PROPORTIONS = (1833, 2004)

_CHANGES = """
SELECT coalesce(a.analysis_id, b.analysis_id) AS analysis_id, {strata}, a.count_value AS before, b.count_value AS after,
    CASE WHEN a.count_value IS NULL THEN 'appeared' WHEN b.count_value IS NULL THEN 'vanished'
        WHEN b.count_value > a.count_value THEN 'rose' ELSE 'fell' END AS change
FROM one AS a FULL JOIN two AS b ON {same}
WHERE a.count_value IS DISTINCT FROM b.count_value
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``changes``: a row per stratum whose count differs (KEYS, before, after, change). ``same``: how many don't."""

    changes: pa.Table
    same: int

    def summary(self) -> list[dict[str, Any]]:
        """How many strata of each analysis rose, fell, appeared and vanished; those with most changes first."""
        counted: dict[int, dict[str, int]] = {}
        for number, change in zip(
            self.changes.column("analysis_id").to_pylist(),
            self.changes.column("change").to_pylist(),
            strict=True,
        ):
            kinds = counted.setdefault(number, dict.fromkeys(("rose", "fell", "appeared", "vanished"), 0))
            kinds[change] += 1
        names = catalogue()
        return [
            {"analysis_id": number, "name": names[number].name if number in names else "", **kinds}
            for number, kinds in sorted(counted.items(), key=lambda item: (-sum(item[1].values()), item[0]))
        ]


def read_results(path: Path) -> pa.Table:
    """Results as ``lockgate characterise`` writes them. Raises UsageError when the file isn't such."""
    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(
            "isn't a readable Parquet file",
            where=str(path),
            remedy="`lockgate characterise --omop` writes one",
        ) from error
    missing = [name for name in (*KEYS, "count_value") if name not in rows.column_names]
    if missing:
        raise UsageError(
            f"has no column {', '.join(missing)}",
            where=str(path),
            remedy="give results of `lockgate characterise --omop`",
        )
    return rows.select([*KEYS, "count_value"]).cast(
        pa.schema([SCHEMA.field(name) for name in (*KEYS, "count_value")])
    )


def compare(before: pa.Table, after: pa.Table) -> Comparison:
    """Match two results by analysis and strata and tell the counts that differ, in order.

    What a stratum says beyond naming its group (a proportion, a rank, a number of people) is no part of the key: of
    shares outside and of concepts together, only what names the group is.
    """
    with Engine(threads=2) as engine:
        for name, rows in (("one_rows", before), ("two_rows", after)):
            engine.register(name, rows)
            engine.execute(f"CREATE TEMP TABLE {name.removesuffix('_rows')} AS {_keyed(name)}")
        same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in KEYS)
        strata = ", ".join(f"coalesce(a.{name}, b.{name}) AS {name}" for name in STRATA)
        changes = engine.arrow(
            f"SELECT * FROM ({_CHANGES.format(strata=strata, same=same)}) AS c ORDER BY {', '.join(KEYS)}"
        )
        matched = int(
            engine.one(
                f"SELECT count(*) FROM one AS a JOIN two AS b ON {same} AND a.count_value = b.count_value"
            )
        )
    return Comparison(changes, matched)


def _keyed(table: str) -> str:
    """The rows by what names their group: measures that Achilles tells as strata are left out of the key."""
    names = catalogue()
    shares = [number for number, each in names.items() if "Proportion" in each.strata]
    pairs = [number for number, each in names.items() if "ranking" in each.strata]
    # stratum -> the analyses in which it measures rather than names
    measures = {
        "stratum_1": shares,
        "stratum_2": [*shares, *PROPORTIONS],
        "stratum_3": [*shares, *pairs, 1833],
        "stratum_4": pairs,
        "stratum_5": pairs,
    }
    told = ", ".join(
        f"CASE WHEN analysis_id IN ({', '.join(map(str, numbers))}) THEN NULL ELSE {name} END AS {name}"
        for name, numbers in measures.items()
    )
    # of a share, the number of people or records outside is what changes
    listed = ", ".join(map(str, shares))
    count = f"CASE WHEN analysis_id IN ({listed}) THEN CAST(stratum_2 AS BIGINT) ELSE count_value END"
    return f"SELECT analysis_id, {told}, max({count}) AS count_value FROM {table} GROUP BY ALL"
