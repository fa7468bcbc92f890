-- Staff by ward, shift, group and band.
SELECT
    s.*,
    CASE WHEN s.ward_code IS NULL OR s.shift_date IS NULL OR s.shift IS NULL OR s.staff_group IS NULL
        THEN 'not:no_ward_or_shift' ELSE 'roster' END AS fate
FROM s_roster AS s
