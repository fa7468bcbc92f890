"""Two registers of a large invented population: typos, moves, marriages, twins and wrong NHS numbers, in NumPy.

Every person, name, date and number is drawn from a seeded generator; no list of real people is involved. Households
share a family name and a postcode, twins a birth date besides, and a wrong NHS number is a slip of the pen, a
stranger's, or one of the household's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lockgate.bench.spellings import ENDS, GIVEN, SURNAMES, SYLLABLES, spell_given, typo

Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]
Rng = np.random.Generator

MODERN = {
    "F": """Olivia Amelia Isla Ava Mia Freya Lily Florence Ivy Willow Sophie Jessica Chloe Megan Lauren Bethany Hannah
    Emma Laura Claire Nicola Samantha Michelle Joanne Donna Lisa Tracey Sharon Karen Susan Deborah Jacqueline Linda
    Christine Patricia Maureen Jean Joan Sheila Brenda Pauline Aisha Fatima Zainab Priya Anjali Mei Yasmin Agnieszka
    Katarzyna Chiara Ngozi Abena Siobhan Niamh Catrin Rhiannon Morag Eilidh Gemma Stacey Kelly Leanne Kirsty Zoe
    Natasha Danielle Victoria Natalie Rachel Gillian Lesley Lorraine Wendy Angela Hilary Beverley Carol Diane""",
    "M": """Oliver Noah Arthur Muhammad Leo Oscar Theodore Freddie Archie Jack Harry Charlie Jacob Alfie Joshua Callum
    Connor Liam Kieran Ryan Jordan Luke Adam Christopher Andrew Mark Paul Simon Stephen Kevin Gary Darren Lee Craig
    Stuart Neil Ian Keith Graham Colin Trevor Barry Roy Kenneth Ronald Derek Dennis Ahmed Mohammed Ibrahim Raj Arjun
    Wei Kwame Chidi Piotr Tomasz Marco Hamish Angus Rhys Dylan Gareth Owen Declan Sean Martin Nigel Adrian Timothy
    Jonathan Gavin Scott Wayne Dean Shaun Russell Duncan Malcolm Gordon""",
}  # fmt: skip
COLUMNS = ("given_name", "family_name", "birth_date", "postcode", "sex", "nhs_number")
_BASE = np.datetime64("1930-01-01")
_DAYS = 95 * 365


@dataclass(frozen=True, slots=True)
class Registers:
    """The two files: columns id, then ``COLUMNS``; a person has the same number after the L or R of the id."""

    left: Path
    right: Path
    shared: int

    @property
    def truth_sql(self) -> str:
        """A condition on columns id_l and id_r: one person."""
        return "substr(id_l, 2) = substr(id_r, 2)"


def _zipf(names: list[str], n: int, power: float, rng: Rng) -> Texts:
    weights = 1.0 / np.arange(1, len(names) + 1) ** power
    picked: Texts = np.array(names, dtype=object)[rng.choice(len(names), n, p=weights / weights.sum())]
    return picked


def nhs_numbers(n: int, rng: Rng) -> Texts:
    """``n`` different valid numbers."""
    nine = np.unique(rng.integers(400_000_000, 799_999_999, int(n * 1.2) + 100))
    nine = rng.permutation(nine)
    total = sum(((nine // 10 ** (8 - place)) % 10) * (10 - place) for place in range(9))
    check = (11 - total % 11) % 11
    numbers: Texts = (nine * 10 + check)[check < 10][:n].astype(str).astype(object)
    return numbers


def _homes(n: int, rng: Rng) -> Texts:
    """Postcodes: some forty people to each."""
    units = max(50, n // 40)
    areas = np.array([a + b for a in "BCDGLMNS" for b in "ADEHLORT"], dtype=object)
    letters = np.array(list("ABDEFGHJLNPQRSTUWXYZ"), dtype=object)
    codes = (
        areas[rng.integers(0, len(areas), units)] + rng.integers(1, 40, units).astype(str).astype(object) + " "
        + rng.integers(1, 10, units).astype(str).astype(object)
        + letters[rng.integers(0, 20, units)] + letters[rng.integers(0, 20, units)]
    )  # fmt: skip
    made: Texts = codes
    return made


def population(n: int, rng: Rng) -> dict[str, npt.NDArray[Any]]:
    """``n`` people by household: names, day of birth (a number of days), sex, postcode, number, twin (or -1)."""
    sizes = rng.choice([1, 2, 3, 4, 5], n, p=[0.3, 0.34, 0.16, 0.14, 0.06])
    house = np.repeat(np.arange(n), sizes)[:n]
    member = np.arange(n) - np.searchsorted(house, house)
    endings = [a + b + c for a in SYLLABLES for b in ("", "en", "er", "ing") for c in ENDS]
    surnames = list(dict.fromkeys([*SURNAMES, *endings]))
    family = _zipf(surnames, n, 0.75, rng)
    # who is no head of the house has its name, four times of five
    family = np.where((member > 0) & (rng.random(n) < 0.8), family[np.searchsorted(house, house)], family)
    female = rng.random(n) < 0.51
    given = np.where(
        female,
        _zipf(list(dict.fromkeys([*MODERN["F"].split(), *GIVEN["F"]])), n, 0.6, rng),
        _zipf(list(dict.fromkeys([*MODERN["M"].split(), *GIVEN["M"]])), n, 0.6, rng),
    )
    born = rng.integers(0, _DAYS - 20 * 365, n)
    head = born[np.searchsorted(house, house)]
    born = np.where(member == 1, np.abs(head + rng.integers(-3000, 3000, n)), born)
    child = head + rng.integers(20 * 365, 40 * 365, n)
    born = np.where(
        member > 1, np.where(child < _DAYS, child, rng.integers(_DAYS - 20 * 365, _DAYS, n)), born
    )
    twin = np.full(n, -1)
    # every eighth of the third and further children; parents find another name for the second
    second = np.flatnonzero((member > 2) & (rng.random(n) < 0.12) & (given != np.roll(given, 1)))
    second = second[~np.isin(second - 1, second)]  # no triplets
    born[second], family[second] = born[second - 1], family[second - 1]
    twin[second], twin[second - 1] = second - 1, second
    homes = _homes(n, rng)
    return {
        "given": given, "family": family, "born": born, "female": female, "house": house, "member": member,
        "postcode": homes[rng.integers(0, len(homes), n)][house], "homes": homes, "nhs": nhs_numbers(n, rng),
        "twin": twin, "surnames": family,
    }  # fmt: skip


def worn(
    people: dict[str, npt.NDArray[Any]], who: Ints, prefix: str, rng: Rng, wear: float = 1.0
) -> pa.Table:
    """The records that one register holds of the people ``who``, with its own slips; ``wear`` scales all rates."""
    n, pen = len(who), random.Random(int(rng.integers(1 << 30)))  # noqa: S311

    def some(rate: float) -> Ints:
        return np.flatnonzero(rng.random(n) < rate * wear)

    given, family = people["given"][who].copy(), people["family"][who].copy()
    for at in some(0.04):
        given[at] = spell_given(given[at], pen)
    for at in some(0.02):
        given[at] = typo(given[at], pen)
    for at in some(0.025):
        family[at] = typo(family[at], pen)
    married = some(0.04)
    married = married[people["female"][who[married]] & (people["born"][who[married]] < _DAYS - 20 * 365)]
    family[married] = rng.choice(people["surnames"], len(married))
    swapped = some(0.004)
    given[swapped], family[swapped] = family[swapped], given[swapped]
    days = people["born"][who]
    born = (_BASE + days).astype(str).astype(object)
    for at in some(0.01):
        born[at] = _misdated(born[at], pen)
    born[some(0.005)] = None
    postcode = people["postcode"][who].copy()
    moved = some(0.09)
    postcode[moved] = rng.choice(people["homes"], len(moved))
    for at in some(0.01):
        postcode[at] = typo(postcode[at], pen).upper()
    postcode[some(0.02)] = None
    sex = np.where(people["female"][who], "F", "M").astype(object)
    wrong = some(0.002)
    sex[wrong] = np.where(sex[wrong] == "F", "M", "F")
    sex[some(0.01)] = None
    nhs = people["nhs"][who].copy()
    strangers, slips = some(0.004), some(0.006)
    nhs[strangers] = rng.choice(people["nhs"], len(strangers))
    for at in slips:
        nhs[at] = typo(nhs[at], pen)
    # one of the household's: a mother's number on her child, a twin's on the other
    kin = some(0.004)
    kin = kin[people["member"][who[kin]] > 0]
    nhs[kin] = people["nhs"][who[kin] - people["member"][who[kin]]]
    twins = some(0.05)
    twins = twins[people["twin"][who[twins]] >= 0]
    nhs[twins] = people["nhs"][people["twin"][who[twins]]]
    nhs[some(0.06)] = None
    ids = np.char.add(prefix, who.astype(str))
    texts = (given, family, born, postcode, sex, nhs)
    return pa.table({"id": ids} | dict(zip(COLUMNS, (pa.array(t, pa.string()) for t in texts), strict=True)))


def _misdated(born: str, pen: random.Random) -> str:
    year, month, day = born.split("-")
    if pen.random() < 0.35 and day < "13":
        return f"{year}-{day}-{month}"
    if pen.random() < 0.5:
        return f"{int(year) + pen.choice([-10, -1, 1, 10])}-{month}-{day if day < '29' else '28'}"
    return f"{year}-{month}-{pen.randrange(1, 29):02}"


def population_files(folder: Path, left: int = 1_000_000, right: int = 600_000, seed: int = 1) -> Registers:
    """Write left.parquet and right.parquet: five sixths of the right are on the left too."""
    rng = np.random.default_rng(seed)
    shared = right * 5 // 6
    people = population(left + right - shared, rng)
    everyone = rng.permutation(left + right - shared)
    held = {"left": everyone[:left], "right": np.concatenate([everyone[:shared], everyone[left:]])}
    for name, who in held.items():
        table = worn(people, rng.permutation(who), name[0].upper(), rng)
        pq.write_table(table, folder / f"{name}.parquet")
    return Registers(folder / "left.parquet", folder / "right.parquet", shared)
