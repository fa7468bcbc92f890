-- The facts of each visit in the source's own order, and which of them was taken back.
-- A cancel takes back the event of its kind that happened at the time it names (EVN-6), else the last one said before
-- it; with it every restatement of the same event. It never reaches what was said after it.
-- A visit that goes on under another number (hl7_number) is one visit, under the number that it has now.
WITH numbered AS (
    SELECT f.* REPLACE (coalesce(n.standing, f.encounter_ref) AS encounter_ref)
    FROM hl7_fact f LEFT JOIN hl7_number n ON n.number = f.encounter_ref
    WHERE coalesce(n.told, true) AND f.encounter_ref IN (SELECT encounter_ref FROM hl7_touched_visit)
),
fact AS (
    SELECT f.*, e.does, e.undoes, row_number() OVER (
        PARTITION BY f.encounter_ref ORDER BY f.version_at, f.sequence NULLS FIRST, e.rank, f.control_id, f.item_hash, f.record_id
    ) AS ord
    FROM numbered f JOIN hl7_event e ON e.type = f.message_type AND e.event = f.event
),
target AS (
    SELECT c.encounter_ref, c.ord AS cancel_ord, c.undoes,
        arg_max(struct_pack(ord := t.ord, event := t.event, event_at := t.event_at, location := t.location),
            t.ord + CASE WHEN t.event_at = c.event_at THEN 1000000000 ELSE 0 END) AS t
    FROM fact c JOIN fact t ON t.encounter_ref = c.encounter_ref AND t.does = c.undoes AND t.ord < c.ord
    WHERE c.does = 'undo'
    GROUP BY c.encounter_ref, c.ord, c.undoes
)
SELECT f.*,
    f.does IN ('begin', 'plan', 'move', 'end', 'leave', 'return') AND EXISTS (
        SELECT 1 FROM target u
        WHERE u.encounter_ref = f.encounter_ref AND u.undoes = f.does AND f.ord < u.cancel_ord
            AND CASE f.does
                WHEN 'begin' THEN f.event = u.t.event
                WHEN 'move' THEN f.event_at = u.t.event_at AND f.location IS NOT DISTINCT FROM u.t.location
                WHEN 'plan' THEN true
                WHEN 'end' THEN true
                ELSE f.ord = u.t.ord END
    ) AS undone
FROM fact f
