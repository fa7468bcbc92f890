-- Staff planned, on duty, temporary and absent.
SELECT
    s.id AS roster_id,
    w.id AS care_site_id,
    s.shift_date, s.shift, s.staff_group, s.band,
    s.planned_staff, s.actual_staff, s.bank_staff, s.agency_staff, s.absent_staff,
    s.planned_hours, s.actual_hours
FROM p_roster AS s
JOIN ward AS w ON w.ward_code = s.ward_code
WHERE s.fate = 'roster'
