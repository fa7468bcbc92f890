-- Wards, clinics and organisations. A practice may bear a doctor's name: only wards, clinics and sites of the
-- hospital keep theirs, others their ODS code.
SELECT
    p.id AS care_site_id,
    CASE WHEN p.staged = 'organisation' THEN p.code ELSE p.name END AS care_site_name,
    NULL AS care_site_source_value,
    NULL AS location_id,
    coalesce(f.concept_id, 0) AS place_of_service_concept_id,
    p.kind AS place_of_service_source_value
FROM p_place AS p
LEFT JOIN fixed AS f ON f.kind = 'visit' AND f.source_value = p.kind
