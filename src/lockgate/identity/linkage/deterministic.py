"""Links that need no model: a cascade of exact steps, strongest first.

After the published practice of matching in the NHS (the number with the date of birth, the number with other
demographics, then full demographics; NHS England, "HES person ID" and "MPS" methodology). Between tables a step links
two records only where nobody else on either side has the same key, and nothing else they carry contradicts it (a
twin's number). The patient index reads every pair of the same steps (``pairs``), and of ``index_steps`` beside them,
and settles in ``identity.cascade`` which hold together.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from lockgate.engine import Engine

# probability said of a deterministic link: at least this, whatever the model says
CERTAIN = 0.999


# Of records with the same key, so many are compared pair by pair; a number shared by more identifies nobody
# ("UNKNOWN", "0000"). Records with the same NHS number and birth date are compared with the first of them then.
LARGEST_BLOCK = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the columns that must be equal, a condition on the pair (l, r), and the condition under which an
    equal key speaks against the pair instead (``bar``). ``many``: however many may have the key."""

    name: str
    keys: tuple[str, ...]
    condition: str = "true"
    bar: str = "false"
    many: bool = False


def _agree(column: str) -> str:
    return f"coalesce(CAST(l.{column} = r.{column} AS INTEGER), 0)"


def _differ(column: str) -> str:
    return f"coalesce(l.{column} <> r.{column}, false)"


def _names_part(columns: set[str]) -> str:
    """Whether two given names are other names altogether: neither alike, nor one the initial of the other."""
    if "given" not in columns:
        return "false"
    part = (
        "coalesce(jaro_winkler_similarity(l.given, r.given) < 0.7 AND NOT starts_with(l.given, r.given) "
        "AND NOT starts_with(r.given, l.given), false)"
    )
    if "given_root" in columns:  # nor two forms of one name
        part += " AND NOT coalesce(l.given_root = r.given_root, false)"
    # a swap of names, or a middle name used as the first, is no other person
    if "family" in columns:
        part += " AND NOT coalesce(l.given = r.family OR l.family = r.given, false)"
    if "middle" in columns:
        part += " AND NOT coalesce(contains(l.middle, r.given) OR contains(r.middle, l.given), false)"
    return part


def _no_twin(columns: set[str]) -> str:
    """Two given names that one person has: a twin has the same birth date and may be recorded under the other's number.

    Equal, swapped with the family name, a middle name; or two forms of one name or a slip, and not both in common use
    ("Leo" and "Lee", "Emma" and "Emily"). An initial says too little. With one name unknown, the number decides. What
    is left open here goes on to the model. Needs ``link_common``.
    """
    if not {"given", "given_root", "given_sound"} <= columns:
        return "true"
    in_use = " AND ".join(f"{side}.given IN (SELECT given FROM link_common)" for side in "lr")
    alike = "l.given_sound = r.given_sound OR damerau_levenshtein(l.given, r.given) <= 1 OR {starts}"
    starts = "starts_with(l.given, r.given) OR starts_with(r.given, l.given)"
    part = (
        f"l.given = r.given OR (NOT ({in_use}) AND (l.given_root = r.given_root OR "
        f"least(length(l.given), length(r.given)) > 1 AND ({alike.format(starts=starts)})))"
    )
    if "family" in columns:
        part += " OR (l.given = r.family AND jaro_winkler_similarity(l.family, r.given) > 0.85)"
        part += " OR (r.given = l.family AND jaro_winkler_similarity(r.family, l.given) > 0.85)"
    if "middle" in columns:
        for one, other in (("l", "r"), ("r", "l")):
            part += (
                f" OR (length({other}.given) > 1 AND "
                f"coalesce(list_contains(string_split({one}.middle, ' '), {other}.given), false))"
            )
    part = f"coalesce({part}, l.given IS NULL OR r.given IS NULL)"
    if "sex" in columns:
        part += " AND NOT coalesce(l.sex <> r.sex AND l.given <> r.given, false)"
    return f"({part})"


