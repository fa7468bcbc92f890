-- Letters, reports and notes that have a text. Whether the text may be carried is for the scrubber to say. What two
-- sources tell alike (the same words of the same person at the same minute) is carried from the first in order.
WITH told AS (
    SELECT s.*, r.place, min(CASE WHEN s.status = 'entered-in-error' THEN NULL ELSE r.place END) OVER (
        PARTITION BY s.person_id, date_trunc('minute', s.authored_at), s.text) AS first_place
    FROM s_document AS s
    LEFT JOIN source_rank AS r ON r.source = s.source
)
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.encounter_ref, s.practitioner_ref,
    coalesce(s.authored_at, v.start_at) AS start_at,
    s.concept_id, s.source_code, s.title, s.text,
    coalesce(p.id, v.provider_id) AS provider_id,
    v.id AS visit_occurrence_id,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.status = 'entered-in-error' THEN 'not:not_final'
        WHEN coalesce(trim(s.text), '') = '' AND s.content_type IS NOT NULL AND NOT starts_with(s.content_type, 'text/plain')
            THEN 'not:scanned_or_unreadable'
        WHEN coalesce(trim(s.text), '') = '' THEN 'not:no_text'
        WHEN coalesce(s.authored_at, v.start_at) IS NULL THEN 'not:no_date'
        WHEN s.person_id IS NOT NULL AND s.authored_at IS NOT NULL AND s.place > s.first_place
            THEN 'not:told_by_another_source'
        ELSE 'note'
    END AS fate
FROM told AS s
LEFT JOIN visit_of AS v ON v.source = s.source AND v.record_id = s.encounter_ref AND v.person_id = s.person_id
LEFT JOIN p_practitioner AS p ON p.source = s.source AND p.record_id = s.practitioner_ref
