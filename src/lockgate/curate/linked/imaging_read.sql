-- Readings of a study. A human reader is a pseudonym; an AI product keeps its name.
SELECT
    r.id AS imaging_read_id,
    r.imaging_study_id,
    r.study_person_id AS person_id,
    CASE WHEN r.reader_kind = 'ai' THEN r.reader ELSE r.reader_pseudonym END AS reader,
    r.reader_kind,
    r.finding,
    r.score,
    r.call,
    r.reference,
    CAST(r.read_at AS DATE) AS read_date
FROM p_imaging_read AS r
WHERE r.fate = 'imaging_read'
