"""Shifts short of nurses, and incidents on the same ward, day and shift."""

import duckdb

from lockgate import outputs

short = duckdb.sql(f"""
    WITH shifts AS (SELECT care_site_id, shift_date, shift, max(actual_rn_hours < 0.9 * planned_rn_hours) AS short
        FROM '{outputs.data("staffing")}' GROUP BY ALL)
    SELECT coalesce(care_site_name, 'Not named') AS ward, CASE WHEN short THEN 'short' ELSE 'as planned' END AS staffed,
        count(*) AS shifts, count(*) FILTER (EXISTS (SELECT 1 FROM '{outputs.data("incident")}' i
            WHERE i.care_site_id = s.care_site_id AND i.incident_date = s.shift_date)) AS with_incident
    FROM shifts s JOIN '{outputs.data("care_site")}' USING (care_site_id) GROUP BY ALL ORDER BY ALL
""")
outputs.table(
    short, "staffing", title="Shifts and incidents", dimensions=["ward", "staffed"],
    counts={"shifts": "shifts", "with_incident": "shifts"}, subset_of={"with_incident": "shifts"},
)  # fmt: skip
