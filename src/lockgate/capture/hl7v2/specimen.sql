-- Specimens of results, by the laboratory's number and the kind of material.
SELECT g.source, key(o.filler) || '|' || key(o.specimen) AS record_id, max(g.version_at) AS version_at, false AS deleted,
    g.item_hash, g.batch_id, g.patient_ref, any_value(vocabulary(coalesce(o.specimen_3, g.application, 'local'))) AS code_system,
    o.specimen AS code, any_value(o.specimen_2) AS display, max(o.observed_at) AS collected_at, max(o.received_at) AS received_at,
    any_value(hl7_offset(o.observed)) AS tz_offset, any_value(hl7_flag(o.observed, o.observed_at)) AS time_flag, 'available' AS status
FROM hl7_OBR o JOIN hl7_subject g ON g.m = o.m AND g.place = 1 AND g.does = 'results'
WHERE o.filler IS NOT NULL AND o.specimen IS NOT NULL
GROUP BY g.source, key(o.filler), o.specimen, g.item_hash, g.batch_id, g.patient_ref
