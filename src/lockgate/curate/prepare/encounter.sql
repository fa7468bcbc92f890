-- Visits. One that begins in the emergency department and goes on to a ward is one visit of concept 262.
WITH moved AS (
    SELECT source, encounter_ref,
        max(CASE WHEN kind = 'emergency' THEN 1 ELSE 0 END) AS emergency,
        min(start_at) AS first_at, max(coalesce(end_at, start_at)) AS last_at
    FROM s_encounter_move
    GROUP BY source, encounter_ref
)
SELECT
    s.source, s.record_id, s.person_id, s.standing, s.practitioner_ref,
    coalesce(s.location_ref, s.organisation_ref) AS place_ref,
    coalesce(s.start_at, m.first_at) AS start_at,
    greatest(
        coalesce(
            s.end_at, m.last_at,
            -- still in hospital: until the data ends
            CASE WHEN s.encounter_class = 'inpatient' AND s.status IN ('in-progress', 'onleave') THEN d.data_until END,
            s.start_at
        ),
        coalesce(s.start_at, m.first_at)
    ) AS end_at,
    k.concept_id AS told_concept_id,
    s.encounter_class, s.type_code, s.admitted_from, s.discharged_to,
    CASE WHEN s.encounter_class = 'inpatient' AND m.emergency = 1 THEN 'emergency_inpatient'
        ELSE s.encounter_class END AS visit_kind,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN s.status IN ('planned', 'cancelled', 'entered-in-error') THEN 'not:did_not_take_place'
        WHEN coalesce(s.start_at, m.first_at) IS NULL THEN 'not:no_date'
        ELSE 'visit_occurrence'
    END AS fate
FROM s_encounter AS s
LEFT JOIN moved AS m ON m.source = s.source AND m.encounter_ref = s.record_id
LEFT JOIN coding AS k ON s.type_system = 'OMOP' AND k.vocabulary_id = 'OMOP' AND k.code = s.type_code
CROSS JOIN data_until AS d
