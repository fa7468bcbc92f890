"""The one place that runs SQL: DuckDB, embedded, or Spark where one machine is too small.

Rooms hand in SQL text and get rows, Arrow tables or Parquet files.
"""

from __future__ import annotations

from lockgate.engine.base import SqlEngine, literal, quote
from lockgate.engine.duck import Engine

__all__ = ["Engine", "SqlEngine", "literal", "quote"]
