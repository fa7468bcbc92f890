-- Every identifier of a person in a message: of the PID (slot 1) and of the MRG after it (slot 2), with its meaning.
SELECT m, s, slot, u.cx AS cx, plain(split_part(u.cx, '^', 1)) AS value,
    upper(split_part(split_part(u.cx, '^', 4), '&', 1)) AS authority, upper(split_part(split_part(u.cx, '^', 5), '&', 1)) AS type
FROM (
    SELECT m, s, 1 AS slot, unnest(string_split(coalesce(ids_raw, outer_id_raw), '~')) AS cx FROM hl7_PID WHERE coalesce(ids_raw, outer_id_raw) IS NOT NULL
    UNION ALL
    SELECT m, pid_s, 2, unnest(string_split(ids_raw, '~')) FROM hl7_MRG WHERE ids_raw IS NOT NULL AND pid_s >= 0
) u
WHERE plain(split_part(u.cx, '^', 1)) IS NOT NULL AND plain(split_part(u.cx, '^', 1)) <> '""'
    AND coalesce(hl7_ts(nullif(split_part(u.cx, '^', 8), '')) > TIMESTAMP '1900-01-01', false) IS NOT TRUE
