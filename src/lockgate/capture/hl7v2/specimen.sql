-- Specimens of results, by the laboratory's number and the kind of material.
SELECT source, filler || '|' || key(specimen) AS record_id, max(message_at) AS version_at, false AS deleted,
    any_value(item_hash) AS item_hash, any_value(batch_id) AS batch_id, any_value(patient_ref) AS patient_ref,
    any_value(vocabulary(coalesce(specimen_system, application, 'local'))) AS code_system, specimen AS code, any_value(specimen_name) AS display,
    max(collected_at) AS collected_at, max(received_at) AS received_at,
    any_value(hl7_offset(collected)) AS tz_offset, any_value(hl7_flag(collected, collected_at)) AS time_flag, 'available' AS status
FROM hl7_observation
WHERE filler IS NOT NULL AND specimen IS NOT NULL
GROUP BY m, source, filler, specimen
