-- Imaging studies. One that two sources tell (the record system and the radiology system, by its accession number) is
-- carried from the first in order; of one source, two studies of one number stay two.
WITH told AS (
    SELECT s.*, r.place, min(CASE WHEN s.status IN ('cancelled', 'entered-in-error') THEN NULL ELSE r.place END) OVER (
        PARTITION BY s.person_id, s.accession) AS first_place
    FROM s_imaging_study AS s
    LEFT JOIN source_rank AS r ON r.source = s.source
)
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.accession, s.started_at, s.modality, s.body_site_code,
    s.series, s.instances,
    v.id AS visit_occurrence_id,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.status IN ('cancelled', 'entered-in-error') THEN 'not:not_final'
        WHEN coalesce(s.started_at, v.start_at) IS NULL THEN 'not:no_date'
        WHEN s.accession IS NOT NULL AND s.place > s.first_place THEN 'not:told_by_another_source'
        ELSE 'imaging_study'
    END AS fate,
    coalesce(s.started_at, v.start_at) AS start_at
FROM told AS s
LEFT JOIN visit_of AS v ON v.source = s.source AND v.record_id = s.encounter_ref AND v.person_id = s.person_id
