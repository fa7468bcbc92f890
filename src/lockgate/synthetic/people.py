"""The people: who they are, where they live, who stands near them. Every value here is invented."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockgate.synthetic.draw import Ints, choose, stream
from lockgate.synthetic.reference import data, lsoas
from lockgate.synthetic.strings import Bools, day, join, numbered, pick, picked, strings

START = day("2019-01-01")
END = day("2025-12-31")
POSTCODES_PER_LSOA = 10
TWINS = 0.006  # of people are the first of two born on one day to one family
_INWARD = "ABDEFGHJLNPQRSTUWXYZ"  # the letters that the second half of a postcode uses


@dataclass(frozen=True)
class People:
    """One row per patient, column-wise. Text columns are Arrow, numbers NumPy."""

    twin: Ints  # the person whose twin this is, by number; their own where there is none
    culture: Ints
    female: Bools
    birth_day: Ints
    lsoa: Ints
    decile: Ints
    ethnicity: pa.Array  # as recorded: ONS 2001 letter, Z not stated, 99 not known
    nhs_number: pa.Array
    nhs_recorded: Bools  # whether the hospital's own record holds it
    patient_id: pa.Array
    hospital_number: pa.Array
    prefix: pa.Array
    given: pa.Array
    middle: pa.Array  # NULL for many
    family: pa.Array
    former: pa.Array  # NULL for most
    address_line: pa.Array
    city: pa.Array
    postcode: pa.Array
    phone: pa.Array
    email: pa.Array  # NULL for some
    practice: Ints
    gp: Ints
    relative: pa.Array
    relative_given: pa.Array
    relative_family: pa.Array
    relation: pa.Array
    relative_phone: pa.Array
    language: pa.Array
    marital: pa.Array

    def __len__(self) -> int:
        return len(self.birth_day)


@cache
def _cultures() -> tuple[list[str], list[dict[str, Any]]]:
    table = data("names")
    return list(table), list(table.values())


def _flat(kind: str) -> tuple[pa.Array, Ints, Ints]:
    """All names of one kind in one column, with each culture's offset and count."""
    lists = [culture[kind] for culture in _cultures()[1]]
    counts = np.array([len(names) for names in lists], dtype=np.int64)
    return strings([name for names in lists for name in names]), np.cumsum(counts) - counts, counts


def names(rng: np.random.Generator, culture: Ints, female: Bools) -> tuple[pa.Array, pa.Array]:
    """Given and family names that go with each person's culture."""

    def draw(kind: str) -> pa.Array:
        flat, offset, count = _flat(kind)
        return picked(flat, offset[culture] + (rng.random(len(culture)) * count[culture]).astype(np.int64))

    given = pc.if_else(pa.array(female), draw("female"), draw("male"))
    return given, draw("family")


def draw_cultures(rng: np.random.Generator, rows: int) -> Ints:
    """Each person's culture, by the shares of the names file."""
    return choose(rng, [culture["share"] for culture in _cultures()[1]], rows)


