SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    CASE gender_concept_id WHEN 8507 THEN 'M' WHEN 8532 THEN 'F' WHEN 8521 THEN 'O' ELSE 'U' END AS sex,
    coalesce(CAST(birth_datetime AS DATE), try_cast(year_of_birth || '-' || lpad(CAST(coalesce(month_of_birth, 1) AS VARCHAR), 2, '0')
        || '-' || lpad(CAST(coalesce(day_of_birth, 1) AS VARCHAR), 2, '0') AS DATE),
        try_cast(year_of_birth || '-01-01' AS DATE)) AS birth_date,
    CASE WHEN nullif(race_concept_id, 0) IS NOT NULL THEN 'OMOP' END AS ethnicity_system,
    CAST(nullif(race_concept_id, 0) AS VARCHAR) AS ethnicity_code
FROM item
