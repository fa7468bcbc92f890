"""Pack the open reference tables: ``python -m lockgate.terminology.reference.pack FOLDER``.

FOLDER holds the published tables as gzipped CSV (humaniverse/IMD and humaniverse/geographr, from MHCLG and ONS).
IMD 2019 was published for LSOA 2011. Joining it to LSOA 2021 by code alone would be wrong where an area was split,
merged or redrawn, so only areas whose change code is U (unchanged) carry it over.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lockgate.engine import Engine, literal
from lockgate.terminology.reference import areas11_path, areas_path, organisations_path


def _table(folder: Path, name: str) -> str:
    return f"read_csv({literal(folder / name)}, header = true, all_varchar = true)"


def _whole(column: str) -> str:
    return f"CAST(CAST({column} AS DOUBLE) AS SMALLINT)"


def areas(folder: Path) -> str:
    """SELECT of areas.parquet."""
    return f"""
        SELECT r.lsoa21_code,
            CAST(CAST(n.IMD_rank AS DOUBLE) AS INTEGER) AS imd2025_rank, {_whole("n.IMD_decile")} AS imd2025_decile,
            CAST(CAST(o.IMD_rank AS DOUBLE) AS INTEGER) AS imd2019_rank, {_whole("o.IMD_decile")} AS imd2019_decile,
            r.ruc AS rural_urban, r.ruc21_code,
            i.icb24_code AS icb_code, i.icb24_code_nhs AS icb_ods_code
        FROM {_table(folder, "ruc21_lsoa21.csv.gz")} AS r
        LEFT JOIN {_table(folder, "imd2025_england_lsoa21.csv.gz")} AS n ON n.lsoa21_code = r.lsoa21_code
        LEFT JOIN {_table(folder, "lookup_lsoa11_lsoa21_ltla22.csv.gz")} AS c
            ON c.lsoa21_code = r.lsoa21_code AND c.change_code = 'U'
        LEFT JOIN {_table(folder, "imd2019_england_lsoa11.csv.gz")} AS o ON o.lsoa11_code = c.lsoa11_code
        LEFT JOIN {_table(folder, "lookup_lsoa21_icb24.csv.gz")} AS i ON i.lsoa21_code = r.lsoa21_code"""


def areas11(folder: Path) -> str:
    """SELECT of areas11.parquet."""
    return f"""
        SELECT o.lsoa11_code, CAST(CAST(o.IMD_rank AS DOUBLE) AS INTEGER) AS imd2019_rank,
            {_whole("o.IMD_decile")} AS imd2019_decile, c.lsoa21_code
        FROM {_table(folder, "imd2019_england_lsoa11.csv.gz")} AS o
        LEFT JOIN {_table(folder, "lookup_lsoa11_lsoa21_ltla22.csv.gz")} AS c
            ON c.lsoa11_code = o.lsoa11_code AND c.change_code = 'U'"""


def organisations(folder: Path) -> str:
    """SELECT of organisations.parquet: today's trusts, and every code that was taken over by one of them."""
    return f"""
        WITH RECURSIVE trust AS (
            SELECT nhs_trust22_code AS code, nhs_trust22_name AS name, nhs_region21_name AS region, status
            FROM {_table(folder, "lookup_nhs_trusts22_nhs_region21.csv.gz")}
        ),
        follows AS (
            SELECT old_code, new_code, 1 AS steps FROM {_table(folder, "lookup_trust_trust.csv.gz")}
            WHERE new_code IN (SELECT code FROM trust) AND old_code <> new_code
            UNION ALL
            SELECT l.old_code, f.new_code, f.steps + 1
            FROM {_table(folder, "lookup_trust_trust.csv.gz")} AS l
            JOIN follows AS f ON l.new_code = f.old_code
            WHERE f.steps < 10 AND l.old_code <> f.new_code
        )
        SELECT code AS ods_code, name, region, status, code AS current_code FROM trust
        UNION ALL
        SELECT f.old_code, min_by(t.name, f.steps), min_by(t.region, f.steps), 'succeeded', min_by(t.code, f.steps)
        FROM follows AS f JOIN trust AS t ON t.code = f.new_code
        WHERE f.old_code NOT IN (SELECT code FROM trust)
        -- a code that went to several trusts is none of them
        GROUP BY f.old_code HAVING count(DISTINCT f.new_code) = 1"""


TABLES = (
    (areas, areas_path, "lsoa21_code"),
    (areas11, areas11_path, "lsoa11_code"),
    (organisations, organisations_path, "ods_code"),
)


def pack(folder: Path, target: Path) -> dict[str, int]:
    """Write the packed tables into ``target``; how many rows each has."""
    written = {}
    for select, path, key in TABLES:
        file = target / path().name
        with Engine() as engine:
            written[file.name] = engine.write_parquet(select(folder), file, order_by=key)
            doubles = engine.one(
                f"SELECT count(*) - count(DISTINCT {key}) FROM read_parquet({literal(file)})"
            )
        if doubles:
            raise SystemExit(f"{doubles} keys of {file.name} occur twice: the lookups are not one-to-one")
        file.chmod(0o644)
    return written


if __name__ == "__main__":
    for name, count in pack(Path(sys.argv[1]), areas_path().parent).items():
        print(f"{name}: {count} rows")
