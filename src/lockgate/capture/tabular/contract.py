"""Contracts: what a table from another system looks like, as YAML beside the SELECTs that stage it.

A contract folder holds ``contract.yaml`` and one ``<staged_table>.sql`` for each table its rows become.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lockgate.engine import literal, quote
from lockgate.errors import UsageError
from lockgate.schema import STAGED

Kind = Literal["text", "integer", "number", "boolean", "date", "datetime", "code", "nhs_number", "ucum"]
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContractColumn(_Model):
    """One column: what it holds and what is refused in it."""

    type: Kind = "text"
    required: bool = False
    about: str = ""
    identifies: bool = Field(default=False, description="alone or with others it names a person")
    format: str = Field(default="", description="strptime format of a date or datetime; default ISO 8601")
    past: bool = Field(default=False, description="a time after the capture is impossible")
    codes: dict[str, str] = Field(default_factory=dict, description="code as sent -> code as staged")
    minimum: float | None = None
    maximum: float | None = None


class ContractRule(_Model):
    """A condition over the typed columns that must not hold."""

    reason: str
    column: str
    when: str
    say: str


class Contract(_Model):
    """One source's table."""

    contract: Literal["lockgate.contract/1"]
    name: str
    source: str = Field(default="", description="the source's name where several contracts share one")
    title: str
    about: str = ""
    owner: str
    legal_basis: str
    time_zone: str = "Europe/London"
    delimiter: str = ","
    sentinels: list[str] = Field(default_factory=list, description="values that mean: nothing")
    key: list[str] = Field(min_length=1)
    version: str | None = None
    person: list[str] = Field(
        default_factory=list, description="columns whose first filled one names the person"
    )
    columns: dict[str, ContractColumn]
    rules: list[ContractRule] = Field(default_factory=list)

    @model_validator(mode="after")
    def _columns_exist(self) -> Contract:
        named = [*self.key, *self.person, *([self.version] if self.version else [])]
        unknown = sorted({name for name in named if name not in self.columns})
        if unknown:
            raise ValueError(f"names columns it does not define: {', '.join(unknown)}")
        bad = sorted(name for name in self.columns if not _NAME.fullmatch(name))
        if bad:
            raise ValueError(f"column names must be lower_case words: {', '.join(bad)}")
        return self

    @property
    def structure(self) -> str:
        """The JSON structure of a raw row: every column as text."""
        return "{" + ",".join(f'"{name}":"VARCHAR"' for name in self.columns) + "}"

    def sent(self, name: str, row: str = "r") -> str:
        """SQL: a column as sent, trimmed; NULL where it is empty or a sentinel.

        ``row`` is the struct of the row, or "raw", its JSON text.
        """
        value = f"json_extract_string(raw, '$.{name}')" if row == "raw" else f"{row}.{quote(name)}"
        value = f"nullif(trim({value}), '')"
        if not self.sentinels:
            return value
        listed = ", ".join(literal(sentinel) for sentinel in self.sentinels)
        return f"CASE WHEN {value} NOT IN ({listed}) THEN {value} END"

    def typed(self, name: str) -> str:
        """SQL: a column in its type; NULL where it does not fit."""
        column, sent = self.columns[name], self.sent(name)
        match column.type:
            case "integer":
                return f"try_cast({sent} AS BIGINT)"
            case "number":
                return f"try_cast({sent} AS DOUBLE)"
            case "boolean":
                return (
                    f"CASE WHEN lower({sent}) IN ('true', '1', 'yes', 'y', 't') THEN true"
                    f" WHEN lower({sent}) IN ('false', '0', 'no', 'n', 'f') THEN false END"
                )
            case "date":
                return f"CAST(try_strptime({sent}, {literal(column.format or '%Y-%m-%d')}) AS DATE)"
            case "datetime":
                return f"try_strptime({sent}, {literal(column.format)})" if column.format else f"ts({sent})"
            case "code":
                if not column.codes:
                    return sent
                cases = " ".join(
                    f"WHEN {literal(code)} THEN {literal(to)}" for code, to in column.codes.items()
                )
                return f"CASE {sent} {cases} END"
            case "nhs_number":
                return f"nhs_number_clean({sent})"
            case _:
                return sent

    def faults(self) -> list[tuple[str, str, str]]:
        """What quarantines a row: (SQL condition over ``r``, reason, detail), in order of telling."""
        found = [
            (f"{self.sent(name)} IS NULL", "missing-required", f"column {name} is empty")
            for name, column in self.columns.items()
            if column.required or name in self.key
        ]
        for name, column in self.columns.items():
            found += self._column_faults(name, column)
        return found

    def _column_faults(self, name: str, column: ContractColumn) -> list[tuple[str, str, str]]:
        sent, typed = self.sent(name), self.typed(name)
        unfit = f"{sent} IS NOT NULL AND {typed} IS NULL"
        found: list[tuple[str, str, str]] = []
        if column.type in ("integer", "number", "boolean"):
            found.append((unfit, "wrong-type", f"column {name} is no {column.type}"))
        if column.type in ("date", "datetime"):
            form = column.format or "ISO 8601"
            found.append((unfit, "impossible-date", f"column {name} is no {column.type} of the form {form}"))
            found.append(
                (f"{typed} < TIMESTAMP '1880-01-01'", "impossible-date", f"column {name} is before 1880")
            )
            if column.past:
                found.append((f"{typed} > now_local()", "impossible-date", f"column {name} is in the future"))
        if column.type == "nhs_number":
            bad = f"{sent} IS NOT NULL AND NOT nhs_number_valid({sent})"
            found.append((bad, "bad-nhs-number", f"column {name} fails the check of NHS numbers"))
        if column.type == "code" and column.codes:
            found.append((unfit, "bad-code", f"column {name} holds a code the contract does not list"))
        for limit, sign in ((column.minimum, "<"), (column.maximum, ">")):
            if limit is not None:
                found.append((f"{typed} {sign} {limit}", "bad-code", f"column {name} is out of its range"))
        return found


