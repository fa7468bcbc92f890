-- Staff, without names: a key, a specialty, a sex.
SELECT s.*, 'provider' AS fate
FROM s_practitioner AS s
