SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    r.name[1].family AS family_name,
    array_to_string(r.name[1].given, ' ') AS given_name,
    r.identifier[1].value AS professional_number,
    coalesce(r.qualification[1].code.coding[1].code, r.qualification[1].code.text) AS specialty,
    CASE lower(r.gender) WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' WHEN 'other' THEN 'O' ELSE 'U' END AS sex,
    identifier_list(r.identifier) AS identifiers
FROM item
