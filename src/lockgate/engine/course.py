"""Statements that make tables, two at a time: each begins when those are done whose tables it names.

One statement after the other leaves a core idle wherever DuckDB plans or a table is small.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from threading import Condition, Thread

import pyarrow as pa

from lockgate.engine.duck import Engine

_AT_ONCE = 2
_WORD = re.compile(r"\w+")


class Course:
    """A course of statements on connections beside an engine's own; close it before the engine.

    ``setup`` is run on each connection first. The first statement that fails ends the course: what it raised is raised
    by the next call.
    """

    def __init__(self, engine: Engine, setup: Sequence[str] = ()) -> None:
        self._registered: dict[str, pa.Table] = {}
        self._asked: dict[
            str, tuple[str, set[str], set[str]]
        ] = {}  # by table: statement, its words, what it lacks
        self._running: set[str] = set()
        self._turn = Condition()
        self._error: BaseException | None = None
        self._ended = False
        self._engines = [engine.beside() for _ in range(_AT_ONCE)]
        for each in self._engines:
            for statement in setup:
                each.execute(statement)
        self._threads = [Thread(target=self._work, args=(each,), daemon=True) for each in self._engines]
        for thread in self._threads:
            thread.start()

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name, for statements asked for later."""
        self._registered[name] = table

    def make(self, table: str, statement: str, *, first: bool = False) -> None:
        """Ask for a statement that makes a table, whose name the words of later ones are compared with; ``first``: it
        is begun before all that wait."""
        words = set(_WORD.findall(statement))
        with self._turn:
            self._raise()
            step = statement, words, words & self._asked.keys()
            self._asked = {table: step, **self._asked} if first else {**self._asked, table: step}
            self._turn.notify_all()

    def wait(self, sql: str) -> None:
        """Wait for the tables that a query names."""
        words = set(_WORD.findall(sql))
        with self._turn:
            self._turn.wait_for(lambda: self._error or not words & self._asked.keys())
            self._raise()

    def close(self) -> None:
        """End the course: what runs is broken off, what hasn't begun is left."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        for thread, each in zip(self._threads, self._engines, strict=True):
            while thread.is_alive():  # a statement that is about to begin isn't broken off the first time
                each.connection.interrupt()
                thread.join(0.05)
        for each in self._engines:
            each.close()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _next(self) -> str | None:
        """The first table asked for that lacks nothing; "" at the end; None where there is nothing to do yet."""
        if self._ended or self._error is not None:
            return ""
        ready = (
            name for name, (_, _, lacks) in self._asked.items() if not lacks and name not in self._running
        )
        return next(ready, None)

    def _work(self, engine: Engine) -> None:
        known: set[str] = set()
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._next() is not None)
                table = self._next()
                if not table:
                    return
                self._running.add(table)
                statement, words, _ = self._asked[table]
            error: BaseException | None = None
            try:
                for name in words & self._registered.keys() - known:
                    engine.register(name, self._registered[name])
                    known.add(name)
                engine.execute(statement)
            except BaseException as caught:  # raised where the course is asked
                error = caught
            with self._turn:
                self._running.discard(table)
                del self._asked[table]
                for _, _, lacks in self._asked.values():
                    lacks.discard(table)
                self._error = self._error or error
                self._turn.notify_all()
