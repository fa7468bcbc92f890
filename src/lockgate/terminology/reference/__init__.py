"""Open reference data of small areas, packed into one Parquet file. See README.md here for sources and licence."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

# What is in areas.parquet: column prefix -> edition, geography vintage, publisher.
EDITIONS = {
    "imd2025": "English Indices of Deprivation 2025, by LSOA 2021 (MHCLG)",
    "imd2019": "English Indices of Deprivation 2019, by LSOA 2011, carried to LSOA 2021 for unchanged areas (MHCLG)",
    "lsoa11": "LSOA 2011 to LSOA 2021, best fit of unchanged areas (ONS)",
    "rural_urban": "Rural Urban Classification 2021, by LSOA 2021 (ONS, Defra)",
    "ods": "NHS trusts of England with their region, 2022, and successors of organisations (NHS England ODS)",
    "icb": "LSOA 2021 to Integrated Care Board, April 2024 (ONS)",
}


def areas_path() -> Path:
    """The packed table of areas, one row for each LSOA 2021 of England and Wales, ordered by code.

    Columns: lsoa21_code; imd2025_rank, imd2025_decile (1 = most deprived tenth; England only);
    imd2019_rank, imd2019_decile (NULL where the area changed between 2011 and 2021: its score belongs to another
    boundary); rural_urban ("Urban"/"Rural"), ruc21_code; icb_code (ONS), icb_ods_code.
    """
    return Path(str(resources.files(__package__).joinpath("areas.parquet")))


def areas11_path() -> Path:
    """One row for each LSOA 2011 of England: lsoa11_code, imd2019_rank, imd2019_decile, and its lsoa21_code where the
    area is unchanged (NULL elsewhere)."""
    return Path(str(resources.files(__package__).joinpath("areas11.parquet")))


def organisations_path() -> Path:
    """NHS trusts, one row for each code that one has had: ods_code, name, region, status, current_code."""
    return Path(str(resources.files(__package__).joinpath("organisations.parquet")))
