"""The linkage report of a release: who is linked, by which step, how well by group, and the errors to expect.

It is about the people of the release (nobody is counted who objects to any purpose), and it has gone through the
disclosure core before it is written: small counts are withheld with what would give them away, the rest is rounded.
Rates are of the rounded counts. The exact counts are in the index, for those who run it (``lockgate index show``).

Errors are estimated in two ways. From the model: of the pairs it linked, the sum of 1 - p is the number of false links
to expect; of the pairs it scored and didn't link, the sum of p is the number missed; the intervals are those of a sum
of independent trials (variance p (1 - p), 95 %, normal). What no key brought together is not among them, and links of
exact steps are taken as right. From people: among the pairs of the model's links that somebody decided, the share
that was wrong, with Wilson's interval.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lockgate.curate.sources import Curation
from lockgate.curate.tables import Written
from lockgate.disclosure import Rules
from lockgate.disclosure.safe import TOTAL, safe_table
from lockgate.engine import SqlEngine
from lockgate.identity import index_path, index_view
from lockgate.identity.decisions import DIFFERENT, SAME, holding, read_decisions
from lockgate.schema import Column
from lockgate.site.files import sha256_file
from lockgate.terminology.ethnicity import ETHNICITY

FILE = "linkage.json"
SCHEMA = "lockgate.linkage/1"
LINKED, ALONE = "linked", "alone"
NOT_STATED, NOT_KNOWN = "Not stated", "Not known"
GROUPS = ("sex", "age", "ethnicity", "deprivation_quintile")
Z95 = 1.96
SCORED = (
    Column("left_source", "VARCHAR"),
    Column("left_id", "VARCHAR"),
    Column("right_source", "VARCHAR"),
    Column("right_id", "VARCHAR"),
    Column("probability", "DOUBLE"),
    Column("linked", "BOOLEAN"),
)

_PEOPLE = """
    SELECT w.person_id, count(*) AS records,
        CASE max(h.sex) WHEN 'F' THEN 'Female' WHEN 'M' THEN 'Male' WHEN 'O' THEN 'Other' ELSE '{not_stated}' END
            AS sex,
        CASE WHEN max(h.birth_date) IS NULL THEN '{not_known}'
             WHEN {age} < 18 THEN '0-17' WHEN {age} < 40 THEN '18-39' WHEN {age} < 65 THEN '40-64'
             WHEN {age} < 80 THEN '65-79' ELSE '80 and over' END AS age,
        CASE WHEN max(h.ethnicity) IS NULL THEN '{not_stated}'
             WHEN max(h.ethnicity) LIKE '%:Z' OR max(h.ethnicity) LIKE '%:99' THEN '{not_stated}'
             WHEN max(h.ethnicity) LIKE 'NHS:%' THEN substr(max(h.ethnicity), 5)
             ELSE max(h.ethnicity) END AS ethnicity,
        coalesce(CAST(CAST(ceil(max(a.imd2025_decile) / 2.0) AS BIGINT) AS VARCHAR), '{not_known}')
            AS deprivation_quintile
    FROM linkage_whose AS w JOIN human AS h ON h.person_id = w.person_id
    LEFT JOIN area AS a ON a.lsoa21_code = h.lsoa21_code
    GROUP BY w.person_id"""


def write_linkage(build: Curation, folder: Path) -> Written:
    """Write ``linkage.json``; what was written, for the manifest."""
    report = linkage_report(build)
    path = folder / FILE
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Written(FILE, len(report["tables"]), sha256_file(path), [])


def linkage_report(build: Curation) -> dict[str, Any]:
    """The report: ``tables`` (each a list of rows with rounded counts, None where withheld), ``errors``, ``method``."""
    engine, settings = build.engine, build.site.config.disclosure
    rules = Rules(threshold=settings.threshold, rounding=settings.rounding)
    age = f"({build.release_date.year} - year(max(h.birth_date)))"
    engine.execute(
        "CREATE OR REPLACE TABLE linkage_whose AS SELECT source, record_id, person_id FROM whose"
        " WHERE standing = 'live' AND person_id NOT IN (SELECT person_id FROM limited)"
    )
    engine.execute(
        "CREATE OR REPLACE TABLE linkage_person AS "
        + _PEOPLE.format(age=age, not_stated=NOT_STATED, not_known=NOT_KNOWN)
    )
    scored = _scored(build)
    tables = {"source": _table(engine, "source", _BY_SOURCE, rules, "records")}
    for group in GROUPS:
        sql = (
            f"SELECT {group}, CASE WHEN records > 1 THEN '{LINKED}' ELSE '{ALONE}' END, count(*) "
            "FROM linkage_person GROUP BY 1, 2 ORDER BY 1, 2"
        )
        tables[group] = _table(engine, group, sql, rules, "people")
        _add_errors(engine, group, tables[group], scored, rules)
    index = index_view(engine, build.site)
    steps = f"""
        SELECT i.step, w.source, count(*) FROM {index} AS i
        JOIN linkage_whose AS w ON w.source = i.source AND w.record_id = i.record_id
        GROUP BY 1, 2 ORDER BY 1, 2"""
    return {
        "schema": SCHEMA,
        "rules": {"threshold": rules.threshold, "rounding": rules.rounding},
        "tables": tables,
        "steps": _steps(engine, steps, rules),
        "errors": _errors(scored, rules),
        "clerical": _clerical(build, rules),
        "method": " ".join((__doc__ or "").split("\n\n")[2].split()),
    }


_BY_SOURCE = f"""
    SELECT w.source, CASE WHEN p.records > 1 THEN '{LINKED}' ELSE '{ALONE}' END, count(*)
    FROM linkage_whose AS w JOIN linkage_person AS p ON p.person_id = w.person_id
    GROUP BY 1, 2 ORDER BY 1, 2"""


def _table(engine: SqlEngine, name: str, sql: str, rules: Rules, measure: str) -> list[dict[str, Any]]:
    """Rows (group, total, linked, rate with its interval) of safe counts."""
    cells: dict[tuple[str, ...], int] = {}
    for group, kind, count in engine.rows(sql):
        cells[str(group), str(kind)] = int(count)
    groups = sorted({group for group, _ in cells})
    for group in groups:
        for kind in (LINKED, ALONE):
            cells.setdefault((group, kind), 0)
        cells[group, TOTAL] = cells[group, LINKED] + cells[group, ALONE]
    if not cells:
        return []
    safe = safe_table(
        f"linkage_{name}", f"Linked {measure} by {name}", [name, "linkage"], cells, rules,
        measure=measure, totals={"linkage": TOTAL},
    )  # fmt: skip
    counts = safe.counts[measure]
    shown = {
        key: None if hidden else int(value)
        for key, value, hidden in zip(safe.keys, counts.values, counts.hidden, strict=True)
    }
    rows = []
    for group in groups:
        total, linked = shown.get((group, TOTAL)), shown.get((group, LINKED))
        row: dict[str, Any] = {
            "group": group,
            measure: total,
            "linked": linked,
            "rate": None,
            "interval": None,
        }
        if total and linked is not None:
            row["rate"] = round(min(linked, total) / total, 3)
            row["interval"] = [round(end, 3) for end in wilson(min(linked, total), total)]
        rows.append(row)
    return rows


def _steps(engine: SqlEngine, sql: str, rules: Rules) -> list[dict[str, Any]]:
    cells: dict[tuple[str, ...], int] = {
        (str(step), str(source)): int(count) for step, source, count in engine.rows(sql)
    }
    if not cells:
        return []
    safe = safe_table("linkage_steps", "Records by step", ["step", "source"], cells, rules, measure="records")
    counts = safe.counts["records"]
    return [
        {"step": step, "source": source, "records": None if hidden else int(value)}
        for (step, source), value, hidden in zip(safe.keys, counts.values, counts.hidden, strict=True)
    ]


def _scored(build: Curation) -> list[tuple[int, float, bool]]:
    """The pairs that the model linked or came close to, by the person of their left record: id, probability, linked."""
    path = index_path(build.site).with_name("scored.parquet")
    build.engine.view_parquet("linkage_scored", [path] if path.exists() else [], SCORED)
    rows = build.engine.rows("""
        SELECT w.person_id, s.probability, s.linked FROM linkage_scored AS s
        JOIN linkage_whose AS w ON w.source = s.left_source AND w.record_id = s.left_id
        JOIN linkage_whose AS v ON v.source = s.right_source AND v.record_id = s.right_id
        ORDER BY s.left_source, s.left_id, s.right_source, s.right_id""")
    return [(int(person), float(likely), bool(linked)) for person, likely, linked in rows]


def _add_errors(
    engine: SqlEngine,
    group: str,
    rows: list[dict[str, Any]],
    scored: list[tuple[int, float, bool]],
    rules: Rules,
) -> None:
    """To each group whose people are shown: the share of links that the model expects to be missed; nothing where it
    left fewer pairs apart than the threshold, none among them: the share would tell of those few people."""
    of = dict(engine.rows(f"SELECT person_id, {group} FROM linkage_person"))
    missed: dict[str, list[float]] = defaultdict(list)
    for person, likely, linked in scored:
        if not linked and person in of:
            missed[of[person]].append(likely)
    for row in rows:
        row["missed_rate"] = row["missed_interval"] = None
        apart = missed[row["group"]]
        if len(apart) >= rules.threshold and row["people"] and row["linked"]:
            number, low, high = _sum_of(apart)
            row["missed_rate"] = round(number / (row["linked"] + number), 3)
            row["missed_interval"] = [round(end / (row["linked"] + end), 3) for end in (low, high)]


def _errors(scored: list[tuple[int, float, bool]], rules: Rules) -> dict[str, Any]:
    """What the model expects of the whole index; nothing where it linked too few to be told."""
    links = [likely for _, likely, linked in scored if linked]
    apart = [likely for _, likely, linked in scored if not linked]
    if len(links) < rules.threshold:
        return {"told": False, "why": "the model linked nobody, or too few to be told of"}
    few = len(apart) < rules.threshold
    false, missed = _sum_of(1 - likely for likely in links), _sum_of(apart)
    number = rules.rounding * round(len(links) / rules.rounding)
    return {
        "told": True,
        "links_of_the_model": number,
        "false_link_rate": round(false[0] / len(links), 4),
        "false_link_interval": [round(end / len(links), 4) for end in false[1:]],
        "missed_per_link_of_the_model": None if few else round(missed[0] / len(links), 4),
        "missed_interval": None if few else [round(end / len(links), 4) for end in missed[1:]],
    }


def _clerical(build: Curation, rules: Rules) -> dict[str, Any]:
    """Of the model's links that somebody decided on, the share that was wrong."""
    held = holding(read_decisions(build.site)).values()
    decided = [one for one in held if one.linked and one.verdict in (SAME, DIFFERENT)]
    if len(decided) < rules.threshold:
        return {"told": False, "why": f"fewer than {rules.threshold} of the model's links were decided"}
    wrong = sum(one.verdict == DIFFERENT for one in decided)
    low, high = wilson(wrong, len(decided))
    if 0 < wrong < rules.threshold:
        return {
            "told": True,
            "false_at_most": round(high, 3),
            "method": "Wilson, 95 %, of the links in doubt",
        }
    return {"told": True, "false": round(wrong / len(decided), 3), "interval": [round(low, 3), round(high, 3)],
            "method": "Wilson, 95 %, of the links in doubt"}  # fmt: skip


def _sum_of(chances: Iterable[float]) -> tuple[float, float, float]:
    """The expected sum of independent trials, and its 95 % interval."""
    chances = list(chances)
    mean = math.fsum(chances)
    spread = Z95 * math.sqrt(math.fsum(p * (1 - p) for p in chances))
    return mean, max(0.0, mean - spread), min(float(len(chances)), mean + spread)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927)."""
    share, square = successes / trials, Z95 * Z95
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = (
        Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials)) / (1 + square / trials)
    )
    return max(0.0, middle - half), min(1.0, middle + half)


def read_linkage(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """The report in a release's folder; None of a release built before there were any, or whose data were destroyed.

    Each group has its ``label`` beside its code: an ethnic category in the words of the NHS data dictionary.
    """
    path = folder / FILE
    if "linkage_report" not in manifest or not path.exists():
        return None
    report: dict[str, Any] = json.loads(path.read_bytes())
    for name, rows in report["tables"].items():
        for row in rows:
            row["label"] = ETHNICITY.get(row["group"], row["group"]) if name == "ethnicity" else row["group"]
    return report
