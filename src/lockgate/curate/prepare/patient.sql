-- Which of a person's records stands for the person: a verified NHS number first, then the newest version.
SELECT
    s.*,
    row_number() OVER (
        PARTITION BY s.person_key
        ORDER BY CASE WHEN s.nhs_number_status = '01' THEN 0 WHEN s.nhs_number IS NOT NULL THEN 1 ELSE 2 END,
            s.version_at DESC, s.source, s.record_id
    ) AS place,
    CASE
        WHEN s.standing <> 'live' THEN s.standing
        WHEN row_number() OVER (
            PARTITION BY s.person_key
            ORDER BY CASE WHEN s.nhs_number_status = '01' THEN 0 WHEN s.nhs_number IS NOT NULL THEN 1 ELSE 2 END,
                s.version_at DESC, s.source, s.record_id
        ) = 1 THEN 'person'
        ELSE 'not:another_record_of_the_person'
    END AS fate
FROM s_patient AS s
