"""Which pairs are worth comparing: keys chosen from the columns there are, counted before any pair is made.

A key whose blocks would make more pairs than its share of the budget loses its largest blocks (a name that thousands
share tells little); a key that is left with next to nothing then is refused. Both are said in the report. So the
number of pairs is bounded by the number of records, whatever the data.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.engine import Engine

# Pairs to compare: at most so many a record in all; a small set may be compared whole.
PAIRS_A_RECORD = 60
PAIRS_A_RECORD_OF_ONE_KEY = 20
SMALL = 600_000


@dataclass(frozen=True, slots=True)
class Key:
    """A blocking key: its parts (SQL of the record's columns), and the pairs it makes and leaves out."""

    name: str
    parts: tuple[str, ...]
    pairs: int = 0
    left_out: int = 0
    refused: str = ""

    def as_dict(self) -> dict[str, object]:
        """For the report."""
        return {
            "key": self.name,
            "pairs": self.pairs,
            "pairs_of_large_blocks_left_out": self.left_out,
            "refused": self.refused,
        }


# (columns needed, name, parts), the most telling first
_KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("nhs", ("nhs",)),
    ("given+family+year", ("given", "family", "birth_y")),
    ("family+birth", ("family", "birth")),
    ("given+birth", ("given", "birth")),
    ("postcode+birth", ("postcode", "birth")),
    ("postcode+given", ("postcode", "given")),
    ("postcode+family", ("postcode", "family")),
    ("sounds+year", ("given_sound", "family_sound", "birth_y")),
    ("outward+birth", ("outward", "birth")),
    ("names", ("given", "family")),
    ("swapped+year", ("least(given, family)", "greatest(given, family)", "birth_y")),
    ("postcode+sounds of family", ("postcode", "family_sound")),
    ("postcode+sounds of given", ("postcode", "given_sound")),
    ("outward+given", ("outward", "given_sound", "birth_y")),
    ("outward+family", ("outward", "family_sound", "birth_y")),
    ("postcode+year", ("postcode", "birth_y")),
    ("starts", ("left(given, 3)", "left(family, 4)")),
    ("starts+year", ("left(given, 2)", "left(family, 2)", "birth_y")),
    ("family+day", ("family_sound", "birth_m", "birth_d")),
    ("given+day", ("given_sound", "birth_m", "birth_d")),
    ("day+year", ("birth", "sex")),
    ("outward+names", ("outward", "family")),
    ("outward+given names", ("outward", "given")),
    ("city+family+given", ("city", "family_sound", "left(given, 1)")),
    ("city+birth", ("city", "birth")),
    ("sounds", ("given_sound", "family_sound")),
    ("birth", ("birth",)),
    ("roots+year", ("given_root", "left(family, 1)", "birth_y")),
    ("postcode", ("postcode",)),
    ("outward+year", ("outward", "birth_y")),
    ("family+initial", ("family_sound", "left(given, 1)")),
    ("family", ("family",)),
    ("given+start", ("given_root", "left(family, 2)")),
    ("given+year", ("given_root", "birth_y")),
    ("family+year", ("family_sound", "birth_y")),
)


def _candidates(columns: set[str]) -> list[Key]:
    extra = sorted(name for name in columns if name.startswith("f_"))
    keys: list[Key] = []
    for name in extra:
        if any(word in name for word in ("number", "_id", "phone", "email")) and name != "f_street_number":
            keys.append(Key(name.removeprefix("f_"), (name,)))
    if "f_address" in columns:
        keys += [
            Key("address+given", ("f_address", "left(given, 1)")),
            Key("address+year", ("f_address", "birth_y")),
        ]
        keys += [Key("address+family", ("f_address", "left(family, 1)"))]
    for name in extra:
        shown = name.removeprefix("f_")
        keys += [
            Key(f"{shown}+birth", (name, "birth")),
            Key(f"{shown}+names", (name, "given_sound", "family_sound")),
        ]
        keys += [Key(f"{shown}+family+year", (name, "family", "birth_y"))]
        keys += [Key(f"{shown}+given+year", (name, "given", "birth_y"))]
    loose = [Key(name.removeprefix("f_"), (name,)) for name in extra]
    loose += [
        Key(f"{a.removeprefix('f_')}+{b.removeprefix('f_')}", (a, b)) for a in extra for b in extra if a < b
    ]
    keys = [*(Key(name, parts) for name, parts in _KEYS), *keys, *loose]

    def there(part: str) -> bool:
        words = part.replace("(", " ").replace(")", " ").replace(",", " ").split()
        return all(w in columns or w in ("least", "greatest", "left") or w.isdigit() for w in words)

    usable = [key for key in keys if all(there(part) for part in key.parts)]
    if not usable:  # nothing to combine: every single column, the rarest values first
        usable = [Key(name, (name,)) for name in sorted(columns)]
    return usable


