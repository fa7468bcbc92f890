-- The person a row names: one row for each person and consultation of this part of the file, from its newest record.
-- For each consultation, since events whose consultation has not come are held back, and the person with them.
SELECT source, person_ref AS record_id, version_at, false AS deleted, item_hash, batch_id,
    nhs_number, birth_date, sex, postcode, practice_code AS gp_practice_code
FROM item
WHERE person_ref IS NOT NULL AND NOT item.deleted
QUALIFY row_number() OVER (PARTITION BY person_ref, consultation_id ORDER BY version_at DESC, item_hash DESC) = 1
