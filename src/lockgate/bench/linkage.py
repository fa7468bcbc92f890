"""Record linkage on people we make up: two registers, and many spellings per person (measured in ``bench.hard``)."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from lockgate.bench.core import Measure
from lockgate.bench.spellings import GIVEN, OCCUPATIONS, PLACES, SURNAMES, spell_family, spell_given, typo
from lockgate.engine import Engine
from lockgate.identity.linkage import link_tables, parse_map
from lockgate.schema import nhs_number

Pair = tuple[object, object]


@dataclass(frozen=True, slots=True)
class People:
    """Two registers and the pairs that are right."""

    left: Path
    right: Path
    true_links: set[Pair]


def pair_scores(found: Iterable[Pair], true: Collection[Pair]) -> tuple[float, float]:
    """Precision and recall of pairs."""
    found = set(found)
    right = len(found & set(true))
    return right / max(1, len(found)), right / max(1, len(true))


def f1(precision: float, recall: float) -> float:
    """Their harmonic mean."""
    return 2 * precision * recall / max(1e-9, precision + recall)


def _nhs(rng: random.Random) -> str:
    while True:
        nine = str(rng.randrange(400_000_000, 799_999_999))
        digit = nhs_number.check_digit(nine)
        if digit is not None:
            return f"{nine}{digit}"


def registers(folder: Path, people: int, seed: int = 1) -> People:
    """Two tables of the same town: typos, moves, marriages, twins, missing values and some wrong NHS numbers."""
    rng = random.Random(seed)  # noqa: S311
    town: list[list[str]] = []
    while len(town) < people:
        sex = rng.choice("FM")
        given, family = rng.choice(GIVEN[sex]), rng.choice(SURNAMES)
        born = f"{rng.randrange(1930, 2015)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        postcode = (
            f"LG{rng.randrange(1, 20)} {rng.randrange(1, 10)}{rng.choice('ABDEF')}{rng.choice('GHJLN')}"
        )
        town.append([given, family, born, postcode, sex, _nhs(rng)])
        if rng.random() < 0.02:  # a twin of the same sex
            town.append([rng.choice(GIVEN[sex]), family, born, postcode, sex, _nhs(rng)])
    header = ["id", "given", "family", "born", "postcode", "sex", "nhs"]
    left, right, links = [], [], set[Pair]()
    for number, person in enumerate(town):
        if rng.random() < 0.9:
            left.append([f"L{number}", *_worn(person, town, rng)])
        if rng.random() < 0.8:
            right.append([f"R{number}", *_worn(person, town, rng)])
    there = {row[0][1:] for row in left} & {row[0][1:] for row in right}
    links = {(f"L{number}", f"R{number}") for number in there}
    rng.shuffle(right)
    for name, rows in (("left", left), ("right", right)):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return People(folder / "left.csv", folder / "right.csv", links)


def _worn(person: list[str], town: list[list[str]], rng: random.Random) -> list[str]:
    given, family, born, postcode, sex, nhs = person
    if rng.random() < 0.08:
        given = spell_given(given, rng)
    if rng.random() < 0.05:
        family = typo(family, rng)
    if sex == "F" and rng.random() < 0.04:
        family = rng.choice(SURNAMES)
    if rng.random() < 0.03:
        year, month, day = born.split("-")
        born = rng.choice([f"{year}-{day}-{month}" if day < "13" else born, f"{int(year) + 1}-{month}-{day}"])
    if rng.random() < 0.10:
        postcode = rng.choice(town)[3]
    if rng.random() < 0.10:
        nhs = "" if rng.random() < 0.7 else rng.choice(town)[5]
    return [given, family, "" if rng.random() < 0.01 else born, postcode, sex, nhs]


def spellings(path: Path, people: int, seed: int = 1) -> set[Pair]:
    """Write the hard set: 2 to 12 records a person, spelt as registers spell, dates approximate, fields missing,
    and families who share name, place and home.

    Columns: unique_id, first_name, surname, dob, postcode_fake, birth_place, occupation, gender. Returns the pairs."""
    rng = random.Random(seed)  # noqa: S311
    rows: list[list[str]] = []
    groups: list[list[str]] = []
    household = ("", "", "", 0, [""])
    for person in range(people):
        sex = rng.choice("FM")
        first, second = rng.choice(GIVEN[sex]), rng.choice(GIVEN[sex])
        family, place = rng.choice(SURNAMES), rng.choice(PLACES)
        other, job = rng.choice(SURNAMES), rng.choice(OCCUPATIONS)
        year = rng.randrange(1700, 1920)
        relative = bool(groups) and rng.random() < 0.25  # of the last one: a brother, a daughter
        if relative:
            family, place, job = household[0], household[1], rng.choice([job, household[2]])
            year = household[3] + rng.choice([*range(1, 9), *range(20, 40)])
        known = rng.random() < 0.6
        born = f"{year}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}" if known else f"{year}-01-01"
        homes = [
            f"{place[:2].upper()}{rng.randrange(1, 30)} {rng.randrange(1, 10)}{rng.choice('ABDEFG')}H"
            for _ in range(2)
        ]
        homes = household[4] if relative else homes
        household = (family, place, job, year, homes)
        worn = rng.random()  # some people are written with care, some never twice the same way
        group = []
        for record in range(rng.choices(range(2, 13), weights=range(13, 2, -1))[0]):
            given = first
            if rng.random() < 0.5 * worn:
                given = spell_given(first, rng)
            elif rng.random() < 0.06:
                given = second
            surname = spell_family(family, rng) if rng.random() < 0.45 * worn else family
            if sex == "F" and rng.random() < 0.08:
                surname = other
            row = [
                f"p{person}-{record}", given, surname, _approximate(born, worn, rng),
                rng.choice(homes) if rng.random() < 0.3 else homes[0],
                place if rng.random() < 0.95 else rng.choice(PLACES),
                job if rng.random() < 0.85 else rng.choice(OCCUPATIONS), {"F": "female", "M": "male"}[sex],
            ]  # fmt: skip
            for column, missing in ((1, 0.03), (2, 0.02), (3, 0.12), (4, 0.2), (5, 0.15), (6, 0.3), (7, 0.2)):
                if rng.random() < missing * (0.5 + worn):
                    row[column] = ""
            if rng.random() < 0.02:
                row[1], row[2] = row[2], row[1]
            group.append(row[0])
            rows.append(row)
        groups.append(group)
    rng.shuffle(rows)
    numbered = {row[0]: number for number, row in enumerate(rows)}
    header = [
        "unique_id",
        "first_name",
        "surname",
        "dob",
        "postcode_fake",
        "birth_place",
        "occupation",
        "gender",
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([[numbered[row[0]], *row[1:]] for row in rows])
    pairs: set[Pair] = set()
    for group in groups:
        for left, right in combinations(sorted(numbered[name] for name in group), 2):
            pairs.add((left, right))
    return pairs


def _approximate(born: str, worn: float, rng: random.Random) -> str:
    year, month, day = born.split("-")
    chance = rng.random()
    if chance < 0.06 * worn:
        return f"{int(year) + rng.choice([-2, -1, 1, 2])}-{month}-{day}"
    if chance < 0.16 * worn:
        return f"{year}-01-01"
    if chance < 0.22 * worn:
        return f"{year}-{rng.randrange(1, 13):02}-{day}"
    if chance < 0.26 * worn and int(day) < 13:
        return f"{year}-{day}-{month}"
    return born


def run(quick: bool = False) -> list[Measure]:
    """Two registers with and without NHS numbers."""
    measures: list[Measure] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = registers(folder, 200 if quick else 20_000)
        whole = "given_name=given,family_name=family,birth_date=born,postcode=postcode,sex=sex"
        for label, mapping, target in (
            ("two registers, pair F1", f"{whole},nhs_number=nhs", 0.997),
            ("the same without NHS numbers", whole, 0.99),
        ):
            out = folder / "links.parquet"
            with Engine() as engine:
                link_tables(engine, people.left, people.right, "id", parse_map(mapping), out)
                pairs = engine.rows("SELECT id_l, id_r, step FROM read_parquet($1)", [str(out)])
            scores = pair_scores([(a, b) for a, b, _ in pairs], people.true_links)
            sure = {(a, b) for a, b, step in pairs if step == "nhs_number+birth_date"}
            measures.append(Measure(label, f1(*scores), "", target, correct=sure <= people.true_links))
    return measures
