"""What notes affirm and deny, and whether each mention stands where it is said to."""

import duckdb

from lockgate import outputs

con = duckdb.connect()
for table in ("note", "note_nlp", "concept"):
    con.execute(f"CREATE VIEW {table} AS SELECT * FROM '{outputs.data(table)}'")
found = con.sql("""
    SELECT coalesce(concept_name, 'Not named') AS term,
        CASE term_exists WHEN 'N' THEN 'denied' ELSE 'affirmed' END AS said,
        count(DISTINCT person_id) AS people
    FROM note_nlp LEFT JOIN concept ON concept_id = note_nlp_concept_id
    GROUP BY ALL ORDER BY people DESC, term, said LIMIT 30
""")
outputs.table(found, "mentions", title="What notes mention", dimensions=["term", "said"], counts=["people"])
placed = con.sql("""
    SELECT CASE WHEN substr(note_text, CAST("offset" AS INTEGER) + 1, length(lexical_variant)) = lexical_variant
        THEN 'stands there' ELSE 'elsewhere' END AS place, count(DISTINCT note_nlp.person_id) AS people
    FROM note_nlp JOIN note USING (note_id) GROUP BY 1 ORDER BY 1
""")
outputs.table(placed, "places", title="Mentions at their place", dimensions=["place"], counts=["people"])
