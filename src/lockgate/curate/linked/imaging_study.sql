-- Imaging studies, without accession numbers.
SELECT
    i.id AS imaging_study_id,
    i.person_id,
    i.visit_occurrence_id,
    NULL AS procedure_occurrence_id,
    CAST(i.start_at AS DATE) AS study_date,
    i.start_at AS study_datetime,
    i.modality,
    i.body_site_code,
    i.series,
    i.instances
FROM p_imaging_study AS i
WHERE i.fate = 'imaging_study'
