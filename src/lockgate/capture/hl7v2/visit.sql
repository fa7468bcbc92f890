-- The visit that each PID's PV1 is of, by number; the first PV1 after the PID counts.
SELECT p.m, p.s, key(said({visit_number})) AS number, v.s AS pv1_s
FROM hl7_PID p LEFT JOIN hl7_PV1 v ON v.pid_s = p.s AND v.s = (SELECT min(w.s) FROM hl7_PV1 w WHERE w.pid_s = p.s)
