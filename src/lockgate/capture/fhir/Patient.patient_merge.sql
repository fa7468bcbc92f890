-- Patient.link of types replaced-by and replaces. (refer and seealso point to other records of use, and merge nothing.)
-- That a link was taken away again is told by links.py from the versions that lack it.
SELECT source, survivor_ref || '|' || retired_ref || '|' || record_id || '@' || strftime(version_at, '%Y%m%dT%H%M%S%f') AS record_id,
    version_at, false AS deleted, item_hash, batch_id,
    survivor_ref, retired_ref, 'merge' AS kind, version_at AS event_at
FROM (
    SELECT DISTINCT source, record_id, version_at, item_hash, batch_id,
        CASE WHEN link.type = 'replaced-by' THEN other ELSE record_id END AS survivor_ref,
        CASE WHEN link.type = 'replaced-by' THEN record_id ELSE other END AS retired_ref
    FROM (
        SELECT *, ref(link.other, 'Patient') AS other
        FROM (SELECT source, record_id, version_at, item_hash, batch_id, unnest(r.link) AS link FROM item WHERE len(r.link) > 0)
        WHERE link.type IN ('replaced-by', 'replaces')
    )
)
WHERE survivor_ref <> retired_ref
