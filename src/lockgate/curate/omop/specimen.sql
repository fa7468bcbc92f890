-- Specimens.
SELECT
    s.id AS specimen_id,
    s.person_id,
    s.concept_id AS specimen_concept_id,
    32817 AS specimen_type_concept_id,
    CAST(s.start_at AS DATE) AS specimen_date,
    s.start_at AS specimen_datetime,
    s.quantity,
    CASE WHEN s.unit IS NOT NULL THEN coalesce(s.unit_concept_id, 0) END AS unit_concept_id,
    CASE WHEN s.site_code IS NOT NULL THEN coalesce(s.site_concept_id, 0) END AS anatomic_site_concept_id,
    NULL AS disease_status_concept_id,
    NULL AS specimen_source_id,
    s.source_code AS specimen_source_value,
    CASE WHEN s.unit NOT LIKE 'OMOP:%' THEN s.unit END AS unit_source_value,
    s.site_code AS anatomic_site_source_value,
    NULL AS disease_status_source_value
FROM p_specimen AS s
WHERE s.fate = 'specimen'
