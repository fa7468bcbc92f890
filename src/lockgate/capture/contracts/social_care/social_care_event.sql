SELECT source, record_id, version_at, deleted, item_hash, batch_id,
    person_ref AS patient_ref, event_type AS kind, CAST(event_start AS TIMESTAMP) AS start_at,
    CAST(event_end AS TIMESTAMP) AS end_at, local_authority, client_type, primary_support_reason AS support_reason,
    route_of_access, assessment_type, service_type, service_component, delivery_mechanism AS delivery, review_reason,
    event_outcome AS outcome, unit_cost, cost_frequency, planned_units_per_week AS planned_units
FROM item
