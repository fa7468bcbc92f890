-- The person a row names, from the newest of this part of the file; the only table of HES that knows the month of birth, so
-- the others' rows never count as newer (they bear the version of 1900).
SELECT source, person_ref AS record_id, version_at, false AS deleted, item_hash, batch_id,
    person_ref AS local_number, CASE WHEN mydob <= epistart THEN mydob END AS birth_date,
    birth_year_about(epistart, startage) AS birth_year_about, sex, lsoa21 AS lsoa21_code, gpprac AS gp_practice_code,
    CASE WHEN ethnos BETWEEN 'A' AND 'Z' THEN 'NHS' WHEN ethnos IS NOT NULL THEN 'urn:nhs:ethnic-category-1991' END
        AS ethnicity_system,
    ethnos AS ethnicity_code,
    CASE WHEN dismeth = '4' THEN true END AS deceased,
    CASE WHEN dismeth = '4' THEN CAST(disdate AS TIMESTAMP) END AS death_at
FROM item
QUALIFY row_number() OVER (PARTITION BY person_ref ORDER BY epistart DESC, item_hash DESC) = 1
