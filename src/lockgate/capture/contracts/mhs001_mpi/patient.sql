SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    nhs_number, nhs_number_status, local_patient_id AS local_number, gender AS sex, birth_date,
    death_date IS NOT NULL AS deceased, CAST(death_date AS TIMESTAMP) AS death_at,
    CASE WHEN ethnic_category IS NOT NULL THEN 'NHS' END AS ethnicity_system, ethnic_category AS ethnicity_code,
    postcode, language, gp_practice_code
FROM item
