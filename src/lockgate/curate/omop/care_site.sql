-- Wards, clinics and organisations; prepare/place.sql says whose name is kept.
SELECT
    p.id AS care_site_id,
    p.name AS care_site_name,
    NULL AS care_site_source_value,
    NULL AS location_id,
    coalesce(f.concept_id, 0) AS place_of_service_concept_id,
    p.kind AS place_of_service_source_value
FROM p_place AS p
LEFT JOIN fixed AS f ON f.kind = 'visit' AND f.source_value = p.kind
