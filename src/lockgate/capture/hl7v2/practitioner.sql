-- Clinicians that visits and orders name: id, family and given name (XCN). Their names also tell de-identification whom to remove.
SELECT source, record_id, max(version_at) AS version_at, false AS deleted, arg_max(item_hash, ord) AS item_hash, any_value(batch_id) AS batch_id,
    arg_max(family, ord) AS family_name, arg_max(given, ord) AS given_name
FROM (
    SELECT g.source, g.batch_id, g.item_hash, g.version_at, comp(n.who, 1) AS record_id, comp(n.who, 2) AS family, comp(n.who, 3) AS given,
        strftime(g.version_at, '%Y%m%d%H%M%S%f') || g.item_hash AS ord
    FROM (
        SELECT m, unnest([attending, referring, consulting, admitting]) AS who FROM hl7_PV1
        UNION ALL SELECT m, orderer FROM hl7_OBR UNION ALL SELECT m, author FROM hl7_TXA UNION ALL SELECT m, giver FROM hl7_RXA
    ) n JOIN hl7_subject g ON g.m = n.m AND g.place = 1
    WHERE comp(n.who, 1) IS NOT NULL AND comp(n.who, 2) IS NOT NULL AND comp(n.who, 1) <> '""'
)
GROUP BY source, record_id
