"""A parish chest: baptisms, marriages, burials and four census returns of a few valleys over a century, all invented.

No dates of birth: a year and an age, which is rounded, guessed or kept young. Names in Latin, abbreviated, by ear, some
surnames patronymics; farms beside or instead of surnames; families who use the same six names in each generation.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from lockgate.bench.spellings import spell_family, typo, words

COLUMNS = (
    "entry", "person", "source", "year", "forename", "surname", "sex", "age", "father", "parish", "abode", "trade",
)  # fmt: skip
# name -> the ways it is written: Latin first, then abbreviations, then by ear
_MALE = {
    "john": "johannes jno johan jhon", "william": "gulielmus wm willm gwilym", "thomas": "thos tho tomos",
    "david": "davidus dd dafydd", "evan": "evanus ifan even", "james": "jacobus jas", "richard": "ricardus richd ric",
    "robert": "robertus robt", "hugh": "hugo huw", "edward": "edwardus edwd edw",
    "griffith": "griffinus gruffydd griff",
    "henry": "henricus hy hen", "joseph": "josephus jos", "peter": "petrus pet", "george": "georgius geo",
    "owen": "audoenus owain", "lewis": "ludovicus lewys louis", "rees": "resus rhys", "morgan": "morganus",
    "samuel": "saml", "michael": "mich", "philip": "philippus phil",
}  # fmt: skip
_FEMALE = {
    "mary": "maria mari", "elizabeth": "elizabetha eliz elizth betty", "margaret": "margareta margt marged peggy",
    "anne": "anna ann", "jane": "joanna jana sian", "catherine": "catharina cath cathe catrin", "sarah": "sara sally",
    "ellen": "elena elin helen", "gwen": "gwenllian", "alice": "alicia als", "hannah": "hanna", "martha": "mattie",
    "eleanor": "eleanora elinor", "janet": "janeta jennet", "rachel": "rachael", "susan": "susanna",
}  # fmt: skip
_SURNAMES = words("""
Jones Davies Williams Evans Thomas Roberts Lewis Hughes Morgan Griffiths Edwards Owen Rees Harris Price
Powell Pritchard Parry Bowen Bevan Probert Llewellyn Vaughan Lloyd Meredith Cadwallader Gittins Breese Tudor
Humphreys Jarman Ashton Bebb Corfield Swancott Bumford Hamer Ingram Kinsey Mills Savage Turner Wilcox
Woosnam Wigley""")
_PARISHES = (
    "Llanbryn",
    "Trefelin",
    "Pontesk",
    "Kerrystow",
    "Aberhafod",
    "Maesgwyn",
    "Churchstoke",
    "Bettwsfawr",
)
_FARMS = [a + b for a in ("Ty", "Pen", "Cefn", "Bryn", "Nant", "Llwyn") for b in (
    "-y-coed", "gwyn", "-mawr", "isaf", "uchaf", "-y-bont", "canol", "derw")]  # fmt: skip
_TRADES = words("""
farmer labourer weaver miner carpenter smith mason miller shoemaker tailor servant dressmaker innkeeper
carrier shepherd sawyer clerk flannel-maker""")
_SOURCES = (
    ("baptism", 0),
    ("census", -1),
    ("census", -1),
    ("census", -1),
    ("census", -1),
    ("marriage", 24),
    ("burial", -2),
)


def parish(path: Path, people: int, seed: int = 1) -> None:
    """Write the file: some four entries a person; the column ``person`` says whose each is."""
    rng = random.Random(seed)  # noqa: S311
    entries: list[list[str]] = []
    family: dict[str, str] = {}
    for person in range(people):
        family = _person(rng, family)
        born, died = int(family["born"]), int(family["died"])
        years = [born if rng.random() < 0.6 else 0]
        years += [
            census if born < census <= died and rng.random() < 0.8 else 0
            for census in (1841, 1851, 1861, 1871)
        ]
        years += [
            born + rng.randrange(19, 33) if rng.random() < 0.4 else 0,
            died if rng.random() < 0.5 else 0,
        ]
        made = [
            _entry(family, source, year, rng)
            for (source, _), year in zip(_SOURCES, years, strict=True)
            if year and year <= died
        ]
        entries += [["", f"P{person}", *entry] for entry in made]
    rng.shuffle(entries)
    for number, entry in enumerate(entries):
        entry[0] = f"E{number:05}"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *entries])


def _person(rng: random.Random, last: dict[str, str]) -> dict[str, str]:
    sex = rng.choice("MF")
    names = list(_MALE if sex == "M" else _FEMALE)
    first = names[min(int(rng.expovariate(0.16)), len(names) - 1)]
    father = list(_MALE)[min(int(rng.expovariate(0.16)), len(_MALE) - 1)]
    born = rng.randrange(1790, 1866)
    person = {
        "first": first, "surname": _SURNAMES[min(int(rng.expovariate(0.06)), len(_SURNAMES) - 1)], "sex": sex,
        "father": father, "born": str(born), "parish": rng.choice(_PARISHES), "abode": rng.choice(_FARMS),
        "trade": rng.choice(_TRADES), "married": "",
    }  # fmt: skip
    if (
        last and rng.random() < 0.45
    ):  # a brother or sister: another first name, unless the first one died young
        born = int(last["born"]) + rng.randrange(1, 5)
        person |= {name: last[name] for name in ("surname", "father", "parish", "abode")} | {
            "born": str(born)
        }
        if person["first"] == last["first"]:
            person["first"] = rng.choice([name for name in names if name != last["first"]])
    if sex == "F" and rng.random() < 0.35:
        person["married"] = rng.choice(_SURNAMES)
    person["died"] = str(
        born + min(92, int(rng.choices([rng.uniform(0, 6), rng.gauss(62, 16)], [15, 85])[0] % 95))
    )
    return person


def _entry(person: dict[str, str], source: str, year: int, rng: random.Random) -> list[str]:
    first, father, age = person["first"], person["father"], year - int(person["born"])
    surname = person["surname"]
    if person["married"] and source in ("census", "burial") and age > 26:
        surname = person["married"]
    if source == "baptism" and person["sex"] == "M" and rng.random() < 0.12:
        surname = f"ap {father}"  # the old way to be called
    if rng.random() < 0.22:
        surname = spell_family(surname, rng)
    elif surname.endswith("s") and rng.random() < 0.1:
        surname = surname[:-1]
    if source == "baptism":
        stated = "0"
    elif source == "census":
        stated = str(
            age - age % 5 if year == 1841 and age > 15 else max(0, age + rng.choice([0, 0, 0, 0, 1, -1, -2]))
        )
    else:
        stated = str(max(0, age + rng.choice([0, 0, 0, 1, -1, -3, 4]))) if rng.random() < 0.7 else ""
    parish = person["parish"] if rng.random() < 0.88 else rng.choice(_PARISHES)
    row = [
        source, str(year), _written(first, rng), surname, person["sex"], stated,
        _written(father, rng) if source in ("baptism", "marriage") else "",
        typo(parish, rng) if rng.random() < 0.15 else parish,
        person["abode"] if rng.random() < 0.6 else rng.choice(_FARMS),
        person["trade"] if rng.random() < 0.6 else rng.choice(_TRADES),
    ]  # fmt: skip
    for place, missing in ((2, 0.01), (3, 0.02), (4, 0.2), (6, 0.1), (7, 0.08), (8, 0.3), (9, 0.35)):
        if rng.random() < missing:
            row[place] = ""
    if source == "baptism":
        row[9] = ""
    return row


def _written(name: str, rng: random.Random) -> str:
    ways = (_MALE | _FEMALE).get(name, name).split()
    if rng.random() < 0.3:
        return rng.choice(ways).capitalize()
    return (typo(name, rng) if rng.random() < 0.06 else name).capitalize()
