-- The visit that each PID's PV1 is of, by number, and the number it had before (MRG); the first PV1 after the PID counts.
SELECT p.m, p.s, key(said({visit_number})) AS number, v.s AS pv1_s,
    key(said({visit_number})) = key(said(p.account)) AS by_account,
    key(said(g.visit)) AS prior_visit, key(said(g.account)) AS prior_account
FROM hl7_PID p LEFT JOIN hl7_PV1 v ON v.pid_s = p.s AND v.s = (SELECT min(w.s) FROM hl7_PV1 w WHERE w.pid_s = p.s)
LEFT JOIN (SELECT pid_s, any_value(visit) AS visit, any_value(account) AS account FROM hl7_MRG GROUP BY pid_s) g ON g.pid_s = p.s
