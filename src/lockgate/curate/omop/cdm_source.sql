-- What this release is.
SELECT
    b.site_name AS cdm_source_name,
    b.site_code AS cdm_source_abbreviation,
    b.site_name AS cdm_holder,
    'Curated and de-identified by Lockgate' AS source_description,
    NULL AS source_documentation_reference,
    b.code_version AS cdm_etl_reference,
    CAST(u.data_until AS DATE) AS source_release_date,
    p.release_date AS cdm_release_date,
    '5.4' AS cdm_version,
    756265 AS cdm_version_concept_id,
    b.vocabulary_version AS vocabulary_version
FROM policy AS p
CROSS JOIN described AS b
CROSS JOIN data_until AS u
