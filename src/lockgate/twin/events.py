"""What happens to the people of a twin: visits, and what is recorded in and outside of them, in a plausible order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lockgate.twin.bins import COARSE, DAYS, FINE, GAPS, NONE, REPEATS
from lockgate.twin.draw import (
    Frame,
    Ints,
    binned,
    cells_for,
    column,
    days_array,
    flags,
    fresh_ids,
    keyed,
    minutes_array,
    numbers,
    pick,
    year_days,
)
from lockgate.twin.people import People, attributes
from lockgate.twin.recipe import Recipe, Value
from lockgate.twin.shape import Parts

DAY = 24 * 60
MOST_REPEATS = 400


@dataclass
class World:
    """What has been made so far."""

    recipe: Recipe
    people: People
    frames: dict[str, Frame] = field(default_factory=dict)
    places: dict[str, Frame] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)


def make_events(
    world: World, table: str, kinds: list[Value], persons: Ints, which: Ints, rng: np.random.Generator
) -> Frame:
    """The rows of a table of events: ``persons`` have a row or more of the kind at the same place of ``which``."""
    recipe = world.recipe
    repeats = np.minimum(
        binned(recipe, table, "repeats", REPEATS, kinds, which, rng, 1).clip(1), MOST_REPEATS
    )
    series = np.repeat(np.arange(len(persons)), repeats)
    person, kind = persons[series], which[series]
    frame = Frame(table, len(series), person, kind, kinds, ids=fresh_ids(len(series), rng))
    day = _series_days(world, frame, series, repeats, rng)
    start = day * DAY + _minutes(world, frame, rng)
    of_visit = np.full(frame.size, -1)
    if table != "visit_occurrence" and "visit_occurrence" in world.frames:
        of_visit, start = _in_visits(world, frame, start, rng)
    if table == "visit_detail":  # there is none without its visit
        within = of_visit >= 0
        frame = Frame(table, int(within.sum()), person[within], kind[within], kinds, ids=frame.ids[within])
        of_visit, start = of_visit[within], start[within]
    frame.start = start
    _ends(world, frame, of_visit, rng)
    _main(world, frame, rng)
    attributes(recipe, frame, rng)
    measured(world, frame, rng)
    _keys(world, frame, of_visit, rng)
    return frame


def _series_days(world: World, frame: Frame, series: Ints, repeats: Ints, rng: np.random.Generator) -> Ints:
    """Days of each series: the first by year and month, the others by the gaps between, all in the person's time."""
    people = world.people
    first, last = people.start[frame.person], people.end[frame.person]
    drawn = dated(world.recipe, frame, rng)
    inside = (drawn >= first) & (drawn <= last)
    day = np.where(inside, drawn, first + (rng.random(frame.size) * (last - first + 1)).astype(np.int64))
    if world.recipe.get(frame.table, "gap") is None or not frame.size:
        return day
    gaps = binned(world.recipe, frame.table, "gap", GAPS, frame.kinds, frame.kind, rng, 30)
    heads = np.cumsum(repeats) - repeats
    gaps[heads] = 0
    walked = np.cumsum(gaps)
    follow = day[heads][series] + walked - walked[heads][series]
    return np.where(follow <= last, follow, day)


def dated(recipe: Recipe, frame: Frame, rng: np.random.Generator) -> Ints:
    """A day for each row by the years and months of its table; far in the past where the recipe tells none."""
    years = recipe.get(frame.table, "year")
    if years is None:
        return np.full(frame.size, -(10**6))
    year = np.array([int(str(cell[0])) for cell in years.cells])[
        pick([int(str(cell[-1])) for cell in years.cells], frame.size, rng)
    ]
    months = recipe.get(frame.table, "month")
    month = np.zeros(frame.size, np.int64)
    if months is not None:
        month = numbers(months, "month", cells_for(months, frame.table, frame.kinds, frame.kind, rng), 0)
    return year_days(year, month, rng)


def _minutes(world: World, frame: Frame, rng: np.random.Generator) -> Ints:
    """The time of day in minutes; 0 where the table's rows have none."""
    hours = world.recipe.get(frame.table, "hour")
    if hours is None:
        return np.zeros(frame.size, np.int64)
    hour = numbers(hours, "hour", pick([int(str(c[-1])) for c in hours.cells], frame.size, rng), -1)
    return np.where(hour < 0, 0, hour * 60 + rng.integers(0, 60, frame.size))


