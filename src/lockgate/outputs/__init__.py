"""Write results inside a job so that most of them can leave by rule.

A job's author hands over a table, a summary of microdata, a chart or a text; this library writes the file and,
beside it, the evidence that Lockgate's disclosure rules ask for (which column is a count of people, what a
statistic rests on, how large the largest contribution is) into ``outputs.json``. The evidence never leaves.

    from lockgate import outputs

    outputs.summary(people, "age_by_decile", title="Age at first diagnosis", by=["decile"], value="age",
                    unit="person_id", statistics=["mean", "interval"])
    outputs.chart("age_by_decile", "age_by_decile_line", kind="line", x="decile", y="mean",
                  band=("low", "high"), title="Age at first diagnosis by deprivation")

It runs in the sandbox with the standard library alone and reads pandas, polars, pyarrow and DuckDB results by
their shape. It imports no other part of Lockgate, and it decides nothing: the gate does.
"""

from lockgate.outputs.counting import counts
from lockgate.outputs.errors import OutputError
from lockgate.outputs.models import model
from lockgate.outputs.record import HIDDEN, SCHEMA, data, data_folder, group, outputs_folder
from lockgate.outputs.summaries import summary
from lockgate.outputs.survival import survival
from lockgate.outputs.write import chart, regression, table, text

__all__ = [
    "HIDDEN",
    "SCHEMA",
    "OutputError",
    "chart",
    "counts",
    "data",
    "data_folder",
    "group",
    "model",
    "outputs_folder",
    "regression",
    "summary",
    "survival",
    "table",
    "text",
]
