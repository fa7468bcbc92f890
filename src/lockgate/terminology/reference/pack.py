"""Pack the open reference tables: ``python -m lockgate.terminology.reference.pack FOLDER``.

FOLDER holds the published tables as gzipped CSV (humaniverse/IMD and humaniverse/geographr, from MHCLG and ONS).
IMD 2019 was published for LSOA 2011. Joining it to LSOA 2021 by code alone would be wrong where an area was split,
merged or redrawn, so only areas whose change code is U (unchanged) carry it over.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lockgate.engine import Engine, literal
from lockgate.terminology.reference import areas_path


def pack(folder: Path, target: Path) -> int:
    """Write the packed table; the number of areas."""

    def table(name: str) -> str:
        return f"read_csv({literal(folder / name)}, header = true, all_varchar = true)"

    def whole(column: str) -> str:
        return f"CAST(CAST({column} AS DOUBLE) AS SMALLINT)"

    sql = f"""
        SELECT r.lsoa21_code,
            CAST(CAST(n.IMD_rank AS DOUBLE) AS INTEGER) AS imd2025_rank, {whole("n.IMD_decile")} AS imd2025_decile,
            CAST(CAST(o.IMD_rank AS DOUBLE) AS INTEGER) AS imd2019_rank, {whole("o.IMD_decile")} AS imd2019_decile,
            r.ruc AS rural_urban, r.ruc21_code,
            i.icb24_code AS icb_code, i.icb24_code_nhs AS icb_ods_code
        FROM {table("ruc21_lsoa21.csv.gz")} AS r
        LEFT JOIN {table("imd2025_england_lsoa21.csv.gz")} AS n ON n.lsoa21_code = r.lsoa21_code
        LEFT JOIN {table("lookup_lsoa11_lsoa21_ltla22.csv.gz")} AS c
            ON c.lsoa21_code = r.lsoa21_code AND c.change_code = 'U'
        LEFT JOIN {table("imd2019_england_lsoa11.csv.gz")} AS o ON o.lsoa11_code = c.lsoa11_code
        LEFT JOIN {table("lookup_lsoa21_icb24.csv.gz")} AS i ON i.lsoa21_code = r.lsoa21_code
    """
    with Engine() as engine:
        rows = engine.write_parquet(sql, target, order_by="lsoa21_code")
        doubles = engine.one(
            f"SELECT count(*) - count(DISTINCT lsoa21_code) FROM read_parquet({literal(target)})"
        )
    if doubles:
        raise SystemExit(f"{doubles} areas occur twice: the lookups are not one-to-one")
    return rows


if __name__ == "__main__":
    written = areas_path()
    print(f"{pack(Path(sys.argv[1]), written)} areas, {written.stat().st_size} bytes")
    written.chmod(0o644)
