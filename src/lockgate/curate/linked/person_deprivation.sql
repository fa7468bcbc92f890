-- Deprivation of the area a person lives in, one row for everyone: NULL is "area not known", a group of its own. Each
-- index goes by the areas it was made for: 2025 by those of 2021, 2019 by those of 2011 where the source sent them.
SELECT
    h.person_id,
    a.imd2025_decile,
    coalesce(a.imd2019_decile, o.imd2019_decile) AS imd2019_decile,
    CAST(ceil(a.imd2025_decile / 2.0) AS BIGINT) AS imd2025_quintile,
    a.rural_urban,
    a.icb_ods_code AS icb_code
FROM human AS h
LEFT JOIN area AS a ON a.lsoa21_code = h.lsoa21_code
LEFT JOIN area11 AS o ON o.lsoa11_code = h.lsoa11_code
