"""Names and organisations that a line or a phrase announces: letterheads, "name is", firms by their partners."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text.beginnings import Beginnings, Outlines, There, matches_at
from lockgate.deidentify.text.capitals import capitals, names_nothing
from lockgate.deidentify.text.classes import STRANGER, class_of
from lockgate.deidentify.text.cuewords import DOCTORS, TITLES
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS, NOT_NAMES
from lockgate.deidentify.text.lists import any_family, any_given
from lockgate.deidentify.text.spans import NAME, ORGANISATION, Span
from lockgate.deidentify.text.things import medicine

_TITLED = TITLES | DOCTORS
_JOINERS = words("of the and on upon in")
_CAPITAL_LINE = re.compile(
    r"[A-Z][\w'.&-]*(?:,? (?:of|the|and|&|in|on|for)(?= )|,? [A-Z&][\w'.-]*){1,6}[ \t]*(?=\n)"
)
# A practice, school or club by the letters of its kind: "Ormeau Park HC".
_LETTERED = re.compile(
    r"[A-Z](?<!\w[A-Z])[a-z'-]+(?: [A-Z][a-z'-]+){0,3} "
    r"(?:HC|MC|HSC|DGH|RI|GH|MBC|RFC|AFC|CofE|C of E|CE|Girls|Boys|Juniors|RC Primary|PRU|MIU|CMHT|UTC|WI)\b"
)
# "Drs Bevan, Shah & Partners", "London Borough of Wharfside", "The Willows at Northcote", "Mafeking Road B&B".
_KINDS = re.compile(
    r"Drs [A-Z][\w'-]+(?:, [A-Z][\w'-]+)*(?: (?:&|and) [A-Z][\w'-]+)+|"
    r"(?:London|Royal|Metropolitan) Borough of(?: [A-Z][\w'-]+){1,2}|"
    r"(?:Ysbyty(?:'r)?|Meddygfa|Canolfan|Ysgol|Cartref|Prifysgol|Llyfrgell)(?: [A-Z][\w'-]+){1,4}|"
    r"[Tt]he [A-Z][a-z]{3,} at [A-Z][a-z]{2,}|"
    r"University Hospitals? of [A-Z][\w'-]+(?: [A-Z][\w'-]+)*(?:(?: and|,) [A-Z][\w'-]+)?|"
    r"(?:HMP|HMYOI|YOI|HMP/YOI)(?: [A-Z][a-z'-]+){1,2}|"
    r"[A-Z][\w'-]+(?: [A-Z][\w'-]+){0,3} (?:B&B|Custody Suite|Cancer Support|Food ?[Bb]ank|& Sons(?: [A-Z][a-z]+)?)"
)
_AT = re.compile(r" at [A-Z][a-z]{2,}")
_ATS = Outlines(b"a aa Aaa")
_AT_BEFORE = re.compile(r"[Tt]he [A-Z][a-z]{3,}\Z")
# What stands in each text that the expressions above find anything in; not of homes by their place.
_LETTERS = Beginnings(
    " HC", " MC", " HSC", " DGH", " RI", " GH", " MBC", " RFC", " AFC", " CofE", " C of E", " Girls", " Boys",
    " Juniors", " CE", " RC Primary", " PRU", " MIU", " CMHT", " UTC", " WI",
)  # fmt: skip
_SIGNS = Beginnings(
    "Drs ", "University Hospital", "HMP ", "YOI ", " Borough of ", "Ysbyty ", "Ysbyty'r ", "Meddygfa ",
    "Canolfan ", "Ysgol ",
    "Cartref ", "Prifysgol ", "Llyfrgell ", " B&B", " Custody Suite", " Cancer Support", " Food", " & Sons",
)  # fmt: skip
# The partners of a firm before the last: "Tucker, Allen" before "and Wright".
_PARTNERS = re.compile(r"[A-Z](?<!\w[A-Z])[\w'-]+, [A-Z][\w'-]+\Z")
_LAST_PARTNER = Outlines(b" aaa A")
_CAPITALISED = re.compile(r"[A-Z][\w'-]+")
_NAME_IS = re.compile(r"name is ([A-Z][\w'-]+(?: [A-Z][\w'-]+){0,2})")


# A hospital by its letters, where somebody was taken: "Taken to HRI".
_TAKEN = re.compile(
    r"(?i:taken|conveyed|transferred|admitted|brought|tx|transfer|conveyance) to:? ([A-Z]{3,4})(?![\w/-])"
)
_TAKEN_FIRST = Beginnings(
    "taken to", "conveyed to", "transferred to", "admitted to", "brought to", "tx to", "transfer to",
    "conveyance to",
)  # fmt: skip
_DEPARTMENTS = words("""
    ITU ICU HDU CCU AMU MAU SAU CDU EAU SDEC AEC NICU SCBU PICU CICU GICU NCCU RHDU SHDU CAU PAU TAU MIU UTC DAU EPAU
    GAU ED AED RESUS DSU ASU HASU ASC ACU FAU OPAU SSU RAZ ANW PNW LDU MLU CLDS MAJORS MINS HASC CATU CRT PACU POCU RSU
    THEATRE CATH CTPA SALT HDC TOPS
