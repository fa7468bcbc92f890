"""Body mass index by year."""

import pandas as pd

from lockgate import outputs

values = pd.read_parquet(
    outputs.data("measurement"),
    columns=["person_id", "measurement_concept_id", "measurement_date", "value_as_number"],
)
values = values[(values.measurement_concept_id == 3038553) & values.value_as_number.notna()].copy()
values["year"] = pd.to_datetime(values.measurement_date).dt.year.astype(str)
outputs.summary(values, "bmi_by_year", title="Body mass index by year", value="value_as_number", unit="person_id",
                by=["year"], statistics=["mean", "sd"])  # fmt: skip
