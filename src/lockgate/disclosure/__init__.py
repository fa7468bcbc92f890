"""Statistical disclosure control: one core for every surface that shows a number.

``check_outputs`` judges a job's outputs file by file, ``repair`` makes the copy that may leave, ``prepare`` writes the
files as they are published, ``safe_count`` is how a count of people gets onto a page.
"""

from lockgate.disclosure.charts import describe, render_chart
from lockgate.disclosure.core import (
    differs_by_few,
    dominated,
    is_small,
    model_reasons,
    quantile_unsafe,
    round_counts,
    safe_count,
)
from lockgate.disclosure.findings import Finding, Verdict
from lockgate.disclosure.gate import check_outputs, check_table
from lockgate.disclosure.identifiers import IdentifierIndex
from lockgate.disclosure.repair import Repaired, repair, repair_table
from lockgate.disclosure.results import prepare
from lockgate.disclosure.rules import DEFAULT_RULES, Rules

__all__ = [
    "DEFAULT_RULES",
    "Finding",
    "IdentifierIndex",
    "Repaired",
    "Rules",
    "Verdict",
    "check_outputs",
    "check_table",
    "describe",
    "differs_by_few",
    "dominated",
    "is_small",
    "model_reasons",
    "prepare",
    "quantile_unsafe",
    "render_chart",
    "repair",
    "repair_table",
    "round_counts",
    "safe_count",
]
