SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'outpatient' AS encounter_class, attended AS status,
    CAST(apptdate AS TIMESTAMP) AS start_at, CAST(apptdate AS TIMESTAMP) AS end_at,
    'urn:nhs:attendance-type' AS type_system, atentype AS type_code,
    tretspef AS specialty_code, 'ods|' || procode3 AS organisation_ref, refsourc AS admitted_from
FROM item
