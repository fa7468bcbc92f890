"""A site's own checks: a SELECT of the rows that break a rule, and how many may.

Each is a file NAME.yaml, with the SELECT in NAME.sql beside it, in the site's folder ``quality/``. The SELECT reads the
tables of the release (or of the folder that is checked) by their names and gives the rows that violate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockgate.engine import SqlEngine
from lockgate.errors import UsageError
from lockgate.quality.examples import leave_out
from lockgate.quality.model import Check, Result, Status
from lockgate.quality.status import fails


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str = Field(min_length=1, max_length=500)
    table: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="the table whose rows are checked")
    field: str = Field(default="", pattern=r"^[A-Za-z0-9_]*$")
    threshold: Annotated[float, Field(ge=0, le=100)] = 0
    severity: Literal["fatal", "convention", "characterization"] = "convention"
    category: Literal["Conformance", "Completeness", "Plausibility"] = "Plausibility"
    context: Literal["Verification", "Validation"] = "Verification"


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """A check of the site's own: ``select`` gives the rows of ``check.table`` that violate it."""

    check: Check
    select: str


def read_own(folder: Path) -> list[OwnCheck]:
    """The checks in a folder, by name; none where there is no such folder.

    Raises UsageError naming the file and what isn't understood: an unknown key, a missing or spare .sql, or SQL that
    is not one SELECT.
    """
    if not folder.is_dir():
        return []
    told = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    spare = sorted({path.stem for path in folder.glob("*.sql")} - set(told))
    if spare:
        raise UsageError(
            f"there is no {spare[0]}.yaml for {spare[0]}.sql", where=str(folder), remedy="say what it checks"
        )
    return [_read(name, path) for name, path in told.items()]


def _read(name: str, path: Path) -> OwnCheck:
    try:
        content = _Told.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        select = path.with_suffix(".sql").read_text(encoding="utf-8").strip().rstrip(";")
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no {name}.sql beside it", where=str(path), remedy="a SELECT of the rows that violate"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError("is not YAML in UTF-8", where=str(path)) from error
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'the file'}: {item['msg']}"
            for item in error.errors()
        )
        raise UsageError(said, where=str(path), remedy="docs/how-to/quality.md lists the keys") from error
    _one_select(select, path.with_suffix(".sql"))
    check = Check(
        name=name,
        level="SITE",
        table=content.table.upper(),
        field=content.field,
        threshold=content.threshold,
        category=content.category,
        context=content.context,
        severity=content.severity,
        description=content.description,
    )
    return OwnCheck(check, select)


def _one_select(select: str, path: Path) -> None:
    try:
        statements = duckdb.extract_statements(select)
    except duckdb.Error as error:
        raise UsageError("is not SQL that can be read", where=str(path)) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError("is not one SELECT", where=str(path), remedy="a SELECT of the rows that violate")


def run_own(engine: SqlEngine, checks: list[OwnCheck], rows: Mapping[str, int]) -> list[Result]:
    """The result of each check; ``rows`` of each table there is (views of these names are on the engine)."""
    results = []
    for own in checks:
        table = own.check.table.lower()
        if table not in rows:
            results.append(
                Result(own.check, None, None, "not applicable", f"Table {own.check.table} does not exist.")
            )
            continue
        try:
            violated = int(engine.one(f"SELECT count(*) FROM ({own.select}) AS violating"))
        except duckdb.Error as error:
            kind = type(error).__name__.removesuffix("Exception")  # its text may quote a value
            results.append(Result(own.check, None, None, "error", f"the SELECT failed: {kind} error"))
            continue
        if rows[table]:
            status: Status = "failed" if fails(own.check, violated, rows[table]) else "passed"
            results.append(Result(own.check, violated, rows[table], status))
        else:
            results.append(Result(own.check, 0, 0, "not applicable", f"Table {own.check.table} is empty."))
    return results


def example_rows(
    engine: SqlEngine, own: OwnCheck, most: int, *, without: str = ""
) -> tuple[list[str], list[tuple[object, ...]]]:
    """(columns, at most ``most`` rows) that violate a check; ``without``: a table of person ids to leave out."""
    columns = engine.columns(own.select)
    return columns, engine.rows(f"{leave_out(own.select, columns, without)} LIMIT {int(most)}")
