"""The language of contracts: what a table from another system looks like, as YAML beside the SELECTs that stage it.

docs/reference/contract-language.md is written from the fields below. ``columns.py`` makes SQL of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lockgate.capture.tabular.formats import WORDS, is_form

Kind = Literal[
    "text", "integer", "number", "boolean", "date", "datetime", "time", "code", "nhs_number", "ucum"
]
NAME = re.compile(r"[a-z][a-z0-9_]*")
_SPAN = re.compile(r"\{(\d+)\.\.(\d+)\}")
# What every row has besides its columns.
RESERVED = ("source", "record_id", "version_at", "deleted", "item_hash", "batch_id", "person_ref")


def spread(name: str) -> list[str]:
    """The names of ``diag_{01..20}``: diag_01 to diag_20; a name without braces is itself."""
    span = _SPAN.search(name)
    if span is None:
        return [name]
    first, last = span.groups()
    return [
        name.replace(span.group(0), str(number).zfill(len(first)), 1)
        for number in range(int(first), int(last) + 1)
    ]


def family(name: str) -> str:
    """What the list of ``diag_{01..20}`` is called: diag."""
    return re.sub(r"_+", "_", _SPAN.sub("", name)).strip("_")


def _text(value: Any) -> Any:
    """A value that YAML read as a number or a date, as it was written; a bare yes or no is refused."""
    if isinstance(value, bool):
        raise ValueError("YAML reads this as true or false: put it in quotes")
    return str(value) if isinstance(value, int | float | date) else value


def _texts(value: Any) -> Any:
    return [_text(one) for one in value] if isinstance(value, list) else value


def _codes(value: Any) -> Any:
    """A list of codes stands for each as itself."""
    if isinstance(value, list):
        value = dict(zip(value, value, strict=True))
    return {_text(code): _text(to) for code, to in value.items()} if isinstance(value, Mapping) else value


Texts = Annotated[list[str], BeforeValidator(_texts)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FormatsBy(_Model):
    """Date formats that depend on another column of the row, such as the trust that sent it."""

    by: str = Field(description="the column that tells")
    formats: dict[str, list[str]] = Field(description="its value -> the formats of these rows")


class ContractColumn(_Model):
    """One column: what it holds and what is refused in it."""

    type: Kind = Field(default="text", description="what it holds")
    required: bool | Literal["column"] = Field(
        default=False, description="`true`: every row has a value; `column`: the header must name it"
    )
    about: str = Field(default="", description="what it means, for the reference page")
    identifies: bool = Field(default=False, description="alone or with others it names a person")
    aliases: list[str] = Field(
        default_factory=list,
        alias="as",
        description="other names in the header (of other years); case and punctuation of names don't matter",
    )
    date_formats: list[str] | FormatsBy | None = Field(
        default=None,
        description="of a date, datetime or time; default: the contract's. A list, or `{by: column, formats: {...}}`",
    )
    ambiguous: Literal["quarantine", "flag"] | None = Field(
        default=None, description="what becomes of a row whose date two formats read as two days"
    )
    sentinels: Texts = Field(default_factory=list, description="values of this column that mean: nothing")
    past: bool = Field(default=False, description="a time after the capture is impossible")
    codes: Annotated[dict[str, str], BeforeValidator(_codes)] = Field(
        default_factory=dict, description="code as sent -> code as staged; or a list of codes"
    )
    unlisted: Literal["quarantine", "keep"] = Field(
        default="quarantine", description="what becomes of a value that `codes` does not list"
    )
    code_system: str = Field(
        default="", description="what its codes are of: ICD10, OPCS4, SNOMED, dm+d, LOINC"
    )
    pattern: str = Field(default="", description="a regular expression that the whole value must match")
    decimal: Literal[".", ","] = Field(
        default=".",
        description='what stands before the decimals of a number; with `","` points may part thousands',
    )
    minimum: float | None = Field(default=None, description="the least value")
    maximum: float | None = Field(default=None, description="the greatest value")

    @model_validator(mode="after")
    def _makes_sense(self) -> ContractColumn:
        dated = self.type in ("date", "datetime", "time")
        if self.date_formats is not None and not dated:
            raise ValueError("date_formats are for a date, a datetime or a time")
        for form in self.all_forms():
            if not (is_form(form) or (self.type == "time" and "%" in form)):
                raise ValueError(f"{form!r} is no date format: use {', '.join(WORDS)} or a strptime pattern")
        if self.decimal != "." and self.type != "number":
            raise ValueError("decimal is for a number")
        if self.codes and self.type != "code":
            raise ValueError("codes are for a column of type code")
        if self.pattern:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern is no regular expression: {error}") from error
        return self

    def all_forms(self) -> list[str]:
        """Every date format that the column itself declares."""
        if isinstance(self.date_formats, FormatsBy):
            return [form for forms in self.date_formats.formats.values() for form in forms]
        return list(self.date_formats or [])


class ContractRule(_Model):
    """A condition over the typed columns that must not hold."""

    reason: str = Field(default="bad-code", description="a reason of the quarantine")
    column: str = Field(description="the column it is about")
    when: str = Field(description="SQL: true where the row is wrong")
    say: str = Field(description="what is wrong; no value of the row")
    then: Literal["quarantine", "warn"] = Field(
        default="quarantine", description="hold the row back, or stage it and count it in a warning"
    )


class Deletes(_Model):
    """Rows that say that their record is no more."""

    column: str = Field(description="the column that says so, such as record_action")
    values: Texts = Field(min_length=1, description="its values that mean: deleted")


class Merges(_Model):
    """Columns that say that a patient's number was joined to another's; rows of `patient_merge` are made of them."""

    survivor: str = Field(description="the number that goes on")
    retired: str = Field(description="the number that was merged into it; empty: no merge in this row")
    at: str = Field(default="", description="when it happened; default: the row's version")
    unmerge: Deletes | None = Field(
        default=None, description="a column and its values that mean: parted again"
    )


class Contract(_Model):
    """One source's table."""

    contract: Literal["lockgate.contract/1"] = Field(description="`lockgate.contract/1`")
    name: str = Field(description="lower_case; the folder's name")
    title: str = Field(description="a line for people")
    about: str = Field(default="", description="what a row is, and what the source does that one must know")
    owner: str = Field(min_length=1, description="who answers for the data at the source")
    legal_basis: str = Field(min_length=1, description="why we may hold it")
    source: str = Field(
        default="",
        description="the source it belongs to, where several contracts share one and its people; default: its name",
    )
    prefix: str = Field(
        default="",
        description="begins every record id (`prefix|key`): contracts of one source must not share ids",
    )
    time_zone: str | None = Field(default=None, description="of times without an offset; default: the site's")
    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] = Field(
        default="utf-8", description="of a text file; a byte order mark is fine"
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="between values of a text file"
    )
    sentinels: Texts = Field(default_factory=list, description="values of any column that mean: nothing")
    date_formats: list[str] = Field(
        default_factory=list, description=f"of all its dates: {', '.join(WORDS)}, or strptime patterns"
    )
    ambiguous: Literal["quarantine", "flag"] = Field(
        default="quarantine",
        description="a date that two formats read as two days: hold the row back as `ambiguous-date`, or stage it"
        " without the date and say so in COLUMN_flag",
    )
    key: list[str] = Field(
        description="the columns that name a record: the same key later is a new version. `[]`: the content is the key"
    )
    version: str | None = Field(default=None, description="the column that says which version is newer")
    person: list[str] = Field(
        default_factory=list, description="columns whose first filled one names the person"
    )
    deletes: Deletes | None = Field(
        default=None, description="rows that delete their record: `{column, values}`"
    )
    replaces: list[str] = Field(
        default_factory=list,
        description="columns that name a period: the newest version of a period's rows is all there is of it, and"
        " records that it leaves out are deleted",
    )
    merges: Merges | None = Field(
        default=None, description="patient numbers joined: `{survivor, retired, at, unmerge}`"
    )
    columns: dict[str, ContractColumn] = Field(
        min_length=1,
        description="name -> column; `diag_{01..20}` stands for twenty, which also make the list `diag`",
    )
    empty: Literal["allow", "warn", "refuse"] = Field(
        default="warn",
        description="what becomes of a file without a row: nothing is said, a note says it, or it is refused",
    )
    kept: list[str] = Field(
        default_factory=list,
        description="columns that are known and kept raw, and not staged: no note is made of them",
    )
    rules: list[ContractRule] = Field(default_factory=list, description="conditions over several columns")

    families: dict[str, list[str]] = Field(default_factory=dict, exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, raw: Any) -> Any:
        """Write out the columns that stand for many."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("columns"), Mapping):
            return raw
        if "families" in raw:
            raise ValueError("families: unknown key")
        columns: dict[str, Any] = {}
        families: dict[str, list[str]] = {}
        for name, column in raw["columns"].items():
            members = spread(str(name))
            twice = [member for member in members if member in columns]
            if twice:
                raise ValueError(f"columns defined twice: {', '.join(twice)}")
            if len(members) == 1:
                columns[str(name)] = {} if column is None else column
                continue
            families[family(str(name))] = members
            told = dict(column or {})
            others = [spread(str(alias)) for alias in told.pop("as", [])]
            if any(len(other) != len(members) for other in others):
                raise ValueError(f"{name}: each name under `as` must stand for {len(members)} columns too")
            for place, member in enumerate(members):
                columns[member] = {**told, "as": [other[place] for other in others]}
        return {**raw, "columns": columns, "families": families}

    @model_validator(mode="after")
    def _makes_sense(self) -> Contract:
        wrong = list(self._wrong())
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _wrong(self) -> Iterator[str]:
        named = [*self.key, *self.person, *self.replaces]
        named += [name for name in (self.version,) if name]
        if self.deletes:
            named.append(self.deletes.column)
        if self.merges:
            named += [name for name in (self.merges.survivor, self.merges.retired, self.merges.at) if name]
            named += [self.merges.unmerge.column] if self.merges.unmerge else []
        named += [rule.column for rule in self.rules]
        named += [c.date_formats.by for c in self.columns.values() if isinstance(c.date_formats, FormatsBy)]
        unknown = sorted({name for name in named if name not in self.columns})
        if unknown:
            yield f"names columns it does not define: {', '.join(unknown)}"
        bad = sorted(name for name in (*self.columns, self.name) if not NAME.fullmatch(name))
        if bad:
            yield f"names must be lower_case words: {', '.join(bad)}"
        taken = sorted({*self.columns, *self.families} & set(RESERVED))
        taken += sorted(set(self.columns) & set(self.families))
        if taken:
            yield f"names that every row has already: {', '.join(taken)}"
        if self.version in self.columns and self.columns[str(self.version)].type not in (
            "date",
            "datetime",
            "integer",
        ):
            yield f"the version column {self.version} must be a date, a datetime or an integer"
        if self.replaces and not self.version:
            yield "replaces needs a version column: it says which of two files of a period is newer"
        if not self.key and (self.deletes or self.replaces):
            yield "without a key no record can be deleted or replaced"
        yield from (f"{form!r} is no date format" for form in self.date_formats if not is_form(form))
        if self.time_zone is not None:
            from lockgate.site.zones import time_zones

            if self.time_zone not in time_zones():
                yield f"time_zone {self.time_zone!r} is no IANA time zone, such as 'Europe/London'"
        yield from self._names_twice()

    def _names_twice(self) -> Iterator[str]:
        seen: dict[str, str] = {}
        for name, column in self.columns.items():
            for spelt in {plain_name(known) for known in (name, *column.aliases)}:
                if seen.setdefault(spelt, name) != name:
                    yield f"columns {seen[spelt]} and {name} would both be read from {spelt}"

    def header_names(self) -> dict[str, str]:
        """How a header may spell each column, made plain -> the column."""
        return {
            plain_name(spelt): name
            for name, column in self.columns.items()
            for spelt in (name, *column.aliases)
        }

    def kept_names(self) -> set[str]:
        """The columns that are known and not staged, made plain."""
        return {plain_name(name) for kept in self.kept for name in spread(kept)}

    def forms(self, name: str) -> list[str] | FormatsBy:
        """The date formats of a column: its own, else the contract's (none for a time of day)."""
        column = self.columns[name]
        if column.date_formats is not None:
            return column.date_formats
        return [] if column.type == "time" else list(self.date_formats)

    def flags(self, name: str) -> bool:
        """Whether an ambiguous date of the column is flagged rather than quarantined."""
        return (self.columns[name].ambiguous or self.ambiguous) == "flag"

    def must_have(self) -> list[str]:
        """The columns without which a file is refused."""
        return [
            name
            for name, column in self.columns.items()
            if column.required or name in self.key or name == self.version
        ]


def plain_name(header: str) -> str:
    """A header's spelling without case and punctuation: "Comment ID" and comment_id are one."""
    return re.sub(r"[^a-z0-9]+", "_", header.strip().lower()).strip("_")
