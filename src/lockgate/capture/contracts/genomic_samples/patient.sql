-- The person a row names: one row for each person of this part of the file, from its newest record.
SELECT source, person_ref AS record_id, version_at, false AS deleted, item_hash, batch_id,
    nhs_number, hospital_number AS local_number, birth_date
FROM item
WHERE person_ref IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY person_ref ORDER BY version_at DESC, item_hash DESC) = 1
