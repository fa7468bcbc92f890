SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    r.name AS name,
    list_filter(r.identifier, lambda i: i.system LIKE '%ods-organization-code')[1].value AS ods_code,
    coalesce(r.type[1].coding[1].code, r.type[1].text) AS kind,
    r.address[1].city AS city,
    r.address[1].postalCode AS postcode,
    identifier_list(r.identifier) AS identifiers
FROM item
