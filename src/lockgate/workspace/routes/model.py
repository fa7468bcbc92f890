"""The routes file: who must decide on a use of data, read into frozen objects and checked as a whole."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from lockgate.errors import UsageError
from lockgate.schema import LINKED, PARTNER, PROJECT
from lockgate.site import Site

SCHEMA = "lockgate.routes/1"
ALWAYS = ("research_centre", "data_protection_office")
OWNER = "data_owner"
ROUTE = "route"

Kind = Literal["research", "service_evaluation", "audit", "clinical_analytics"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,28}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Decider = Literal["research_centre", "data_protection_office", "caldicott_guardian", "data_owner"]
Days = Annotated[int, Field(ge=0, le=3660)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Linked tables that are one owner's."""

    label: Words
    tables: tuple[str, ...] = Field(min_length=1)


class When(_Part):
    """A condition: it holds if all of its lines do."""

    kinds: tuple[Kind, ...] = ()
    columns: tuple[str, ...] = ()
    linked: Literal[True] | None = None
    partners: Literal[True] | None = None
    dates: tuple[Literal["exact", "month", "year", "shift"], ...] = ()
    places: tuple[Literal["region", "outward", "lsoa"], ...] = ()
    notes: tuple[Literal["tags", "dates", "surrogates"], ...] = ()
    outputs: tuple[str, ...] = ()
    common_law: tuple[str, ...] = ()
    commercial: Literal[True] | None = None
    days_over: Days | None = None
    people_over: Days | None = None

    @model_validator(mode="after")
    def _known(self) -> When:
        for item in self.columns:
            table, _, column = item.partition(".")
            known = {one.name for one in PROJECT.get(table, ())}
            if not known:
                raise ValueError(f"there is no table {table!r} to ask for")
            if column != "*" and column not in known:
                raise ValueError(f"{table} has no column {column!r} (TABLE.* for all)")
        if not self.model_fields_set:
            raise ValueError("says nothing; leave `when` out for what always holds")
        return self


class Step(_Part):
    """Roles that decide (or advise) where a condition holds."""

    name: Name
    because: Words
    when: When | None = None
    roles: tuple[Decider, ...] = Field(min_length=1)


class Advising(_Part):
    """Where the public panel's advice must be there first."""

    name: Name
    because: Words
    when: When | None = None
    roles: tuple[Literal["public_panel"]] = ("public_panel",)


class Changed(_Part):
    """Who decides on an amendment of these answers."""

    questions: tuple[Name, ...] = Field(min_length=1)
    roles: tuple[Decider | Literal["route"], ...] = Field(min_length=1)


class Within(_Part):
    """What an application may ask for at most to be approved by rule. What isn't said may not be asked for."""

    kinds: tuple[Kind, ...] = ("research", "service_evaluation", "audit", "clinical_analytics")
    columns: dict[str, tuple[str, ...]] | Literal["any"] = Field(default_factory=dict)
    linkages: tuple[str, ...] | Literal["any"] = ()
    dates: tuple[Literal["exact", "month", "year", "shift"], ...] = ("exact", "month", "year", "shift")
    places: tuple[Literal["region", "outward", "lsoa"], ...] = ("region",)
    notes: tuple[Literal["tags", "dates", "surrogates"], ...] = ("tags",)
    outputs: tuple[str, ...] = ("tables", "charts", "models", "text")
    common_law: tuple[str, ...] = ()
    dpia: tuple[Literal["covered", "separate"], ...] = ("covered", "separate")
    commercial: bool = False
    synthetic: Literal[True] | None = None
    people_at_most: int = Field(ge=1, le=1000)
    days_at_most: int = Field(ge=1, le=731)

    @model_validator(mode="after")
    def _known(self) -> Within:
        if isinstance(self.columns, dict):
            if not self.columns:
                raise ValueError("name the columns that may be asked for")
            for table, names in self.columns.items():
                if table not in PROJECT or table in PARTNER:
                    raise ValueError(f"a release has no table {table!r}")
                if unknown := set(names) - {one.name for one in PROJECT[table]}:
                    raise ValueError(f"{table} has no column {min(unknown)!r}")
        elif not self.synthetic:
            raise ValueError("columns: any is for synthetic data alone; name the columns")
        if isinstance(self.linkages, tuple) and (unknown := set(self.linkages) - set(LINKED)):
            raise ValueError(f"there is no linked table {min(unknown)!r}")
        return self