def choose(engine: Engine, columns: set[str], two_tables: bool) -> list[Key]:
    """Count what every key would make, then make ``link_pair`` (rec_l, rec_r) of those that fit the budget.

    ``columns`` are the columns of ``link_record`` that may block. The pairs of the deterministic links are among
    them. Between two tables, records that the cascade has linked are not compared again."""
    records, left, right = (
        int(n)
        for n in engine.rows(
            "SELECT count(*), count(*) FILTER (side = 'L'), count(*) FILTER (side = 'R') FROM link_record"
        )[0]
    )
    free = "link_record"
    if two_tables:
        engine.execute("""
            CREATE OR REPLACE TABLE link_free AS SELECT * FROM link_record
            WHERE rec NOT IN (SELECT rec_l FROM link_exact) AND rec NOT IN (SELECT rec_r FROM link_exact)""")
        free = "link_free"
    engine.execute("CREATE OR REPLACE TABLE link_pair AS SELECT rec_l, rec_r FROM link_exact")
    whole = left * right if two_tables else records * (records - 1) // 2
    if whole <= SMALL:
        on = "l.side = 'L' AND r.side = 'R'" if two_tables else "l.rec < r.rec"
        engine.execute(
            f"CREATE OR REPLACE TABLE link_pair AS SELECT l.rec AS rec_l, r.rec AS rec_r "
            f"FROM link_record AS l JOIN link_record AS r ON {on}"
        )
        return [Key("every pair", (), whole)]
    budget, one = PAIRS_A_RECORD * records, PAIRS_A_RECORD_OF_ONE_KEY * records
    chosen: list[Key] = []
    for key in _candidates(columns):
        made = _make(engine, free, key, min(one, budget), two_tables)
        chosen.append(made)
        budget -= made.pairs
    engine.execute("CREATE OR REPLACE TABLE link_pair AS SELECT DISTINCT rec_l, rec_r FROM link_pair")
    return chosen


def _make(engine: Engine, free: str, key: Key, limit: int, two_tables: bool) -> Key:
    """Add a key's pairs to ``link_pair``, its largest blocks left out where it would make more than ``limit``."""
    filled = " AND ".join(f"({part}) IS NOT NULL" for part in key.parts)
    size = (
        "count(*) FILTER (side = 'L') * count(*) FILTER (side = 'R')" if two_tables
        else "count(*) * (count(*) - 1) // 2"
    )  # fmt: skip
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE link_block AS
        SELECT * FROM (
            SELECT key, pairs, sum(pairs) OVER (ORDER BY pairs, key ROWS UNBOUNDED PRECEDING) AS running FROM (
                SELECT hash({", ".join(key.parts)}) AS key, {size} AS pairs FROM {free} WHERE {filled} GROUP BY 1)
            WHERE pairs > 0)""")
    total, fits = (
        int(n or 0)
        for n in engine.rows(f"SELECT sum(pairs), sum(pairs) FILTER (running <= {limit}) FROM link_block")[0]
    )
    if not total:
        return Key(key.name, key.parts, refused="no two records share it")
    if fits < total // 50:
        return Key(
            key.name, key.parts, 0, total, f"would make {total:,} pairs, nearly all in blocks too large"
        )
    on = "l.side = 'L' AND r.side = 'R'" if two_tables else "l.rec < r.rec"
    engine.execute(f"""
        INSERT INTO link_pair
        WITH keyed AS (
            SELECT f.rec, f.side, b.key FROM {free} AS f
            JOIN link_block AS b ON b.key = hash({", ".join(key.parts)}) AND b.running <= {limit} WHERE {filled})
        SELECT l.rec, r.rec FROM keyed AS l JOIN keyed AS r ON l.key = r.key AND {on}""")
    return Key(key.name, key.parts, fits, total - fits)
