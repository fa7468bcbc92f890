-- Ward staffing by shift.
SELECT
    s.*,
    CASE WHEN s.ward_code IS NULL OR s.shift_date IS NULL OR s.shift IS NULL THEN 'not:no_ward_or_shift'
        ELSE 'staffing' END AS fate
FROM s_staffing AS s
