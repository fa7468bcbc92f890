-- One row for each person who is carried, each attribute from the first of their records that states it. The place
-- that min_by goes by is NULL where the attribute is: engines differ in what a NULL attribute of the first place gives.
WITH at_postcode AS (
    SELECT replace(upper(record_id), ' ', '') AS postcode, min(lsoa21_code) AS lsoa21_code
    FROM s_postcode
    GROUP BY 1
),
told AS (
    SELECT
        p.person_id,
        -- an age gives the year alone
        coalesce(
            min_by(p.birth_date, CASE WHEN p.birth_date IS NOT NULL THEN p.place END),
            CAST(concat(
                CAST(min_by(p.birth_year_about, CASE WHEN p.birth_year_about IS NOT NULL THEN p.place END) AS VARCHAR),
                '-01-01') AS DATE)
        ) AS birth_date,
        CASE WHEN count(p.birth_date) = 0 THEN 1 ELSE 0 END AS birth_estimated,
        min_by(p.sex, CASE WHEN p.sex IN ('M', 'F', 'O') THEN p.place END) AS sex,
        min_by(
            p.ethnicity_system || ':' || p.ethnicity_code,
            CASE WHEN p.ethnicity_system IS NOT NULL AND p.ethnicity_code NOT IN ('Z', '99') THEN p.place END
        ) AS ethnicity_stated,
        min_by(
            p.ethnicity_system || ':' || p.ethnicity_code,
            CASE WHEN p.ethnicity_system IS NOT NULL AND p.ethnicity_code IS NOT NULL THEN p.place END
        ) AS ethnicity_sent,
        min_by(
            -- an area of 2011 is one of 2021 only where it is unchanged
            coalesce(p.lsoa21_code, a.lsoa21_code, o.lsoa21_code),
            CASE WHEN coalesce(p.lsoa21_code, a.lsoa21_code, o.lsoa21_code) IS NOT NULL THEN p.place END
        ) AS lsoa21_code,
        min_by(replace(upper(p.postcode), ' ', ''), CASE WHEN p.postcode IS NOT NULL THEN p.place END) AS postcode,
        min_by(p.lsoa11_code, CASE WHEN p.lsoa11_code IS NOT NULL THEN p.place END) AS lsoa11_code,
        min_by(p.gp_practice_code, CASE WHEN p.gp_practice_code IS NOT NULL THEN p.place END) AS gp_practice_code,
        min_by(CAST(p.death_at AS TIMESTAMP), CASE WHEN p.death_at IS NOT NULL THEN p.place END) AS death_at
    FROM p_patient AS p
    LEFT JOIN at_postcode AS a ON a.postcode = replace(upper(p.postcode), ' ', '')
    LEFT JOIN area11 AS o ON o.lsoa11_code = p.lsoa11_code
    WHERE p.standing = 'live'
    GROUP BY p.person_id
)
SELECT t.*, coalesce(t.ethnicity_stated, t.ethnicity_sent) AS ethnicity
FROM told AS t
