SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    trust || coalesce(': ' || service_type_1, '') || coalesce(', ' || service_type_2, '') AS service,
    date AS received_on, date_flag,
    CASE WHEN fft_categorical_answer <= 6 THEN fft_categorical_answer END AS rating,
    fft_answer AS comment
FROM item
