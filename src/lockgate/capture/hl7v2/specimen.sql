-- Specimens of results, by the laboratory's number and the kind of material.
SELECT source, filler || '|' || key(specimen) AS record_id, max(message_at) AS version_at, false AS deleted,
    arg_max(item_hash, message_at) AS item_hash, any_value(batch_id) AS batch_id, arg_max(patient_ref, message_at) AS patient_ref,
    any_value(vocabulary(coalesce(comp(b.kind, 3), application, 'local'))) AS code_system, specimen AS code, any_value(comp(b.kind, 2)) AS display,
    hl7_ts(max(said(collected))) AS collected_at, hl7_ts(max(said(comp(b.received, 1)))) AS received_at,
    hl7_offset(max(said(collected))) AS tz_offset, hl7_flag(max(said(collected))) AS time_flag, 'available' AS status
FROM hl7_observation o JOIN (SELECT s AS obr, specimen AS kind, received FROM hl7_OBR) b ON b.obr = o.obr_s
WHERE filler IS NOT NULL AND specimen IS NOT NULL
GROUP BY m, source, filler, specimen
