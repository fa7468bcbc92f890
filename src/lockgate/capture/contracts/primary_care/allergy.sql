-- Deletes end the event in every table: its kind need not be told again.
SELECT source, record_id AS record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, vocabulary(code_system) AS code_system, code, term AS display,
    day_time(event_date, event_time) AS recorded_at
FROM item WHERE event_type IN ('allergy') OR deleted
