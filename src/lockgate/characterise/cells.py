"""Count people by concept and time: sort one packed number per event, and read every histogram off the runs.

An event is packed as (concept, person, month) in one 63-bit integer. Sorted, the events of a concept lie together, in
it those of a person, in them the months in order; so "how many people by concept and month", "... by year, sex and
age", "... with at least n records" and "age at the first" are counts of where a run begins: one sort instead of a
count(DISTINCT) for each. Histograms are emitted block by block and added up afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockgate.characterise.people import UNKNOWN, People

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
BLOCK = 1 << 17  # events' runs looked at together: what fits the caches
Histograms = dict[str, list[tuple[Ints, ...]]]


@dataclass(frozen=True, slots=True)
class Packing:
    """How an event is packed: bits for the person and the month (the last month means outside), and the first year."""

    person_bits: int
    month_bits: int
    first_year: int

    @property
    def outside(self) -> int:
        """The month of events outside every observation period."""
        return (1 << self.month_bits) - 1


def packing(people: int, concepts: int, first_year: int, last_year: int) -> Packing | None:
    """The packing for so many people, concepts and years; None when 63 bits are not enough."""
    months = (last_year - first_year + 1) * 12 + 1
    made = Packing(max(1, (people - 1).bit_length()), months.bit_length(), first_year)
    return made if concepts.bit_length() + made.person_bits + made.month_bits <= 63 else None


def tally(key: Ints, size: int, *weights: Ints) -> tuple[Ints, ...]:
    """The distinct keys below ``size``, how often each comes, and the sum of each of the weights."""
    if size <= 8 * len(key) + 65_536:
        counts = np.bincount(key)
        there = np.flatnonzero(counts)
        sums = (np.rint(np.bincount(key, each)[there]).astype(np.int64) for each in weights)
        return there, counts[there], *sums
    order = np.argsort(key, kind="stable")
    key = key[order]
    at = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    sums = (np.add.reduceat(each[order], at) for each in weights)
    return key[at], np.diff(at, append=len(key)), *sums


@dataclass(slots=True)
class Runs:
    """The sorted events as runs: each distinct packed number, how many events, and their weight inside."""

    cells: Ints
    count: Ints
    weight: Ints


def runs(packed: Ints, weights: Ints | None = None) -> Runs:
    """Sort (in place) and find the runs. ``weights`` where an event counts more than once."""
    if not len(packed):
        return Runs(packed, packed, packed)
    if weights is None:
        packed.sort()
    else:
        order = np.argsort(packed, kind="stable")
        packed, weights = packed[order], weights[order]
    first = np.empty(len(packed), bool)
    first[0] = True
    np.not_equal(packed[1:], packed[:-1], out=first[1:])
    at = np.flatnonzero(first)
    count = np.diff(at, append=len(packed))
    return Runs(packed[at], count, count if weights is None else np.add.reduceat(weights, at))


def blocks(found: Runs, pack: Packing) -> Iterator[Runs]:
    """The runs, some at a time, never parting those of one concept and person."""
    start, end = 0, len(found.cells)
    while start < end:
        stop = min(start + BLOCK, end)
        while stop < end and found.cells[stop] >> pack.month_bits == found.cells[stop - 1] >> pack.month_bits:
            stop += 1
        yield Runs(found.cells[start:stop], found.count[start:stop], found.weight[start:stop])
        start = stop


class Marks:
    """By person: how many concepts inside, whether there is any event, any inside, any outside."""

    def __init__(self, people: int) -> None:
        self.concepts = np.zeros(people, np.int64)
        self.any = np.zeros(people, bool)
        self.inside = np.zeros(people, bool)
        self.outside = np.zeros(people, bool)


def histograms(
    found: Runs, pack: Packing, people: People, marks: Marks, missing: int, shift: tuple[int, int]
) -> Histograms:
    """Every histogram of the runs of one table.

    ``missing`` is the number of the concept that isn't given; ``shift`` (n, k) says that the person packed as p is
    n * p + k. Returns lists of column tuples: months (concept, month, people, records), years (concept, year, sex, age
    band, people), ages (concept, sex, age at the first, people), times (concept, records, people). An age is UNKNOWN
    without a year of birth.
    """
    out: Histograms = {"months": [], "years": [], "ages": [], "times": []}
    mask = (1 << pack.person_bits) - 1
    sexes = len(people.genders)
    for block in blocks(found, pack):
        month = block.cells & pack.outside
        pair = block.cells >> pack.month_bits
        who = (pair & mask) * shift[0] + shift[1]
        inside = month != pack.outside
        weight = block.weight
        if not inside.all():
            marks.any[who] = True
            marks.outside[who[~inside]] = True
            month, pair, who, weight = month[inside], pair[inside], who[inside], weight[inside]
        if not len(month):
            continue
        concept = pair >> pack.person_bits
        lowest = int(concept[0])
        local = concept - lowest
        concepts = int(local[-1]) + 1
        months = int(month.max()) + 1
        key = local * months + month
        at, n, records = tally(key, concepts * months, weight)
        out["months"].append((at // months + lowest, at % months, n, records))

        begins = np.empty(len(pair), bool)
        begins[0] = True
        np.not_equal(pair[1:], pair[:-1], out=begins[1:])
        year = month // 12
        fresh = begins.copy()
        fresh[1:] |= year[1:] != year[:-1]
        _years(
            out,
            local[fresh],
            lowest,
            year[fresh] + pack.first_year,
            who[fresh],
            people,
            sexes,
        )
        at = np.flatnonzero(begins)
        one, years, person = local[at], year[at] + pack.first_year, who[at]
        marks.any[person] = marks.inside[person] = True
        np.add.at(marks.concepts, person if missing < 0 else person[one + lowest != missing], 1)
        times = np.add.reduceat(weight, at)
        most = int(times.max()) + 1
        key, n = tally(one * most + times, concepts * most)
        out["times"].append((key // most + lowest, key % most, n))
        _ages(out, one, lowest, years, person, people, sexes)
    return out


def _known(people: People, who: Ints, year: Ints, *columns: Ints) -> tuple[Ints, Ints, list[Ints]]:
    """Sex and age of those who have a row in person; the other columns likewise."""
    if not people.everybody:
        known = people.known[who]
        who, year, columns = who[known], year[known], tuple(each[known] for each in columns)
    born = people.born[who]
    age = year - born
    if not people.dated:
        age[born == UNKNOWN] = UNKNOWN
    return people.gender[who], age, [year, *columns]


def _years(
    out: Histograms, local: Ints, lowest: int, year: Ints, who: Ints, people: People, sexes: int
) -> None:
    sex, age, (year, local) = _known(people, who, year, local)
    if not len(year):
        return
    band = age // 10
    if not people.dated:
        band[age == UNKNOWN] = UNKNOWN
    bands, place = _places(band, people)
    first = int(year.min())
    years = int(year.max()) - first + 1
    key = ((local * years + year - first) * sexes + sex) * len(bands) + place
    at, n = tally(key, (int(local[-1]) + 1) * years * sexes * len(bands))
    at, band = np.divmod(at, len(bands))
    at, sex = np.divmod(at, sexes)
    local, year = np.divmod(at, years)
    out["years"].append((local + lowest, year + first, sex, bands[band], n))


def _ages(
    out: Histograms, local: Ints, lowest: int, year: Ints, who: Ints, people: People, sexes: int
) -> None:
    sex, age, (_, local) = _known(people, who, year, local)
    if not len(age):
        return
    ages, place = _places(age, people)
    key = (local * sexes + sex) * len(ages) + place
    at, n = tally(key, (int(local[-1]) + 1) * sexes * len(ages))
    at, age = np.divmod(at, len(ages))
    local, sex = np.divmod(at, sexes)
    out["ages"].append((local + lowest, sex, ages[age], n))


def _places(values: Ints, people: People) -> tuple[Ints, Ints]:
    """The values that there are, in order (the unknown one first), and each one's place among them."""
    given = values
    if not people.dated:
        unknown = values == UNKNOWN
        given = values[~unknown]
    if not len(given):
        return np.array([UNKNOWN]), np.zeros(len(values), np.int64)
    low, high = int(given.min()), int(given.max())
    if high - low > 100_000:
        found, place = np.unique(values, return_inverse=True)
        return found, place
    span = np.arange(low, high + 1)
    if len(given) == len(values):
        return span, values - low
    return np.r_[UNKNOWN, span], np.where(unknown, 0, values - low + 1)
