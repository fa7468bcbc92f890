"""Which two of the commonest conditions the same people have."""

import duckdb

from lockgate import outputs

pairs = duckdb.sql(f"""
    WITH has AS (SELECT DISTINCT person_id, condition_concept_id AS c FROM '{outputs.data("condition_occurrence")}'),
    common AS (SELECT c FROM has GROUP BY c ORDER BY count(*) DESC, c LIMIT 8),
    kept AS (SELECT person_id, c, coalesce(concept_name, CAST(c AS VARCHAR)) AS name FROM has SEMI JOIN common USING (c)
        LEFT JOIN '{outputs.data("concept")}' ON concept_id = c)
    SELECT a.name AS first, b.name AS second, count(*) AS people
    FROM kept a JOIN kept b ON a.person_id = b.person_id AND a.c < b.c GROUP BY ALL ORDER BY ALL
""")
outputs.table(pairs, "pairs", title="Pairs of conditions", dimensions=["first", "second"], counts=["people"])
