"""How each source knows the people: the same persons, with what forms leave out, mistype or never heard of.

Errors are of a person's record in a source, not of a row, as in life: whoever's maiden name the council keeps, it keeps
in every row. The hospital's own FHIR export is the reference; all others differ from it at the rates of ``Habits``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints, stream
from lockgate.synthetic.people import postcodes
from lockgate.synthetic.strings import Bools, dates, pick, picked
from lockgate.synthetic.world import World

_NONE = pa.scalar(None, pa.large_string())


@dataclass(frozen=True)
class Habits:
    """Shares of a source's people whose record lacks or mistakes something."""

    no_nhs: float = 0.03
    former_name: float = 0.5  # of those who changed their surname: the source still has the one before
    typo: float = 0.02  # of given names, and of surnames
    born: float = 0.004  # day and month of birth changed about
    moved: float = 0.08  # the source has an earlier postcode


@dataclass(frozen=True)
class Known:
    """What one source holds of each person, a row per person of the world."""

    nhs_number: pa.Array
    given: pa.Array
    family: pa.Array
    birth_date: pa.Array
    postcode: pa.Array
    sex: pa.Array
    differs: list[str]  # what is not as in the hospital's own record, parted by commas; "" where all is

    def take(self, name: str, who: Ints) -> pa.Array:
        """A column for some rows' people."""
        return picked(getattr(self, name), who)


def _mistyped(rng: np.random.Generator, names: pa.Array, chosen: Bools) -> pa.Array:
    """Names with two letters changed about, one left out or one doubled, where chosen."""
    values = names.to_pylist()
    for row in np.flatnonzero(chosen).tolist():
        name = values[row]
        if name is None or len(name) < 4:
            continue
        at, kind = int(rng.integers(1, len(name) - 1)), int(rng.integers(0, 3))
        middle = (name[at + 1] + name[at], name[at + 1], name[at] + name[at] + name[at + 1])[kind]
        values[row] = name[:at] + middle + name[at + 2 :]
    return pa.array(values, pa.large_string())


def as_known(world: World, source: str, habits: Habits | None = None) -> Known:
    """The people as a source has them; the same for the same hospital and source."""
    habits = habits or Habits()
    rng = stream(world.seed, f"known to {source}")
    people = world.people
    rows = len(people)

    def some(share: float) -> Bools:
        drawn: Bools = rng.random(rows) < share
        return drawn

    lacking, former, moved = some(habits.no_nhs), some(habits.former_name), some(habits.moved)
    former &= pc.is_valid(people.former).to_numpy(zero_copy_only=False)
    family = pc.if_else(pa.array(former), people.former, people.family)
    family = _mistyped(rng, family, some(habits.typo))
    given = _mistyped(rng, people.given, some(habits.typo))
    born = dates(people.birth_day)
    year, month, day = (pc.utf8_slice_codeunits(born, *cut) for cut in ((0, 4), (5, 7), (8, 10)))
    swapped = some(habits.born) & (pc.cast(day, pa.int64()).to_numpy() <= 12)
    turned = pc.binary_join_element_wise(year, day, month, pa.scalar("-", pa.large_string()))
    every, _ = postcodes()
    elsewhere = picked(every, rng.integers(0, len(every), rows))
    postcode = pc.if_else(pa.array(moved), elsewhere, people.postcode)
    known = Known(
        nhs_number=pc.if_else(pa.array(lacking), _NONE, people.nhs_number),
        given=given,
        family=family,
        birth_date=pc.if_else(pa.array(swapped), turned, born),
        postcode=postcode,
        sex=pick(["M", "F"], people.female.astype(np.int64)),
        differs=[],
    )
    own = {"given": people.given, "family": people.family, "birth_date": born, "postcode": people.postcode}
    flags = {"nhs_number": lacking}
    flags |= {
        name: pc.not_equal(getattr(known, name), column).to_numpy(zero_copy_only=False)
        for name, column in own.items()
    }
    told = [""] * rows
    for name, flag in flags.items():
        for row in np.flatnonzero(flag).tolist():
            told[row] += f",{name}" if told[row] else name
    known.differs.extend(told)
    return known
