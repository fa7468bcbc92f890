"""Which pairs are worth comparing: keys chosen from the columns there are, counted before any pair is made.

A key whose blocks would make more pairs than its share of the budget loses its largest blocks (a name that thousands
share tells little); a key that is left with next to nothing then is refused. Both are said in the report. So the
number of pairs is bounded by the number of records, whatever the data.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockgate.engine import Engine

# Pairs to compare: so many a record at most, past ENOUGH only so many; a third of all by one key. A small set may be
# compared whole.
PAIRS_A_RECORD = 60
ENOUGH, PAIRS_OF_MANY = 2_500_000, 3
SMALL = 600_000
# Two records with one thing in common and no second one are no candidates; so many such pairs are looked at.
LOOKED_AT = 12_000_000
# what counts as a second thing in common with the parts of a key
_OTHERS = ("given_root", "family_sound", "birth_y", "birth_m || birth_d", "outward", "city", "middle")


@dataclass(frozen=True, slots=True)
class Key:
    """A blocking key: its parts (SQL of the record's columns), and the pairs it makes and leaves out."""

    name: str
    parts: tuple[str, ...]
    pairs: int = 0
    left_out: int = 0
    alone: int = 0
    refused: str = ""

    def as_dict(self) -> dict[str, object]:
        """For the report."""
        return {
            "key": self.name,
            "pairs": self.pairs,
            "pairs_of_large_blocks_left_out": self.left_out,
            "pairs_with_nothing_else_in_common": self.alone,
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
        if _identifies(name):
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

    usable = [key for key in keys if all(_there(part, columns) for part in key.parts)]
    if not usable:  # nothing to combine: every single column, the rarest values first
        usable = [Key(name, (name,)) for name in sorted(columns)]
    return usable


def _words(part: str) -> list[str]:
    """The columns that a part is made of."""
    words = "".join(" " if sign in "(),|" else sign for sign in part).split()
    return [word for word in words if word not in ("least", "greatest", "left") and not word.isdigit()]


def _there(part: str, columns: set[str]) -> bool:
    return all(word in columns for word in _words(part))


_FIELD = {"given_sound": "given", "given_root": "given", "family_sound": "family", "outward": "postcode"}


def _fields(part: str) -> set[str]:
    return {_FIELD.get(word, "birth" if word.startswith("birth") else word) for word in _words(part)}


def _single(key: Key) -> bool:
    """Whether a key is of one field that many share."""
    told = set().union(*(_fields(part) for part in key.parts)) - {"sex"}
    return len(told) == 1 and not _identifies(next(iter(told)))


def _identifies(field: str) -> bool:
    return field == "nhs" or (
        any(word in field for word in ("number", "_id", "phone", "email")) and field != "f_street_number"
    )


def _told(key: Key, other: str) -> bool:
    return bool(set().union(*(_fields(part) for part in key.parts)) & _fields(other))


def choose(engine: Engine, columns: set[str], two_tables: bool) -> list[Key]:
    """Count what every key would make, then make ``link_pair`` (rec_l, rec_r) of those that fit the budget, the keys
    with the fewest pairs first.

    ``columns`` are the columns of ``link_record`` that may block. The pairs of the deterministic links are among
    them. Between two tables, records that the cascade has linked are not compared again."""
    records, left, right = (
        int(n)
        for n in engine.rows(
            "SELECT count(*), count(*) FILTER (side = 'L'), count(*) FILTER (side = 'R') FROM link_record"
        )[0]
    )
    whole = left * right if two_tables else records * (records - 1) // 2
    if whole <= SMALL:
        on = "l.side = 'L' AND r.side = 'R'" if two_tables else "l.rec < r.rec"
        engine.execute(
            f"CREATE OR REPLACE TABLE link_pair AS SELECT l.rec AS rec_l, r.rec AS rec_r "
            f"FROM link_record AS l JOIN link_record AS r ON {on}"
        )
        return [Key("every pair", (), whole)]
    free = "link_record"
    if two_tables:
        engine.execute("""
            CREATE OR REPLACE TABLE link_free AS SELECT * FROM link_record
            WHERE rec NOT IN (SELECT rec_l FROM link_exact) AND rec NOT IN (SELECT rec_r FROM link_exact)""")
        free = "link_free"
        records = int(engine.one("SELECT count(*) FROM link_free") or 0)
    budget = min(PAIRS_A_RECORD * records, max(ENOUGH, PAIRS_OF_MANY * records))
    one = budget // 3
    engine.execute("CREATE OR REPLACE TABLE link_made (rec_l BIGINT, rec_r BIGINT)")
    candidates = _candidates(columns)
    counted = [_count(engine, free, key, two_tables) for key in candidates]
    chosen: dict[str, Key] = {}
    others = [*_OTHERS, *sorted(name for name in columns if name.startswith("f_"))]
    others = [other for other in others if _there(other, columns)]
    for key, total in sorted(zip(candidates, counted, strict=True), key=lambda each: each[1]):
        # an identifier, or two things, may stand alone
        second = [other for other in others if not _told(key, other)] if _single(key) else []
        chosen[key.name] = made = _make(engine, free, key, total, min(one, budget), two_tables, second)
        budget -= made.pairs
    engine.execute("""
        CREATE OR REPLACE TABLE link_pair AS
        SELECT DISTINCT rec_l, rec_r FROM link_made UNION SELECT rec_l, rec_r FROM link_exact;
        DROP TABLE link_made; DROP TABLE IF EXISTS link_free; DROP TABLE IF EXISTS link_block""")
    return [chosen[key.name] for key in candidates]


def _size(two_tables: bool) -> str:
    if two_tables:
        return "count(*) FILTER (side = 'L') * count(*) FILTER (side = 'R')"
    return "count(*) * (count(*) - 1) // 2"


def _hashed(key: Key) -> tuple[str, str]:
    """The SQL of a key's value (two values in one block by chance of the hash cost a comparison, no more), and of when
    it has one."""
    return f"hash({', '.join(key.parts)})", " AND ".join(f"({part}) IS NOT NULL" for part in key.parts)


def _count(engine: Engine, free: str, key: Key, two_tables: bool) -> int:
    """The pairs that a key would make."""
    value, filled = _hashed(key)
    return int(
        engine.one(f"""
        SELECT sum(pairs) FROM (SELECT {_size(two_tables)} AS pairs FROM {free} WHERE {filled} GROUP BY {value})""")
        or 0
    )


def _make(
    engine: Engine, free: str, key: Key, total: int, limit: int, two_tables: bool, second: list[str]
) -> Key:
    """Add a key's pairs to ``link_made``, its largest blocks left out where it would make more than ``limit``. With
    columns in ``second``, only pairs that agree in one of them too."""
    if not total:
        return Key(key.name, key.parts, refused="no two records share it")
    if limit <= 0:
        return Key(
            key.name, key.parts, 0, total, refused=f"would make {total:,} pairs more than are compared in all"
        )
    looked_at = max(limit, LOOKED_AT) if second else limit
    value, filled = _hashed(key)
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_block AS
        SELECT key, pairs, sum(pairs) OVER (ORDER BY pairs, key ROWS UNBOUNDED PRECEDING) AS running FROM (
            SELECT {value} AS key, {_size(two_tables)} AS pairs FROM {free} WHERE {filled} GROUP BY 1)
        WHERE pairs > 0""")
    made = 0
    for most in dict.fromkeys(
        (looked_at, limit)
    ):  # where nearly all agree in a second thing, fewer are looked at
        fits = int(engine.one(f"SELECT sum(pairs) FILTER (running <= {most}) FROM link_block") or 0)
        if fits < total // 50:
            return Key(
                key.name,
                key.parts,
                0,
                total,
                refused=f"would make {total:,} pairs, nearly all in blocks too large",
            )
        also = "".join(f", {part} AS s{place}" for place, part in enumerate(second))
        agree = " OR ".join(f"l.s{place} = r.s{place}" for place in range(len(second)))
        engine.execute(f"""
            CREATE OR REPLACE TABLE link_new AS
            WITH keyed AS (
                SELECT f.rec, f.side, b.key{also} FROM {free} AS f
                JOIN link_block AS b ON b.key = {value} AND b.running <= {most} WHERE {filled})
            SELECT l.rec AS rec_l, r.rec AS rec_r FROM keyed AS l JOIN keyed AS r
              ON l.key = r.key AND {"l.side = 'L' AND r.side = 'R'" if two_tables else "l.rec < r.rec"}
            {f"WHERE {agree}" if second else ""}""")
        made = int(engine.one("SELECT count(*) FROM link_new") or 0)
        if made <= limit:
            break
    engine.execute("INSERT INTO link_made SELECT * FROM link_new; DROP TABLE link_new")
    return Key(key.name, key.parts, made, total - fits, fits - made)
