-- Visits as all facts of them say; what was taken back says nothing.
WITH mark AS (
    SELECT encounter_ref,
        max(ord) FILTER (does = 'undo' AND undoes = 'end') AS reopened,
        max(ord) FILTER (does = 'delete_visit') AS wiped,
        max(ord) FILTER (does = 'begin' AND NOT undone) AS begun,
        max(ord) FILTER (does = 'plan' AND NOT undone) AS planned,
        max(ord) FILTER (does IN ('move', 'end') AND NOT undone) AS went_on,
        max(ord) FILTER (does = 'undo' AND undoes IN ('begin', 'plan')) AS called_off,
        max(ord) FILTER (does = 'leave' AND NOT undone) AS left_at,
        max(ord) FILTER (does = 'return' AND NOT undone) AS back_at
    FROM hl7_standing GROUP BY encounter_ref
),
told AS (
    SELECT s.encounter_ref, any_value(s.source) AS source,
        arg_max(s.item_hash, s.ord) AS item_hash, arg_max(s.patient_ref, s.ord) AS patient_ref,
        last_when(patient_class, ord, NOT undone) AS patient_class,
        last_when(location, ord, NOT undone AND does <> 'track') AS location,
        last_when(admission_type, ord, NOT undone) AS admission_type,
        last_when(service, ord, NOT undone) AS service,
        last_when(consultant, ord, NOT undone) AS consultant,
        last_when(reason, ord, NOT undone) AS reason,
        last_when(admitted_from, ord, NOT undone) AS admitted_from,
        last_when(discharged_to, ord, NOT undone AND ord > coalesce(reopened, 0)) AS discharged_to,
        hl7_ts(last_when(admit_at, ord, NOT undone)) AS admit_at,
        hl7_ts(last_when(expected_at, ord, NOT undone)) AS expected_at,
        min(event_at) FILTER (does = 'begin' AND NOT undone) AS began_at,
        min(event_at) FILTER (does = 'plan' AND NOT undone) AS planned_at,
        min(event_at) FILTER (NOT undone) AS first_at,
        hl7_ts(last_when(discharge_at, ord, NOT undone AND ord > coalesce(reopened, 0) AND does <> 'undo')) AS discharge_at,
        arg_max(event_at, ord) FILTER (does = 'end' AND NOT undone AND ord > coalesce(reopened, 0)) AS ended_at,
        arg_max(tz_offset, ord) FILTER (does = 'begin' AND NOT undone) AS tz_offset,
        arg_max(time_flag, ord) FILTER (does IN ('begin', 'end') AND NOT undone AND time_flag IS NOT NULL) AS time_flag
    FROM hl7_standing s JOIN mark USING (encounter_ref) GROUP BY s.encounter_ref
    -- a change of account numbers alone tells of no visit
    HAVING bool_or(s.does NOT IN ('move_visit', 'merge_visit', 'renumber_visit') OR s.patient_class IS NOT NULL OR s.location IS NOT NULL)
),
version AS ( -- of all numbers that are one visit now
    SELECT coalesce(n.standing, f.encounter_ref) AS encounter_ref, any_value(f.source) AS source,
        max(f.version_at) + to_microseconds(count(*)) AS version_at, max_by(f.item_hash, (f.version_at, f.item_hash)) AS item_hash
    FROM hl7_fact f LEFT JOIN hl7_number n ON n.number = f.encounter_ref
    WHERE f.encounter_ref IN (SELECT encounter_ref FROM hl7_touched_visit) GROUP BY ALL
)
SELECT t.source, t.encounter_ref AS record_id, v.version_at,
    coalesce(greatest(k.called_off, k.wiped) > 0
            AND coalesce(greatest(k.begun, k.planned), 0) <= CASE WHEN k.wiped IS NULL THEN 0 ELSE k.wiped END
            AND (k.wiped IS NOT NULL OR (k.begun IS NULL AND k.planned IS NULL)), false) AS deleted,
    t.item_hash, {batch} AS batch_id, t.patient_ref,
    coalesce(c.encounter_class, 'other') AS encounter_class,
    CASE WHEN coalesce(t.discharge_at, t.ended_at) IS NOT NULL THEN 'finished'
        WHEN k.begun IS NULL AND k.went_on IS NULL AND k.planned IS NOT NULL THEN 'planned'
        WHEN coalesce(k.left_at, 0) > coalesce(k.back_at, 0) THEN 'onleave'
        ELSE 'in-progress' END AS status,
    coalesce(t.admit_at, t.began_at, t.expected_at, t.planned_at, t.first_at) AS start_at,
    coalesce(t.discharge_at, t.ended_at) AS end_at,
    t.tz_offset, t.time_flag,
    CASE WHEN t.admission_type IS NOT NULL THEN 'hl7v2:PV1-4' END AS type_system,
    t.admission_type AS type_code,
    CASE WHEN t.reason IS NOT NULL THEN 'hl7v2:PV2-3' END AS reason_system,
    t.reason AS reason_code,
    t.service AS specialty_code,
    t.consultant AS practitioner_ref,
    nullif(split_part(t.location, '^', 1), '') AS location_ref,
    t.admitted_from, t.discharged_to
FROM told t JOIN mark k USING (encounter_ref)
LEFT JOIN hl7_class c ON c.code = upper(t.patient_class)
JOIN version v USING (encounter_ref)
UNION ALL BY NAME -- numbers that visits had before
SELECT v.source, n.number AS record_id, v.version_at, true AS deleted, v.item_hash, {batch} AS batch_id
FROM hl7_number n JOIN version v ON v.encounter_ref = n.standing
WHERE n.number <> n.standing