""")
_FORMER = re.compile(r"ex-(?:the )?([A-Z][\w'-]*(?:(?: & | of | the | )[A-Z][\w'-]*){0,4})")
_UPPER = Outlines(*(last + b"," + gap + b"A" for last in (b"A", b"'", b"-") for gap in (b" ", b"")))
_UPPER_FIRST = re.compile(r"[A-Z](?<![\w'-][A-Z])[A-Z'-]{2,}, ?[A-Z][A-Za-z'-]+")


def announced(text: str, flat: str, there: There) -> Iterator[Span]:
    """What "name is" announces, and firms by their partners: "Tucker, Allen and Wright".

    ``flat`` is the text in lower case.
    """
    for match in _NAME_IS.finditer(text) if "name is" in flat else ():
        yield Span(match.start(1), match.end(1), NAME)
    for match in _LETTERS.led(_LETTERED, text, there, 4):
        said = match[0].lower().split(" ")[:-1]
        if not all(word in capitals() or word in NOT_NAMES for word in said) and not medicine(said):
            yield Span(match.start(), match.end(), ORGANISATION)
    signs = _SIGNS.stand(there, text)
    for begin, end in [match.span() for match in _KINDS.finditer(text)] if signs else _at(text, there):
        named = _CAPITALISED.findall(text, begin, end)[:2]
        if not all(word.lower() in capitals() for word in named):
            yield Span(begin, end, ORGANISATION)
    for match in _TAKEN_FIRST.matches(_TAKEN, text, there):
        if (
            match[1].lower() not in capitals()
            and match[1] not in ABBREVIATIONS
            and match[1] not in _DEPARTMENTS
        ):
            yield Span(match.start(1), match.end(1), ORGANISATION)
    for match in _FORMER.finditer(text) if "ex-" in flat else ():
        if match[1].split(" ")[0].lower() not in capitals():
            yield Span(
                match.start() + (7 if text.startswith("the ", match.start() + 3) else 3),
                match.end(),
                ORGANISATION,
            )
    for match in matches_at(_UPPER_FIRST, _begin_of_capitals(text, _UPPER.places(there)), text):
        family, given = re.split(", ?", match[0].lower())
        if (
            given in any_given()
            and given not in NOT_NAMES
            and (family in any_family() or (class_of(family) is STRANGER and len(family) > 4))
        ):
            yield Span(match.start(), match.end(), NAME)
    for at in _LAST_PARTNER.places(there):
        if not text.startswith("and ", at + 1):
            continue
        firm, last = _PARTNERS.search(text, max(0, at - 60), at), _CAPITALISED.match(text, at + 5)
        if firm and last:
            partners = _CAPITALISED.findall(text, firm.start(), last.end())
            if all(name.lower() in any_family() and name.lower() not in NOT_NAMES for name in partners):
                yield Span(firm.start(), last.end(), ORGANISATION)


def _begin_of_capitals(text: str, ends: list[int]) -> set[int]:
    """Where the words of capitals begin that end at some places."""
    begins = set()
    for begin in ends:
        while begin and ("A" <= text[begin - 1] <= "Z" or text[begin - 1] in "'-"):
            begin -= 1
        begins.add(begin)
    return begins


def _at(text: str, there: There) -> list[tuple[int, int]]:
    """Where homes by their place begin and end: "The Willows at Northcote"."""
    found = []
    for at in _ATS.places(there):
        town = _AT.match(text, at + 1)
        if town and (home := _AT_BEFORE.search(text, max(0, at - 30), at + 1)):
            found.append((home.start(), town.end()))
    return found


# The words of a body's name in a letterhead, some of which are of medicine too: "North Mersey Pathology Partnership".
_OF_BODY = words(
    "nhs ft trust partnership pathology radiology imaging laboratories hospital hospitals network children"
)


def _is_body(line: str) -> bool:
    """Whether a line ends as the name of a body does."""
    last = line.split()[-1]
    return last.lower() in _OF_BODY and (last.istitle() or last in ("FT", "NHS"))


def _heading_before(line: str) -> int:
    """Where the name begins after parts of a line that are headings: "Oral Surgery, Lanthorn Eye Hospital".

    The length of the line where it has a comma and is no name of a body.
    """
    if not _is_body(line):
        return len(line)
    begin = 0
    for part in line.split(",")[:-1]:
        if any(word.lower() not in capitals() and not word.isupper() for word in part.split()):
            break
        begin += len(part) + 2
    return begin


def letterhead(text: str) -> Iterator[Span]:
    """The first lines of a note where they are capitalised words of which one is no word of headings."""
    at = 0
    for _ in range(2):
        line = _CAPITAL_LINE.match(text, at)
        if line:
            said = [word.lower() for word in re.findall(r"[A-Za-z][\w'-]*", line[0])]
            odd = [word for word in said if word not in capitals() and word not in _JOINERS and len(word) > 2]
            if (
                odd
                and _TITLED.isdisjoint(said)
                and not names_nothing(said)
                and not line[0].isupper()
                and not medicine(
                    said if not _is_body(line[0]) else [word for word in said if word not in _OF_BODY]
                )
            ):
                begin = at + _heading_before(line[0]) if "," in line[0] else at
                if begin == at or begin < at + len(line[0]):
                    yield Span(begin, at + len(line[0].rstrip()), ORGANISATION)
        at = text.find("\n", at) + 1
        if not at:
            return
