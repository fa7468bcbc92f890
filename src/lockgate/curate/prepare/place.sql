-- Wards, clinics and organisations: the care sites. A ward that only a roster, an incident or a comment names by its
-- code has no location row; it gets a care site of its own (source "ward_code").
WITH named AS (
    SELECT DISTINCT ward_code FROM s_staffing WHERE ward_code IS NOT NULL
    UNION
    SELECT DISTINCT ward_code FROM s_incident WHERE ward_code IS NOT NULL
    UNION
    SELECT DISTINCT ward_code FROM s_feedback WHERE ward_code IS NOT NULL
)
SELECT 'location' AS staged, l.source, l.record_id, l.name, l.kind, l.code, 'care_site' AS fate
FROM s_location AS l
UNION ALL
SELECT 'organisation', o.source, o.record_id, o.name, coalesce(o.kind, 'organisation'), o.ods_code, 'care_site'
FROM s_organisation AS o
UNION ALL
SELECT 'ward_code', 'ward_code', n.ward_code, n.ward_code, 'ward', n.ward_code, 'care_site'
FROM named AS n
LEFT JOIN s_location AS l ON l.code = n.ward_code
WHERE l.code IS NULL
