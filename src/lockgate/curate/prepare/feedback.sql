-- Friends and Family comments: they name no patient.
SELECT s.*, 'feedback' AS fate
FROM s_feedback AS s
