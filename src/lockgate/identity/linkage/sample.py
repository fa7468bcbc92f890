"""A random sample of pairs for somebody to look at, and what their answers say of the linkage.

The grey zone holds the hard pairs and says nothing of how often the easy ones are wrong. So pairs are drawn from every
stratum: links by exact step and by band of probability, and compared pairs that were not linked. A stratum's share of
wrong ones is estimated by itself and weighted by its size (stratified random sampling, Cochran 1977, chapter 5).
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from lockgate.engine import Engine
from lockgate.errors import UsageError

COLUMNS = ("id_l", "id_r", "stratum", "stratum_pairs", "linked", "probability", "same")
ANSWERS = {
    "yes": True,
    "y": True,
    "1": True,
    "true": True,
    "no": False,
    "n": False,
    "0": False,
    "false": False,
}
# a pair that was compared and is less likely than this is not looked at: there are too many, and none is right
LEAST = 0.001


def draw(engine: Engine, path: Path, two: bool, size: int, seed: int) -> dict[str, Any]:
    """Write some ``size`` pairs as CSV, the column ``same`` empty for yes or no; the strata, and how many were drawn.

    Every stratum gives the same number of pairs, and all it has where it has fewer. Needs what a linkage leaves."""
    source = (
        "link_posterior"
        if two
        else "(SELECT rec_l, rec_r, match_probability AS probability FROM link_scored)"
    )
    right = "link_id_right" if two else "link_id_left"
    engine.execute(f"""
        CREATE OR REPLACE TABLE link_stratum AS
        SELECT *, count(*) OVER (PARTITION BY stratum) AS of,
               row_number() OVER (PARTITION BY stratum ORDER BY hash(rec_l, rec_r, {int(seed)}), rec_l, rec_r) AS place
        FROM (
            SELECT rec_l, rec_r, probability, true AS linked,
                   'linked: ' || step || CASE WHEN step <> 'model' THEN '' WHEN probability >= 0.99 THEN ' 0.99 to 1'
                        WHEN probability >= 0.9 THEN ' 0.9 to 0.99' ELSE ' below 0.9' END AS stratum
            FROM link_chosen
            UNION ALL
            SELECT rec_l, rec_r, probability, false,
                   'not linked: ' || CASE WHEN probability >= 0.5 THEN '0.5 to 1'
                        WHEN probability >= 0.1 THEN '0.1 to 0.5'
                        WHEN probability >= 0.01 THEN '0.01 to 0.1' ELSE '{LEAST} to 0.01' END
            FROM {source} AS p ANTI JOIN link_chosen USING (rec_l, rec_r) WHERE probability >= {LEAST})""")
    strata = int(engine.one("SELECT count(DISTINCT stratum) FROM link_stratum") or 0)
    each = max(1, size // max(1, strata))
    rows = engine.rows(f"""
        SELECT a.id, b.id, stratum, of, linked, round(probability, 6), '' FROM link_stratum AS s
        JOIN link_record AS l ON l.rec = s.rec_l JOIN link_record AS r ON r.rec = s.rec_r
        JOIN link_id_left AS a ON a.n = l.n JOIN {right} AS b ON b.n = r.n
        WHERE place <= {each} ORDER BY hash(s.rec_l, s.rec_r), a.id, b.id""")
    path.touch(mode=0o600)
    path.chmod(0o600)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *rows])
    counts = engine.rows(
        f"SELECT stratum, count(*), count(*) FILTER (place <= {each}) FROM link_stratum GROUP BY 1 ORDER BY 1"
    )
    return {str(name): {"pairs": int(of), "drawn": int(drawn)} for name, of, drawn in counts}


def judge(path: Path) -> dict[str, Any]:
    """Precision, and links missed among the pairs compared, from a sample whose ``same`` somebody has filled in.

    Each with its 95 % interval (stratified; a stratum's share by Agresti and Coull, so that a few right answers are no
    certainty). Rows left empty are counted and not used. UsageError for another file or another answer."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            "can't be read", where=str(path), remedy="give the CSV that --sample wrote"
        ) from error
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise UsageError("is no sample of pairs", where=str(path), remedy="give the CSV that --sample wrote")
    strata: dict[str, dict[str, Any]] = {}
    for line, row in enumerate(rows, 2):
        said = (row["same"] or "").strip().lower()
        if said and said not in ANSWERS:
            raise UsageError(
                "column same is neither yes nor no",
                where=f"{path}, line {line}",
                remedy="write yes, no or nothing",
            )
        try:
            one = strata.setdefault(
                row["stratum"],
                {
                    "pairs": int(row["stratum_pairs"]),
                    "linked": row["linked"].lower() == "true",
                    "looked_at": 0,
                    "same": 0,
                },
            )
        except ValueError as error:
            raise UsageError(
                "column stratum_pairs is no number",
                where=f"{path}, line {line}",
                remedy="change only the column same",
            ) from error
        if said:
            one["looked_at"] += 1
            one["same"] += ANSWERS[said]
    unseen = [name for name, one in strata.items() if not one["looked_at"]]
    seen = {name: one for name, one in strata.items() if one["looked_at"]}
    linked = [one for one in seen.values() if one["linked"]]
    if not linked:
        raise UsageError(
            "no linked pair has an answer", where=str(path), remedy="fill in the column same: yes or no"
        )
    right, right_spread = _total(linked)
    missed, missed_spread = _total([one for one in seen.values() if not one["linked"]])
    links = sum(one["pairs"] for one in linked)
    return {
        "precision": round(right / links, 5),
        "precision_95": _around(right / links, right_spread / links, 1.0),
        "missed_among_compared": round(missed, 1),
        "missed_among_compared_95": _around(missed, missed_spread, math.inf),
        "recall_among_compared": round(right / max(1e-9, right + missed), 5),
        "strata": strata,
        "strata_without_an_answer": unseen,
        "looked_at": sum(one["looked_at"] for one in strata.values()),
        "empty": len(rows) - sum(one["looked_at"] for one in strata.values()),
    }


def _total(strata: list[dict[str, Any]]) -> tuple[float, float]:
    """How many pairs of the strata are one person, and the standard deviation of that."""
    total = spread = 0.0
    for one in strata:
        n, k, of = one["looked_at"], one["same"], one["pairs"]
        total += of * k / n
        if n < of:
            share = (k + 2) / (n + 4)
            spread += of**2 * share * (1 - share) / (n + 4) * (1 - n / of)
    return total, math.sqrt(spread)


def _around(mean: float, deviation: float, most: float) -> list[float]:
    return [round(max(0.0, mean - 1.96 * deviation), 5), round(min(most, mean + 1.96 * deviation), 5)]
