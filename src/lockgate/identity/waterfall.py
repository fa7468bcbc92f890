"""Why the model gave a pair its weight: one step for each comparison, from the prior to the sum.

Weights are log2 of how much likelier the agreement is within one person than between two (Fellegi and Sunter 1969; the
waterfall is Splink's way of showing it). A value that is rarer than others adds to its own step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

PRIOR, RELATIVES = "prior", "relatives"


def waterfall(settings: Mapping[str, Any], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a scored pair: ``comparison``, ``level`` (how far the two agree), ``weight``, and ``sum`` so far.

    ``row`` has Splink's gamma_X, mw_X and mw_tf_adj_X and the final ``weight``. No value of either record is in it."""
    prior = float(settings["probability_two_random_records_match"])
    steps: list[dict[str, Any]] = [
        {
            "comparison": PRIOR,
            "level": "two records taken at random",
            "weight": math.log2(prior / (1 - prior)),
        }
    ]
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        number = int(row[f"gamma_{name}"])
        levels = [one for one in reversed(comparison["comparison_levels"]) if not one.get("is_null_level")]
        label = "missing" if number < 0 else levels[number]["label_for_charts"]
        weight = float(row[f"mw_{name}"] or 0.0) + float(row.get(f"mw_tf_adj_{name}") or 0.0)
        steps.append(
            {"comparison": name.removeprefix("f_"), "level": label, "weight": weight if number >= 0 else 0.0}
        )
    rest = float(row["weight"]) - float(sum(step["weight"] for step in steps))
    if abs(rest) > 0.005:
        steps.append({"comparison": RELATIVES, "level": "could be two of one household", "weight": rest})
    total = 0.0
    for step in steps:
        total += step["weight"]
        step["weight"], step["sum"] = round(step["weight"], 2), round(total, 2)
    return steps
