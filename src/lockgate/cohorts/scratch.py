"""The tables of one generation: made, named, and dropped when it ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import count
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa

from lockgate.cohorts.plan import Plan
from lockgate.engine import Engine, SqlEngine, literal
from lockgate.engine.course import Course

# Tables of a few hundred thousand rows are two row groups of DuckDB's usual size, and a row group is read by one thread
_ROW_GROUP = 16_384
_APART = "cohort_scratch"  # a database in memory, which has its own size of them
_PATH = f"SET search_path = '{_APART}.main,memory.main'"
_READ = re.compile(r"\b(FROM|JOIN) (\w+)")
_INDEX = "context, person_id, event_id, first_day, last_day, period_first, period_last"


class Scratch:
    """An engine, a plan, and the temporary tables between them; use it in a ``with`` block.

    With ``arrays`` spans are merged in numpy, for which each person observed has a place from 0 (``people``, their ids
    in order); else all is SQL. With ``at_once`` DuckDB makes two tables at once, in the order in which each needs
    others, and ``create`` doesn't wait for them: ``rows`` and ``arrow`` do.
    """

    def __init__(self, engine: SqlEngine, plan: Plan, *, arrays: bool = True, at_once: bool = False) -> None:
        self.engine = engine
        self.plan = plan
        self.arrays = arrays
        # the columns of events beside criterion, person and their own id, and those of index events
        self.told_of = ("first_day", "last_day", *plan.carried, "sort_day")
        self.visit = ("visit_id",) if "visit_id" in plan.carried else ()
        self.index = ", ".join([_INDEX, *self.visit, *(["place"] if arrays else [])])
        self.people = np.zeros(0, dtype=np.int64)
        self.days = (0, 0)  # the first and the last of all observations
        self.several = True  # whether a person may have several observations
        self.overlapping = True  # and whether these may overlap
        # relations of included events that nothing is asked of; exposures?
        self.plain: list[tuple[str, bool]] = []
        self._apart = isinstance(engine, Engine)
        self._path = ""  # where the engine looks for tables outside of this
        self._told: dict[int, str] = {}
        self._names = count()
        self._made: list[str] = []
        self._parameters: dict[str, pa.Table] = {}
        self._registered: list[str] = []
        self.at_once = at_once and isinstance(engine, Engine) and engine.all_shared()
        self._course: Course | None = None
        self._views: dict[str, str] = {}  # where connections can't share them

    @cached_property
    def repeated(self) -> bool:
        """Whether somebody may have several rows in person. Spark isn't asked: that would take more than it saves."""
        return not self._apart or bool(
            self.engine.one("SELECT count(*) > count(DISTINCT person_id) FROM person")
        )

    def register(self, table: pa.Table) -> str:
        """The name under which SQL can read an Arrow table."""
        name = f"cohort_parameters_{next(self._names)}"
        if self._course is None:
            self.engine.register(name, table)
            self._registered.append(name)
        else:
            self._parameters[name] = table
            self._course.register(name, table)
        return name

    def create(self, name: str, sql: str, *, first: bool = False) -> str:
        """A table of a query's rows; its name. ``first``: made before all that waits."""
        statement = f"CREATE {'' if self._apart else 'TEMP '}TABLE {name} AS {self._inlined(sql)}"
        if self._course is None:
            self.engine.execute(statement)
            self._made.append(name)
        else:
            self._course.make(name, statement, first=first)
        return name

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query over what was made."""
        return self.engine.rows(self._readable(sql))

    def arrow(self, sql: str) -> pa.Table:
        """A query over what was made, as an Arrow table."""
        return self.engine.arrow(self._readable(sql))

    def _readable(self, sql: str) -> str:
        """A query that the engine itself can run now."""
        sql = self._inlined(sql)
        if self._course is not None:
            for name in re.findall(r"\bcohort_parameters_\d+\b", sql):
                if name in self._parameters:
                    self.engine.register(name, self._parameters.pop(name))
                    self._registered.append(name)
            self._course.wait(sql)
        return sql

    def _inlined(self, sql: str) -> str:
        return (
            _READ.sub(lambda read: f"{read[1]} {self._views.get(read[2], read[2])}", sql)
            if self._views
            else sql
        )

    def tell(self, table: str, criteria: Iterable[int]) -> None:
        """Note that a table has the events of some criteria (by number)."""
        self._told |= dict.fromkeys(criteria, table)

    def events(self, criteria: Iterable[int]) -> str:
        """What has the events of these criteria, beside those of others."""
        tables = dict.fromkeys(self._told[criterion] for criterion in criteria)
        columns = ", ".join(("criterion", "person_id", "event_id", *self.told_of))
        return "(" + " UNION ALL ".join(f"SELECT {columns} FROM {table}" for table in tables) + ")"

    def view(self, name: str, sql: str) -> str:
        """A view of a query's rows, in place of one of that name; its name."""
        if self.at_once:
            self._views[name] = f"({self._inlined(sql)})"
        else:
            self.engine.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
        return name

    def __enter__(self) -> Self:
        if self._apart:
            ((self._path,),) = self.engine.rows("SELECT current_setting('search_path')")
            self.engine.execute(f"ATTACH ':memory:' AS {_APART} (ROW_GROUP_SIZE {_ROW_GROUP})")
            self.engine.execute(_PATH)
        if self.at_once:
            self._course = Course(self.engine.local, [_PATH])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._course is not None:
            self._course.close()
        if self._apart:
            self.engine.execute(f"SET search_path = {literal(self._path)}")
            self.engine.execute(f"DETACH {_APART}")
        else:
            for name in reversed(self._made):
                self.engine.execute(f"DROP TABLE IF EXISTS {name}")
        for name in self._registered:
            self.engine.unregister(name)
