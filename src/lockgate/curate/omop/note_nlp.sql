-- What the scrubbed notes mention. A row's date is its note's: decision 154.
SELECT
    m.note_nlp_id,
    m.note_id,
    m.section_concept_id,
    m.snippet,
    CAST(m.begin AS VARCHAR) AS "offset",
    m.lexical_variant,
    m.concept_id AS note_nlp_concept_id,
    m.source_concept_id AS note_nlp_source_concept_id,
    'Lockgate concepts' AS nlp_system,
    CAST(d.start_at AS DATE) AS nlp_date,
    d.start_at AS nlp_datetime,
    m.term_exists,
    m.term_temporal,
    m.term_modifiers,
    d.person_id
FROM mention AS m
JOIN p_document AS d ON d.id = m.note_id
WHERE d.fate = 'note'
