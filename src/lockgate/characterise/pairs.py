"""Which concepts the same people have: how many people, and how many pairs of their events."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lockgate.characterise.cells import Ints, Packing, Runs, tally

_AT_ONCE = 1 << 16  # pairs: what is made of them fits the processor's cache

_MANY = 1024  # concepts of one person: half a million pairs


def together(found: Runs, pack: Packing, left_out: Ints, concepts: int) -> tuple[Ints, Ints, Ints, Ints]:
    """(concept, another, people, pairs of events), each pair once; of every event, inside a period or not.

    ``left_out`` are numbers of concepts that aren't paired. People of as many concepts each are paired together, so the
    work is the number of pairs that there are. (Products of people-by-concept matrices took longer.)
    """
    empty = np.empty(0, np.int64)
    if not len(found.cells):
        return empty, empty, empty, empty
    pair = found.cells >> pack.month_bits
    at = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]])
    records = np.add.reduceat(found.count, at)
    pair = pair[at]
    person, concept = pair & ((1 << pack.person_bits) - 1), pair >> pack.person_bits
    if len(left_out):
        kept = ~np.isin(concept, left_out)
        person, concept, records = person[kept], concept[kept], records[kept]
    if not len(person):
        return empty, empty, empty, empty
    person, concept, records = _by_person(person, concept, records)
    key, people, cases = _pair(person, concept, records, concepts)
    return key // concepts, key % concepts, people, cases


def _by_person(person: Ints, concept: Ints, records: Ints) -> tuple[Ints, Ints, Ints]:
    """The three columns in order of person and concept: packed in one number where they fit, which sorts faster."""
    low, high = int(records.max()).bit_length(), int(concept.max()).bit_length()
    if low + high + int(person.max()).bit_length() > 63:
        order = np.lexsort((concept, person))
        return person[order], concept[order], records[order]
    packed = (person << high | concept) << low | records
    packed.sort()
    pair = packed >> low
    return pair >> high, pair & ((1 << high) - 1), packed & ((1 << low) - 1)


def _pair(person: Ints, concept: Ints, records: Ints, concepts: int) -> tuple[Ints, Ints, Ints]:
    """(pair of concepts as one number, people, pairs of events); the rows are in order of person and concept."""
    rows: list[tuple[Ints, ...]] = []
    first = np.flatnonzero(np.r_[True, person[1:] != person[:-1]])
    many = np.diff(first, append=len(person))
    for number in np.unique(many[many > 1]):
        alike = first[many == number]
        for one, other in _places(int(number)):
            for start in range(0, len(alike), step := max(1, _AT_ONCE // len(one))):
                at = alike[start : start + step] + np.arange(number)[:, None]
                had, times = concept[at], records[at]
                key = had[one] * concepts + had[other]
                rows.append(tally(key.ravel(), concepts * concepts, (times[one] * times[other]).ravel()))
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    key, people, cases = (np.concatenate([each[place] for each in rows]) for place in range(3))
    there, _, people, cases = tally(key, concepts * concepts, people, cases)
    return there, people, cases


def _places(number: int) -> Iterator[tuple[Ints, Ints]]:
    """The pairs of so many things, all at once unless they are very many."""
    if number <= _MANY:
        yield np.triu_indices(number, 1)
        return
    for place in range(number - 1):
        other = np.arange(place + 1, number)
        yield np.full(len(other), place), other
