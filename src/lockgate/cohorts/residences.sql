-- Where people lived, and when (CDM 6): one row for each stay in a region.
SELECT h.location_history_id, h.entity_id AS person_id, l.region_concept_id, h.start_date AS lived_from,
  coalesce(h.end_date, DATE '2099-12-31') AS lived_until
FROM location_history h
JOIN location l ON l.location_id = h.location_id
WHERE h.domain_id = 'PERSON'
