-- Deprivation of the area a person lives in, one row for everyone: NULL is "area not known", a group of its own.
SELECT
    h.person_id,
    a.imd2025_decile,
    a.imd2019_decile,
    CAST(ceil(a.imd2025_decile / 2.0) AS BIGINT) AS imd2025_quintile,
    a.rural_urban,
    a.icb_ods_code AS icb_code
FROM human AS h
LEFT JOIN area AS a ON a.lsoa21_code = h.lsoa21_code
