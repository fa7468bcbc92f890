-- Points of care that visits name. What a place is, the site says ([hl7v2.locations]).
SELECT f.source, f.code AS record_id, max(f.version_at) AS version_at, false AS deleted, arg_max(f.item_hash, f.version_at) AS item_hash,
    any_value(f.batch_id) AS batch_id, f.code AS name, coalesce(any_value(l.kind), 'other') AS kind, f.code
FROM (
    SELECT source, batch_id, item_hash, version_at, split_part(unnest([location, prior_location]), '^', 1) AS code
    FROM {come}
) f LEFT JOIN hl7_place l ON l.code = f.code
WHERE f.code <> '' AND f.code <> '""'
GROUP BY f.source, f.code
