-- A role of a practitioner: its specialty and organisation. record_id is "PractitionerRole/<id>".
SELECT source, 'PractitionerRole/' || record_id AS record_id, version_at, false AS deleted, item_hash, batch_id,
    ref(r.practitioner, 'Practitioner') AS practitioner_ref,
    coalesce(r.specialty[1].coding[1].code, r.code[1].coding[1].code) AS specialty,
    ref(r.organization, 'Organization') AS organisation_ref,
    identifier_list(r.identifier) AS identifiers
FROM item