def nhs_numbers(rng: np.random.Generator, rows: int) -> pa.Array:
    """Distinct NHS numbers of the test range (999 000 0000 to 999 999 9999) with a right check digit."""
    middle = rng.permutation(1_000_000)[: rows + rows // 5 + 1000].astype(np.int64)
    digits = (middle[:, None] // 10 ** np.arange(5, -1, -1)) % 10
    total = 9 * (10 + 9 + 8) + digits @ np.arange(7, 1, -1)
    check = (11 - total % 11) % 11
    usable = np.flatnonzero((check != 10) & ~((middle == 999_999) & (check == 9)))[:rows]
    return numbered(9_990_000_000 + middle[usable] * 10 + check[usable], 10)


def postcodes() -> tuple[pa.Array, Ints]:
    """Every postcode of the catchment, in areas that Royal Mail doesn't use, and the small area it lies in."""
    count = len(lsoas()) * POSTCODES_PER_LSOA
    index = np.arange(count, dtype=np.int64)
    area = index // POSTCODES_PER_LSOA
    outward = [("QX" if i % 2 else "ZX") + str(1 + i // 8 % 9) for i in range(len(lsoas()))]
    letters = len(_INWARD)
    mixed = (index * 137 + 11) % (10 * letters * letters)
    inward = [f"{m // letters**2}{_INWARD[m // letters % letters]}{_INWARD[m % letters]}" for m in mixed]
    return join(pick(outward, area), " ", strings(inward)), area


def _addresses(rng: np.random.Generator, rows: int) -> pa.Array:
    words = data("words")
    street = [f"{name} {kind}" for name in words["streets"] for kind in words["street_kinds"]]
    number = pc.cast(pa.array(rng.integers(1, 240, rows)), pa.large_string())
    road = join(number, " ", pick(street, rng.integers(0, len(street), rows)))
    flat = join("Flat ", pc.cast(pa.array(rng.integers(1, 40, rows)), pa.large_string()), ", ", road)
    house = join(pick(words["house_names"], rng.integers(0, len(words["house_names"]), rows)), ", ", road)
    form = rng.random(rows)
    return pc.if_else(pa.array(form < 0.12), flat, pc.if_else(pa.array(form > 0.95), house, road))


def phones(rng: np.random.Generator, rows: int) -> pa.Array:
    """Telephone numbers of the ranges that Ofcom keeps for drama, written in several ways."""
    last = rng.integers(0, 1000, rows)
    form = rng.random(rows)
    mobile = numbered(last, 3, "07700 900")
    joined = numbered(last, 3, "07700900")
    land = numbered(last, 3, "01632 960")
    return pc.if_else(pa.array(form < 0.6), mobile, pc.if_else(pa.array(form < 0.8), joined, land))


def _ethnicity(rng: np.random.Generator, culture: Ints) -> pa.Array:
    letters = [*sorted({letter for entry in _cultures()[1] for letter in entry["ethnicity"]}), "Z", "99"]
    drawn = np.zeros(len(culture), dtype=np.int64)
    for number, entry in enumerate(_cultures()[1]):
        rows = np.flatnonzero(culture == number)
        stated = list(entry["ethnicity"])
        index = choose(rng, list(entry["ethnicity"].values()), len(rows))
        drawn[rows] = np.array([letters.index(letter) for letter in stated])[index]
    missing = rng.random(len(culture))
    drawn[missing < 0.07] = len(letters) - 2
    drawn[missing > 0.97] = len(letters) - 1
    return pick(letters, drawn)


def _births(rng: np.random.Generator, rows: int) -> Ints:
    band = choose(rng, [0.02, 0.08, 0.34, 0.40, 0.16], rows)
    low = np.array([-6.5, 0, 18, 55, 78])[band]
    high = np.array([0, 18, 55, 78, 97])[band]
    age = low + (high - low) * rng.random(rows)
    born: Ints = np.minimum(START - (age * 365.25).astype(np.int64), END - 60)
    return born


def _twins(seed: int, rows: int) -> Ints:
    """For each person the first-born of their pair, who stands just before them; themselves where they are no twin."""
    rng = stream(seed, "twins")
    first = np.flatnonzero(rng.random(rows - 1) < TWINS)
    if not len(first):
        first = rng.integers(0, rows - 1, 1)
    first = first[np.append(True, np.diff(first) > 1)]
    whose = np.arange(rows)
    whose[first + 1] = first
    return whose


def make_people(patients: int, seed: int, practices: int, gps_each: int) -> People:
    """Draw the patients of the hospital."""
    words = data("words")
    rng = stream(seed, "people")
    twin = _twins(seed, patients)
    culture = draw_cultures(rng, patients)[twin]
    practice = rng.integers(0, practices, patients)[twin]
    female = rng.random(patients) < 0.52
    birth_day = _births(rng, patients)[twin]
    lsoa = rng.integers(0, len(lsoas()), patients)[twin]
    postcode, _ = postcodes()
    given, family = names(rng, culture, female)
    family = picked(family, twin)
    middle, former = names(rng, culture, female)
    adult = birth_day < START - 25 * 365
    married_name = female & adult & (rng.random(patients) < 0.12)
    none = pa.scalar(None, pa.large_string())
    age = (START - birth_day) / 365.25
    prefixes = [*words["prefixes"]["F"], *words["prefixes"]["M"], "Master"]
    prefix = np.where(female, choose(rng, [5, 3, 2], patients), 3)
    prefix = np.where(~female & (age < 10), 4, np.where(female & (age < 16), 2, prefix))
    related_female = rng.random(patients) < 0.55
    relative_given, other_family = names(rng, culture, related_female)
    relative_family = pc.if_else(pa.array(rng.random(patients) < 0.7), family, other_family)
    relatives = words["relations"]
    kinds = [*relatives["F"], *relatives["M"]]
    parent = len(relatives["F"]) - 1
    relation = rng.integers(0, np.where(age > 60, parent, parent + 1))
    relation = np.where(age < 18, parent, relation) + np.where(related_female, 0, parent + 1)
    numbers = pa.array(np.arange(patients))
    local = pc.replace_substring_regex(pc.utf8_lower(given), pattern="[^a-z]", replacement="")
    email = join(local, pc.cast(numbers, pa.large_string()), "@example.org")
    marital = choose(rng, [4, 3, 1.5, 1], patients)
    codes = _cultures()[0]
    return People(
        twin=twin,
        culture=culture,
        female=female,
        birth_day=birth_day,
        lsoa=lsoa,
        decile=np.array([decile for _, decile in lsoas()], dtype=np.int64)[lsoa],
        ethnicity=picked(_ethnicity(rng, culture), twin),
        nhs_number=nhs_numbers(rng, patients),
        nhs_recorded=rng.random(patients) >= 0.02,
        patient_id=numbered(np.arange(1, patients + 1), 7, "P"),
        hospital_number=numbered(rng.choice(9_000_000, patients, replace=False) + 1_000_000, 7, "H"),
        prefix=pick(prefixes, prefix),
        given=given,
        middle=pc.if_else(pa.array(rng.random(patients) < 0.4), middle, none),
        family=family,
        former=pc.if_else(pa.array(married_name), former, none),
        address_line=picked(_addresses(rng, patients), twin),
        city=pick(words["towns"], lsoa % len(words["towns"])),
        postcode=picked(
            postcode, lsoa * POSTCODES_PER_LSOA + rng.integers(0, POSTCODES_PER_LSOA, patients)[twin]
        ),
        phone=phones(rng, patients),
        email=pc.if_else(pa.array((rng.random(patients) < 0.7) & (age > 12)), email, none),
        practice=practice,
        gp=practice * gps_each + rng.integers(0, gps_each, patients),
        relative=join(relative_given, " ", relative_family),
        relative_given=relative_given,
        relative_family=relative_family,
        relation=pick(kinds, relation),
        relative_phone=phones(rng, patients),
        language=pick([words["languages"][code] for code in codes], culture),
        marital=pick(["M", "S", "W", "D"], np.where(age < 18, 1, marital)),
    )
