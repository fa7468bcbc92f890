-- Clinicians that visits and orders name: id, family and given name (XCN). Their names also tell de-identification whom to remove.
SELECT source, record_id, max(version_at) AS version_at, false AS deleted, arg_max(item_hash, ord) AS item_hash, any_value(batch_id) AS batch_id,
    arg_max(family, ord) AS family_name, arg_max(given, ord) AS given_name
FROM (
    SELECT g.source, g.batch_id, g.item_hash, g.version_at, n.id AS record_id, n.family, n.given,
        strftime(g.version_at, '%Y%m%d%H%M%S%f') || g.item_hash AS ord
    FROM (
        SELECT m, attending AS id, attending_2 AS family, attending_3 AS given FROM hl7_PV1
        UNION ALL SELECT m, referring, referring_2, referring_3 FROM hl7_PV1
        UNION ALL SELECT m, consulting, consulting_2, consulting_3 FROM hl7_PV1
        UNION ALL SELECT m, admitting, admitting_2, admitting_3 FROM hl7_PV1
        UNION ALL SELECT m, orderer, orderer_2, orderer_3 FROM hl7_OBR
        UNION ALL SELECT m, author, author_2, author_3 FROM hl7_TXA
        UNION ALL SELECT m, surgeon, surgeon_2, surgeon_3 FROM hl7_PR1
        UNION ALL SELECT m, practitioner, practitioner_2, practitioner_3 FROM hl7_PR1
        UNION ALL SELECT m, giver, giver_2, giver_3 FROM hl7_RXA
    ) n JOIN hl7_subject g ON g.m = n.m AND g.place = 1
    WHERE n.id IS NOT NULL AND n.family IS NOT NULL AND n.id <> '""'
)
GROUP BY source, record_id
