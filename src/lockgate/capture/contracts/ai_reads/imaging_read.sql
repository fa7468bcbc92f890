SELECT source, record_id, version_at, false AS deleted, item_hash, batch_id,
    accession AS study_accession, reader, reader_kind, finding, score, call, reference, read_at
FROM item
