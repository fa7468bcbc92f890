-- The stay: told by each of its episodes, best by the last, which alone knows the discharge; so of one capture the later
-- episode counts as the newer version.
SELECT source, hes_spell(susspellid, person_ref, procode3, admidate) AS record_id,
    version_at + INTERVAL 1 MICROSECOND * coalesce(epiorder, 0) AS version_at, false AS deleted, item_hash, batch_id,
    person_ref AS patient_ref, 'inpatient' AS encounter_class,
    CASE WHEN disdate IS NULL AND epistat = 'unfinished' THEN 'in-progress' ELSE 'finished' END AS status,
    CAST(admidate AS TIMESTAMP) AS start_at,
    CAST(coalesce(disdate, epiend) AS TIMESTAMP) AS end_at,
    'urn:nhs:admission-method' AS type_system, admimeth AS type_code,
    tretspef AS specialty_code, 'ods|' || procode3 AS organisation_ref,
    admisorc AS admitted_from, disdest AS discharged_to
FROM item
QUALIFY row_number() OVER (
    PARTITION BY hes_spell(susspellid, person_ref, procode3, admidate) ORDER BY epiorder DESC NULLS LAST, item_hash DESC) = 1
