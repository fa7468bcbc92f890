"""Survival after the first stay in hospital: Kaplan and Meier, by half-years."""

import duckdb
import numpy as np

from lockgate import outputs

rows = duckdb.sql(f"""
    WITH stay AS (SELECT person_id, min(visit_start_date) AS start FROM '{outputs.data("visit_occurrence")}'
        WHERE visit_concept_id = 9201 GROUP BY 1)
    SELECT date_diff('day', start, coalesce(death_date, observation_period_end_date)) AS days, death_date IS NOT NULL
    FROM stay JOIN '{outputs.data("observation_period")}' USING (person_id)
        LEFT JOIN '{outputs.data("death")}' USING (person_id)
    WHERE coalesce(death_date, observation_period_end_date) >= start
""").fetchall()
days, died = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], bool)
steps = []
for half in range(6):
    begin, end = half * 182, (half + 1) * 182
    at_risk = int((days >= begin).sum())
    deaths = int((died & (days >= begin) & (days < end)).sum())
    steps.append({"half_year": half, "at_risk": at_risk, "deaths": deaths})
frame = {name: [step[name] for step in steps] for name in ("half_year", "at_risk", "deaths")}
outputs.table(frame, "survival", title="Deaths after the first stay", dimensions=["half_year"],
              counts=["at_risk", "deaths"], subset_of={"deaths": "at_risk"})  # fmt: skip