def steps(columns: set[str]) -> list[Step]:
    """The steps that a table's columns allow."""
    found: list[Step] = []
    alone = f"NOT ({_names_part(columns)}) AND {_no_twin(columns)}"
    evidence = [name for name in ("given", "family", "postcode", "birth_d", "birth_m") if name in columns]
    if {"nhs", "birth_y"} <= columns:
        found.append(
            Step(
                "nhs_number+birth_date",
                ("nhs", "birth_y", "birth_m", "birth_d"),
                alone,
            )
        )
    if "nhs" in columns and len(evidence) >= 2:
        agreed = " + ".join(_agree(name) for name in evidence)
        far = (
            "coalesce(abs(l.birth_y - r.birth_y) > 1 AND (l.birth_m <> r.birth_m OR l.birth_d <> r.birth_d), false)"
            if "birth_y" in columns
            else "false"
        )
        found.append(Step("nhs_number+partial", ("nhs",), f"({agreed}) >= 2 AND {alone} AND NOT {far}"))
    no_other_number = f"NOT {_differ('nhs')}" if "nhs" in columns else "true"
    no_other_sex = f"NOT {_differ('sex')}" if "sex" in columns else "true"
    name_birth = ("given", "family", "birth_y", "birth_m", "birth_d")
    if set(name_birth) <= columns:
        for place in ("postcode", *sorted(name for name in columns if name.startswith("f_other_id"))):
            if place in columns:
                found.append(
                    Step(f"name+birth_date+{place.removeprefix('f_')}", (*name_birth, place),
                         f"{no_other_number} AND {no_other_sex}")
                )  # fmt: skip
    return found


def index_steps(columns: set[str]) -> list[Step]:
    """The steps of the patient index, strongest first. Its sources may say next to nothing (a number and a sex)."""
    other = f"({_names_part(columns)} AND NOT {_nameless('l')} AND NOT {_nameless('r')})"
    unborn = "(l.birth IS NULL OR r.birth IS NULL)"
    named = "(coalesce(l.given = r.given, false) OR list_has_any(l.families, r.families))"
    slip = (
        "l.birth <> r.birth AND (damerau_levenshtein(l.birth, r.birth) <= 1 "
        "OR (l.birth_y = r.birth_y AND l.birth_m = r.birth_d))"
    )
    full = next(step for step in steps(columns) if step.name == "name+birth_date+postcode")
    return [
        Step(NHS_AND_BIRTH, ("nhs", "birth"), f"NOT {other}", bar=other, many=True),
        Step(NHS, ("nhs",), f"{unborn} AND {AGREEMENT} > 0 AND NOT {other}"),
        Step(NHS_AND_NAMES, ("nhs",), f"coalesce(l.given = r.given, false) AND {slip}"),
        Step(LOCAL, ("local_number",), f"coalesce(l.birth = r.birth, false) OR {named}"),
        full,
    ]


# steps of the patient index, by name
NHS_AND_BIRTH = "nhs_number+birth_date"
NHS = "nhs_number"
NHS_AND_NAMES = "nhs_number+partial"
LOCAL = "local_number"
FULL = "name+birth_date+postcode"
# how many of birth date, sex, given name, family name (former ones too) and local number agree
AGREEMENT = (
    "(" + " + ".join(_agree(name) for name in ("birth", "sex", "given", "local_number"))
    + " + CAST(list_has_any(l.families, r.families) AS INTEGER))"
)  # fmt: skip


def _nameless(side: str) -> str:
    """Whether the given name is what a newborn is called before it has one."""
    return f"coalesce({side}.given IN ('baby', 'babe', 'boy', 'girl', 'infant', 'twin', 'male', 'female'), false)"


