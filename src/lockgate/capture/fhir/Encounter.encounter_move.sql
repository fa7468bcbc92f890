-- Ward stays: the locations of an encounter that say when. Where the Location itself says its kind, that wins (see
-- references.py); what stands here is told from the encounter.
SELECT source, record_id || '#' || n AS record_id, version_at,
    deleted OR coalesce(stay.status IN ('planned', 'reserved'), false) AS deleted, item_hash, batch_id,
    patient_ref,
    record_id AS encounter_ref,
    ref(stay.location, 'Location') AS location_ref,
    CASE WHEN kind IN ('icu', 'hdu', 'critical_care', 'critical-care') THEN 'critical_care'
         WHEN kind IN ('er', 'emergency', 'etmh') THEN 'emergency'
         WHEN kind IN ('or', 'theatre') THEN 'theatre'
         WHEN kind IN ('wa', 'ward', 'bd', 'ro', 'hu') THEN 'ward'
         WHEN kind IN ('clinic', 'hospc', 'outpatient') THEN 'clinic'
         WHEN class = 'EMER' THEN 'emergency'
         WHEN class IN ('IMP', 'ACUTE', 'NONAC', 'SS') THEN 'ward'
         WHEN class = 'AMB' THEN 'clinic'
         ELSE 'other' END AS kind,
    ts(stay.period.start) AS start_at,
    ts(stay.period.end) AS end_at
FROM (SELECT *, lower(stay.physicalType.coding[1].code) AS kind FROM (
    SELECT source, record_id, version_at, item_hash, batch_id, ref(r.subject, 'Patient') AS patient_ref,
        r.status IN ('entered-in-error', 'cancelled') AS deleted,
        upper(r.class.code) AS class,
        unnest(r.location) AS stay,
        generate_subscripts(r.location, 1) AS n
    FROM item WHERE len(r.location) > 0
))
WHERE stay.period.start IS NOT NULL
