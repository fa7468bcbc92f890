-- Studies that orders and reports of radiology name: by accession number (IPC-1, else OBR-18 of imaging), else by the
-- study's DICOM UID (IPC-3, ZDS-1). Several orders may be one study.
WITH told AS (
    SELECT obr_s, any_value(said(accession)) AS accession, any_value(said(study_uid)) AS study_uid, any_value(said(modality)) AS modality
    FROM (SELECT obr_s, accession, study_uid, modality FROM hl7_IPC UNION ALL SELECT obr_s, NULL, study_uid, NULL FROM hl7_ZDS)
    WHERE obr_s >= 0 GROUP BY obr_s
),
study AS (
    SELECT b.s, g.source, g.item_hash, g.batch_id, g.patient_ref, g.visit, g.does,
        nullif(key(coalesce(t.accession, CASE WHEN k.category = 'imaging' THEN said(b.accession) END)), '') AS accession, t.study_uid,
        upper(coalesce(t.modality, CASE WHEN k.category = 'imaging' THEN b.section END)) AS modality,
        result_version(hl7_utc(b.changed, b.changed_at), g.version_at, r.rank) AS version_at, b.observed, b.observed_at,
        coalesce(upper(c.control) IN ('CA', 'OC', 'DC', 'CR', 'OD'), false) OR coalesce(r.row = 'remove', false) AS gone,
        vocabulary(coalesce(b.battery_3, g.application, 'local')) AS code_system, b.battery AS code, b.battery_2 AS display
    FROM hl7_OBR b JOIN hl7_subject g ON g.m = b.m AND g.place = 1 AND g.does IN ('results', 'orders')
    LEFT JOIN told t ON t.obr_s = b.s
    LEFT JOIN hl7_ORC c ON c.s = b.orc_s
    LEFT JOIN hl7_order_status r ON r.code = upper(b.status)
    LEFT JOIN hl7_category k ON k.code = coalesce(b.section, g.facility, g.application)
)
SELECT source, coalesce(accession, 'urn:oid:' || study_uid) AS record_id, max(version_at) AS version_at, bool_and(gone) AS deleted,
    item_hash, batch_id, any_value(patient_ref) AS patient_ref, any_value(visit) AS encounter_ref, any_value(accession) AS accession,
    min(observed_at) AS started_at, arg_min(hl7_offset(observed), s) AS tz_offset, arg_min(hl7_flag(observed, observed_at), s) AS time_flag,
    CASE WHEN bool_or(does = 'results') THEN 'available' ELSE 'registered' END AS status,
    min(CASE WHEN modality IN ('NMR', 'MRI') THEN 'MR' WHEN modality IN ('RUS', 'OUS', 'VUS') THEN 'US' WHEN modality = 'NMS' THEN 'NM'
        WHEN regexp_full_match(modality, '[A-Z]{2}') THEN modality END) AS modality,
    arg_min(code_system, s) AS code_system, arg_min(code, s) AS code, arg_min(display, s) AS display
FROM study WHERE coalesce(accession, study_uid) IS NOT NULL
GROUP BY source, coalesce(accession, 'urn:oid:' || study_uid), item_hash, batch_id
