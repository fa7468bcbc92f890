SELECT source, record_id, version_at, coalesce(r.status = 'entered-in-error', false) AS deleted, item_hash, batch_id,
    r.name AS name,
    CASE
        WHEN type IN ('icu', 'hdu', 'ccu', 'pedicu', 'pednicu', 'critical_care', 'critical-care') THEN 'critical_care'
        WHEN type IN ('er', 'emergency', 'etmh') THEN 'emergency'
        WHEN type IN ('or', 'theatre') THEN 'theatre'
        WHEN type IN ('hospc', 'clinic', 'outpatient', 'outpht') THEN 'clinic'
        WHEN physical = 'wa' OR type IN ('ward', 'hu') THEN 'ward'
        WHEN physical IN ('si', 'bu') THEN 'site'
        ELSE 'other' END AS kind,
    coalesce(list_filter(r.identifier, lambda i: i.system LIKE '%ward%')[1].value, r.identifier[1].value) AS code,
    ref(r.managingOrganization, 'Organization') AS organisation_ref,
    ref(r.partOf, 'Location') AS part_of_ref,
    identifier_list(r.identifier) AS identifiers
FROM (SELECT *, lower(r.type[1].coding[1].code) AS type, lower(r.physicalType.coding[1].code) AS physical FROM item)
