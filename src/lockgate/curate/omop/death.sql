-- Deaths: one a person.
SELECT
    d.person_id,
    CAST(d.death_at AS DATE) AS death_date,
    d.death_at AS death_datetime,
    d.type_concept_id AS death_type_concept_id,
    d.concept_id AS cause_concept_id,
    d.source_code AS cause_source_value,
    d.source_concept_id AS cause_source_concept_id
FROM departed AS d
