-- Letters and notes, scrubbed of identifiers.
SELECT
    32678 AS encoding_concept_id,
    4180186 AS language_concept_id,
    coalesce(d.concept_id, 0) AS note_class_concept_id,
    CAST(d.start_at AS DATE) AS note_date,
    d.start_at AS note_datetime,
    NULL AS note_event_field_concept_id,
    NULL AS note_event_id,
    d.id AS note_id,
    NULL AS note_source_value,
    c.stands AS note_stands,
    c.text AS note_text,
    t.words AS note_title,
    32831 AS note_type_concept_id,
    d.person_id,
    d.provider_id,
    NULL AS visit_detail_id,
    d.visit_occurrence_id
FROM p_document AS d
JOIN scrubbed_note AS c ON c.staged = 'document' AND c.id = d.id
LEFT JOIN common_text AS t ON t.words = d.title
WHERE d.fate = 'note'
