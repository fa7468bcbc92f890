"""The one opener of a folder of OMOP tables as Parquet, CDM 5.3 or 5.4; what is missing from it is said.

A table is ``TABLE.parquet``, or every ``*.parquet`` in a folder ``TABLE`` or ``TABLE.parquet``; upper or lower case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.engine.base import SqlEngine, quote
from lockgate.errors import UsageError


@dataclass(frozen=True, slots=True)
class OmopFolder:
    """The tables of a folder: ``files`` and ``columns`` (as the files spell them) by lower-case table name."""

    path: Path
    files: Mapping[str, list[Path]]
    columns: Mapping[str, Mapping[str, str]]

    def column(self, table: str, name: str) -> str | None:
        """What a column is called in the table's files; for a date that isn't there, the datetime of its name."""
        there = self.columns[table]
        moment = f"{name.removesuffix('_date')}_datetime" if name.endswith("_date") else name
        return there.get(name, there.get(moment))

    def missing(self, wanted: Mapping[str, Iterable[str]]) -> list[str]:
        """The tables, and ``table.column`` of the tables there are, that are wanted and not there."""
        absent: list[str] = []
        for table, columns in wanted.items():
            if table in self.files:
                absent += [f"{table}.{name}" for name in columns if self.column(table, name) is None]
            else:
                absent.append(table)
        return absent


def find_omop(folder: Path) -> OmopFolder:
    """What tables and columns a folder has, from the footers of its files.

    Raises UsageError when there is no such folder, a table or column is there twice, or a file is not Parquet.
    """
    if not folder.is_dir():
        raise UsageError(
            "there is no such folder", where=str(folder), remedy="name a folder of OMOP Parquet files"
        )
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        if name.startswith("."):
            continue
        if path.is_dir():
            found = sorted(each for each in path.iterdir() if _is_parquet(each))
        else:
            found = [path] if _is_parquet(path) else []
        if not found:
            continue
        name = name.removesuffix(".parquet")
        if name in files:
            raise UsageError(
                f"the table {name} is there twice",
                where=str(folder),
                remedy=f"keep one of {files[name][0].relative_to(folder)} and {found[0].relative_to(folder)}",
            )
        files[name] = found
    return OmopFolder(folder, files, {name: _columns(paths) for name, paths in files.items()})


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet" and not path.name.startswith(".") and path.is_file()


def _columns(paths: Iterable[Path]) -> dict[str, str]:
    """The columns of a table's files: as spelled, by their lower-case names."""
    columns: dict[str, str] = {}
    for path in paths:
        try:
            names = pq.read_schema(path).names
        except (pa.ArrowException, OSError) as error:
            raise UsageError(
                "not a readable Parquet file", where=str(path), remedy="write it again, or take it away"
            ) from error
        spelled = {name.lower(): name for name in names}
        if len(spelled) < len(names):
            raise UsageError(
                "a column is there twice", where=str(path), remedy="upper and lower case are the same"
            )
        columns = spelled | columns
    return columns


def view_tables(engine: SqlEngine, found: OmopFolder, tables: Iterable[str] | None = None) -> None:
    """Views named after the tables (all, or ``tables`` that are there): every column, its name in lower case."""
    for table in found.files if tables is None else tables:
        engine.view_parquet(f"omop_{table}", found.files[table])
        columns = ", ".join(
            f"{quote(spelled)} AS {quote(name)}" for name, spelled in found.columns[table].items()
        )
        engine.execute(f"CREATE OR REPLACE TEMP VIEW {quote(table)} AS SELECT {columns} FROM omop_{table}")


def _instead(folder: Path, table: str) -> str:
    """What to do where the folder has the table after all, in another place or form."""
    if (folder / "omop" / f"{table}.parquet").is_file():
        return f"name {folder / 'omop'}"
    if any(path.suffix.lower() == ".csv" for path in folder.iterdir()):
        return (
            f"CSV can't be read: make it Parquet, in DuckDB by COPY (FROM '{table}.csv') TO '{table}.parquet'"
        )
    return ""


def open_omop(
    engine: SqlEngine,
    folder: Path | OmopFolder,
    wanted: Mapping[str, Mapping[str, str]],
    *,
    needed: Collection[str] = (),
    remedy: str = "add that table",
) -> list[str]:
    """Views named after the tables wanted, with exactly the columns wanted (``{table: {column: SQL type}}``).

    A table or column that isn't there is read as empty, of that type; returns these. Raises UsageError when a
    ``needed`` table is missing, and as ``find_omop``.
    """
    found = find_omop(folder) if isinstance(folder, Path) else folder
    for table in needed:
        if table not in found.files:
            raise UsageError(
                f"there is no {table}.parquet",
                where=str(found.path),
                remedy=_instead(found.path, table) or remedy,
            )
    for table, columns in wanted.items():
        if table not in found.files:
            nothing = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
            engine.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT {nothing} WHERE FALSE")
            continue
        engine.view_parquet(f"omop_{table}", found.files[table])
        spelled = {name: found.column(table, name) for name in columns}
        read = ", ".join(
            f"CAST({'NULL' if (told := spelled[name]) is None else quote(told)} AS {kind}) AS {name}"
            for name, kind in columns.items()
        )
        engine.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT {read} FROM omop_{table}")
    return found.missing(wanted)
