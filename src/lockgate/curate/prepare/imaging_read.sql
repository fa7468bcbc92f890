-- What readers, human and AI, said of a study. The person is the study's.
WITH study AS (
    SELECT accession, min(person_id) AS person_id, min(standing) AS standing,
        sum(CASE WHEN fate = 'not:told_by_another_source' THEN 0 ELSE 1 END) AS studies,
        min(CASE WHEN fate = 'imaging_study' THEN id END) AS imaging_study_id
    FROM p_imaging_study
    WHERE accession IS NOT NULL
    GROUP BY accession
)
SELECT
    s.*, t.person_id AS study_person_id, t.imaging_study_id,
    CASE
        WHEN t.accession IS NULL THEN 'unlinked'
        WHEN t.standing <> 'live' THEN t.standing
        WHEN t.studies > 1 THEN 'not:accession_of_several_studies'
        WHEN t.imaging_study_id IS NULL THEN 'not:study_not_carried'
        ELSE 'imaging_read'
    END AS fate
FROM s_imaging_read AS s
LEFT JOIN study AS t ON t.accession = s.study_accession
