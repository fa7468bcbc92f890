-- From a person's first event to the last, not before birth, not after death (the day itself included).
WITH happened AS (
    SELECT person_id, CAST(start_at AS DATE) AS first_day, CAST(coalesce(end_at, start_at) AS DATE) AS last_day
    FROM event
    WHERE fate IN ('condition_occurrence', 'drug_exposure', 'procedure_occurrence', 'measurement', 'observation',
        'device_exposure')
    UNION ALL
    SELECT person_id, CAST(start_at AS DATE), CAST(end_at AS DATE) FROM visit
    UNION ALL
    SELECT person_id, CAST(start_at AS DATE), CAST(start_at AS DATE) FROM p_specimen WHERE fate = 'specimen'
    UNION ALL
    SELECT person_id, CAST(start_at AS DATE), CAST(start_at AS DATE) FROM p_document WHERE fate = 'note'
),
span AS (
    SELECT a.person_id,
        greatest(min(a.first_day), min(h.birth_date)) AS first_day,
        least(max(a.last_day), coalesce(min(CAST(d.death_at AS DATE)), max(a.last_day)),
            greatest(max(a.first_day), min(CAST(u.data_until AS DATE)))) AS last_day
    FROM happened AS a
    JOIN human AS h ON h.person_id = a.person_id
    LEFT JOIN departed AS d ON d.person_id = a.person_id
    CROSS JOIN data_until AS u
    GROUP BY a.person_id
)
SELECT
    s.person_id AS observation_period_id,
    s.person_id,
    s.first_day AS observation_period_start_date,
    greatest(s.last_day, s.first_day) AS observation_period_end_date,
    32882 AS period_type_concept_id
FROM span AS s
