-- Who a PID (or MRG) is: one row per segment and slot. Numbers that contradict each other are counted, not chosen.
SELECT m, s, slot, nhs_number, nhs_status, local_number, locals, nhs_numbers,
    coalesce(local_number, CASE WHEN nhs_number IS NOT NULL THEN 'NHS:' || nhs_number END) AS record_id
FROM (
    SELECT m, s, slot,
        max(nhs_number_clean(value)) FILTER (meaning = 'nhs_number' AND nhs_number_valid(value)) AS nhs_number,
        CASE WHEN count(*) FILTER (meaning = 'nhs_number') > 0
            AND count(*) FILTER (meaning = 'nhs_number' AND nhs_number_valid(value)) = 0 THEN 'invalid' END AS nhs_status,
        max(key(value)) FILTER (meaning = 'local_number') AS local_number,
        count(DISTINCT value) FILTER (meaning = 'local_number') AS locals,
        count(DISTINCT nhs_number_clean(value)) FILTER (meaning = 'nhs_number' AND nhs_number_valid(value)) AS nhs_numbers
    FROM hl7_identifier GROUP BY m, s, slot
)
