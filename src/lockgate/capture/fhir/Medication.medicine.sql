-- What medicationReference of prescriptions, administrations, dispenses and statements names.
SELECT source, record_id, version_at, coalesce(r.status = 'entered-in-error', false) AS deleted, item_hash, batch_id,
    r.status AS status,
    vocabulary(coding.system) AS code_system,
    coding.code AS code,
    coalesce(coding.display, r.code.text) AS display,
    vocabulary(alt.system) AS alt_code_system,
    alt.code AS alt_code,
    identifier_list(r.identifier) AS identifiers
FROM (SELECT *, best(r.code.coding) AS coding, next_best(r.code.coding) AS alt FROM item)
