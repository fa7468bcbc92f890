"""The people of a twin: who they are, the time they are known for, who dies, and which kinds of rows each one has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lockgate.twin.bins import AGES
from lockgate.twin.draw import Bools, Frame, Ints, cells_for, column, day_of, fresh_ids, pick, year_days
from lockgate.twin.measure import paired
from lockgate.twin.recipe import Histogram, Recipe, Value
from lockgate.twin.shape import WAYS

_CHUNK = 100_000
_NORMAL = NormalDist()


@dataclass
class People:
    """Who is in a twin. Days are since 1970; ``dead``: dies on the day that ``end`` is; ``bent``: each one's own
    tendency, for values that go together."""

    size: int
    ids: Ints
    sex: Ints  # place in ``sexes``
    sexes: list[Value]
    born: Ints
    age: Ints  # band, by its least age
    start: Ints
    end: Ints
    dead: Bools
    bent: NDArray[np.float64]
    counted: int  # people of the release, as the recipe tells


def people_of(recipe: Recipe) -> int:
    """How many people the release has, as the recipe tells."""
    found = recipe.get("person", "people") or recipe.get("person", "main")
    return found.total() if found else 0


def make_people(recipe: Recipe, size: int, rng: np.random.Generator) -> tuple[People, Frame]:
    """People by sex and age, and the frame of ``person``."""
    main = recipe.get("person", "main")
    assert main is not None  # a recipe without people is refused before
    chosen = pick([int(str(cell[-1])) for cell in main.cells], size, rng)
    frame = Frame("person", size, np.arange(size), np.full(size, -1))
    for name in main.columns[:-1]:
        frame.columns[name] = column(main, name, chosen)
    at = main.columns.index("gender_concept_id") if "gender_concept_id" in main.columns else 0
    sexes = list(dict.fromkeys(cell[at] for cell in main.cells))
    sex = np.array([sexes.index(cell[at]) for cell in main.cells])[chosen]
    band = np.array([int(str(cell[-2])) for cell in main.cells])[chosen]
    oldest = int(recipe.privacy.get("oldest", 0))
    until = int(recipe.privacy.get("until", day_of(recipe.year, 12, 31)))
    wide = int(recipe.privacy.get("birth_band", 5))
    born = np.clip(band + rng.integers(0, wide, size), oldest, recipe.year)
    frame.columns["year_of_birth"] = pa.array(born)
    ages = np.maximum(recipe.year - born, 0)
    age = np.array(AGES)[np.searchsorted(AGES, ages, side="right") - 1]
    start, end = _windows(recipe, born, until, rng)
    people = People(
        size,
        fresh_ids(size, rng),
        sex,
        sexes,
        born,
        age,
        start,
        end,
        np.zeros(size, bool),
        rng.standard_normal(size),
        people_of(recipe),
    )
    _deaths(recipe, people, until, rng)
    return people, frame


def _windows(recipe: Recipe, born: Ints, until: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """From when until when each person is known: after birth, before the release was made."""
    seen = recipe.get("visit_occurrence", "year") or recipe.get("observation_period", "year")
    years = sorted(int(str(cell[0])) for cell in seen.cells) if seen else [recipe.year - 5, recipe.year]
    first = day_of(years[0])
    size = len(born)
    starts, ends = recipe.get("observation_period", "year"), recipe.get("observation_period", "end")
    none = np.zeros(size, np.int64)
    start = rng.integers(first, first + 366, size)
    if starts is not None:
        picked = pick([int(str(cell[-1])) for cell in starts.cells], size, rng)
        start = year_days(np.array([int(str(cell[0])) for cell in starts.cells])[picked], none, rng)
    end = rng.integers(min(day_of(years[-1]), until - 30), until + 1, size)
    if ends is not None:
        picked = pick([int(str(cell[-1])) for cell in ends.cells], size, rng)
        end = year_days(np.array([int(str(cell[0])) for cell in ends.cells])[picked], none, rng)
    birth = np.array([day_of(int(year), 7) for year in np.unique(born)])[
        np.searchsorted(np.unique(born), born)
    ]
    start = np.minimum(np.maximum(start, birth), until - 1)
    end = np.clip(end, start + 1, until)
    return start, end


def _deaths(recipe: Recipe, people: People, until: int, rng: np.random.Generator) -> None:
    total = recipe.get("death", "people")
    if total is None:
        return
    share = min(total.total() / max(people.counted, 1), 1.0)
    odds = _by_stratum(recipe, people, recipe.get("death", "strata"), None, share)
    people.dead = rng.random(people.size) < odds[people.sex, np.searchsorted(AGES, people.age)]
    years = recipe.get("death", "year")
    day = rng.integers(people.start, np.maximum(people.end, people.start + 1))
    if years is not None:
        picked = pick([int(str(cell[-1])) for cell in years.cells], people.size, rng)
        drawn = year_days(
            np.array([int(str(cell[0])) for cell in years.cells])[picked],
            np.zeros(people.size, np.int64),
            rng,
        )
        day = np.where((drawn > people.start) & (drawn <= until), drawn, day)
    people.end = np.where(people.dead, day, people.end)


def _by_stratum(
    recipe: Recipe, people: People, strata: Histogram | None, kind: Value, share: float
) -> NDArray[np.float64]:
    """The chance of a kind (None: of any) by sex and age; the same for all where the recipe tells too little of it."""
    shape = (len(people.sexes), len(AGES))
    flat = np.full(shape, share)
    main = recipe.get("person", "main")
    if strata is None or main is None:
        return flat
    sizes, found = np.zeros(shape), np.zeros(shape)
    wide = int(recipe.privacy.get("birth_band", 5))
    at = main.columns.index("gender_concept_id") if "gender_concept_id" in main.columns else 0
    for cell in main.cells:
        age = max(recipe.year - int(str(cell[-2])) - wide // 2, 0)
        sizes[people.sexes.index(cell[at]), np.searchsorted(AGES, age, side="right") - 1] += int(
            str(cell[-1])
        )
    for cell in strata.cells:
        if (kind is None or cell[0] == kind) and cell[1] in people.sexes and cell[2] is not None:
            found[people.sexes.index(cell[1]), AGES.index(int(str(cell[2])))] += int(str(cell[-1]))
    whole = share * sizes.sum()
    if found.sum() < 0.3 * whole:
        return flat
    missing = found == 0
    left = max(whole - found.sum(), 0) / max(sizes[missing].sum(), 1)
    odds = np.where(missing, min(left, share), found / np.maximum(sizes, 1))
    scale = whole / max((odds * sizes).sum(), 1e-9)
    chances: NDArray[np.float64] = np.clip(odds * min(scale, 3), 0, 1)
    return chances


def choose_kinds(
    recipe: Recipe, people: People, rng: np.random.Generator
) -> dict[str, tuple[list[Value], Ints, Ints]]:
    """For each table of events its kinds, and who has which: (kinds, persons, kind of each)."""
    mains = {
        table: histogram
        for table, way in WAYS.items()
        if way.kind == "events" and (histogram := recipe.get(table, "main")) is not None
    }
    out: dict[str, tuple[list[Value], list[Ints], list[Ints]]] = {}
    together = paired(mains)
    held = _together(recipe, people, mains, together, rng)
    age = np.searchsorted(AGES, people.age)
    for table, histogram in mains.items():
        counts: dict[Value, int] = {}
        for cell in histogram.cells:
            counts[cell[0]] = counts.get(cell[0], 0) + int(str(cell[-1]))
        kinds = list(counts)
        persons: list[Ints] = []
        for kind in kinds:
            if (table, kind) in held:
                persons.append(held[table, kind])
                continue
            odds = _by_stratum(
                recipe, people, recipe.get(table, "strata"), kind, min(counts[kind] / people.counted, 1.0)
            )
            persons.append(np.flatnonzero(rng.random(people.size) < odds[people.sex, age]))
        out[table] = (kinds, persons, [np.full(len(who), i) for i, who in enumerate(persons)])
    empty = np.zeros(0, np.int64)
    return {
        table: (kinds, np.concatenate([*who, empty]), np.concatenate([*which, empty]))
        for table, (kinds, who, which) in out.items()
    }


def _together(
    recipe: Recipe,
    people: People,
    mains: dict[str, Histogram],
    features: list[tuple[str, Value]],
    rng: np.random.Generator,
) -> dict[tuple[str, Value], Ints]:
    """Who has each of the commonest kinds, drawn together: a Gaussian copula of the pairs that the recipe tells."""
    if not features:
        return {}
    root = _root(recipe.get("person", "pairs"), len(features), people.counted)
    shape = (len(people.sexes), len(AGES), len(features))
    cut = np.zeros(shape, np.float32)
    for i, (table, kind) in enumerate(features):
        count = sum(int(str(cell[-1])) for cell in mains[table].cells if cell[0] == kind)
        odds = _by_stratum(
            recipe, people, recipe.get(table, "strata"), kind, min(count / people.counted, 1.0)
        )
        cut[:, :, i] = [[_NORMAL.inv_cdf(min(max(p, 1e-9), 1 - 1e-9)) for p in row] for row in odds]
    age = np.searchsorted(AGES, people.age)
    found: list[list[Ints]] = [[] for _ in features]
    for begin in range(0, people.size, _CHUNK):
        rows = slice(begin, min(begin + _CHUNK, people.size))
        drawn = rng.standard_normal((rows.stop - begin, len(features)), np.float32) @ root.T
        has = drawn < cut[people.sex[rows], age[rows]]
        for i in range(len(features)):
            found[i].append(begin + np.flatnonzero(has[:, i]))
    return {feature: np.concatenate(found[i]) for i, feature in enumerate(features)}


def _root(pairs: Histogram | None, size: int, people: int) -> NDArray[np.float32]:
    """A root of the correlations that lie behind the pairs (Digby's approximation of the tetrachoric one).

    A pair that is not told, or no further from chance than its noise, has none.
    """
    correlation = np.eye(size)
    if pairs is not None:
        told = {(int(str(a)), int(str(b))): int(str(n)) for a, b, n in pairs.cells}
        for (a, b), both in told.items():
            if a == b or (a, a) not in told or (b, b) not in told or max(a, b) >= size:
                continue
            of_a, of_b = told[a, a], told[b, b]
            expected = of_a * of_b / people
            if abs(both - expected) < 2 * pairs.sigma:
                continue
            both -= int(math.copysign(pairs.sigma, both - expected))
            rest = [both, of_a - both, of_b - both, people - of_a - of_b + both]
            w, x, y, z = (max(n, 0.5) for n in rest)
            r = math.cos(math.pi / (1 + math.sqrt(w * z / (x * y))))
            correlation[a, b] = correlation[b, a] = float(np.clip(r, -0.9, 0.9))
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 1e-6))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    small: NDArray[np.float32] = root.astype(np.float32)
    return small


def attributes(recipe: Recipe, frame: Frame, rng: np.random.Generator) -> None:
    """The columns of the frame that come in groups: codes, types, results in words."""
    for histogram in recipe.histograms:
        if histogram.table == frame.table and histogram.name.startswith("group:") and histogram.cells:
            cells = cells_for(histogram, frame.table, frame.kinds, frame.kind, rng)
            main = WAYS[frame.table].main[:1]
            for name in histogram.columns:
                if name not in main and name not in frame.columns:
                    frame.columns[name] = column(histogram, name, cells)
