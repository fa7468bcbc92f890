"""Which pairs of what is left are worth scoring: profiles that share a key, at least one of them open.

A profile is *open* while its person lacks a verified number or a birth date: with both, the exact steps have said all
there is to say (but where two people share a number). The keys are fixed, so that nothing but the two profiles decides
whether they are compared, and a block that would make more than MOST_PAIRS pairs (a name that everybody has) is left
out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from lockgate.engine import Engine
from lockgate.identity.cascade import People

MOST_PAIRS = 400  # of one block

KEYS: tuple[tuple[str, ...], ...] = (
    ("nhs",),
    ("local_number",),
    ("family", "birth"),
    ("given", "birth"),
    ("given", "family", "birth_y"),
    ("postcode", "birth"),
    ("postcode", "given"),
    ("postcode", "family"),
    ("outward", "birth"),
    ("given_sound", "family_sound", "birth_y"),
    ("given_root", "family_sound", "birth_m", "birth_d"),
    ("least(given, family)", "greatest(given, family)", "birth_y"),
    ("f_phone",),
    ("f_email",),
)


@dataclass(frozen=True, slots=True)
class Found:
    """How many pairs were found, of how many open profiles, and how many pairs too common keys left out."""

    open: int
    pairs: int
    left_out: int


def register_clusters(engine: Engine, people: People, known: int, *, closed: bool = True) -> int:
    """Make ``link_cluster`` (rec, cluster, open, nhs) of the first ``known`` profiles; returns how many are open.

    Without ``closed`` every profile is open and a cluster of its own."""
    roots = [people.clusters.find(number) for number in range(known)]
    numbers = [people.nhs[root] for root in roots]
    open_ = [not (number and people.born[root]) for number, root in zip(numbers, roots, strict=True)]
    engine.register(
        "link_cluster_arrow",
        pa.table({
            "rec": pa.array(range(known), pa.int64()),
            "cluster": pa.array(roots, pa.int64()),
            "open": pa.array(open_, pa.bool_()),
            "nhs": pa.array(numbers, pa.string()),
        }),
    )  # fmt: skip
    engine.execute(
        "CREATE OR REPLACE TABLE link_cluster AS SELECT * FROM link_cluster_arrow" if closed else
        "CREATE OR REPLACE TABLE link_cluster AS SELECT rec, rec AS cluster, true AS open, NULL::VARCHAR AS nhs"
        " FROM link_record"
    )  # fmt: skip
    engine.unregister("link_cluster_arrow")
    return sum(open_)


def find(engine: Engine) -> Found:
    """Make ``link_pair`` (rec_l < rec_r) of ``link_record`` and ``link_cluster``: the pairs of two clusters with a key
    in common, at least one of them open, but for those whose clusters carry two NHS numbers."""
    engine.execute("CREATE OR REPLACE TABLE link_pair (rec_l BIGINT, rec_r BIGINT)")
    left_out = 0
    for key in KEYS:
        # who shares a number and yet stands apart is looked at, open or not
        open_ = "true" if key == ("nhs",) else "c.open"
        filled = " AND ".join(f"({part}) IS NOT NULL" for part in key)
        parts = ", ".join(key)
        engine.execute(f"""
            CREATE OR REPLACE TEMP TABLE link_keyed AS
            SELECT *, made <= {MOST_PAIRS} AS fits FROM (
                SELECT *, o * (n - o) + o * (o - 1) // 2 AS made FROM (
                    SELECT rec, cluster, open, nhs, key, count(*) FILTER (open) OVER w AS o, count(*) OVER w AS n
                    FROM (SELECT r.rec, c.cluster, {open_} AS open, c.nhs, hash({_of("r", parts)}) AS key
                          FROM link_record AS r JOIN link_cluster AS c USING (rec) WHERE {_of("r", filled)})
                    WINDOW w AS (PARTITION BY key)))
            WHERE made > 0""")
        left_out += int(
            engine.one(
                "SELECT coalesce(sum(made), 0) FROM (SELECT DISTINCT key, made FROM link_keyed WHERE NOT fits)"
            )
        )
        engine.execute("""
            INSERT INTO link_pair
            SELECT least(l.rec, r.rec), greatest(l.rec, r.rec) FROM link_keyed AS l JOIN link_keyed AS r
              ON l.key = r.key AND l.fits AND r.fits AND l.open AND l.cluster <> r.cluster
             AND (NOT r.open OR l.rec < r.rec) AND NOT coalesce(l.nhs <> r.nhs, false)""")
    engine.execute("DROP TABLE link_keyed")
    engine.execute("CREATE OR REPLACE TABLE link_pair AS SELECT DISTINCT * FROM link_pair ORDER BY ALL")
    pairs, opened = (
        engine.one("SELECT count(*) FROM link_pair"),
        engine.one("SELECT count(*) FROM link_cluster WHERE open"),
    )
    return Found(int(opened), int(pairs), left_out)


def _of(table: str, sql: str) -> str:
    """Column names qualified: all but nhs are of one table only."""
    return sql.replace("nhs", f"{table}.nhs")
