-- A Device says which device a person has, not since when: both times are NULL. DeviceUseStatements say when.
SELECT source, record_id, version_at, coalesce(r.status = 'entered-in-error', false) AS deleted, item_hash, batch_id,
    ref(r.patient, 'Patient') AS patient_ref,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.type.text) AS display,
    r.status AS status,
    CAST(NULL AS TIMESTAMP) AS start_at,
    CAST(NULL AS TIMESTAMP) AS end_at
FROM (SELECT *, best(r.type.coding) AS coding FROM item)
