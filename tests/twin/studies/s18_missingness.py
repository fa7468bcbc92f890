"""Which columns of measurements and visits are filled, in people."""

import duckdb

from lockgate import outputs

rows = []
for table in ("measurement", "visit_occurrence", "person"):
    path = outputs.data(table)
    for name, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall():
        people, there = duckdb.sql(
            f"SELECT count(DISTINCT person_id), count(DISTINCT person_id) FILTER (\"{name}\" IS NOT NULL) FROM '{path}'"
        ).fetchall()[0]
        rows.append((table, name, people, there))
frame = {name: [row[i] for row in rows] for i, name in enumerate(("table", "column", "people", "there"))}
outputs.table(frame, "filled", title="Filled columns", dimensions=["table", "column"], counts=["people", "there"],
              subset_of={"there": "people"})  # fmt: skip
