-- The distribution of every set of values, from how often each value comes. A value that isn't known is counted and
-- comes last; a set whose stratum isn't known is left out.
WITH whole AS (
    SELECT analysis_id, stratum_1, stratum_2, CAST(sum(n) AS BIGINT) AS total,
        min(value) AS min_value, max(value) AS max_value,
        sum(CASE WHEN value IS NOT NULL THEN n END) AS given, sum(value * n) AS summed
    FROM drawn GROUP BY analysis_id, stratum_1, stratum_2
), spread AS (
    SELECT d.analysis_id, d.stratum_1, d.stratum_2,
        sum(n * (value - summed / given) * (value - summed / given)) AS squares
    FROM drawn AS d JOIN whole AS w ON w.analysis_id = d.analysis_id
        AND w.stratum_1 IS NOT DISTINCT FROM d.stratum_1 AND w.stratum_2 IS NOT DISTINCT FROM d.stratum_2
    WHERE value IS NOT NULL GROUP BY d.analysis_id, d.stratum_1, d.stratum_2
), ranked AS (
    SELECT analysis_id, stratum_1, stratum_2, value,
        sum(n) OVER (PARTITION BY analysis_id, stratum_1, stratum_2 ORDER BY value NULLS LAST
            ROWS UNBOUNDED PRECEDING) AS reached
    FROM drawn
), percentiles AS (
    SELECT r.analysis_id, r.stratum_1, r.stratum_2,
        min(CASE WHEN reached >= 0.50 * total THEN value END) AS median_value,
        min(CASE WHEN reached >= 0.10 * total THEN value END) AS p10_value,
        min(CASE WHEN reached >= 0.25 * total THEN value END) AS p25_value,
        min(CASE WHEN reached >= 0.75 * total THEN value END) AS p75_value,
        min(CASE WHEN reached >= 0.90 * total THEN value END) AS p90_value
    FROM ranked AS r JOIN whole AS w ON w.analysis_id = r.analysis_id
        AND w.stratum_1 IS NOT DISTINCT FROM r.stratum_1 AND w.stratum_2 IS NOT DISTINCT FROM r.stratum_2
    GROUP BY r.analysis_id, r.stratum_1, r.stratum_2
)
SELECT w.analysis_id, w.stratum_1, w.stratum_2, total AS count_value, min_value, max_value,
    summed / given AS avg_value, CASE WHEN given > 1 THEN sqrt(squares / (given - 1)) END AS stdev_value,
    CASE WHEN b.largest THEN coalesce(median_value, max_value) ELSE median_value END AS median_value,
    CASE WHEN b.largest THEN coalesce(p10_value, max_value) ELSE p10_value END AS p10_value,
    CASE WHEN b.largest THEN coalesce(p25_value, max_value) ELSE p25_value END AS p25_value,
    CASE WHEN b.largest THEN coalesce(p75_value, max_value) ELSE p75_value END AS p75_value,
    CASE WHEN b.largest THEN coalesce(p90_value, max_value) ELSE p90_value END AS p90_value
FROM whole AS w
JOIN percentiles AS p ON p.analysis_id = w.analysis_id
    AND p.stratum_1 IS NOT DISTINCT FROM w.stratum_1 AND p.stratum_2 IS NOT DISTINCT FROM w.stratum_2
JOIN beyond AS b ON b.analysis_id = w.analysis_id
LEFT JOIN spread AS s ON s.analysis_id = w.analysis_id
    AND s.stratum_1 IS NOT DISTINCT FROM w.stratum_1 AND s.stratum_2 IS NOT DISTINCT FROM w.stratum_2
WHERE (b.strata < 1 OR w.stratum_1 IS NOT NULL) AND (b.strata < 2 OR w.stratum_2 IS NOT NULL)
