-- Imaging studies.
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.accession, s.started_at, s.modality, s.body_site_code,
    s.series, s.instances,
    v.id AS visit_occurrence_id,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.status IN ('cancelled', 'entered-in-error') THEN 'not:not_final'
        WHEN coalesce(s.started_at, v.start_at) IS NULL THEN 'not:no_date'
        ELSE 'imaging_study'
    END AS fate,
    coalesce(s.started_at, v.start_at) AS start_at
FROM s_imaging_study AS s
LEFT JOIN visit_of AS v ON v.source = s.source AND v.record_id = s.encounter_ref AND v.person_id = s.person_id
