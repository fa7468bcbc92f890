-- Staff: a key, a specialty and a sex. No name, no number.
SELECT
    p.id AS provider_id,
    NULL AS provider_name, NULL AS npi, NULL AS dea,
    0 AS specialty_concept_id,
    NULL AS care_site_id,
    NULL AS year_of_birth,
    coalesce(g.concept_id, 0) AS gender_concept_id,
    NULL AS provider_source_value,
    p.specialty AS specialty_source_value,
    0 AS specialty_source_concept_id,
    p.sex AS gender_source_value,
    0 AS gender_source_concept_id
FROM p_practitioner AS p
LEFT JOIN fixed AS g ON g.kind = 'gender' AND g.source_value = p.sex
