-- Merges and changes of identifier (MRG-1 into PID-3); A24 and A37 name two persons: linked, parted again.
SELECT source, patient_ref || '|' || prior_patient_ref || '|' || item_hash AS record_id, version_at, false AS deleted, item_hash, batch_id,
    patient_ref AS survivor_ref, prior_patient_ref AS retired_ref, 'merge' AS kind, event_at
FROM hl7_subject WHERE does IN ('merge', 'change_id') AND prior_patient_ref IS NOT NULL AND prior_patient_ref <> patient_ref
UNION ALL
SELECT a.source, a.patient_ref || '|' || b.patient_ref || '|' || a.item_hash, a.version_at, false, a.item_hash, a.batch_id,
    a.patient_ref, b.patient_ref, CASE a.does WHEN 'link' THEN 'merge' ELSE 'unmerge' END, a.event_at
FROM hl7_subject a JOIN hl7_subject b ON b.m = a.m AND b.place = 2
WHERE a.place = 1 AND a.does IN ('link', 'unmerge') AND a.patient_ref <> b.patient_ref
