"""Which concepts the same people have: how many people, and how many pairs of their events."""

from __future__ import annotations

import numpy as np

from lockgate.characterise.cells import BLOCK, Ints, Packing, Runs, tally

DENSE = 600  # concepts: up to here a block of people is a matrix, whose product with itself is the answer
_ROWS = 4096  # people of such a block


def together(found: Runs, pack: Packing, left_out: Ints, concepts: int) -> tuple[Ints, Ints, Ints, Ints]:
    """(concept, another, people, pairs of events), each pair once; of every event, inside a period or not.

    ``left_out`` are numbers of concepts that aren't paired. Few concepts are multiplied as matrices (people by
    concepts); of many, each of a person's concepts is paired with the next, the one after it and so on.
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
    product = _product if concepts <= DENSE and int(records.max()) < 1 << 20 else _walk
    key, people, cases = product(person, concept, records, concepts)
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


def _product(person: Ints, concept: Ints, records: Ints, concepts: int) -> tuple[Ints, Ints, Ints]:
    people = np.zeros((concepts, concepts))
    cases = np.zeros((concepts, concepts))
    first = person // _ROWS
    bounds = np.flatnonzero(np.r_[True, first[1:] != first[:-1], True])
    matrix = np.zeros((_ROWS, concepts))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows, columns = person[start:stop] % _ROWS, concept[start:stop]
        # below 2**53 every sum is exact: at most 4096 people of fewer than 2**20 events of a concept each
        matrix[rows, columns] = records[start:stop]
        cases += np.rint(matrix.T @ matrix)
        matrix[rows, columns] = 1
        people += matrix.T @ matrix
        matrix[rows, columns] = 0
    one, other = np.nonzero(np.triu(people, 1))
    return (
        one * concepts + other,
        people[one, other].astype(np.int64),
        cases[one, other].astype(np.int64),
    )


def _walk(person: Ints, concept: Ints, records: Ints, concepts: int) -> tuple[Ints, Ints, Ints]:
    rows: list[tuple[Ints, ...]] = []
    for start in range(0, len(person), BLOCK):
        # pairs that begin in this block; their second half may lie beyond it
        live = np.arange(start, min(start + BLOCK, len(person)))
        step = 1
        while True:
            live = live[live + step < len(person)]
            live = live[person[live + step] == person[live]]
            if not len(live):
                break
            key = concept[live] * concepts + concept[live + step]
            rows.append(tally(key, concepts * concepts, records[live] * records[live + step]))
            step += 1
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64)
    key, people, cases = (np.concatenate([each[place] for each in rows]) for place in range(3))
    there, _, people, cases = tally(key, concepts * concepts, people, cases)
    return there, people, cases
