"""Addresses and postcodes by their shape: streets, houses, blocks of lines, and what leads up to a postcode."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.capitals import capitals
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.guards import NOT_NAMES
from lockgate.deidentify.text.lists import places
from lockgate.deidentify.text.patterns import before
from lockgate.deidentify.text.spans import ADDRESS, PLACE, POSTCODE, Span

# Two digits of an outward half may stand before the one that is meant.
_INWARD = Expression(
    r"(?<!\d)\d{0,2}(\d[ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{2}|\d[A-Z]{2}(?=[ \t]*\n))(?!\w)",
    rb"0{1,3}[Aa]{2}(?![Aa0])",
)
_OUTWARD = re.compile(r"(?<!\w)(?:[A-Z]{1,2}\d[A-Z\d]?|GIR)[ \t]{0,2}$", re.I)
_OUTWARD_ALONE = Expression(
    r"([A-Z](?<![\w/-][A-Z])[A-Z]?\d[A-Z\d]?)(?![\w/-])(?! {0,2}\d[A-Z]{2}\b)",
    rb"(?<![Aa0/-])AA?0[A0]?(?![Aa0/-])",
    steps=(2, 1),
)
_AREA_CUE = re.compile(r"(?:\b(?:near|in|of|from|outside|area|postcode|district)|[a-z],) $", re.I)
_AREA_AFTER = re.compile(r" (?:area|address|postcode|district)\b")
_LIVES_IN = re.compile(r"\b(?:lives|living|lived|resides|residing|based|staying|moved) (?:in|to|at|near) $")
# Two letters that begin abbreviations of medicine with a digit too: CD4, CK7, FT4, ST3, PR3.
_NO_AREAS = frozenset(
    ("CD", "CK", "CT", "FT", "IL", "PR", "ST", "HR", "BP", "GP", "CA", "SS", "TN", "PH", "FY", "FP")
)
_BFPO = re.compile(r"\bBFPO ?\d{1,4}\b")
_STREETS = (
    "road|rd|street|st|avenue|ave|lane|ln|close|drive|way|court|ct|crescent|cres|gardens|gdns|place|pl|terrace|"
    "grove|square|"
    "hill|park|walk|row|mews|rise|view|green|parade|circle|circus|bank|brae|loan|wynd|gait|gate|heol|ffordd|"
    "stryd|broadway|"
    "quay|wharf|embankment|path|yard|croft|meadow|meadows|fields|field|vale|orchard|cottages?|villas?|house|"
    "boulevard|esplanade|(?:dr|cl|terr|sq|gr|cres)(?=[,\n\t])"
)
# A capitalised word that is no outward code: not followed by digits.
_CAPITAL = r"[A-Z](?![A-Z]?\d)[\w'-]*"
_STREET = Expression(
    r"\d(?<![\w./]\d)\d{0,3}(?:[A-Da-d]|-\d{1,4})?,? +(?:[A-Z][\w'.-]* +){1,4}(?:(?i:" + _STREETS + r"))\b"
    r"(?:,\s?"
    + _CAPITAL
    + r"(?:[ -](?:(?:on|in|upon|under|of|the|le|en|by|next|super)[ -]){0,2}"
    + _CAPITAL
    + r")*){0,3}",
    rb"(?<![Aa0./])0{1,4}(?:[Aa]|-0{1,4})?,? [ A]",
)
_FLAT = re.compile(r"(?<!\w)(?:Flat|Apartment|Apt|Unit|Room) +\w{1,5},? +$", re.I)
_HOUSE_NAME = re.compile(
    r"(?<!\w)((?:(?<=at )|(?<=from )|(?<=as )|(?<=: )|(?<=home, )|(?<=\n)|(?=(?:[A-Z][\w'-]+ ){0,2}"
    r"(?:Cottage|House|View|"
    r"Bank|Lodge|Farm|Forge|Villa|Hall|Manor|Court|Barn|Mill|Croft|Place|Lea|Nook|Dene|Garth|Mount|Bungalow|Mews),))"
    r"(?:The )?[A-Z][a-z'-]+(?: [A-Z][a-z'-]+){0,2}),? ?\n?$"
)
_SMALL_HOUSE = re.compile(
    r"(?<!\w)([A-Za-z'-]+ (?:cottage|house|view|bank|lodge|farm|forge|villa|hall|manor|barn|mill|croft|bungalow)), $",
    re.I,
)
_FLAT_IN = re.compile(
    r"(?:Flat|Apartment|Apt|Unit|Room|Suite|Berth|Pitch|Plot|Chalet|Caravan|Bedsit|Lodge) \w{1,5}, (?:The )?"
    + _CAPITAL
    + r"(?: "
    + _CAPITAL
    + r"){0,3}"
)
_WELSH = re.compile(
    r"(?:\d{1,3} |[A-Z][a-z]+(?: [A-Z][a-z]+)?, )?\b(?:Heol|Ffordd|Stryd|Lon|Clos|Rhes|Maes) "
    r"(?:(?:y|yr|yn) )?[A-Z][a-z]+(?: [A-Z][a-z]+)?"
)
# The roads of the Channel Islands: "La Route du Petit Mont".
_FRENCH = re.compile(
    r"(?:L[ae]s? )?(?:(?:Grande )?Rue|Route|Chemin|Ruette|Vall\u00e9e|Mont) (?:(?:de la|de|du|des|le|la) |d'|de l')"
    r"[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2}"
)
_FRENCH_FIRST = Beginnings(
    "la rue ",
    "la route ",
    "le chemin ",
    "la grande rue ",
    "les rue",
    "la ruette ",
    "rue ",
    "route ",
    "le mont ",
)
_NAMED_ROAD = re.compile(
    r"[A-Z](?<!\w[A-Z])[a-z'-]+ (?:[A-Z][a-z'-]+ ){0,2}"
    r"(?:Road|Street|Lane|Avenue|Close|Crescent|Drive|Grove|Terrace|Gardens|Way|Court)\b"
)
# The same by other words and by short ones, where the word before is no heading: "Station Approach", "Mill Rd".
_OTHER_ROAD = re.compile(
    r"[A-Z](?<!\w[A-Z])[a-z'-]+ (?:[A-Z][a-z'-]+ ){0,2}"
    r"(?:Parade|Approach(?=,)|Row|Square|Mews|Quay|Wharf|Esplanade|Broadway|Promenade|Embankment|Causeway|"
    r"Industrial Estate|"
    r"(?:Rd|St|Ave|Ln|Cres|Cl|Pde|Tce|Gdns)\b(?! [A-Z]))(?!\w)"
)
_OTHER_ROADS = Beginnings(
    " Parade", " Approach", " Row", " Square", " Mews", " Quay", " Wharf", " Esplanade", " Broadway", " Promenade",
    " Embankment", " Causeway", " Industrial", " Rd", " St", " Ave", " Ln", " Cres", " Cl", " Pde", " Tce", " Gdns",
)  # fmt: skip
# A house by its number and the name of its road, whose word no list of streets has: "17 Beech Mount", "6 Pear Tree Cl".
_OTHER_HOUSE = Expression(
    r"\d(?<![\w./]\d)\d{0,2}[a-dA-D]?,? (?:[A-Z][a-z'-]+ ){1,2}"
    r"(?:Side|Mount|Cl|Approach|Chase|Spinney|Dene|Garth|Nook|Fold|Brow|Gate|Ridge|Paddocks?|Copse|Holt|Leas?|"
    r"Leys|Woods?|"
    r"Heath|Common|Dell|Glade|Pastures|Heights|Causeway|Parc|Hollow|Maltings|Orchards|Acres|Tce|Gdns|Pde)\b",
    rb"(?<![Aa0./])0{1,3}[Aa]?,? A[a'-]",
)
_BOX = re.compile(r"PO Box \d{1,5}(?:, [A-Z][a-z'-]+(?: [A-Z][a-z'-]+)?)?")
_BOX_FIRST = Beginnings("PO Box ")
_BLOCK_ROOM = re.compile(
    r"(?:Block|Floor|House|Staircase) [A-Z0-9]{1,3}, (?:Room|Flat) \w{1,5}(?:, [A-Z][a-z'-]+(?: [A-Z][a-z'-]+){0,3})?"
)
_BLOCK_ROOM_FIRST = Beginnings("Block ", "Staircase ")
# "9 elm grove" in small letters, "3 The Paddocks", "22/4 Leith Walk".
_SMALL_STREET = Expression(
    r"\d(?<![\w./:]\d)\d{0,2}[a-d]?,? (?!of |in |on |at |to )(?:[a-z']{3,} ){1,2}"
    r"(?:road|rd|street|avenue|lane|close|grove|"
    r"terrace|crescent|gardens|mews|court|walk|drive|way(?=[,.)\n]))(?!\w| (?:of|to|in|ct|for)\b)",
    rb"(?<![Aa0./:])0{1,3}a?,? [a']",
)
_NOT_SMALL = re.compile(
    r"\b(?:days?|weeks?|months?|hours?|hrs?|minutes?|mins?|min|steps?|metres?|metre|miles?|yards?|people|times|"
    r"and|the)\b"
)
_THE_HOUSES = Expression(
    r"\d(?<![\w./:]\d)\d{0,2}[A-Da-d]?,? The [A-Z][a-z]{3,}(?: [A-Z][a-z]+)?",
    rb"(?<![Aa0./:])0{1,3}[Aa]?,? Aaa ",
)
_STAIR = Expression(
    r"\d(?<![\w./:]\d)\d{0,2}/\d{1,3} [A-Z][a-z]+ (?:[A-Z][a-z]+ )?(?i:" + _STREETS + r")\b",
    rb"(?<![Aa0./:])0{1,3}/0{1,3} Aa",
)
# What stands in each text that the expressions above find anything in.
_LIVING = Beginnings(
    "lives", "living", "resides", "residing", "address", "resident", "home", "lodges", "moved"
)
_IN_HOUSES = Beginnings(
    "Flat ",
    "Apartment ",
    "Apt ",
    "Unit ",
    "Room ",
    "Suite ",
    "Berth ",
    "Pitch ",
    "Plot ",
    "Chalet ",
    "Caravan ",
    "Bedsit ",
    "Lodge ",
)
_WELSH_ROADS = Beginnings("Heol ", "Ffordd ", "Stryd ", "Lon ", "Clos ", "Rhes ", "Maes ")
_ROADS = Beginnings(
    " Road", " Street", " Lane", " Avenue", " Close", " Crescent", " Drive", " Grove", " Terrace", " Gardens", " Way",
    " Court",
)  # fmt: skip
_NEXT_TOWN = re.compile(r"(?:, | & )([A-Z][\w'-]+(?: (?:[A-Z][\w'-]+|of|on|upon|in|the)){0,3})")
_ADDRESS_CUE = re.compile(
    r"\b(?:lives|living|resides|residing|resident|address|home|lodges|moved)\b(?: (?:at|to|is))?:?\s+"
    r"(\d{1,4}[A-Da-d]?,?\s+"
    + _CAPITAL
    + r"(?:,? (?:(?:of|the|on|in|upon|under|y|yr|le) ){0,2}"
    + _CAPITAL
    + r"){0,7})"
)
# "Lives at The Old Vicarage, Church Row, Upper Slaughter": a house by its name, where streets or towns follow.
_HOUSE_CUE = re.compile(
    r"\b(?:[Ll]ives|[Ll]iving|[Rr]esides|[Rr]esiding|[Aa]ddress)(?: at)?:? ((?:The )?"
    + _CAPITAL
    + r"(?: (?:of|on|the|in|upon|"
    + _CAPITAL
    + r")){0,3}(?:, "
    + _CAPITAL
    + r"(?: (?:on|in|upon|le|"
    + _CAPITAL
    + r")){0,3}){1,3})"
)
_LIVING_AT = Beginnings("lives", "living", "resides", "residing", "address")
_BEFORE_POSTCODE = re.compile(
    r"(?<![\w./])((?:(?:Flat|Apartment|Unit) \w{1,5},? )?\d{1,4}[A-Da-d]?,? [A-Z][^\n;:|()\d]{2,70}?),?\s{1,2}$"
)
_SMALL_ADDRESS = re.compile(
    r"(?<![\w./])((?:the [a-z]{2,12}(?: [a-z]{2,12})?, )?(?:(?:flat|unit) \w{1,5},? )?"
    r"\d{1,4}[a-d]?,? [a-z]{2,}(?: [a-z]{2,}){1,4}),?\s$"
)
_TOWN = re.compile(r"(?<!\w)([A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2}),[ \t]{1,2}$")
_TOWN_LINE = re.compile(r"\n[ \t]*([A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2})[ \t]{1,2}$")
_BLOCK = re.compile(r"(?<![^\n])[ \t]*((?:[A-Z0-9][\w'.,:/ -]{1,60},?[ \t]*\r?\n[ \t]*){1,5})$")
_ADDRESS_LABEL = re.compile(r"[ \t]*(?:Home )?Address:?[ \t]+", re.I)
_HOUSE = re.compile(
    r"[ \t]*(?:Address:?[ \t]*)?(?:(?:Flat|Apartment|Apt|Unit|Room)[ ]+\w+|\d{1,4}[A-Za-z]?,?[ ]+[A-Z]|[\w', -]+\b(?:"
    + _STREETS
    + r")\b,?[ \t]*$)",
    re.I,
)


_RUN_IN = re.compile(
    r"(?<![\w./])((?:(?:Studio|Flat|Apartment|Apt|Suite|Unit)\s+\w{1,5}|\d{1,4}[A-Za-z]?)[ ,\n]+"
    r"(?:[A-Z][\w'.-]*[ ,\n]+){1,7})\Z"
)

# Parts of an address without a number, to the postcode: "Harbour Parade, Kelder, ".
_PARTS = re.compile(
    r"(?:(?<=\n)|(?<=\A)|(?<=: )|(?<=; )|(?<= at )|(?<= to )|(?<= from )|(?<= of )|(?<=\| )|(?<=  )|(?<=\())"
    r"((?:The )?[A-Z][\w'.-]+"
    r"(?:(?: (?:of|the|on|in|upon|under|le|by|and|&))? [A-Z][\w'.-]*){0,4}"
    r"(?:, (?:The )?[A-Z][\w'.-]+(?:(?: (?:of|the|on|in|upon|under|le|by|and|&))? [A-Z][\w'.-]*){0,4}){1,4}),?"
    r"[ \t\n]{1,2}\Z"
)


def postcodes(text: str, digits: Places) -> Iterator[Span]:
    """Postcodes, with the address that leads up to each."""
    if "BFPO" in text:
        for match in _BFPO.finditer(text):
            yield Span(match.start(), match.end(), POSTCODE)
    for match in _INWARD.finditer(text, digits):
        outward = before(_OUTWARD, text, match.start(1), 7)
        if outward is None:
            continue
        begin, end = outward.start(), match.end()
        word = text[begin:end]
        if " " not in word and not word.islower() and not word.isupper():
            continue  # "Ab12cd": neither a postcode as typed in haste nor as printed
        yield Span(begin, end, POSTCODE)
        address = before(_BEFORE_POSTCODE, text, begin, 110)
        if address:
            yield Span(address.start(1), begin, ADDRESS)
        elif small := before(_SMALL_ADDRESS, text, begin, 70):
            yield Span(small.start(1), begin, ADDRESS)
        elif (town := before(_TOWN, text, begin, 50)) or (
            (town := before(_TOWN_LINE, text, begin, 40)) and town[1].lower() in places()
        ):
            yield Span(town.start(1), town.end(1), PLACE)
        if not address and (parts := before(_PARTS, text, begin, 120)):
            yield Span(parts.start(1), begin, ADDRESS)
        if not address and (run := before(_RUN_IN, text, begin, 100)):
            yield Span(run.start(1), begin, ADDRESS)
        if not address and (block := before(_BLOCK, text, begin, 180)):
            yield from _block(text, block.start(1), begin)


def outward(text: str, digits: Places, known: set[str]) -> Iterator[Span]:
    """First halves of postcodes alone: those of the record, and others after "near", "in", "of".

    A short one of the record ("L4", which is a vertebra too) needs such a word or a comma before it as well.
    """
    for match in _OUTWARD_ALONE.finditer(text, digits):
        code = match[1]
        own = code in known
        sure = code[1].isalpha() and code[:2] not in _NO_AREAS
        if (
            (own and sure)
            or (
                (own or sure)
                and (before(_AREA_CUE, text, match.start(), 12) or _AREA_AFTER.match(text, match.end()))
            )
            or before(_LIVES_IN, text, match.start(), 24)
        ):
            yield Span(match.start(), match.end(), POSTCODE, own)


def _block(text: str, begin: int, end: int) -> Iterator[Span]:
    """The lines of an address above its postcode, from the last that names a house or street on."""
    lines = text[begin:end].split("\n")[:-1]
    at = end - len(text[begin:end].rpartition("\n")[2])
    start = None
    for line in reversed(lines):
        at -= len(line) + 1
        label = _ADDRESS_LABEL.match(line)
        if label or (start is None and _HOUSE.match(line)):
            start = at + (label.end() if label else len(line) - len(line.lstrip()))
            if label:
                break
    if start is not None:
        yield Span(start, end, ADDRESS)


def addresses(text: str, there: There, digits: Places) -> Iterator[Span]:
    """Addresses by their street word, after "lives at", and named roads without a number."""
    for match in _STREET.finditer(text, digits):
        rooms = before(_FLAT, text, match.start(), 20)
        start = rooms.start() if rooms else match.start()
        house = before(_HOUSE_NAME, text, start, 40) or before(_SMALL_HOUSE, text, start, 30)
        yield Span(house.start(1) if house else start, match.end(), ADDRESS)
    for match in _LIVING.matches(_ADDRESS_CUE, text, there):
        yield Span(match.start(1), match.end(1), ADDRESS)
    for match in _IN_HOUSES.matches(_FLAT_IN, text, there):
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _SMALL_STREET.finditer(text, digits):
        if not _NOT_SMALL.search(match[0]):
            rooms = before(_FLAT, text, match.start(), 20) or before(_SMALL_HOUSE, text, match.start(), 30)
            yield Span(rooms.start() if rooms else match.start(), match.end(), ADDRESS)
    for match in _THE_HOUSES.finditer(text, digits):
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _STAIR.finditer(text, digits):
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _WELSH.finditer(text) if _WELSH_ROADS.stand(there, text) else ():
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _FRENCH_FIRST.matches(_FRENCH, text, there):
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _LIVING_AT.matches(_HOUSE_CUE, text, there):
        yield Span(match.start(1), match.end(1), ADDRESS)
    for match in _ROADS.led(_NAMED_ROAD, text, there, 3):
        yield Span(match.start(), match.end(), ADDRESS)
        yield from town_after(text, match.end())
    for match in _OTHER_ROADS.led(_OTHER_ROAD, text, there, 3):
        said = match[0].lower().split(" ")[:-1]
        if not all(word in capitals() or word in NOT_NAMES for word in said) and "the" not in said:
            yield Span(match.start(), match.end(), ADDRESS)
            yield from town_after(text, match.end())
    for match in _OTHER_HOUSE.finditer(text, digits):
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _BOX_FIRST.matches(_BOX, text, there):
        yield Span(match.start(), match.end(), ADDRESS)
    for match in _BLOCK_ROOM_FIRST.matches(_BLOCK_ROOM, text, there):
        yield Span(match.start(), match.end(), ADDRESS)


def town_after(text: str, end: int) -> Iterator[Span]:
    """The town after a road and a comma, or after another place and "&", where the list of places has it."""
    town = _NEXT_TOWN.match(text, end)
    if town is None:
        return
    said = town[1].split(" ")
    for count in range(len(said), 0, -1):
        name = " ".join(said[:count])
        if name.lower() in places():
            yield Span(town.start(1), town.start(1) + len(name), PLACE)
            return
