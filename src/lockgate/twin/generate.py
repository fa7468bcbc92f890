"""A twin from a recipe and nothing else: every table of it, the same for the same recipe, size and seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from lockgate.errors import Refused
from lockgate.schema import RELEASE
from lockgate.twin.draw import (
    Frame,
    binned,
    cells_for,
    column,
    day_of,
    days_array,
    flags,
    fresh_ids,
    keyed,
    minutes_array,
    pick,
)
from lockgate.twin.events import DAY, World, dated, make_events, measured, place_name, place_of
from lockgate.twin.people import attributes, choose_kinds, make_people
from lockgate.twin.recipe import Recipe, Value
from lockgate.twin.shape import GRIDS, WAYS, parts
from lockgate.twin.texts import REPEATS, invented, make_mentions

MOST_PEOPLE = 5_000_000


def generate(recipe: Recipe, people: int, seed: int, names: Mapping[Value, str]) -> dict[str, pa.Table]:
    """The tables of a twin of so many people, all columns of the release's schema in its order.

    ``names``: of concepts, from the vocabulary, for invented notes. Refused when the recipe tells of nobody.
    """
    if recipe.get("person", "main") is None:
        raise Refused(
            "the recipe tells of nobody",
            reasons=["no group of people by sex and age is large enough to be let out"],
            where=f"release {recipe.release}",
            remedy="a twin needs a larger release (some hundreds of people), or a larger epsilon",
        )

    def chance(what: str) -> np.random.Generator:
        digest = hashlib.sha256(f"{seed}/{what}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest, "big"))

    made, person = make_people(recipe, people, chance("people"))
    world = World(recipe, made)
    world.parts = {
        table: parts(table, frozenset(filled)) for table, filled in recipe.tables.items() if table in WAYS
    }
    _places(world, chance("places"))
    person.ids = made.ids
    attributes(recipe, person, chance("person"))
    _linked_places(world, person, chance("person places"))
    world.frames["person"] = person
    kinds = choose_kinds(recipe, made, chance("kinds"))
    for table, way in WAYS.items():
        if table not in world.parts or table == "person":
            continue
        rng = chance(table)
        if way.kind == "events" and table in kinds:
            world.frames[table] = make_events(world, table, *kinds[table], rng)
        elif table in ("person_deprivation", "death"):
            world.frames[table] = _one(world, table, rng)
        elif table == "note_nlp" and "note" in world.frames:
            mentions = make_mentions(world, names, rng)
            if mentions is not None:
                _dates(world, mentions)
                world.frames[table] = mentions
        elif way.kind == "children" and way.parent in world.frames and table != "note_nlp":
            world.frames[table] = _children(world, table, rng)
        elif way.kind == "rows":
            world.frames[table] = _rows(world, table, rng)
    if "observation_period" in world.parts:
        world.frames["observation_period"] = _observed(world, chance("observation_period"))
    if "note" in world.frames and "note_text" not in world.frames["note"].columns:
        make_mentions(world, names, chance("note_nlp"))
    for frame in world.frames.values():
        invented(frame, world.parts[frame.table].texts)
    return {table: _table(world, table) for table in WAYS if table in RELEASE}


def _places(world: World, rng: np.random.Generator) -> None:
    """Care sites, locations and providers: those that histograms name."""
    recipe = world.recipe
    for domain in ("care_site", "location"):
        known: dict[str, dict[str, Value]] = {}
        for histogram in recipe.histograms:
            key = histogram.name.removeprefix("place:")
            if histogram.name == key or world.parts[histogram.table].keys.get(key) != domain:
                continue
            for cell in histogram.cells:
                named = {
                    name.partition(".")[2]: value
                    for name, value in zip(histogram.columns, cell, strict=False)
                    if name.startswith(f"{key}.")
                }
                known.setdefault(place_name(key, histogram.columns, cell), named)
        frame = Frame(domain, len(known), np.full(len(known), -1), np.full(len(known), -1), list(known))
        frame.ids = fresh_ids(len(known), rng)
        for name in dict.fromkeys(name for named in known.values() for name in named):
            frame.columns[name] = pa.array([named.get(name) for named in known.values()])
        world.places[domain] = frame
    main = recipe.get("provider", "main")
    cells = main.cells if main else []
    which = (
        np.repeat(np.arange(len(cells)), [int(str(cell[-1])) for cell in cells])
        if cells
        else np.zeros(0, int)
    )
    frame = Frame("provider", len(which), np.full(len(which), -1), np.full(len(which), -1))
    frame.ids = fresh_ids(len(which), rng)
    for name in main.columns if main else ():
        frame.columns[name] = column(main, name, which) if main else pa.nulls(0)
    world.places["provider"] = frame


def _linked_places(world: World, frame: Frame, rng: np.random.Generator) -> None:
    for name, domain in world.parts[frame.table].keys.items():
        if domain in world.places:
            linked = flags(world.recipe, frame.table, f"link:{name}", frame.kinds, frame.kind, rng)
            frame.columns[name] = place_of(world, frame, name, domain, linked, rng)


def _one(world: World, table: str, rng: np.random.Generator) -> Frame:
    """A table with at most one row a person."""
    recipe, people = world.recipe, world.people
    if table == "death":
        who = np.flatnonzero(people.dead)
    else:
        there = recipe.get(table, "people")
        share = there.total() / max(people.counted, 1) if there else 0.0
        who = np.flatnonzero(rng.random(people.size) < share)
    main = recipe.get(table, "main")
    kinds: list[Value] = list(dict.fromkeys(cell[0] for cell in main.cells)) if main else []
    frame = Frame(table, len(who), who, np.full(len(who), -1), kinds)
    frame.start = frame.end = people.end[who] * DAY
    if main is not None:
        cells = pick([int(str(cell[-1])) for cell in main.cells], len(who), rng)
        frame.kind = np.array([kinds.index(cell[0]) for cell in main.cells])[cells]
        for name in main.columns:
            frame.columns[name] = column(main, name, cells)
    attributes(recipe, frame, rng)
    _dates(world, frame)
    return frame


def _dates(world: World, frame: Frame) -> None:
    """The first date of a table's rows, and the time of it."""
    known = world.parts[frame.table]
    for name in known.dates[:1]:
        frame.columns[name] = days_array(frame.start // DAY)
        if name in known.times:
            frame.columns[known.times[name]] = minutes_array(frame.start)


def _children(world: World, table: str, rng: np.random.Generator) -> Frame:
    """The rows of rows of another table."""
    way, parent = WAYS[table], world.frames[WAYS[table].parent]
    none = np.zeros(parent.size, np.int64)
    counts = binned(world.recipe, table, "repeats", REPEATS, [], none, rng, 0).clip(0, 20)
    if table == "tissue_sample":
        counts = np.minimum(counts, 1)
    of = np.repeat(np.arange(parent.size), counts)
    main = world.recipe.get(table, "main")
    kinds: list[Value] = list(dict.fromkeys(cell[0] for cell in main.cells)) if main else []
    frame = Frame(table, len(of), parent.person[of], np.full(len(of), -1), kinds, ids=fresh_ids(len(of), rng))
    if main is not None and len(of):
        # the rows of one row are of one kind after the other, as two readers read each study
        first = np.cumsum(counts) - counts
        turn = (np.arange(len(of)) - first[of]) + rng.integers(0, len(kinds), parent.size)[of]
        frame.kind = turn % len(kinds)
        cells = cells_for(main, table, kinds, frame.kind, rng)
        for name in main.columns:
            frame.columns[name] = column(main, name, cells)
    frame.start = frame.end = parent.start[of]
    attributes(world.recipe, frame, rng)
    measured(world, frame, rng)
    _dates(world, frame)
    frame.columns[f"{way.parent}_id"] = keyed(parent.ids, of)
    return frame


def _rows(world: World, table: str, rng: np.random.Generator) -> Frame:
    """A table whose rows are nobody's, or need not be anybody's."""
    recipe, people = world.recipe, world.people
    rows, main = recipe.get(table, "rows"), recipe.get(table, "main")
    kinds: list[Value] = list(dict.fromkeys(cell[0] for cell in main.cells)) if main else []
    scale = 1.0 if table in GRIDS else people.size / max(people.counted, 1)
    size = round(rows.total() * scale) if rows else 0
    frame = Frame(table, size, np.full(size, -1), np.full(size, -1), kinds, ids=fresh_ids(size, rng))
    if main is not None:
        cells = pick([int(str(cell[-1])) for cell in main.cells], size, rng)
        frame.kind = np.array([kinds.index(cell[0]) for cell in main.cells], np.int64)[cells]
        for name in main.columns:
            frame.columns[name] = column(main, name, cells)
    until = int(recipe.privacy.get("until", day_of(recipe.year, 12, 31)))
    day = dated(recipe, frame, rng)
    day = np.where((day > 0) & (day <= until), day, until - rng.integers(0, 365, size))
    frame.start = day * DAY + rng.integers(0, DAY, size)
    visit = np.full(size, -1)
    visits = world.frames.get("visit_occurrence")
    if rows is not None and visits is not None and visits.size and world.parts[table].person:
        named = {bool(cell[0]): int(str(cell[-1])) for cell in rows.cells}
        of_somebody = rng.random(size) < named.get(True, 0) / max(rows.total(), 1)
        visit = np.where(of_somebody, rng.integers(0, visits.size, size), -1)
        frame.person = np.where(visit >= 0, visits.person[visit], -1)
        frame.start = np.where(visit >= 0, visits.start[visit], frame.start)
    frame.end = frame.start
    attributes(recipe, frame, rng)
    measured(world, frame, rng)
    _linked_places(world, frame, rng)
    if table in GRIDS:
        _grid(world, frame)
    _dates(world, frame)
    known = world.parts[table]
    for name in known.dates[1:]:
        later = binned(recipe, table, f"days:{name}", REPEATS, kinds, frame.kind, rng, 0).clip(0)
        end = frame.start // DAY + later
        if visits is not None and known.person:
            dead_by = np.where(frame.person >= 0, people.end[frame.person], until)
            end = np.maximum(np.minimum(end, dead_by), frame.start // DAY)
        frame.columns[name] = days_array(end)
    if "visit_occurrence_id" in known.keys and visits is not None:
        frame.columns["visit_occurrence_id"] = keyed(visits.ids, visit)
    return frame


def _grid(world: World, frame: Frame) -> None:
    """One row for each place, shift and day, day after day, as far as there are rows for it."""
    where = frame.columns.get("care_site_id")
    main = world.parts[frame.table].main
    if where is None or not frame.size:
        return
    keys = np.asarray(where.fill_null(0))
    cells = frame.kind if len(main) == 1 else np.arange(frame.size) % 97
    order = np.lexsort((frame.start, cells, keys))
    same = np.concatenate(
        [[False], (keys[order][1:] == keys[order][:-1]) & (cells[order][1:] == cells[order][:-1])]
    )
    heads = np.maximum.accumulate(np.where(same, 0, np.arange(frame.size)))
    turn = np.arange(frame.size) - heads
    first = int(frame.start.min() // DAY)
    span = int(frame.start.max() // DAY) - first + 1
    frame.start[order] = (first + turn % span) * DAY


def _observed(world: World, rng: np.random.Generator) -> Frame:
    """Periods that hold all that happened to each person."""
    people = world.people
    start, end = people.start.copy(), people.end.copy()
    for frame in world.frames.values():
        if len(frame.start) and frame.table not in ("person",):
            of = frame.person >= 0
            np.minimum.at(start, frame.person[of], frame.start[of] // DAY)
            np.maximum.at(end, frame.person[of], frame.end[of] // DAY)
    frame = Frame("observation_period", people.size, np.arange(people.size), np.full(people.size, -1))
    frame.ids = fresh_ids(people.size, rng)
    attributes(world.recipe, frame, rng)
    known = world.parts["observation_period"]
    for name, days in zip(known.dates, (start, end), strict=False):
        frame.columns[name] = days_array(days)
    return frame


_EMPTY = {"BIGINT": 0, "INTEGER": 0, "VARCHAR": "", "DOUBLE": 0.0, "BOOLEAN": False}
_TYPES = {
    "BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string(), "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"),
}  # fmt: skip


def _table(world: World, table: str) -> pa.Table:
    """The frame as a table of the release's columns; empty where nothing was made."""
    frame = world.frames.get(table) or world.places.get(table)
    size = frame.size if frame else 0
    columns = {}
    for spec in RELEASE[table]:
        kind = _TYPES[spec.type]
        given = frame.columns.get(spec.name) if frame else None
        if frame is not None and spec.name == f"{table}_id" and given is None:
            given = pa.array(frame.ids)
        elif frame is not None and spec.key_domain == "person" and given is None:
            given = keyed(world.people.ids, frame.person)
        array = pa.nulls(size, kind) if given is None else _cast(given, kind)
        if spec.required and array.null_count and spec.type in _EMPTY:
            array = array.fill_null(pa.scalar(_EMPTY[spec.type], kind))
        columns[spec.name] = array
    return pa.table(columns)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_integer(kind) and pa.types.is_floating(array.type):
        array = pa.compute.round(array)
    return array.cast(kind)
