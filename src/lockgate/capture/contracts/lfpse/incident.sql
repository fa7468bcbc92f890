-- Codes become words; the taxonomy's texts are not repeated. A day without a time has no clock time: the shift is not told.
SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, ward_code,
    CASE WHEN occurred_time IS NOT NULL THEN day_time(occurred_on, occurred_time) END AS occurred_at,
    occurred_on, reported_at,
    process AS category_code, service AS category, physical_harm AS harm, description,
    event_type AS event_kind, psychological_harm AS harm_psychological, level_of_concern AS concern,
    array_to_string(list_transform(string_split(involved_agents, ';'), lambda c: map_extract_value(MAP {'3': 'device', '4': 'medication', '8': 'tissue_or_organ', '9': 'it_system', '10': 'none', '11': 'blood', '12': 'blood_product', '13': 'building', '14': 'estates_service'}, trim(c))), '; ') AS involved,
    array_to_string(list_transform(string_split(safety_challenges, ';'), lambda c: map_extract_value(MAP {'1': 'pressure_ulcer', '2': 'fall', '3': 'self_harm', '4': 'radiotherapy', '5': 'healthcare_associated_infection', '6': 'none', '7': 'screening'}, trim(c))), '; ') AS safety_challenges,
    array_to_string(list_transform(string_split(medication_problem, ';'), lambda c: map_extract_value(MAP {'1': 'too_much', '2': 'too_little', '3': 'given_wrongly', '4': 'medicine_or_packaging_faulty', '5': 'other', '6': 'unknown'}, trim(c))), '; ') AS medication_problem,
    array_to_string(list_transform(string_split(device_problem, ';'), lambda c: map_extract_value(MAP {'1': 'used_needlessly', '2': 'not_used', '3': 'used_wrongly', '4': 'broken_or_unfit', '5': 'accident', '6': 'other', '7': 'unknown'}, trim(c))), '; ') AS device_problem
FROM item
