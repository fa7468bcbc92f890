-- Wards, clinics and organisations: the care sites. A ward that only a roster, an incident or a comment names by its
-- code has no location row; it gets a care site of its own (source "ward_code").
WITH named AS (
    SELECT DISTINCT ward_code FROM s_staffing WHERE ward_code IS NOT NULL
    UNION
    SELECT DISTINCT ward_code FROM s_roster WHERE ward_code IS NOT NULL
    UNION
    SELECT DISTINCT ward_code FROM s_incident WHERE ward_code IS NOT NULL
    UNION
    SELECT DISTINCT ward_code FROM s_feedback WHERE ward_code IS NOT NULL
)
SELECT 'location' AS staged, l.source, l.record_id, l.kind, l.code, 'care_site' AS fate,
    -- a practice or a surgery may bear a doctor's name; a ward, or a place that rosters and incidents name, does not
    CASE WHEN l.kind <> 'other' OR n.ward_code IS NOT NULL THEN l.name END AS name
FROM s_location AS l
LEFT JOIN named AS n ON n.ward_code = l.code
UNION ALL
SELECT 'organisation', o.source, o.record_id, coalesce(o.kind, 'organisation'), o.ods_code, 'care_site',
    -- a trust is called what the Organisation Data Service calls it today; any other one by its code
    CASE WHEN length(o.ods_code) <= 10 THEN coalesce(t.name, o.ods_code) END
FROM s_organisation AS o
LEFT JOIN ods AS t ON t.ods_code = o.ods_code
UNION ALL
SELECT 'ward_code', 'ward_code', n.ward_code, 'ward', n.ward_code, 'care_site', n.ward_code
FROM named AS n
LEFT JOIN s_location AS l ON l.code = n.ward_code
WHERE l.code IS NULL
