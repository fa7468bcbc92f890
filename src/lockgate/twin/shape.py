"""What each table is to a twin: how its rows come about, and what part each of its columns plays.

A table's rows come about in one of six ways (``Way``): ``people`` (one row a person), ``one`` (at most one row a
person), ``events`` (a person has a kind of it or not, so many times), ``children`` (rows of a row of another table),
``rows`` (a row is nobody's, or need not be anybody's) and ``places`` (what other tables point to).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from lockgate.schema import RELEASE, Column

_SUFFIXES = (
    "_as_concept_id",
    "_as_string",
    "_source_concept_id",
    "_source_value",
    "_concept_id",
    "_code",
    "_decile",
    "_quintile",
)
# Whole numbers with few values: as codes they keep the values that are usual (28 days of supply).
_COUNTED = frozenset({"rating", "days_supply", "series", "instances"})
_RANGE = frozenset({"range_low", "range_high"})
# How a row was recorded: few values, which come together.
_RECORDED = ("_type", "encoding", "language", "_status", "section", "nlp_system", "_field", "ethnicity")


@dataclass(frozen=True, slots=True)
class Way:
    """How a table's rows come about. ``main``: the columns that say of which kind a row is, the first above all.

    ``most``: of how many cells of a histogram one person may tell. ``parent``: the table a child's rows are of.
    """

    kind: str
    main: tuple[str, ...] = ()
    most: int = 4
    parent: str = ""


def _coded(name: str, most: int, *more: str) -> Way:
    main = (f"{name}_concept_id", f"{name}_source_value", f"{name}_source_concept_id", *more)
    return Way("events", main, most)


_UNIT = ("unit_concept_id", "unit_source_value", "unit_source_concept_id")


WAYS: dict[str, Way] = {
    "person": Way("people", most=1),
    "person_deprivation": Way("one", most=1),
    "observation_period": Way("one", most=1),
    "death": Way("one", ("cause_concept_id", "cause_source_value", "cause_source_concept_id"), most=1),
    "visit_occurrence": _coded("visit", 4),
    "visit_detail": _coded("visit_detail", 4),
    "condition_occurrence": _coded("condition", 8),
    "drug_exposure": _coded("drug", 10, "dose_unit_source_value"),
    "procedure_occurrence": _coded("procedure", 3),
    "device_exposure": _coded("device", 3),
    "measurement": _coded("measurement", 24, *_UNIT),
    "observation": _coded("observation", 3),
    "specimen": _coded("specimen", 2),
    "note": Way("events", ("note_class_concept_id",), 3),
    "social_care_event": Way("events", ("kind",), 3),
    "imaging_study": Way("events", ("modality", "body_site_code"), 2),
    "imaging_read": Way("children", ("reader", "reader_kind", "finding"), 2, "imaging_study"),
    "tissue_sample": Way("children", ("consent",), 2, "specimen"),
    "note_nlp": Way("children", ("note_nlp_concept_id", "note_nlp_source_concept_id"), 8, "note"),
    "incident": Way("rows", ("category_code", "category"), 2),
    "feedback": Way("rows", ("service",), 1),
    "staffing": Way("rows", ("shift",), 1),
    "roster": Way("rows", ("shift", "staff_group"), 1),
    "care_site": Way("places"),
    "location": Way("places"),
    "provider": Way("places"),
}

# Tables with a row for each place, day and shift.
GRIDS = frozenset({"staffing", "roster"})

# What has no meaning without the kind of its row: a result, its range, a unit.
OF_A_KIND = frozenset({"number", "group:value", "group:range", "group:unit", "strata", "days:visit_end_date"})

# What a place is known by in the recipe, since its id is the release's own.
PLACE_NAMES: dict[str, tuple[str, ...]] = {
    "care_site": ("care_site_name", "place_of_service_concept_id", "place_of_service_source_value"),
    "location": (
        "address_1",
        "address_2",
        "city",
        "state",
        "zip",
        "county",
        "location_source_value",
        "country_concept_id",
        "country_source_value",
    ),
    "provider": ("specialty_concept_id", "specialty_source_value", "specialty_source_concept_id"),
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The columns of a table by the part they play; only those that are filled."""

    table: str
    id: str | None
    person: str | None
    main: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]  # columns whose values come together, by name
    numbers: tuple[str, ...]
    dates: tuple[str, ...]  # of days, the one that places a row in time first
    times: dict[str, str]  # a date column -> the column of its time
    texts: tuple[str, ...]
    keys: dict[str, str]  # a column that points to a row -> the table it is of

    @property
    def first(self) -> str | None:
        """The column of the day that places a row in time."""
        return self.dates[0] if self.dates else None


def group_name(column: str) -> str:
    """Columns of one thing (its concept, its source code, its words) share a name."""
    if column in _RANGE:
        return "range"
    if any(part in column for part in _RECORDED) and not column.startswith("assessment"):
        return "recorded"
    for suffix in _SUFFIXES:
        if column.endswith(suffix):
            return column.removesuffix(suffix)
    return column


def _is_category(column: Column) -> bool:
    return column.role in ("concept", "code", "quasi", "place") or column.name in _COUNTED


@cache
def parts(table: str, filled: frozenset[str]) -> Parts:
    """The parts of a table of which only these columns hold anything."""
    columns = [column for column in RELEASE[table] if column.name in filled and column.askable]
    own = next((c.name for c in columns if c.key_domain == table), None)
    person = next((c.name for c in columns if c.key_domain == "person"), None)
    main = tuple(name for name in WAYS[table].main if name in filled)
    groups: dict[str, tuple[str, ...]] = {}
    for column in columns:
        if column.name in main or not (_is_category(column) or column.name in _RANGE):
            continue
        if column.name in ("year_of_birth", "offset"):
            continue
        name = group_name(column.name)
        groups[name] = (*groups.get(name, ()), column.name)
    dates = [c.name for c in columns if c.role == "date" and c.type == "DATE"]
    times = {
        day: name
        for c in columns
        if c.type == "TIMESTAMP" and (day := (name := c.name).removesuffix("time")) in dates
    }
    return Parts(
        table,
        own if table != "tissue_sample" else None,
        person,
        main,
        groups,
        tuple(
            c.name for c in columns if c.role == "number" and c.name not in _RANGE and c.name not in _COUNTED
        ),
        tuple(dates),
        times,
        tuple(c.name for c in columns if c.role == "text"),
        {c.name: c.key_domain for c in columns if c.key_domain is not None and c.name not in (own, person)},
    )


def order() -> list[str]:
    """The tables in an order in which each can point to those before it."""
    return [
        "location",
        "care_site",
        "provider",
        "person",
        "person_deprivation",
        "visit_occurrence",
        "visit_detail",
        *[
            name
            for name, way in WAYS.items()
            if way.kind == "events" and name not in ("visit_occurrence", "visit_detail")
        ],
        "imaging_read",
        "tissue_sample",
        "note_nlp",
        "incident",
        "feedback",
        "staffing",
        "roster",
        "death",
        "observation_period",
    ]


def of_a_kind(name: str) -> bool:
    """Whether a histogram of that name says nothing where it isn't of the row's own kind."""
    return name in OF_A_KIND or name.split(":")[0] in OF_A_KIND
