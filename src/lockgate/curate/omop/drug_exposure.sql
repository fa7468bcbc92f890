-- Medicines. The end is the one sent, else the supply's last day, else the start. Free-text instructions are carried
-- only where the same words stand for at least as many people as the site's threshold.
SELECT
    e.id AS drug_exposure_id,
    e.person_id,
    e.concept_id AS drug_concept_id,
    CAST(e.start_at AS DATE) AS drug_exposure_start_date,
    e.start_at AS drug_exposure_start_datetime,
    greatest(
        coalesce(CAST(e.end_at AS DATE), CAST(e.start_at AS DATE) + CAST(greatest(e.days_supply, 1) - 1 AS INTEGER),
            CAST(e.start_at AS DATE)),
        CAST(e.start_at AS DATE)
    ) AS drug_exposure_end_date,
    e.end_at AS drug_exposure_end_datetime,
    CAST(e.end_at AS DATE) AS verbatim_end_date,
    e.type_concept_id AS drug_type_concept_id,
    e.stop_reason,
    e.refills,
    e.quantity,
    e.days_supply,
    t.words AS sig,
    NULL AS route_concept_id,
    NULL AS lot_number,
    e.provider_id,
    e.visit_occurrence_id,
    e.visit_detail_id,
    e.source_code AS drug_source_value,
    e.source_concept_id AS drug_source_concept_id,
    e.route_value AS route_source_value,
    e.dose_unit_value AS dose_unit_source_value
FROM event AS e
LEFT JOIN common_text AS t ON t.words = e.sig
WHERE e.fate = 'drug_exposure'
