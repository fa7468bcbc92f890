-- Patient-safety incidents, in words that were scrubbed. Shifts: early from 07:00, late from 14:00, night from 21:00.
WITH attended AS (
    SELECT i.id, min(v.id) AS visit_occurrence_id
    FROM p_incident AS i
    JOIN visit AS v ON v.person_id = i.person_id AND i.occurred_at BETWEEN v.start_at AND v.end_at
    GROUP BY i.id
)
SELECT
    i.id AS incident_id,
    i.person_id,
    a.visit_occurrence_id,
    w.id AS care_site_id,
    coalesce(CAST(i.occurred_at AS DATE), i.occurred_on, CAST(i.reported_at AS DATE)) AS incident_date,
    i.occurred_at AS incident_datetime,
    CAST(i.reported_at AS DATE) AS reported_date,
    CASE
        WHEN i.occurred_at IS NULL THEN NULL
        WHEN hour(i.occurred_at) BETWEEN 7 AND 13 THEN 'early'
        WHEN hour(i.occurred_at) BETWEEN 14 AND 20 THEN 'late'
        ELSE 'night'
    END AS shift,
    i.category_code,
    i.category,
    i.harm,
    c.text AS description,
    i.event_kind, i.harm_psychological, i.concern, i.involved, i.safety_challenges, i.medication_problem,
    i.device_problem
FROM p_incident AS i
LEFT JOIN attended AS a ON a.id = i.id
LEFT JOIN ward AS w ON w.ward_code = i.ward_code
LEFT JOIN scrubbed_small AS c ON c.staged = 'incident' AND c.id = i.id
WHERE i.fate = 'incident'
