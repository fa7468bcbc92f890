-- Rows of earlier batches whose visit has another number or person now, as they stand now. One that was known by the
-- visit's number gets a new name, and its old one a tombstone.
WITH held AS (
    SELECT * FROM {rows} WHERE encounter_ref IN (SELECT number FROM hl7_target)
),
newest AS (
    SELECT * FROM held
    QUALIFY row_number() OVER (PARTITION BY record_id, item_hash ORDER BY batch_id DESC, version_at DESC) = 1
),
astray AS (
    SELECT s.*, t.standing, t.patient_ref AS person, {renamed} AS new_id
    FROM newest s JOIN hl7_target t ON t.number = s.encounter_ref
    WHERE (s.encounter_ref, s.patient_ref) IS DISTINCT FROM (t.standing, t.patient_ref)
),
given_up AS (SELECT record_id, item_hash, max(version_at) AS version_at FROM held WHERE deleted GROUP BY ALL)
SELECT a.* EXCLUDE (standing, person, new_id) REPLACE (a.new_id AS record_id, a.standing AS encounter_ref,
    a.person AS patient_ref, {batch} AS batch_id,
    -- a name that was given up and is in use again: later than its tombstone
    CASE WHEN a.new_id <> a.record_id AND g.version_at >= a.version_at THEN g.version_at + to_microseconds(1)
        ELSE a.version_at END AS version_at)
FROM astray a LEFT JOIN given_up g ON g.record_id = a.new_id AND g.item_hash = a.item_hash
UNION ALL BY NAME
SELECT * EXCLUDE (standing, person, new_id)
    REPLACE (standing AS encounter_ref, person AS patient_ref, true AS deleted, {batch} AS batch_id)
FROM astray WHERE new_id <> record_id
