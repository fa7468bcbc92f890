-- Planned and worked hours of each ward and shift.
SELECT
    s.id AS staffing_id,
    w.id AS care_site_id,
    s.shift_date,
    s.shift,
    s.planned_rn_hours, s.actual_rn_hours, s.planned_hca_hours, s.actual_hca_hours,
    s.occupied_beds
FROM p_staffing AS s
JOIN ward AS w ON w.ward_code = s.ward_code
WHERE s.fate = 'staffing'
