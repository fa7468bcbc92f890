"""Clerical review: the pairs that wait for somebody, the two records side by side, and the decision.

``staged/index/review.parquet`` is written with the index: pairs of the grey zone, links that the model isn't certain
of, and contradictions the exact steps met. It names records and says why, and holds none of their values; those are
read when somebody looks, and the look is audited by whoever offers it (``lockgate index review``, the portal's page).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from lockgate.capture import latest_view
from lockgate.engine import Engine
from lockgate.errors import UsageError
from lockgate.identity import merges
from lockgate.identity.cascade import Conflict, People
from lockgate.identity.decisions import (
    DIFFERENT,
    SAME,
    UNSURE,
    Decision,
    Ref,
    decide,
    holding,
    pair_id,
    read_decisions,
)
from lockgate.identity.probable import Probable, probability
from lockgate.identity.training import Kept, load
from lockgate.identity.waterfall import waterfall
from lockgate.schema import Column
from lockgate.site import Site

REASONS = {
    "grey_zone": "likely, but not likely enough to link",
    "not_certain": "linked by the model, but not certain",
    "one_each": "likely, but a source with one record for each person has both",
    "given_names": "likely, but the given names are unlike: they could be twins",
    "others_against": "likely, but the other records of the two speak against it",
    "nhs_number": "likely, but they carry two NHS numbers",
    "two_nhs_numbers": "name, birth date and postcode are equal, but they carry two NHS numbers",
    "names": "one NHS number and birth date, but two given names",
    "birth_date": "one number, but two birth dates",
    "ambiguous": "fits two people alike, and joined neither",
    "merged_nhs_number": "merged by a source or a person, but they carry two NHS numbers",
    "merged_birth_date": "merged by a source or a person, but they have two birth dates",
    "merged_names": "merged by a source or a person, but they have two given names",
}
COLUMNS = (
    Column("pair", "VARCHAR"),
    Column("left_source", "VARCHAR"),
    Column("left_id", "VARCHAR"),
    Column("right_source", "VARCHAR"),
    Column("right_id", "VARCHAR"),
    Column("reason", "VARCHAR"),
    Column("linked", "BOOLEAN"),
    Column("probability", "DOUBLE"),
    Column("weight", "DOUBLE"),
    Column("waterfall", "VARCHAR"),
)
BASE = (Column("source", "VARCHAR"), Column("record_id", "VARCHAR"), Column("base", "BIGINT"))
# What is shown of a record, in this order.
SHOWN = (
    "nhs_number", "nhs_number_status", "local_number", "given_name", "middle_names", "family_name", "former_names",
    "sex", "birth_date", "address_line", "city", "postcode", "phone", "email", "death_at", "gp_practice_code",
)  # fmt: skip


def review_path(site: Site) -> Path:
    """Where the list of pairs is."""
    return site.staged / "index" / "review.parquet"


def base_path(site: Site) -> Path:
    """Which records the exact steps alone hold for one person."""
    return site.staged / "index" / "base.parquet"


def review_rows(engine: Engine, site: Site, people: People, done: Probable, kept: Kept | None) -> pa.Table:
    """The rows of the list. Needs ``identity_first`` (profile, source, record_id) and what the scoring left."""
    first = {number: (source, record) for number, source, record in engine.rows("FROM identity_first")}
    steps = _steps(engine, kept) if done.pairs else {}
    found: dict[str, dict[str, Any]] = {}

    def add(left: int, right: int, reason: str, linked: bool, likely: float | None) -> None:
        one, other = sorted((first[left], first[right]))
        pair = pair_id(site, one, other)
        weight, shown = steps.get((min(left, right), max(left, right)), (None, []))
        if likely is None and weight is not None:
            likely = probability(weight)
        found.setdefault(pair, {
            "pair": pair, "left_source": one[0], "left_id": one[1], "right_source": other[0], "right_id": other[1],
            "reason": reason, "linked": linked, "probability": likely, "weight": weight,
            "waterfall": json.dumps(shown),
        })  # fmt: skip

    for scored, linked, reason in done.doubts:
        add(scored.left, scored.right, reason, linked, scored.probability)
    for conflict in people.clusters.conflicts:
        if conflict.kind in REASONS and conflict.left in first and conflict.right in first:
            together = people.clusters.find(conflict.left) == people.clusters.find(conflict.right)
            if together == conflict.kind.startswith("merged_") and not _settled(people, conflict):
                add(conflict.left, conflict.right, conflict.kind, together, None)
    for left, right in engine.rows("""
        SELECT l.rec, r.rec FROM link_record AS l JOIN link_record AS r
          ON l.given = r.given AND l.family = r.family AND l.birth = r.birth AND l.postcode = r.postcode
         AND l.rec < r.rec AND l.nhs <> r.nhs ORDER BY 1, 2"""):
        if people.contradiction(left, right) == "nhs_number":
            add(int(left), int(right), "two_nhs_numbers", False, None)
    held = {pair for pair, one in holding(read_decisions(site)).items() if one.verdict in (SAME, DIFFERENT)}
    rows = [row for pair, row in sorted(found.items()) if pair not in held]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


_TYPES = {"VARCHAR": pa.string(), "BOOLEAN": pa.bool_(), "DOUBLE": pa.float64()}
_SCHEMA = pa.schema([(column.name, _TYPES[column.type]) for column in COLUMNS])


def _settled(people: People, conflict: Conflict) -> bool:
    return people.contradiction(conflict.left, conflict.right) == "unmerged"


def _steps(engine: Engine, kept: Kept | None) -> dict[tuple[int, int], tuple[float, list[dict[str, Any]]]]:
    """The weight and the waterfall of the pairs that were likely enough to be kept."""
    if kept is None or "link_kept" not in {row[0] for row in engine.rows("SHOW TABLES")}:
        return {}
    model, _ = load(engine, kept)
    columns = [
        name
        for name in engine.columns("SELECT * FROM link_kept")
        if name.startswith(("gamma_", "mw_")) or name in ("rec_l", "rec_r", "weight")
    ]
    rows = engine.arrow(f"SELECT {', '.join(columns)} FROM link_kept").to_pylist()
    return {(row["rec_l"], row["rec_r"]): (row["weight"], waterfall(model.settings, row)) for row in rows}


def listed(site: Site, *, decided: bool = False) -> list[dict[str, Any]]:
    """The pairs that wait, the likeliest first, without a value of a record; with ``decided`` also those on which a
    decision holds."""
    held = holding(read_decisions(site))
    with Engine(threads=1) as engine:
        path = review_path(site)
        engine.view_parquet("review", [path] if path.exists() else [], COLUMNS)
        rows = engine.arrow("SELECT * FROM review ORDER BY probability DESC NULLS LAST, pair").to_pylist()
    waiting = [
        {
            "pair": row["pair"],
            "sources": [row["left_source"], row["right_source"]],
            "reason": row["reason"],
            "why": REASONS[row["reason"]],
            "linked": row["linked"],
            "probability": row["probability"],
            "verdict": held[row["pair"]].verdict if row["pair"] in held else "",
        }
        for row in rows
        if decided or row["pair"] not in held or held[row["pair"]].verdict == UNSURE
    ]
    there = {row["pair"] for row in waiting}
    if decided:
        waiting += [
            {"pair": pair, "sources": [one.left[0], one.right[0]], "reason": "decided", "why": "decided", "linked":
             None, "probability": None, "verdict": one.verdict}
            for pair, one in sorted(held.items()) if pair not in there
        ]  # fmt: skip
    return waiting


def show(site: Site, pair: str) -> dict[str, Any]:
    """One pair: both records field by field (identifiable), why they matched, and every decision on it.

    UsageError when no such pair waits or was ever decided on."""
    left, right, row = _find(site, pair)
    with Engine(threads=1) as engine:
        patients = latest_view(engine, site, "patient")
        values = [_record(engine, patients, ref) for ref in (left, right)]
    return {
        "pair": pair,
        "records": [{"source": ref[0], "record_id": ref[1]} for ref in (left, right)],
        "reason": row.get("reason", "decided"),
        "why": REASONS.get(row.get("reason", ""), "decided"),
        "linked": row.get("linked"),
        "probability": row.get("probability"),
        "weight": row.get("weight"),
        "fields": [
            {"field": name, "left": values[0].get(name, ""), "right": values[1].get(name, ""),
             "same": bool(values[0].get(name)) and values[0].get(name) == values[1].get(name)}
            for name in SHOWN if values[0].get(name) or values[1].get(name)
        ],
        "waterfall": json.loads(row.get("waterfall") or "[]"),
        "decisions": [asdict(one) for one in read_decisions(site) if one.pair == pair],
    }  # fmt: skip


def steps_of(site: Site, pair: str) -> list[dict[str, Any]]:
    """The waterfall of a pair, without a value of its records; UsageError when there is no such pair."""
    steps: list[dict[str, Any]] = json.loads(_find(site, pair)[2].get("waterfall") or "[]")
    return steps


def judge(site: Site, pair: str, verdict: str, *, reason: str, by: str) -> Decision:
    """Decide on a pair of the list: same, different, unsure; or withdrawn. Holds from the next build of the index on.

    Refused when it contradicts decisions that hold, or what sources say of merges; see ``decisions.decide``."""
    left, right, row = _find(site, pair)
    with Engine(threads=1) as engine:
        path = base_path(site)
        engine.view_parquet("base", [path] if path.exists() else [], BASE)
        groups = {(source, record): base for source, record, base in engine.rows("FROM base")}
        merges.read_holding(engine, latest_view(engine, site, "patient_merge"))
        said = engine.rows("SELECT source, low, high, kind FROM identity_merge ORDER BY ALL")
    return decide(
        site,
        left,
        right,
        verdict,
        reason=reason,
        by=by,
        linked=row.get("linked"),
        probability=row.get("probability"),
        groups=groups,
        joined=[((source, low), (source, high)) for source, low, high, kind in said if kind != "unmerge"],
        parted=[((source, low), (source, high)) for source, low, high, kind in said if kind == "unmerge"],
    )


def _find(site: Site, pair: str) -> tuple[Ref, Ref, Mapping[str, Any]]:
    with Engine(threads=1) as engine:
        path = review_path(site)
        engine.view_parquet("review", [path] if path.exists() else [], COLUMNS)
        rows = engine.arrow("SELECT * FROM review WHERE pair = ?", [pair]).to_pylist()
    if rows:
        row = rows[0]
        return (row["left_source"], row["left_id"]), (row["right_source"], row["right_id"]), row
    for one in reversed(read_decisions(site)):
        if one.pair == pair:
            return one.left, one.right, {}
    raise UsageError(
        "no such pair waits for review", remedy="`lockgate index review list` names those that do"
    )


def _record(engine: Engine, patients: str, ref: Ref) -> dict[str, str]:
    rows = engine.arrow(f"SELECT * FROM {patients} WHERE source = ? AND record_id = ?", list(ref)).to_pylist()
    if not rows:
        return {}
    return {name: _text(rows[0][name]) for name in SHOWN if rows[0].get(name) not in (None, "", [])}


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
