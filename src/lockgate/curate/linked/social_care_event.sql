-- Requests, assessments, services and reviews of adult social care.
SELECT
    s.id AS social_care_event_id,
    s.person_id,
    s.kind,
    CAST(s.start_at AS DATE) AS start_date,
    CAST(s.end_at AS DATE) AS end_date,
    s.local_authority, s.client_type, s.support_reason, s.route_of_access, s.assessment_type,
    s.service_type, s.service_component, s.delivery, s.review_reason, s.outcome,
    s.unit_cost, s.cost_frequency, s.planned_units
FROM p_social_care_event AS s
WHERE s.fate = 'social_care_event'
