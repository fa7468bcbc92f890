-- Terms found in notes, as events of the person whom the note is of, on the day of the note. What is read of a term is
-- OMOP's term_exists, term_temporal and the pairs of term_modifiers (docs/decisions/0154-rows-of-note-nlp.md), parted by
-- semicolons or commas. What isn't said of a term isn't so; but where nothing at all is said, or only that it doesn't hold
-- and not why, it isn't known.
SELECT n.note_nlp_id, t.person_id, t.note_date, t.visit_occurrence_id, t.provider_id, t.note_type_concept_id,
  t.note_class_concept_id, n.note_nlp_concept_id, n.note_nlp_source_concept_id, n.section_concept_id, n.lexical_variant,
  CASE n.exists_said WHEN 'Y' THEN TRUE WHEN 'N' THEN FALSE END AS found,
  CASE WHEN contains(n.said, ';negated=true;') THEN TRUE WHEN n.told THEN FALSE END AS negated,
  CASE WHEN contains(n.said, ';historical=true;') OR n.when_said = 'past' THEN TRUE
    WHEN n.told OR n.when_said <> '' THEN FALSE END AS historical,
  CASE WHEN contains(n.said, ';conditional=true;') THEN TRUE WHEN n.told THEN FALSE END AS hypothetical,
  CASE WHEN contains(n.said, ';subject=') AND NOT contains(n.said, ';subject=patient;') THEN TRUE
    WHEN n.told THEN FALSE END AS other_person,
  CASE WHEN contains(n.said, ';certainty=uncertain;') OR contains(n.said, ';certainty=rule_out;') THEN TRUE
    WHEN n.told THEN FALSE END AS uncertain,
  nullif(split_part(split_part(n.pairs, ';section=', 2), ';', 1), '') AS section_name,
  nullif(split_part(split_part(n.pairs, ';code=', 2), ';', 1), '') AS code,
  nullif(split_part(split_part(n.pairs, ';unit=', 2), ';', 1), '') AS unit,
  try_cast(split_part(split_part(n.pairs, ';value=', 2), ';', 1) AS DOUBLE) AS value_as_number
FROM (
  SELECT m.*, lower(m.pairs) AS said, m.pairs <> ';;' OR m.exists_said = 'Y' AS told
  FROM (
    SELECT *, upper(trim(coalesce(term_exists, ''))) AS exists_said, lower(trim(coalesce(term_temporal, ''))) AS when_said,
      ';' || replace(replace(coalesce(term_modifiers, ''), ' ', ''), ',', ';') || ';' AS pairs
    FROM note_nlp
  ) m
) n
JOIN note t ON t.note_id = n.note_id
