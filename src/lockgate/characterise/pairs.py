"""Which concepts the same people have: how many people, and how many pairs of their events."""

from __future__ import annotations

import numpy as np

from lockgate.characterise.cells import BLOCK, Ints, Packing, Runs, tally


def together(found: Runs, pack: Packing, left_out: Ints, concepts: int) -> tuple[Ints, Ints, Ints, Ints]:
    """(concept, another, people, pairs of events), each pair once; of every event, inside a period or not.

    ``left_out`` are numbers of concepts that aren't paired. Each of a person's concepts is paired with the next, the
    one after it and so on: the work is the number of pairs that there are. (Products of people-by-concept matrices took
    six times as long.)
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
    key, people, cases = _walk(person, concept, records, concepts)
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
