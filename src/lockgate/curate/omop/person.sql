-- People. Of the birth date only the year (and the month, where the site's policy says so), top-coded; of the place
-- only the integrated care board. An ethnicity that is not stated is a value of its own: Z, or 99 where none was sent.
WITH race AS (
    -- concept ids, as a site's own OMOP data say the ethnicity
    SELECT code, concept_id FROM coding WHERE vocabulary_id = 'OMOP' AND concept_id <> 0
    UNION
    SELECT CAST(concept_id AS VARCHAR), concept_id FROM fixed WHERE kind = 'race'
)
SELECT
    h.person_id,
    coalesce(g.concept_id, 0) AS gender_concept_id,
    greatest(year(h.birth_date), p.oldest_year) AS year_of_birth,
    CASE WHEN p.birth_date = 'month' AND year(h.birth_date) >= p.oldest_year AND h.birth_estimated = 0
        THEN month(h.birth_date) END
        AS month_of_birth,
    NULL AS day_of_birth,
    NULL AS birth_datetime,
    coalesce(r.concept_id, c.concept_id, 0) AS race_concept_id,
    0 AS ethnicity_concept_id,
    l.location_id,
    NULL AS provider_id,
    NULL AS care_site_id,
    NULL AS person_source_value,
    coalesce(h.sex, 'U') AS gender_source_value,
    0 AS gender_source_concept_id,
    coalesce(split_part(h.ethnicity, ':', -1), '99') AS race_source_value,
    0 AS race_source_concept_id,
    NULL AS ethnicity_source_value,
    0 AS ethnicity_source_concept_id
FROM human AS h
CROSS JOIN policy AS p
LEFT JOIN fixed AS g ON g.kind = 'gender' AND g.source_value = h.sex
LEFT JOIN fixed AS r ON r.kind = 'race' AND r.source_value = h.ethnicity
LEFT JOIN race AS c ON 'OMOP:' || c.code = h.ethnicity
LEFT JOIN region AS l ON l.lsoa21_code = h.lsoa21_code
