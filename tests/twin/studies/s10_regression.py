"""High blood pressure by age and sex: a logistic regression in NumPy."""

import duckdb
import numpy as np

from lockgate import outputs

rows = duckdb.sql(f"""
    SELECT (2025 - year_of_birth) / 10.0, CAST(gender_concept_id = 8507 AS INTEGER),
        CAST(person_id IN (SELECT person_id FROM '{outputs.data("condition_occurrence")}'
            WHERE condition_concept_id = 320128) AS INTEGER)
    FROM '{outputs.data("person")}' ORDER BY person_id
""").fetchall()
data = np.array(rows, float)
x, y = np.column_stack([np.ones(len(data)), data[:, :2]]), data[:, 2]
beta = np.zeros(3)
for _ in range(30):
    p = 1 / (1 + np.exp(-x @ beta))
    curve = (x * (p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(3)
    beta += np.linalg.solve(curve, x.T @ (y - p))
spread = np.sqrt(np.diag(np.linalg.inv(curve)))
frame = {
    "term": ["intercept", "age, decades", "male"],
    "log_odds": np.round(beta, 3).tolist(),
    "se": np.round(spread, 3).tolist(),
}
outputs.regression(
    frame, "model", title="High blood pressure by age and sex", term="term",
    estimates=["log_odds", "se"], n=len(y), df=len(y) - 3, method="logistic",
)  # fmt: skip
