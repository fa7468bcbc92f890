-- output: ratings dimensions=service,rating counts=comments:comments title="Ratings by service"
SELECT coalesce(service, 'Not stated') AS service, coalesce(CAST(rating AS VARCHAR), 'none') AS rating, count(*) AS comments
FROM feedback GROUP BY ALL ORDER BY ALL;
