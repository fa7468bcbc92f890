-- Regions in which people live: integrated care boards. No address, no postcode, no small area.
SELECT DISTINCT
    l.location_id,
    NULL AS address_1, NULL AS address_2, NULL AS city, NULL AS state, NULL AS zip,
    l.icb_ods_code AS county,
    NULL AS location_source_value,
    NULL AS country_concept_id,
    'GB' AS country_source_value,
    NULL AS latitude, NULL AS longitude
FROM region AS l
JOIN human AS h ON h.lsoa21_code = l.lsoa21_code
