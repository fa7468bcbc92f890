SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    care_site_name AS name,
    CASE place_of_service_concept_id WHEN 32037 THEN 'critical_care' WHEN 8870 THEN 'emergency' WHEN 9203 THEN 'emergency'
        WHEN 9201 THEN 'ward' WHEN 581383 THEN 'ward' WHEN 9202 THEN 'clinic' ELSE 'other' END AS kind
FROM item
