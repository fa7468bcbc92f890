-- Stays in a ward: from one move that holds to the next. Beds within a ward are one stay.
WITH visit AS (SELECT * FROM staged_encounter WHERE NOT deleted),
said AS (
    SELECT s.encounter_ref, s.ord, split_part(s.location, '^', 1) AS ward, split_part(s.prior_location, '^', 1) AS ward_before,
        s.does, s.patient_class,
        greatest(CASE WHEN s.does = 'begin' AND s.event NOT IN ('A06', 'A07')
            THEN coalesce(hl7_ts(s.admit_at), s.event_at) ELSE s.event_at END, v.start_at) AS at_time
    FROM hl7_standing s JOIN visit v ON v.record_id = s.encounter_ref
    WHERE NOT s.undone AND s.location IS NOT NULL AND s.location <> '""'
),
movement AS (SELECT * FROM said WHERE does IN ('begin', 'move')),
point AS (
    SELECT encounter_ref, ord, ward, patient_class, at_time FROM movement
    UNION ALL -- the feed began after the admission: where the first move came from
    SELECT m.encounter_ref, 0, m.ward_before, m.patient_class, v.start_at
    FROM (SELECT * FROM movement QUALIFY row_number() OVER (PARTITION BY encounter_ref ORDER BY at_time, ord) = 1) m
    JOIN visit v ON v.record_id = m.encounter_ref
    WHERE m.ward_before <> '' AND m.at_time > v.start_at
    UNION ALL -- no move at all: where the patient was last said to be
    SELECT encounter_ref, ord, ward, patient_class, v.start_at
    FROM (SELECT * FROM said WHERE does <> 'track' QUALIFY row_number() OVER (PARTITION BY encounter_ref ORDER BY ord DESC) = 1) s
    JOIN visit v ON v.record_id = s.encounter_ref
    WHERE s.encounter_ref NOT IN (SELECT encounter_ref FROM movement)
),
placed AS ( -- of several at one instant the last said; none after the end
    SELECT p.*, v.end_at AS visit_end FROM point p JOIN visit v ON v.record_id = p.encounter_ref
    WHERE v.status <> 'planned' AND p.ward <> '' AND (v.end_at IS NULL OR p.at_time < v.end_at OR p.at_time = v.start_at)
    QUALIFY row_number() OVER (PARTITION BY p.encounter_ref, p.at_time ORDER BY p.ord DESC) = 1
),
changed AS (
    SELECT *, coalesce(lag(ward) OVER (PARTITION BY encounter_ref ORDER BY at_time) <> ward, true) AS new FROM placed
),
stay AS (
    SELECT *, lead(at_time) OVER (PARTITION BY encounter_ref ORDER BY at_time) AS next_at,
        row_number() OVER (PARTITION BY encounter_ref ORDER BY at_time) AS n
    FROM changed WHERE new
)
SELECT v.source, s.encounter_ref || '#' || s.n AS record_id, v.version_at, false AS deleted, v.item_hash, v.batch_id,
    v.patient_ref, s.encounter_ref, s.ward AS location_ref,
    coalesce(l.kind, CASE coalesce(c.encounter_class, v.encounter_class) WHEN 'emergency' THEN 'emergency'
        WHEN 'inpatient' THEN 'ward' WHEN 'outpatient' THEN 'clinic' ELSE 'other' END) AS kind,
    s.at_time AS start_at, coalesce(s.next_at, s.visit_end) AS end_at
FROM stay s JOIN visit v ON v.record_id = s.encounter_ref
LEFT JOIN hl7_class c ON c.code = upper(nullif(s.patient_class, '""'))
LEFT JOIN hl7_place l ON l.code = s.ward
