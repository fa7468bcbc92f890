"""The tables of one generation: made, named, and dropped when it ends."""

from __future__ import annotations

from itertools import count
from types import TracebackType
from typing import Self

import pyarrow as pa

from lockgate.cohorts.plan import Plan
from lockgate.engine import SqlEngine


class Scratch:
    """An engine, a plan, and the temporary tables between them; use it in a ``with`` block."""

    def __init__(self, engine: SqlEngine, plan: Plan) -> None:
        self.engine = engine
        self.plan = plan
        self._names = count()
        self._made: list[str] = []
        self._registered: list[str] = []

    def register(self, table: pa.Table) -> str:
        """The name under which SQL can read an Arrow table."""
        name = f"cohort_parameters_{next(self._names)}"
        self.engine.register(name, table)
        self._registered.append(name)
        return name

    def create(self, name: str, sql: str) -> str:
        """A table of a query's rows; its name."""
        self.engine.execute(f"CREATE TEMP TABLE {name} AS {sql}")
        self._made.append(name)
        return name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(self._made):
            self.engine.execute(f"DROP TABLE IF EXISTS {name}")
        for name in self._registered:
            self.engine.unregister(name)
