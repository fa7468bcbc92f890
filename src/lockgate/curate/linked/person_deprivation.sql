-- Deprivation of the area a person lives in, one row for everyone: NULL is "area not known", a group of its own. Each
-- index goes by the areas it was made for: 2025 by those of 2021, 2019 by those of 2011 where the source sent them.
SELECT
    h.person_id,
    a.imd2025_decile,
    coalesce(a.imd2019_decile, o.imd2019_decile) AS imd2019_decile,
    CAST(ceil(a.imd2025_decile / 2.0) AS BIGINT) AS imd2025_quintile,
    a.rural_urban,
    a.icb_ods_code AS icb_code,
    CASE WHEN p.places IN ('outward', 'lsoa') AND substr(h.postcode, 1, 2) <> 'ZZ' AND length(h.postcode) BETWEEN 5 AND 7
        AND substr(h.postcode, 1, 1) BETWEEN 'A' AND 'Z' AND substr(h.postcode, length(h.postcode) - 2, 1) BETWEEN '0' AND '9'
        THEN substr(h.postcode, 1, length(h.postcode) - 3) END AS outward_code,
    CASE WHEN p.places = 'lsoa' THEN h.lsoa21_code END AS lsoa21_code
FROM human AS h
CROSS JOIN policy AS p
LEFT JOIN area AS a ON a.lsoa21_code = h.lsoa21_code
LEFT JOIN area11 AS o ON o.lsoa11_code = h.lsoa11_code