class FastPath(_Part):
    """A use that is agreed beforehand."""

    name: Name
    because: Words
    within: Within


class Warnings(_Part):
    """How many days before a day those concerned are told."""

    ends: tuple[Days, ...] = (30, 7)
    condition: tuple[Days, ...] = (7,)


class Routes(_Part):
    """All of a routes file."""

    schema_: Literal["lockgate.routes/1"] = Field(alias="schema")
    version: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    sources: dict[Name, Source] = Field(default_factory=dict)
    open: tuple[str, ...] = ()
    decide: tuple[Step, ...] = Field(min_length=1)
    advise: tuple[Advising, ...] = ()
    amendments: tuple[Changed, ...] = ()
    fast_path: tuple[FastPath, ...] = ()
    warnings: Warnings = Warnings()

    @model_validator(mode="after")
    def _whole(self) -> Routes:
        always = {role for step in self.decide if step.when is None for role in step.roles}
        if lacking := [role for role in ALWAYS if role not in always]:
            raise ValueError(
                f"decide: {' and '.join(lacking)} must decide always (a step without `when`): no scope is signed "
                "without them"
            )
        owned: dict[str, str] = {}
        for name, source in self.sources.items():
            for table in source.tables:
                if table not in (*LINKED, *PARTNER):
                    raise ValueError(f"sources.{name}: there is no linked table {table!r}")
                if table in owned:
                    raise ValueError(f"sources.{name}: {table} is {owned[table]}'s already")
                owned[table] = name
        for table in self.open:
            if table not in LINKED:
                raise ValueError(f"open: there is no linked table {table!r}")
            if table in owned:
                raise ValueError(f"open: {table} has an owner, {owned[table]}")
        if nobodys := [table for table in LINKED if table not in owned and table not in self.open]:
            raise ValueError(f"sources: {', '.join(nobodys)} has no owner; name one, or list it under `open`")
        for part in ("decide", "advise", "fast_path"):
            names = [item.name for item in getattr(self, part)]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{part}: {min(twice)} is named twice")
        asked = [question for rule in self.amendments for question in rule.questions]
        if twice := {question for question in asked if asked.count(question) > 1}:
            raise ValueError(f"amendments: {min(twice)} is named twice")
        return self

    def owner_of(self, table: str) -> str | None:
        """The source that a linked table is of, or None for what is nobody's."""
        return next((name for name, source in self.sources.items() if table in source.tables), None)


def read_routes(text: str, where: str) -> Routes:
    """A routes file's text, checked. UsageError names each place that can't stand."""
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        place = f"{where}, line {line + 1}" if line is not None else where
        raise UsageError("is not YAML", where=place, remedy="see docs/reference/routes.md") from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise UsageError(f"has no `schema: {SCHEMA}`", where=where, remedy="see docs/reference/routes.md")
    try:
        return Routes.model_validate(raw)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)[:5]
        )
        raise UsageError(told, where=where, remedy="see docs/reference/routes.md") from error


@lru_cache(maxsize=1)
def standard() -> Routes:
    """The routes that Lockgate comes with."""
    return read_routes(standard_text(), "the standard routes")


def standard_text() -> str:
    """The text of the routes that Lockgate comes with."""
    return resources.files(__package__).joinpath("standard.yaml").read_text(encoding="utf-8")


def routes_of(site: Site) -> Routes:
    """The routes of a site: its own file, or the standard. UsageError where its file can't be read or can't stand."""
    name = site.config.portal.routes
    if not name:
        return standard()
    path = site.path / name
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "the routes file can't be read", where=str(path), remedy="site.toml [portal] routes names it"
        ) from error


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Routes:
    return read_routes(path.read_text(encoding="utf-8"), str(path))


def in_use(site: Site, routes: Routes) -> tuple[FastPath, ...]:
    """The fast paths that a site has agreed to. UsageError where site.toml names one that isn't in the file."""
    chosen = site.config.portal.fast_path
    if chosen is None:
        return routes.fast_path if site.config.site.demo else ()
    known = {path.name: path for path in routes.fast_path}
    if unknown := [name for name in chosen if name not in known]:
        raise UsageError(
            f"there is no fast path {unknown[0]!r} in the routes",
            where="site.toml [portal] fast_path",
            remedy="of: " + ", ".join(known),
        )
    return tuple(known[name] for name in chosen)
