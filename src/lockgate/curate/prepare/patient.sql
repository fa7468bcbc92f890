-- Which of a person's records stands for the person: none that its source merged into another, if there is one that
-- goes on; then a verified NHS number first, then the newest version.
WITH held AS (
    SELECT source, retired_ref, kind,
        row_number() OVER (
            PARTITION BY source, least(survivor_ref, retired_ref), greatest(survivor_ref, retired_ref)
            ORDER BY coalesce(event_at, version_at) DESC, CASE WHEN kind = 'unmerge' THEN 0 ELSE 1 END, record_id DESC
        ) AS place
    FROM s_patient_merge
    WHERE survivor_ref <> retired_ref
),
retired AS (
    SELECT DISTINCT source, retired_ref FROM held WHERE place = 1 AND kind <> 'unmerge'
),
placed AS (
    SELECT
        s.*,
        row_number() OVER (
            PARTITION BY s.person_key
            ORDER BY CASE WHEN r.retired_ref IS NULL THEN 0 ELSE 1 END,
                CASE WHEN s.nhs_number_status = '01' THEN 0 WHEN s.nhs_number IS NOT NULL THEN 1 ELSE 2 END,
                s.version_at DESC, s.source, s.record_id
        ) AS place
    FROM s_patient AS s
    LEFT JOIN retired AS r ON r.source = s.source AND r.retired_ref = s.record_id
)
SELECT
    p.*,
    CASE
        WHEN p.standing <> 'live' THEN p.standing
        WHEN p.place = 1 THEN 'person'
        ELSE 'not:another_record_of_the_person'
    END AS fate
FROM placed AS p
