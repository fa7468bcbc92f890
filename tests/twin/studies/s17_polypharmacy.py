"""How many different medicines people have had."""

import polars as pl

from lockgate import outputs

drugs = pl.read_parquet(outputs.data("drug_exposure"), columns=["person_id", "drug_concept_id"])
counted = drugs.unique().group_by("person_id").len()
bands = (
    counted.with_columns(
        medicines=pl.when(pl.col("len") >= 10).then(pl.lit("10 or more"))
        .when(pl.col("len") >= 5).then(pl.lit("5 to 9")).otherwise(pl.lit("1 to 4"))
    )
    .group_by("medicines").agg(people=pl.len()).sort("medicines")
)  # fmt: skip
outputs.table(
    bands, "polypharmacy", title="People by number of medicines", dimensions=["medicines"], counts=["people"]
)
