-- output: incidents dimensions=category,harm counts=incidents:incidents title="Incidents by category and harm"
SELECT coalesce(category, 'Not stated') AS category, coalesce(harm, 'Not stated') AS harm, count(*) AS incidents
FROM incident GROUP BY ALL ORDER BY ALL;