def pairs(
    engine: Engine, wanted: list[Step]
) -> tuple[pa.Table, list[tuple[int, int]], list[tuple[str, int, int]]]:
    """Every pair of records of ``link_record`` that a step holds for: a table (step, rec_l, rec_r, strength), step by
    step and within it the most agreement first; the pairs that a step speaks against; and the blocks too large to
    compare, each as its step with the first and last record of it."""
    found: list[pa.Table] = []
    bars: list[tuple[int, int]] = []
    refused: list[tuple[str, int, int]] = []
    for step in wanted:
        keys = ", ".join(step.keys)
        filled = " AND ".join(f"{key} IS NOT NULL" for key in step.keys)
        same = " AND ".join(f"l.{key} = r.{key}" for key in step.keys)
        engine.execute(f"""
            CREATE OR REPLACE TEMP TABLE link_keyed AS
            SELECT * FROM (SELECT *, count(*) OVER w AS size, min(rec) OVER w AS first, max(rec) OVER w AS last
                           FROM link_record WHERE {filled} WINDOW w AS (PARTITION BY {keys})) WHERE size > 1""")
        fits = f"l.size <= {LARGEST_BLOCK}" + (" OR l.rec = l.first" if step.many else "")
        if not step.many:
            refused += [
                (step.name, int(first), int(last))
                for first, last in engine.rows(
                    f"SELECT DISTINCT first, last FROM link_keyed WHERE size > {LARGEST_BLOCK} ORDER BY 1"
                )
            ]
        pair = f"FROM link_keyed AS l JOIN link_keyed AS r ON {same} AND l.rec < r.rec AND ({fits})"
        found.append(
            engine.arrow(f"""
            SELECT '{step.name}' AS step, l.rec AS rec_l, r.rec AS rec_r, {AGREEMENT} AS strength {pair}
            WHERE {step.condition} ORDER BY strength DESC, rec_l, rec_r""")
        )
        if step.bar != "false":
            bars += [
                (int(a), int(b))
                for a, b in engine.rows(f"SELECT l.rec, r.rec {pair} WHERE {step.bar} ORDER BY 1, 2")
            ]
    engine.execute("DROP TABLE IF EXISTS link_keyed")
    return pa.concat_tables(found), bars, refused


def run(engine: Engine, two_tables: bool, only: tuple[int, int] | None = None) -> dict[str, int]:
    """Make ``link_exact`` (rec_l, rec_r, step): the links of the cascade; returns how many by step.

    Between two tables a record is linked once, and only where the key is of one record on either side. Within one
    table every record of a key is joined to the first of it."""
    columns = set(engine.columns("SELECT * FROM link_record"))
    engine.execute("CREATE OR REPLACE TABLE link_exact (rec_l BIGINT, rec_r BIGINT, step VARCHAR)")
    if "given" in columns:  # a slip makes a name that hardly anybody has
        engine.execute("""
            CREATE OR REPLACE TABLE link_common AS
            SELECT given FROM link_record WHERE given IS NOT NULL GROUP BY given
            HAVING count(*) > greatest(5, (SELECT count(*) FROM link_record) / 20000)""")
    counts: dict[str, int] = {}
    if only:  # which steps hold for one pair, whoever else has the same keys
        for step in steps(columns):
            same = " AND ".join(f"l.{key} = r.{key}" for key in step.keys)
            counts[step.name] = int(
                engine.one(f"""
                SELECT count(*) FROM link_record AS l JOIN link_record AS r ON l.rec = {only[0]} AND r.rec = {only[1]}
                WHERE {same} AND {step.condition}""")
                or 0
            )
        return counts
    for step in steps(columns):
        keys = ", ".join(step.keys)
        filled = " AND ".join(f"{key} IS NOT NULL" for key in step.keys)
        same = " AND ".join(f"l.{key} = r.{key}" for key in step.keys)
        if two_tables:
            # a copy of a record says the same twice: a profile, not a record, has to be alone with its key
            engine.execute(f"""
                INSERT INTO link_exact
                WITH alone AS (
                    SELECT side, {keys}, min(rec) AS rec FROM link_record
                    WHERE {filled} AND rec NOT IN (SELECT rec_l FROM link_exact)
                      AND rec NOT IN (SELECT rec_r FROM link_exact)
                    GROUP BY side, {keys} HAVING min(profile) = max(profile)
                ), pair AS (
                    SELECT l.rec AS rec_l, r.rec AS rec_r FROM alone AS l JOIN alone AS r
                      ON {same} AND l.side = 'L' AND r.side = 'R')
                SELECT rec_l, rec_r, '{step.name}' FROM pair JOIN link_record AS l ON l.rec = rec_l
                JOIN link_record AS r ON r.rec = rec_r WHERE {step.condition}""")
        else:
            engine.execute(f"""
                INSERT INTO link_exact
                WITH firsts AS (
                    SELECT * FROM link_record WHERE {filled}
                    QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY rec) = 1)
                SELECT l.rec, r.rec, '{step.name}' FROM firsts AS l JOIN link_record AS r
                  ON {same} AND l.rec < r.rec AND {step.condition}
                WHERE NOT EXISTS (FROM link_exact AS e WHERE e.rec_l = l.rec AND e.rec_r = r.rec)""")
        counts[step.name] = int(
            engine.one("SELECT count(*) FROM link_exact WHERE step = $1", [step.name]) or 0
        )
    return counts
