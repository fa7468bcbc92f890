-- Knows the month of birth; older than admitted patient care's row of the same person, newer than the others'.
SELECT source, person_ref AS record_id, TIMESTAMP '1900-01-02' AS version_at, false AS deleted, item_hash, batch_id,
    person_ref AS local_number, make_date(birth_year, coalesce(birth_month, 1), 1) AS birth_date,
    CASE WHEN birth_year IS NULL THEN birth_year_about(arrival_date, age_at_arrival) END AS birth_year_about, stated_gender AS sex,
    lsoa21 AS lsoa21_code, practice_code_patient_registration AS gp_practice_code,
    CASE WHEN ethnic_category IS NOT NULL THEN 'NHS' END AS ethnicity_system, ethnic_category AS ethnicity_code
FROM item
QUALIFY row_number() OVER (PARTITION BY person_ref ORDER BY arrival_date DESC, item_hash DESC) = 1
