"""Give every code of ``codes.csv`` a concept id: ``python -m lockgate.terminology.demo.number FOLDER ...``.

Each FOLDER holds an OMOP ``concept.parquet`` (and perhaps ``concept_ancestor.parquet``) in which ids are looked up.
Codes already numbered keep their id, so the local ids never move.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

from lockgate.engine import Engine

HERE = Path(__file__).parent
LOCAL = 2_000_000_000
FIELDS = ("concept_id", "vocabulary_id", "concept_code", "domain_id", "standard_concept", "concept_name")


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _write(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def number(folders: list[Path]) -> int:
    """Write ``concepts.csv`` and ``ancestors.csv``; the number of concepts."""
    codes = {(row["vocabulary_id"], row["concept_code"]): row for row in _read(HERE / "codes.csv")}
    for row in list(codes.values()):
        target = (row["maps_to_vocabulary"], row["maps_to_code"])
        if target[1] and target not in codes:
            codes[target] = {
                "vocabulary_id": target[0],
                "concept_code": target[1],
                "label": row["label"],
                "domain": row["domain"],
                "maps_to_vocabulary": "",
                "maps_to_code": "",
            }
    kept = {
        (r["vocabulary_id"], r["concept_code"]): int(r["concept_id"]) for r in _read(HERE / "concepts.csv")
    }
    next_local = max((i for i in kept.values() if i >= LOCAL), default=LOCAL - 1) + 1
    with Engine() as engine:
        known, hierarchy = _look_up(engine, folders)
    rows: list[tuple[Any, ...]] = []
    for key in sorted(codes):
        code = codes[key]
        concept_id, domain = known.get(key, (kept.get(key, 0), code["domain"]))
        if not concept_id:
            concept_id, next_local = next_local, next_local + 1
        standard = "" if code["maps_to_code"] else "S"
        rows.append((concept_id, *key, domain, standard, code["label"]))
    _write(HERE / "concepts.csv", FIELDS, rows)
    ids = {row[0] for row in rows}
    pairs = sorted((a, d, low, high) for a, d, low, high in hierarchy if a in ids and d in ids and a != d)
    header = (
        "ancestor_concept_id",
        "descendant_concept_id",
        "min_levels_of_separation",
        "max_levels_of_separation",
    )
    _write(HERE / "ancestors.csv", header, [*pairs])
    return len(rows)


def _look_up(
    engine: Engine, folders: list[Path]
) -> tuple[dict[tuple[str, str], tuple[int, str]], set[tuple[int, int, int, int]]]:
    known: dict[tuple[str, str], tuple[int, str]] = {}
    hierarchy: set[tuple[int, int, int, int]] = set()
    for folder in folders:
        if (folder / "concept.parquet").exists():
            engine.view_parquet("found", folder / "concept.parquet")
            for vocabulary, code, concept_id, domain in engine.rows(
                "SELECT vocabulary_id, concept_code, min(concept_id), min(domain_id) FROM found "
                f"WHERE concept_id BETWEEN 1 AND {LOCAL - 1} GROUP BY 1, 2"
            ):
                known.setdefault((vocabulary, code), (concept_id, domain))
        if (folder / "concept_ancestor.parquet").exists():
            engine.view_parquet("found_ancestor", folder / "concept_ancestor.parquet")
            hierarchy |= set(
                engine.rows(
                    "SELECT ancestor_concept_id, descendant_concept_id, min_levels_of_separation, "
                    "max_levels_of_separation FROM found_ancestor"
                )
            )
    return known, hierarchy


if __name__ == "__main__":
    print(f"{number([Path(folder) for folder in sys.argv[1:]])} concepts")
