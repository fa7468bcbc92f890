"""How many people a definition has."""

from __future__ import annotations

from lockgate.cohorts.definition import Definition
from lockgate.cohorts.generate import Count, counts
from lockgate.engine import SqlEngine


def count(engine: SqlEngine, definition: Definition) -> Count:
    """People and stays of one definition, over the tables of ``open_omop``: raw numbers.

    Whatever shows them to anybody but the site's operator sends them through ``disclosure/``.
    """
    return counts(engine, [(1, definition)])[1]
