-- Knows less of the person than admitted patient care: it bears the version of 1900, so that it never replaces that.
SELECT source, person_ref AS record_id, TIMESTAMP '1900-01-01' AS version_at, false AS deleted, item_hash, batch_id,
    person_ref AS local_number, birth_year_about(apptdate, apptage) AS birth_year_about, sex, lsoa21 AS lsoa21_code, gpprac AS gp_practice_code,
    CASE WHEN ethnos BETWEEN 'A' AND 'Z' THEN 'NHS' WHEN ethnos IS NOT NULL THEN 'urn:nhs:ethnic-category-1991' END
        AS ethnicity_system,
    ethnos AS ethnicity_code
FROM item
QUALIFY row_number() OVER (PARTITION BY person_ref ORDER BY apptdate DESC, item_hash DESC) = 1
