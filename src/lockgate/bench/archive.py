"""A biographical archive: noted people of five centuries as encyclopedias and catalogues name them, all invented.

Shaped like Splink's ``historical_50k`` (the same columns): whole names with titles, by-names and places in them, the
first name and surname cut out of whatever form was written, lower case, years for dates, several homes near one
another. Fathers and sons share name, title and place; pen names and names before marriage stand beside the others.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from lockgate.bench.spellings import typo, words

COLUMNS = (
    "unique_id", "cluster", "full_name", "first_and_surname", "first_name", "surname", "dob", "birth_place",
    "postcode_fake", "gender", "occupation",
)  # fmt: skip
_MALE = words("""
john william thomas george henry charles robert james edward richard joseph francis samuel alexander arthur
frederick alfred walter david peter hugh philip nicholas andrew edmund anthony ralph giles humphrey roger
simon stephen christopher daniel benjamin augustus horace percy leonard cuthbert lancelot valentine ambrose
tobias gilbert matthew archibald cecil edgar sidney theodore oliver nathaniel isaac abraham josiah ebenezer
thaddeus rupert jocelyn""")
_FEMALE = words("""
mary elizabeth anne margaret jane sarah catherine alice frances charlotte caroline harriet emily louisa
isabella eleanor dorothy agnes florence edith maria sophia augusta georgiana henrietta lucy martha rachel
rebecca susanna ursula winifred beatrice constance millicent rosamund philippa lavinia honor arabella
letitia cordelia""")
_START = words("""
aber ald ark ban bel ben bland bos bram cal carn chad clif cor crans dar den dray dun elm far fitz glen gos
gra had hart hath hol ing kem kil lam leng mal mel mon nev ock pal pen pon quil ros rus sand scar sel shef
sib sto tal tre tyn ul van ver wal wes wex wyn yar""")
_END = words("""
bourne brook bury by cott dale don ell endon er ford gate grave ham hurst ington ison kin leigh ling low man
mere ney ock ridge sey shaw stead stone ton vane ville wick worth""")
_PLACES = words("""
london edinburgh manchester bristol norwich york devon cornwall kent surrey essex dublin glasgow leeds
liverpool bath oxford cambridge lincoln durham chester exeter winchester derbyshire northumberland
cumberland norfolk suffolk hampshire wiltshire gloucestershire warwickshire cheshire staffordshire
shropshire""")
_TRADES = words("""
politician writer painter clergyman lawyer soldier botanist engineer physician composer actor poet judge
architect merchant diplomat engraver historian astronomer chemist explorer printer sculptor cricketer
naturalist photographer theologian mathematician publisher banker""")
_SHORT = {
    "john": ["jack", "johnny", "jno"], "william": ["will", "bill", "wm", "billy"], "thomas": ["tom", "thos", "tommy"],
    "henry": ["harry", "hal"], "charles": ["charlie", "chas"], "robert": ["bob", "rob", "bertie"],
    "james": ["jim", "jas", "jamie"],
    "edward": ["ned", "ted", "eddie"], "richard": ["dick", "rich"], "francis": ["frank"], "samuel": ["sam"],
    "alexander": ["alec", "sandy", "alex"], "frederick": ["fred", "freddie"], "alfred": ["alf", "fred"],
    "walter": ["wat", "walt"],
    "nicholas": ["nick"], "anthony": ["tony"], "christopher": ["kit", "chris"], "daniel": ["dan"],
    "benjamin": ["ben"],
    "archibald": ["archie"], "mary": ["molly", "polly"], "elizabeth": ["lizzie", "betty", "eliza", "bess"],
    "margaret": ["peggy", "maggie"], "catherine": ["kate", "kitty", "katherine"], "frances": ["fanny"],
    "sarah": ["sally"],
    "eleanor": ["nell", "ellen"], "dorothy": ["dolly"], "henrietta": ["etta", "harriet"], "georgiana": ["georgina"],
    "susanna": ["susan", "sukey"], "isabella": ["bella", "isabel"], "caroline": ["carrie"], "philippa": ["pippa"],
}  # fmt: skip
_HONOURS = (
    "1st baron",
    "2nd earl of",
    "3rd viscount",
    "1st duke of",
    "4th marquess of",
    "sir",
    "lady",
    "5th baron",
)
_DISTRICT = "ABDEFGHJLN"


def archive(path: Path, people: int, seed: int = 1) -> None:
    """Write the file: some seven records a person; the column ``cluster`` says whose each is."""
    rng = random.Random(seed)  # noqa: S311
    surnames = sorted({a + b for a in _START for b in _END})
    rng.shuffle(surnames)
    surnames = surnames[:900]
    weights = [1 / (place + 4) ** 0.8 for place in range(len(surnames))]
    rows: list[list[str]] = []
    last: dict[str, str] = {}
    for person in range(people):
        who = _person(rng, surnames, weights, last)
        last = who
        for number in range(
            1, 1 + rng.choices(range(1, 15), weights=[3, 4, 6, 8, 9, 9, 8, 7, 6, 5, 4, 3, 2, 2])[0]
        ):
            rows.append([f"q{person}-{number}", f"q{person}", *_record(who, surnames, rng)])
    rng.shuffle(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *rows])


def _person(
    rng: random.Random, surnames: list[str], weights: list[float], last: dict[str, str]
) -> dict[str, str]:
    female = rng.random() < 0.18
    firsts = _FEMALE if female else _MALE
    first = firsts[min(int(rng.expovariate(0.09)), len(firsts) - 1)]
    year = min(1960, max(1480, int(rng.gauss(1820, 70))))
    known = rng.random() < 0.72
    who = {
        "first": first, "second": rng.choice(firsts) if rng.random() < 0.45 else "",
        "surname": rng.choices(surnames, weights)[0],
        "place": _PLACES[min(int(rng.expovariate(0.12)), len(_PLACES) - 1)],
        "trade": _TRADES[min(int(rng.expovariate(0.15)), len(_TRADES) - 1)], "gender": "female" if female else "male",
        "other": rng.choice(surnames) if rng.random() < (0.4 if female else 0.06) else "",
        "honour": rng.choice(_HONOURS) if rng.random() < 0.14 else "", "estate": rng.choice(surnames),
    }  # fmt: skip
    if (
        last and rng.random() < 0.16
    ):  # a son or a daughter, often of the father's name, title, home and calling
        year = int(last["born"][:4]) + rng.randrange(20, 42)
        who |= {name: last[name] for name in ("surname", "place", "home", "honour", "estate")}
        who["trade"] = last["trade"] if rng.random() < 0.5 else who["trade"]
        if who["gender"] == last["gender"] and rng.random() < 0.3:
            who["first"] = last["first"]
    who["born"] = f"{year}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}" if known else f"{year}-01-01"
    area = f"{rng.choice('abcdeghlmnprstw')}{rng.choice('abdehlnorst')}{rng.randrange(1, 25)}"
    who.setdefault(
        "home", f"{area} {rng.randrange(1, 10)}{rng.choice(_DISTRICT)}{rng.choice(_DISTRICT)}".lower()
    )
    return who


def _record(who: dict[str, str], surnames: list[str], rng: random.Random) -> list[str]:
    """full_name, first_and_surname, first_name, surname, dob, birth_place, postcode_fake, gender, occupation."""
    first = who["first"]
    if rng.random() < 0.18 and first in _SHORT:
        first = rng.choice(_SHORT[first])
    elif rng.random() < 0.03:
        first = first[0]
    surname = who["other"] if who["other"] and rng.random() < 0.35 else who["surname"]
    first = typo(first, rng) if rng.random() < 0.04 else first
    surname = typo(surname, rng) if rng.random() < 0.07 else surname
    words = [first]
    if who["second"] and rng.random() < 0.55:
        words.append(who["second"] if rng.random() < 0.8 else who["second"][0])
        if rng.random() < 0.12:  # known by the second name
            words = words[::-1] if rng.random() < 0.6 else words[1:]
    words.append(surname)
    if who["honour"] and rng.random() < 0.7:
        if who["honour"] in ("sir", "lady"):
            words.insert(0, who["honour"])
        else:
            words += [*who["honour"].split(), who["estate"]]
    elif rng.random() < 0.06:
        words += ["of", who["place"]]
    if rng.random() < 0.1 and len(words) > 2:  # a word of it was dropped
        del words[rng.randrange(len(words))]
    full = " ".join(words)
    cut = [word for word in words if word not in ("sir", "lady")]
    given, family = cut[0], cut[-1] if len(cut) > 1 else ""
    if rng.random() < 0.015:
        given, family = family, given
    both = f"{given} {family}".strip()
    row = [
        full,
        both,
        given,
        family,
        _born(who["born"], rng),
        who["place"],
        who["home"],
        who["gender"],
        who["trade"],
    ]
    if rng.random() < 0.3:  # a home near by, or elsewhere
        near = who["home"][: who["home"].index(" ") + 2]
        row[6] = near + rng.choice(_DISTRICT).lower() + rng.choice(_DISTRICT).lower()
        if rng.random() < 0.25:
            row[6] = (
                f"{rng.choice('bdlmns')}{rng.choice('adeh')}{rng.randrange(1, 25)} {rng.randrange(1, 10)}ab"
            )
    if rng.random() < 0.05:
        row[5] = rng.choice(_PLACES)
    if rng.random() < 0.12:
        row[8] = rng.choice(_TRADES)
    for place, missing in ((4, 0.17), (5, 0.14), (6, 0.18), (7, 0.12), (8, 0.15)):
        if rng.random() < missing:
            row[place] = ""
    if rng.random() < 0.02:
        row[rng.choice((2, 3))] = ""
    return row


def _born(born: str, rng: random.Random) -> str:
    year, month, day = born.split("-")
    chance = rng.random()
    if chance < 0.07:
        return f"{year}-01-01"
    if chance < 0.11:
        return f"{int(year) + rng.choice([-3, -2, -1, 1, 2, 10])}-{month}-{day}"
    if chance < 0.14:
        return f"{year}-{month}-{rng.randrange(1, 29):02}"
    if chance < 0.155 and day < "13":
        return f"{year}-{day}-{month}"
    if chance < 0.17:
        return f"{year[:2]}{year[3]}{year[2]}-{month}-{day}"
    return born
