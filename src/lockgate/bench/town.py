"""A town with two registers and a tissue bank, and who is who in it: what the patient index is judged by.

Everybody is invented. Planted: people who moved, who married, twins, numbers of somebody else, numbers not recorded
(more often for people of some groups, as it is), slips in dates and names, records sent twice, and sources that say
next to nothing.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any

from lockgate.bench.spellings import GIVEN, SURNAMES, spell_given, typo
from lockgate.schema import nhs_number

ETHNICITIES = ("A", "A", "A", "A", "H", "N", "Z", "99")
Ref = tuple[str, str]
ARRIVED = datetime(2026, 1, 1)  # noqa: DTZ001 (staged times are wall clocks)


@dataclass
class Town:
    """Patient rows as staged, whose each record is, and what was planted in each person."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    owner: dict[Ref, int] = field(default_factory=dict)
    planted: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))


def _nhs(rng: random.Random, taken: set[str]) -> str:
    while True:
        nine = f"999{rng.randrange(1_000_000):06}"
        digit = nhs_number.check_digit(nine)
        if digit is not None and f"{nine}{digit}" not in taken:
            taken.add(f"{nine}{digit}")
            return f"{nine}{digit}"


def town(people: int, seed: int = 1) -> Town:
    """Draw a town. The same number and seed give the same one."""
    rng = random.Random(seed)  # noqa: S311
    made = Town()
    taken: set[str] = set()
    everybody: list[dict[str, Any]] = []
    while len(everybody) < people:
        sex = rng.choice("FM")
        person = {
            "given_name": rng.choice(GIVEN[sex]), "family_name": rng.choice(SURNAMES), "sex": sex,
            "birth_date": date(1930, 1, 1) + timedelta(days=rng.randrange(34_000)), "postcode": _postcode(rng),
            "phone": [f"07700 90{rng.randrange(10_000):04}"], "nhs_number": _nhs(rng, taken),
            "ethnicity_code": rng.choice(ETHNICITIES), "ethnicity_system": "NHS",
        }  # fmt: skip
        everybody.append(person)
        if rng.random() < 0.02:
            twin = {**person, "given_name": rng.choice([n for n in GIVEN[sex] if n != person["given_name"]]),
                    "nhs_number": _nhs(rng, taken)}  # fmt: skip
            made.planted[len(everybody) - 1].add("twin")
            made.planted[len(everybody)].add("twin")
            everybody.append(twin)
    for number, person in enumerate(everybody):
        made.planted[number].add(f"ethnicity {person['ethnicity_code']}")
        _register(made, rng, "epr", number, dict(person), everybody)
        if rng.random() < 0.85:
            _register(made, rng, "gp", number, _later(made, rng, number, person), everybody)
        if rng.random() < 0.1:  # a tissue bank: a number and a sex, or a birth date
            kept = ("nhs_number", "sex") if rng.random() < 0.5 else ("nhs_number", "birth_date")
            _add(made, "tissue", number, {name: person[name] for name in kept})
    return made


def _postcode(rng: random.Random) -> str:
    return f"ZX{rng.randrange(1, 20)} {rng.randrange(1, 10)}{rng.choice('ABDEFGHJ')}{rng.choice('LNPQRSTU')}"


def _later(made: Town, rng: random.Random, number: int, person: dict[str, Any]) -> dict[str, Any]:
    """The person as another register knows them, some years on."""
    later = dict(person)
    if rng.random() < 0.10:
        later |= {"postcode": _postcode(rng), "phone": [f"07700 90{rng.randrange(10_000):04}"]}
        made.planted[number].add("moved")
    if person["sex"] == "F" and rng.random() < 0.06:
        later["family_name"] = rng.choice(SURNAMES)
        if rng.random() < 0.5:
            later["former_names"] = [person["family_name"]]
        made.planted[number].add("married")
    return later


def _register(
    made: Town,
    rng: random.Random,
    source: str,
    number: int,
    person: dict[str, Any],
    everybody: list[dict[str, Any]],
) -> None:
    """A record with the slips that registers have."""
    if rng.random() < 0.05:
        person["given_name"] = spell_given(person["given_name"], rng)
    if rng.random() < 0.03:
        person["family_name"] = typo(person["family_name"], rng)
    if rng.random() < 0.02:
        person["birth_date"] += timedelta(days=rng.choice([1, -1, 10, 31, 365]))
        made.planted[number].add("birth date slipped")
    if rng.random() < (0.12 if person["ethnicity_code"] in "HNZ" else 0.05):
        person["nhs_number"] = None
        made.planted[number].add("no NHS number")
    elif rng.random() < 0.005:
        person["nhs_number"] = rng.choice(everybody)["nhs_number"]
        made.planted[number].add("another's NHS number")
    if rng.random() < 0.1:
        person["phone"] = []
    _add(made, source, number, person)


def _add(made: Town, source: str, number: int, values: Mapping[str, Any]) -> None:
    record = f"{source[0]}{len(made.rows):07}"
    made.rows.append(
        {
            "source": source,
            "record_id": record,
            "version_at": ARRIVED,
            "deleted": False,
            **values,
        }
    )
    made.owner[source, record] = number


@dataclass(frozen=True)
class Judged:
    """Precision and recall by pair, over everybody and among the pairs of those in whom something was planted."""

    precision: float
    recall: float
    by_group: dict[str, tuple[float, float]]


def judge(found: Iterable[tuple[str, str, int]], truth: Town) -> Judged:
    """Hold an index (source, record_id, person key) against the truth."""
    keyed: dict[int, list[Ref]] = defaultdict(list)
    owned: dict[int, list[Ref]] = defaultdict(list)
    for source, record, key in found:
        keyed[key].append((source, record))
    for ref, person in truth.owner.items():
        owned[person].append(ref)
    linked = [pair for refs in keyed.values() for pair in combinations(sorted(refs), 2)]
    true = [pair for refs in owned.values() for pair in combinations(sorted(refs), 2)]
    right = set(true)
    hit = set(linked) & right

    def rates(within: set[int] | None) -> tuple[float, float]:
        def inside(pair: tuple[Ref, Ref]) -> bool:
            return within is None or truth.owner[pair[0]] in within or truth.owner[pair[1]] in within

        made, wanted = [p for p in linked if inside(p)], [p for p in true if inside(p)]
        return (
            sum(p in hit for p in made) / max(1, len(made)),
            sum(p in hit for p in wanted) / max(1, len(wanted)),
        )

    groups = sorted({name for names in truth.planted.values() for name in names})
    by_group = {name: rates({p for p, names in truth.planted.items() if name in names}) for name in groups}
    return Judged(*rates(None), by_group)
