-- The persons of each message that can be staged, and the visit each is named with.
SELECT {source} AS source, {batch} AS batch_id, t.*, a.s, a.record_id AS patient_ref, a.nhs_number, a.nhs_status, a.local_number,
    b.record_id AS prior_patient_ref, v.pv1_s,
    t.type = 'ADT' AND t.visit_rule <> 'none' AS of_visit,
    CASE WHEN t.type = 'ADT' AND t.visit_rule <> 'none' THEN nullif(v.number, '') END AS encounter_ref,
    nullif(v.number, '') AS visit,
    CASE WHEN t.does IN ('move_visit', 'merge_visit', 'renumber_visit') THEN nullif(coalesce(
        CASE WHEN t.by = 'account' THEN NULL ELSE v.prior_visit END, CASE WHEN v.by_account THEN v.prior_account END), '') END AS prior_encounter_ref,
    row_number() OVER (PARTITION BY t.m ORDER BY a.s) AS place
FROM message t
JOIN person a ON a.m = t.m AND a.slot = 1
LEFT JOIN person b ON b.s = a.s AND b.slot = 2
LEFT JOIN visit v ON v.s = a.s
WHERE t.verdict IS NULL