def _in_visits(world: World, frame: Frame, start: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The visit of each row that has one (its place, or -1), and when the row then begins: while the visit lasts."""
    visits = world.frames["visit_occurrence"]
    linked = flags(world.recipe, frame.table, "link:visit_occurrence_id", frame.kinds, frame.kind, rng)
    rows, begins = visits.of_people(world.people.size)
    if not visits.size:
        return np.full(frame.size, -1), start
    count = np.where(frame.person >= 0, begins[frame.person + 1] - begins[frame.person], 0)
    linked &= count > 0
    at = begins[frame.person] + (rng.random(frame.size) * count).astype(np.int64)
    visit = np.where(linked, rows[np.minimum(at, len(rows) - 1)], -1)
    from_, until = visits.start[visit], visits.end[visit]
    inside = from_ + (rng.random(frame.size) * np.maximum(until - from_, 0)).astype(np.int64)
    timeless = world.recipe.get(frame.table, "hour") is None
    if timeless:
        inside = inside // DAY * DAY
    return visit, np.where(linked, inside, start)


def _ends(world: World, frame: Frame, of_visit: Ints, rng: np.random.Generator) -> None:
    """The columns of dates and times: each later one so many days after the first, and never past the end."""
    recipe, parts = world.recipe, world.parts[frame.table]
    last = (world.people.end[frame.person] + 1) * DAY - 1
    frame.end = frame.start
    if not parts.dates:
        return
    frame.columns[parts.dates[0]] = days_array(frame.start // DAY)
    if parts.dates[0] in parts.times:
        frame.columns[parts.times[parts.dates[0]]] = minutes_array(frame.start)
    visits = world.frames.get("visit_occurrence")
    for name in parts.dates[1:]:
        days = binned(recipe, frame.table, f"days:{name}", DAYS, frame.kinds, frame.kind, rng, 0)
        later = frame.start + days * DAY + rng.integers(5, 240, frame.size)
        end = np.where(days > 0, later // DAY * DAY + rng.integers(8 * 60, 20 * 60, frame.size), later)
        end = np.maximum(np.minimum(end, last), frame.start)
        if frame.table == "visit_detail" and visits is not None and visits.size:
            end = np.where(of_visit >= 0, np.minimum(end, visits.end[of_visit]), end)
            end = np.maximum(end, frame.start)
        missing = days < 0
        frame.columns[name] = days_array(end // DAY, missing)
        if name in parts.times:
            frame.columns[parts.times[name]] = minutes_array(end, missing)
        if name == parts.dates[1]:
            frame.end = end


def _main(world: World, frame: Frame, rng: np.random.Generator) -> None:
    """The columns that say of which kind a row is."""
    main = world.recipe.get(frame.table, "main")
    if main is None:
        return
    cells = cells_for(main, frame.table, frame.kinds, frame.kind, rng)
    for name in main.columns:
        frame.columns[name] = column(main, name, cells)


def measured(world: World, frame: Frame, rng: np.random.Generator) -> None:
    """The columns of numbers, by the bins of their kind; a person's own tendency shows in all of theirs."""
    own = np.where(frame.person >= 0, world.people.bent[frame.person], 0.0)
    for name in world.parts[frame.table].numbers:
        coarse = world.recipe.get(frame.table, f"number:{name}")
        if coarse is None:
            continue
        cells = cells_for(coarse, frame.table, frame.kinds, frame.kind, rng)
        place = numbers(coarse, "bin", cells, NONE)
        filled = (cells >= 0) & (place != NONE)
        value = np.sinh((np.where(filled, place, 0) + rng.random(frame.size)) / COARSE)
        step = _step(np.abs(value) / COARSE)
        fine = world.recipe.get(frame.table, f"fine:{name}")
        if fine is not None:
            cells = _tending(fine.cells, cells_for(fine, frame.table, frame.kinds, frame.kind, rng), own, rng)
            low, high = (np.array([float(str(cell[at])) for cell in fine.cells])[cells] for at in (-3, -2))
            bins = np.array([int(str(cell[-4])) for cell in fine.cells])[cells]
            better = low + (bins + rng.random(frame.size)) / FINE * (high - low)
            value = np.where(cells >= 0, better, value)
            step = np.where(cells >= 0, _step((high - low) / FINE), step)
        value = np.round(np.round(value / step) * step, 6)
        array = pa.array(np.where(filled, value, 0.0), mask=~filled)
        frame.columns[name] = array


def _step(width: NDArray[np.float64]) -> NDArray[np.float64]:
    """The power of ten to which numbers that lie so far apart are rounded."""
    return np.asarray(10.0 ** np.clip(np.floor(np.log10(np.maximum(width, 1e-9))), -3, 6))


def _tending(
    cells: list[tuple[Value, ...]], chosen: Ints, own: NDArray[np.float64], rng: np.random.Generator
) -> Ints:
    """The cells chosen anew so that a person's own tendency shows: the same cells for each kind, in another order.

    Rows of one kind keep their cells, sorted; they go to the rows sorted half by tendency, half by chance.
    """
    if not len(cells):
        return chosen
    kind_of: dict[Value, int] = {}
    group = np.array(
        [kind_of.setdefault(cell[0] if len(cell) == 5 else None, len(kind_of)) for cell in cells] + [-1]
    )[chosen]
    place = np.array([int(str(cell[-4])) for cell in cells] + [0])[chosen]
    by_value = np.lexsort((place, group))
    by_person = np.lexsort((own + rng.standard_normal(len(own)), group))
    out = chosen.copy()
    out[by_person] = chosen[by_value]
    return out


def _keys(world: World, frame: Frame, of_visit: Ints, rng: np.random.Generator) -> None:
    """The columns that point to rows of other tables."""
    for name, domain in world.parts[frame.table].keys.items():
        if name == "visit_occurrence_id":
            frame.columns[name] = keyed(world.frames["visit_occurrence"].ids, of_visit)
            continue
        linked = flags(world.recipe, frame.table, f"link:{name}", frame.kinds, frame.kind, rng)
        if domain in world.places:
            frame.columns[name] = place_of(world, frame, name, domain, linked, rng)
        elif domain == frame.table:
            frame.columns[name] = keyed(frame.ids, _before(frame, world.people.size, linked))
        elif domain == "visit_detail" and domain in world.frames:
            frame.columns[name] = _detail(world, of_visit, linked)
        elif domain in world.frames:
            frame.columns[name] = _of_same_visit(world, domain, frame, of_visit, linked)


def place_of(
    world: World, frame: Frame, name: str, domain: str, linked: NDArray[np.bool_], rng: np.random.Generator
) -> pa.Array:
    """The ids of the places of rows: by name where the recipe tells, else any."""
    places = world.places[domain]
    histogram = world.recipe.get(frame.table, f"place:{name}")
    if histogram is None or not places.size:
        any_ = rng.integers(0, max(places.size, 1), frame.size)
        return keyed(places.ids, np.where(linked & (domain == "provider"), any_, -1))
    cells = cells_for(histogram, frame.table, frame.kinds, frame.kind, rng)
    named = [place_name(name, histogram.columns, cell) for cell in histogram.cells]
    of_cell = np.array([places.kinds.index(word) for word in named] + [-1])
    return keyed(places.ids, np.where(linked & (cells >= 0), of_cell[cells], -1))


def place_name(key: str, columns: tuple[str, ...], cell: tuple[Value, ...]) -> str:
    """What a cell names as a place, as one word to look up."""
    pairs = zip(columns, cell, strict=False)
    return repr([value for name, value in pairs if name.startswith(f"{key}.")])


def _before(frame: Frame, people: int, linked: NDArray[np.bool_]) -> Ints:
    """The place of the same person's row before each; -1 where there is none or it is not linked."""
    rows, _ = frame.of_people(people)
    previous = np.full(frame.size, -1)
    if frame.size > 1:
        same = frame.person[rows[1:]] == frame.person[rows[:-1]]
        previous[rows[1:]] = np.where(same, rows[:-1], -1)
    return np.where(linked, previous, -1)


def _detail(world: World, of_visit: Ints, linked: NDArray[np.bool_]) -> pa.Array:
    """A detail of the row's own visit."""
    details = world.frames["visit_detail"]
    of = details.columns.get("visit_occurrence_id")
    ids = np.full(world.frames["visit_occurrence"].size + 1, -1)
    if of is not None and details.size:
        order = np.argsort(world.frames["visit_occurrence"].ids)
        known = np.asarray(of.fill_null(0))
        sorted_ids = world.frames["visit_occurrence"].ids[order]
        at = np.minimum(np.searchsorted(sorted_ids, known), len(order) - 1)
        right = sorted_ids[at] == known
        ids[order[at[right]]] = np.flatnonzero(right)
    return keyed(details.ids, np.where(linked & (of_visit >= 0), ids[of_visit], -1))


def _of_same_visit(
    world: World, domain: str, frame: Frame, of_visit: Ints, linked: NDArray[np.bool_]
) -> pa.Array:
    """The same person's last row in another table."""
    other = world.frames[domain]
    rows, begins = other.of_people(world.people.size)
    some = (frame.person >= 0) & (begins[frame.person + 1] > begins[frame.person]) & linked
    at = np.where(some, begins[frame.person + 1] - 1, 0)
    return keyed(
        other.ids, np.where(some, rows[np.minimum(at, max(len(rows) - 1, 0))] if len(rows) else -1, -1)
    )
