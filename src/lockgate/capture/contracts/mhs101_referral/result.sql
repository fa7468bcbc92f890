-- A data item of the NHS Data Dictionary and its code.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    local_patient_id AS patient_ref, 'observation' AS category, 'final' AS status,
    'NHS Data Dictionary' AS code_system, 'primary_reason_for_referral' AS code,
    day_time(referral_received_date, referral_received_time) AS effective_at,
    'MHSDS reason' AS value_code_system, primary_reason AS value_code
FROM item
WHERE primary_reason IS NOT NULL
