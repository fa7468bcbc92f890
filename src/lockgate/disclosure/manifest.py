"""``outputs.json`` as the gate reads it: strict, so that what isn't understood is refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SCHEMA = "lockgate.outputs/1"
RECORD = "outputs.json"
HIDDEN = "[c]"
"""A withheld cell, as the Government Statistical Service marks it."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,59}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ColumnSpec(_Strict):
    """What one column of a table is."""

    name: str = Field(min_length=1, max_length=120)
    role: Literal["dimension", "count", "percentage", "statistic"]
    of: str | None = None
    subset_of: str | None = None
    kind: str | None = None
    n: str | None = None
    q: float | None = Field(default=None, gt=0, lt=1)
    numerator: str | None = None
    denominator: str | None = None
    per: float = 100.0


class Withheld(_Strict):
    """Rows withheld in a count column by a repair: the small counts, and those withheld as small by subtraction."""

    small: list[int] = []
    complement: list[int] = []
    other: list[int] = []


class Dominance(_Strict):
    """Shares of the largest and second largest contributor, per row, and how many people contribute at all."""

    largest: list[float | None]
    second: list[float | None]
    contributors: list[Annotated[int, Field(ge=0)]] | None = None


class ModelSpec(_Strict):
    """What a regression was fitted on, and the evidence that no few records make it.

    ``rarest``: people in the rarest category of any term; ``patterns``, ``rarest_pattern``: different rows of the
    design, and people with the rarest; ``leverage``: the greatest say of one record in its own fitted value.
    """

    n: int = Field(ge=0)
    df: int = Field(ge=0)
    method: str
    parameters: int | None = Field(default=None, ge=1)
    rarest: int | None = Field(default=None, ge=0)
    patterns: int | None = Field(default=None, ge=1)
    rarest_pattern: int | None = Field(default=None, ge=0)
    leverage: float | None = Field(default=None, ge=0, le=1)


class SurvivalSpec(_Strict):
    """That a table is a life table; its columns have fixed names. ``level``: of the interval."""

    level: float = Field(gt=0, lt=1)


class TableEntry(_Strict):
    """A CSV file: its columns, totals and evidence."""

    kind: Literal["table"]
    name: Name
    file: str
    title: str
    group: str = Field(default="", max_length=120)
    notes: str = ""
    columns: list[ColumnSpec]
    totals: dict[str, str] = {}
    rows: int = Field(ge=1)
    model: ModelSpec | None = None
    survival: SurvivalSpec | None = None
    evidence: dict[str, Dominance] = {}
    sha256: str = ""
    withheld: dict[str, Withheld] = {}
    done: list[str] = []

    @classmethod
    def of_counts(
        cls,
        name: str,
        title: str,
        dimensions: Iterable[str],
        measure: str,
        *,
        rows: int,
        totals: Mapping[str, str] | None = None,
    ) -> TableEntry:
        """A table of one count by some dimensions. ``totals`` names, per dimension, the label of its totals."""
        columns = [ColumnSpec(name=dimension, role="dimension") for dimension in dimensions]
        return cls(
            kind="table",
            name=name,
            file=f"{name}.csv",
            title=title,
            columns=[*columns, ColumnSpec(name=measure, role="count")],
            totals=dict(totals or {}),
            rows=rows,
        )

    @model_validator(mode="after")
    def _names_fit(self) -> TableEntry:
        names = [column.name for column in self.columns]
        counts = {c.name for c in self.columns if c.role == "count"}
        dimensions = {c.name for c in self.columns if c.role == "dimension"}
        if len(set(names)) < len(names):
            raise ValueError("a column name stands twice")
        if self.file != f"{self.name}.csv":
            raise ValueError("the file of a table is its name with .csv")
        for column in self.columns:
            refers = [column.subset_of, column.n, column.numerator, column.denominator]
            if any(r is not None and r not in counts for r in refers):
                raise ValueError(f"column {column.name!r} refers to a count that isn't there")
            if column.role == "percentage" and (column.numerator is None or column.denominator is None):
                raise ValueError(f"percentage {column.name!r} doesn't say of which counts")
            if column.role == "statistic" and column.n is None and self.model is None:
                raise ValueError(f"statistic {column.name!r} doesn't say which count it rests on")
        if self.survival is not None and (
            not {"at_risk", "events", "censored"} <= counts or "time" not in dimensions or self.totals
        ):
            raise ValueError("a life table has at_risk, events, censored and time, and no totals")
        if set(self.totals) - dimensions:
            raise ValueError("totals name a dimension that isn't there")
        if set(self.evidence) - set(names) or set(self.withheld) - counts:
            raise ValueError("evidence names a column that isn't there")
        shares = [each for d in self.evidence.values() for each in (d.largest, d.second, d.contributors)]
        if any(each is not None and len(each) != self.rows for each in shares):
            raise ValueError("evidence hasn't one value per row")
        return self

    def of_role(self, role: str) -> list[ColumnSpec]:
        """The columns of one role, in order."""
        return [column for column in self.columns if column.role == role]


class ChartEntry(_Strict):
    """A chart to be drawn from a checked table."""

    kind: Literal["chart"]
    name: Name
    group: str = Field(default="", max_length=120)
    table: str
    mark: Literal["line", "bar", "map"]
    x: str
    y: str
    colour: str | None = None
    band: list[str] | None = Field(default=None, min_length=2, max_length=2)
    title: str = Field(max_length=300)
    x_title: str = Field(max_length=120)
    y_title: str = Field(max_length=120)
    description: str = Field(default="", max_length=2_000)
    zero: bool = False
    places: dict[str, list[Annotated[int, Field(ge=0, le=60)]]] = {}


class TextEntry(_Strict):
    """A short text."""

    kind: Literal["text"]
    name: Name
    file: str
    title: str
    group: str = Field(default="", max_length=120)
    sha256: str = ""


Entry = Annotated[TableEntry | ChartEntry | TextEntry, Field(discriminator="kind")]


class Record(_Strict):
    """The whole of outputs.json."""

    schema_: Literal["lockgate.outputs/1"] = Field(alias="schema")
    outputs: list[Entry]
    groups: dict[str, Annotated[str, Field(max_length=2_000)]] = {}

    @model_validator(mode="after")
    def _names_once(self) -> Record:
        names = [entry.name for entry in self.outputs]
        if len(set(names)) < len(names):
            raise ValueError("two outputs have the same name")
        return self

    def tables(self) -> list[TableEntry]:
        """The tables described."""
        return [entry for entry in self.outputs if isinstance(entry, TableEntry)]


def parse_record(text: str | bytes) -> Record:
    """outputs.json from its text. Raises ValueError with the place and the reason (no value of it)."""
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ValueError(f"{place}: {first['msg']}") from error


def parse_result(text: str | bytes) -> Record:
    """The outputs described by a released result.json, as a record without evidence. Raises ValueError."""
    try:
        found = json.loads(text)
        outputs = found["outputs"] if found["schema"] == "lockgate.released/1" else None
    except (KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError("isn't a result.json") from error
    return parse_record(json.dumps({"schema": SCHEMA, "outputs": outputs}))


def record_json(record: Record) -> str:
    """The record as JSON text."""
    return record.model_dump_json(by_alias=True, indent=1, exclude_defaults=False)
