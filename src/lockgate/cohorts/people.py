"""Who people are, for tables that say for whom something holds; "Not stated" is a group of its own.

Of a Lockgate release the ethnicity is the NHS ethnic category (``person.race_source_value``), the deprivation that of
``person_deprivation``; of other OMOP data the race and ethnicity concepts, and no deprivation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from lockgate.engine import SqlEngine
from lockgate.terminology.ethnicity import ETHNICITY
from lockgate.terminology.fixed import fixed_concepts

NOT_STATED = "Not stated"
SEXES = {8507: "Male", 8532: "Female", 8521: "Other"}
HISPANIC = 38003563
NHS = "people_nhs"
UNKNOWN_RACE = 8552
# highest age of each band but the last
AGES = (17, 29, 39, 49, 59, 69, 79)
AGE_BANDS = ("0-17", "18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80 and over")
QUINTILES = {
    n: f"{n}{' (most deprived)' if n == 1 else ' (least deprived)' if n == 5 else ''}" for n in range(1, 6)
}


def people_table(engine: SqlEngine, folder: Path) -> tuple[pa.Table, list[str]]:
    """Everybody of an OMOP folder opened with ``open_omop``; and what it can't tell, in words.

    Columns person_id, year_of_birth (null where not known), sex, ethnicity, deprivation (quintile; absent where the
    folder has none). Deprivation is looked for in ``person_deprivation.parquet`` of the folder, of ``linked`` in it or
    beside it.
    """
    nhs = _nhs_categories(engine, folder)
    sexes = " ".join(f"WHEN {concept} THEN '{label}'" for concept, label in SEXES.items())
    columns = [
        "p.person_id",
        "max(p.year_of_birth) AS year_of_birth",
        f"max(CASE p.gender_concept_id {sexes} ELSE '{NOT_STATED}' END) AS sex",
        f"max({nhs or _concepts()}) AS ethnicity",
    ]
    joins = f" LEFT JOIN {NHS} n ON n.person_id = p.person_id" if nhs else ""
    absent = []
    path = next((p for p in _deprivation_paths(folder) if p.is_file()), None)
    if path is None:
        absent.append("deprivation: there is no person_deprivation.parquet")
    else:
        engine.view_parquet("people_deprivation", [path])
        there = engine.columns("SELECT * FROM people_deprivation")
        of_2025 = "imd2025_quintile" in there
        quintile = "d.imd2025_quintile" if of_2025 else "CAST(ceil(d.imd2019_decile / 2.0) AS INTEGER)"
        labels = " ".join(f"WHEN {n} THEN '{label}'" for n, label in QUINTILES.items())
        columns.append(f"max(CASE {quintile} {labels} ELSE '{NOT_STATED}' END) AS deprivation")
        joins += " LEFT JOIN people_deprivation d ON d.person_id = p.person_id"
    sql = f"SELECT {', '.join(columns)} FROM person p{joins} GROUP BY p.person_id ORDER BY p.person_id"
    return engine.arrow(sql), absent


def _deprivation_paths(folder: Path) -> Sequence[Path]:
    return [at / "person_deprivation.parquet" for at in (folder, folder / "linked", folder.parent / "linked")]


def _nhs_categories(engine: SqlEngine, folder: Path) -> str | None:
    """SQL of a person's NHS ethnic category in words, where every value that the folder holds is one."""
    path = folder / "person.parquet"
    if not path.is_file():
        return None
    engine.view_parquet(NHS, [path])
    if "race_source_value" not in engine.columns(f"SELECT * FROM {NHS}"):
        return None
    sent = {row[0] for row in engine.rows(f"SELECT DISTINCT race_source_value FROM {NHS}")} - {None}
    if not sent or not sent <= {*ETHNICITY, "99"}:
        return None
    cases = " ".join(f"WHEN '{code}' THEN '{label}'" for code, label in ETHNICITY.items() if code != "Z")
    return f"CASE n.race_source_value {cases} ELSE '{NOT_STATED}' END"


def _concepts() -> str:
    """SQL of a person's ethnicity by OMOP's concepts of ethnicity and race, in words."""
    labels = {
        row["concept_id"]: row["label"].replace("'", "")
        for row in fixed_concepts().to_pylist()
        if row["kind"] == "race" and row["source_value"].startswith("US-race")
    }
    cases = " ".join(f"WHEN {concept} THEN '{label}'" for concept, label in labels.items())
    return (
        f"CASE WHEN p.ethnicity_concept_id = {HISPANIC} THEN 'Hispanic or Latino' "
        f"WHEN coalesce(p.race_concept_id, 0) IN (0, {UNKNOWN_RACE}) THEN '{NOT_STATED}' "
        f"ELSE CASE p.race_concept_id {cases} ELSE 'Another race' END END"
    )
