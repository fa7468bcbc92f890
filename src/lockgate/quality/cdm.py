"""A folder of OMOP tables as the checks read it: each field in the type that the specification gives it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal

from lockgate.engine import SqlEngine, quote
from lockgate.engine.omop import OmopFolder
from lockgate.quality.footers import Facts, read_footers

Absent = Literal["empty", "missing"]

_SQL_TYPES = {
    "integer": "BIGINT",
    "bigint": "BIGINT",
    "float": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
}
_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
}
# In the Table_Level file, and made by studies: the specification's script for a database doesn't create them.
_STUDY_TABLES = ("cohort", "cohort_definition")


class MissingError(Exception):
    """A check needs a table or column that is not there."""

    def __init__(self, table: str, field: str = "") -> None:
        named = f"{table.upper()}.{field}" if field else table.upper()
        super().__init__(f"{'Field' if field else 'Table'} {named} does not exist.")
        self.table, self.field = table, field


class Cdm:
    """Tables by lower-case name, each a view of the same name on the engine.

    ``types`` is what the specification says of each field. A table or column that the folder doesn't have is read as
    an empty one, as a database made by the specification's script would have it (``absent="empty"``), or is missing.
    ``today`` is the day that nothing should lie after.
    """

    def __init__(
        self,
        engine: SqlEngine,
        found: OmopFolder,
        types: Mapping[str, Mapping[str, str]],
        *,
        absent: Absent = "empty",
        today: date,
    ) -> None:
        self.engine, self.found, self.absent, self.today = engine, found, absent, today
        self.threads = int(engine.one("SELECT current_setting('threads')"))
        self._types = {table.lower(): fields for table, fields in types.items()}
        self._raw: dict[str, dict[str, str]] = {}
        self._footers: dict[str, tuple[int, dict[str, Facts]]] = {}
        self.unsure: dict[tuple[str, str], str] = {}
        """Fields whose type is another than specified and may not be readable as it: how to count what isn't."""
        self.reading: set[tuple[str, str]] = set()
        """Which of these were read since it was last emptied."""

    def there(self, table: str) -> bool:
        """Whether the table has rows to look at; raises MissingError when its absence is to be told."""
        if table in self.found.files:
            return True
        if self.absent == "missing" or table in _STUDY_TABLES:
            raise MissingError(table)
        return False

    def raw(self, table: str, field: str, alias: str = "t") -> str:
        """A field as the file has it; NULL where the file hasn't."""
        field = field.lower()
        if not self.there(table) or field not in self.found.columns[table]:
            if self.absent == "missing":
                raise MissingError(table, field)
            return "NULL"
        return f"{alias}.{quote(field)}"

    def raw_type(self, table: str, field: str) -> str:
        """The engine's type of a field in the file; "" where the file hasn't got it."""
        if table not in self._raw:
            rows = self.engine.rows(f"DESCRIBE SELECT * FROM {quote(table)}") if self.there(table) else []
            self._raw[table] = {str(row[0]): str(row[1]) for row in rows}
        return self._raw[table].get(field.lower(), "")

    def rows(self, table: str) -> int:
        """The rows of a table, from its footers."""
        return self._footer(table)[0] if self.there(table) else 0

    def facts(self, table: str, field: str) -> Facts:
        """What the footers tell of a field; one that the file hasn't got is NULL throughout."""
        rows, facts = self._footer(table) if self.there(table) else (0, {})
        if not self.raw_type(table, field):
            return Facts(rows, None, None, {None: rows} if rows else {})
        return facts.get(field.lower(), Facts(None, None, None, None))

    def no_values(self, table: str, field: str) -> bool:
        """Whether a field is known to be NULL throughout."""
        return self.facts(table, field).nulls == self.rows(table)

    def _footer(self, table: str) -> tuple[int, dict[str, Facts]]:
        if table not in self._footers:
            self._footers[table] = read_footers(self.found.files[table])
        return self._footers[table]

    def integral(self, table: str, field: str) -> bool:
        """Whether the file's type can hold whole numbers only."""
        return self.raw_type(table, field) in _INTEGERS

    def read(self, table: str, field: str, alias: str = "t") -> str:
        """A field in the type specified: a value that can't be read as it is NULL, and its field is in ``unsure``."""
        field = field.lower()
        raw, there = self.raw(table, field, alias), self.raw_type(table, field)
        told = self._types.get(table, {}).get(field, "").lower()
        wanted = _SQL_TYPES.get(re.sub(r"\(.*", "", told), "VARCHAR" if told.startswith("varchar") else "")
        if raw == "NULL":
            return f"CAST(NULL AS {wanted or 'VARCHAR'})"
        if not wanted or there == wanted or (there in _INTEGERS and wanted in ("BIGINT", "DOUBLE")):
            return raw
        if wanted == "VARCHAR":
            return f"CAST({raw} AS VARCHAR)"
        if wanted in ("DATE", "TIMESTAMP") and there.startswith(("TIMESTAMP", "DATE")):
            return f"CAST({raw} AS DATE)"
        if (wanted == "DOUBLE" and there in ("FLOAT", "DOUBLE")) or there.startswith("DECIMAL"):
            return f"CAST({raw} AS DOUBLE)"
        value = f"TRY_CAST({raw} AS {wanted})"
        if wanted in ("DATE", "TIMESTAMP"):
            value = f"CAST(TRY_CAST({raw} AS TIMESTAMP) AS DATE)"
        plain = f"TRY_CAST(t.{quote(field)} AS {'TIMESTAMP' if wanted == 'DATE' else wanted})"
        self.reading.add((table, field))
        self.unsure[table, field] = f"t.{quote(field)} IS NOT NULL AND {plain} IS NULL"
        return value

    def day(self, table: str, field: str, alias: str = "t") -> str:
        """A date or a time as its day."""
        value = self.read(table, field, alias)
        return value if self.raw_type(table, field) == "DATE" else f"CAST({value} AS DATE)"