class LoadedContract(BaseModel):
    """A contract and the SELECTs beside it: staged table -> SQL."""

    contract: Contract
    selects: dict[str, str]


def read_contract(folder: Traversable | Path) -> LoadedContract:
    """Read a contract folder; UsageError says what is wrong with it, and where."""
    where = f"{folder}/contract.yaml"
    try:
        raw = yaml.safe_load(folder.joinpath("contract.yaml").read_text(encoding="utf-8"))
        contract = Contract.model_validate(raw)
    except OSError as error:
        raise UsageError(
            "no such contract", where=where, remedy="`lockgate capture contracts` lists them"
        ) from error
    except yaml.YAMLError as error:
        raise UsageError(f"is not YAML: {error}", where=where, remedy="mend that line") from error
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(said, where=where, remedy="docs/how-to/capture.md shows a whole contract") from error
    selects = {
        file.name.removesuffix(".sql"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sql")
    }
    unknown = sorted(table for table in selects if table not in STAGED)
    if unknown or not selects:
        raise UsageError(
            f"no staged table is called {', '.join(unknown)}" if unknown else "the contract has no SELECT",
            where=str(folder),
            remedy="name each .sql file after a table of schema/staged.yaml",
        )
    return LoadedContract(contract=contract, selects=selects)


@cache
def contracts() -> dict[str, LoadedContract]:
    """Every contract that ships with Lockgate, by name."""
    root = resources.files("lockgate.capture").joinpath("contracts")
    return {
        folder.name: read_contract(folder)
        for folder in sorted(root.iterdir(), key=lambda folder: folder.name)
        if folder.is_dir() and not folder.name.startswith("_")
    }


def contract(name: str) -> LoadedContract:
    """A contract by name, or by the path of its folder."""
    if name in contracts():
        return contracts()[name]
    if Path(name).is_dir():
        return read_contract(Path(name))
    raise UsageError(
        f"no contract is called {name!r}",
        remedy=f"choose one of {', '.join(contracts())}, or name a contract's folder",
    )
