"""Length of stay by kind of visit."""

import polars as pl

from lockgate import outputs

stays = (
    pl.read_parquet(outputs.data("visit_occurrence"))
    .select(
        "person_id",
        kind=pl.col("visit_concept_id").cast(pl.String),
        days=(pl.col("visit_end_date") - pl.col("visit_start_date")).dt.total_days().cast(pl.Float64),
    )
    .filter(pl.col("kind") == "9201")
)
outputs.summary(stays, "length_of_stay", title="Days in hospital", value="days", unit="person_id", by=["kind"],
                statistics=["mean", "median"])  # fmt: skip
