"""The one place that runs SQL: DuckDB, embedded, or Spark where one machine is too small.

Rooms hand in SQL text and get rows, Arrow tables or Parquet files.
"""

from __future__ import annotations

from pathlib import Path

from lockgate.engine.base import SqlEngine, literal, quote
from lockgate.engine.duck import Engine
from lockgate.site.settings.data import EngineSection


def open_engine(settings: EngineSection, *, temp_dir: Path | None = None) -> SqlEngine:
    """The engine that a site's ``[engine]`` asks for; UsageError when this machine can't run it."""
    limit, threads = settings.memory_limit or None, settings.threads or None
    if settings.engine == "duckdb":
        return Engine(memory_limit=limit, threads=threads, temp_dir=temp_dir)
    from lockgate.engine.spark import SparkEngine  # pyspark need not be there

    return SparkEngine(
        master=settings.spark_master,
        memory_limit=limit,
        threads=threads,
        temp_dir=temp_dir,
        settings=settings.spark_settings,
    )


__all__ = ["Engine", "SqlEngine", "literal", "open_engine", "quote"]
