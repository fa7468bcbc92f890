-- Devices, without their serial numbers.
SELECT
    e.id AS device_exposure_id,
    e.person_id,
    e.concept_id AS device_concept_id,
    CAST(e.start_at AS DATE) AS device_exposure_start_date,
    e.start_at AS device_exposure_start_datetime,
    CAST(e.end_at AS DATE) AS device_exposure_end_date,
    e.end_at AS device_exposure_end_datetime,
    e.type_concept_id AS device_type_concept_id,
    NULL AS unique_device_id,
    NULL AS production_id,
    NULL AS quantity,
    e.provider_id,
    e.visit_occurrence_id,
    e.visit_detail_id,
    e.source_code AS device_source_value,
    e.source_concept_id AS device_source_concept_id,
    NULL AS unit_concept_id,
    NULL AS unit_source_value,
    NULL AS unit_source_concept_id
FROM event AS e
WHERE e.fate = 'device_exposure'
