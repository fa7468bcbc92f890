"""Staff by the part a form gives them: cells of a team ("AIRWAY Nair"), sign-offs, and the numbers of crews.

A name that is a word too counts in a line with two such cells, and under a note only with the number beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.capitals import capitals, headings
from lockgate.deidentify.text.classes import STRANGER, WORD, class_of
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import Endings, any_of, words
from lockgate.deidentify.text.guards import ABBREVIATIONS, HEADS, NOT_NAMES
from lockgate.deidentify.text.known import PARTICLES
from lockgate.deidentify.text.lists import any_family, any_given, english, family_names, own_given, places
from lockgate.deidentify.text.patterns import MONTHS
from lockgate.deidentify.text.spans import NUMBER, PLACE, RELATIVE, STAFF, Span

_PREFIXES = PARTICLES | words("ni nic ui mac mc el al bin binti ibn abu van von der de da la le san")
_NAME = r"(?:[A-Z]\.? )?[A-Z][\w'\u00c0-\u017f-]+(?: [A-Z][\w'\u00c0-\u017f-]+){0,2}"
# Parts of a team in theatre, resus, recovery, on a ward or on the telephone, as cells of a line have them.
_ROLE = (
    r"(?:(?:trauma |arrest |resus |crash )?team lead(?:er)?|ttl|airway(?: (?:doctor|nurse|assistant|1|2))?|"
    r"(?:primary|secondary) survey|procedures?(?: (?:doctor|1|2))?|circulation(?: nurse)?|(?:doctor|nurse|dr) [12]|"
    r"runner|(?:blood )?runner|scribe|time ?keeper|defib(?:rillator)?|compressions|cpr|access|lines|drugs nurse|"
    r"(?:1st |2nd |first |second )?(?:surgeon|assistant|anaesthetist|operator|assist)|anaes(?:thetic)?"
    r"(?: (?:nurse|assistant))?|scrub(?: (?:nurse|practitioner))?|circulat(?:ing(?: nurse)?|or)|odp|perfusionist|"
    r"recovery(?: nurse)?|(?:ed |med |surg |ortho |icu |itu )?(?:cons(?:ultant)?|reg(?:istrar)?|sho|spr)|"
    r"nurse in charge|nic|co-?ordinator|bleep holder|site manager|call (?:handler|taker)|dispatcher|attendant|"
    r"(?:lead )?(?:paramedic|clinician)|radiographer|porter|chaperone|triage(?: nurse)?|mid(?:wife)?)"
)
# What one of these parts begins with.
_GRADES = ("cons", "reg", "sho", "spr")
_ROLES = Beginnings(
    "trauma team lead", "arrest team lead", "resus team lead", "crash team lead", "team lead", "ttl", "airway",
    "primary survey", "secondary survey", "procedure", "circulat", "doctor 1", "doctor 2", "nurse 1", "nurse 2", "dr 1",
    "dr 2", "runner", "blood runner", "scribe", "timekeeper", "time keeper", "defib", "compressions", "cpr", "access",
    "lines", "drugs nurse", "surgeon", "assist", "anaes", "operator", "scrub", "odp", "perfusionist", "recovery",
    "nurse in charge", "nic", "coordinat", "co-ordinat", "bleep holder", "site manager", "call handler", "call taker",
    "dispatcher", "attendant", "lead paramedic", "lead clinician", "paramedic", "clinician", "radiographer", "porter",
    "chaperone", "triage", "mid",
    *(f"{order} {who}" for order in ("1st", "2nd", "first", "second") for who in ("surg", "assist", "anaes", "oper")),
    *(f"{of}{grade}" for of in ("", "ed ", "med ", "surg ", "ortho ", "icu ", "itu ") for grade in _GRADES),
)  # fmt: skip
_CELL = re.compile(
    r"(?i:(?<![\w-])" + _ROLE + r")[ \t]*[:=]?[ \t]+(" + _NAME + r")(?=[ \t]{2}|[ \t]*(?:\n|\Z|\||;|/|,))"
)
_CELLS = Beginnings(
    "survey", "airway", "scribe", "scrub", "circulat", "anaes", "surgeon", "assistant", "runner", "leader", "ttl",
    "compressions", "defib", "odp", "operator", "handler", " nic", "perfusion", "in charge",
)  # fmt: skip
# A line of a name and the number they answer to: "Kovalenko #5410".
_ANSWERS = re.compile(
    r"[ \t]*(" + _NAME + r"),? ?(?:\([A-Za-z0-9 ]{2,12}\),? ?)?"
    r"(?i:#|(?:bleep|bleeps|blp|bp|ext|x|pager|pgr|gmc|nmc|hcpc|pin)[.:# ]{1,3})(?=\d{3,8}\b)"
)
_ANSWERED = Expression(r"\d(?<=[.:# ]\d)\d{2,7}\b", rb"(?<=[.:# ])0{3,8}(?![Aa0])")
_ANSWERED_ON = Endings(
    "bleep", "bleeps", "blp", "bp", "ext", "x", "pager", "pgr", "gmc", "nmc", "hcpc", "pin"
)
# A place alone before its telephone: "Ullapool - tel 01632 960812".
_RINGS = re.compile(
    r"[ \t]*([A-Z][\w'-]+(?:[ -](?:[A-Z][\w'-]+|on|of|the|under|upon|le|in)){0,3})[-, \t:|(]+"
    r"(?i:tel(?:ephone)?|phone|switchboard|fax|ph|t)\b[.: ]*(?=[\d+(])"
)
# What stands in each text, in small letters, in which there is one.
_RINGING = Beginnings(
    "tel", "phone", "switchboard", "fax", "ph", " t ", " t.", " t:", " t+", " t(", "-t", ",t", ":t", "|t", "(t",
)  # fmt: skip
# The typist's initials in small letters after or under who dictated: "Dr. Rashid/ag   cc Mr Powell".
_TYPIST = re.compile(
    r"\s(?i:dr|prof|professor|mr|mrs|ms|miss)\.? [A-Z][\w'-]+(?: [A-Z][\w'-]+)?(?:/|[ \t]*\n)"
    r"([a-z\u00df-\u017f]{2,3})(?=[ \t]{2}|[ \t]*\n|[ \t]*\Z)"
)
_NO_TYPIST = words("cc bcc re pp ps enc to in on at gp ed for and or nil of via tel fax ext ref nb")
_TYPED_FOR = Beginnings(" dr", " prof", " mr", " ms ", " miss ")
# Whose nurse was told: "Told Mrs King's nurse, Grace, on 10/7".
_TOLD = re.compile(
    r"(?i:nurse|sister|hca|midwife|carer|doctor|physio|secretary|radiographer|keyworker|key worker|social worker),"
    r" ([A-Z][a-z'-]{2,}(?: [A-Z][a-z'-]+)?)(?=,|\.| on | at | who | to |\))"
)
_TOLDS = Beginnings(
    "nurse, ", "sister, ", "hca, ", "midwife, ", "carer, ", "doctor, ", "physio, ", "secretary, ", "radiographer, ",
    "keyworker, ", "key worker, ", "social worker, ",
)  # fmt: skip
_PLAIN = words(
    "grace will hope faith joy mark pat sue bill jack gene art dale grant guy heath miles skye star"
)
# Initials with a space, to be rung: "Contact N I bleep 3730".
_SPACED = re.compile(
    r"(?i:contact|bleep|page|call|via) ([A-Z] [A-Z]),? (?i:on |bleep|bp|ext|pager|dect|x ?\d)"
)
_SPACED_FIRST = Beginnings("contact ", "bleep ", "page ", "call ", "via ")
# Somebody who is to do something: "Lee to ring monthly".
_TASK = re.compile(
    r" to (?:ring|call|phone|chase|contact|e-?mail|liaise|arrange|discuss|speak|refer|write|attend|send|book|complete|"
    r"update|inform|organise|feed ?back|action|meet|order|request|bring|visit|review|follow|ask|tell|check|prescribe|"
    r"document|hand|assess|text|message|confirm|find out|look into|support|collect|take|re-?refer)\b"
)
_TASK_FIRST = Beginnings(
    *(
        f" to {verb}"
        for verb in words("""
            ring call phone chase contact e-mail email liaise arrange discuss speak refer write attend send book
            complete update inform organise feed action meet order request bring visit review follow ask tell check
            prescribe document hand assess text message confirm find look support collect take re-refer rerefer
        """)
    )
)
_WHO = re.compile(r"(?:[.;:] |\n[ \t]*|[-\u2022*\u2013] |\A[ \t]*)([A-Z][a-z'-]+(?: [A-Z][a-z'-]+)?)\Z")
# Whoever of a grade, in brackets: "D/W ED CONS (UNDERHILL)".
_GRADE = re.compile(
    r"(?i:\b(?:cons(?:ultant)?|reg(?:istrar)?|sho|spr|st[1-8]|fy?[12]|ct[1-3]|physio|pharm|nurse|sister|"
    r"matron|enp|anp|acp|gp|ot|slt|dietitian|crew|midwife|cns|cpn|hca|odp|ttl))\Z"
)
_BRACKETED = re.compile(r" \(([A-Z][\w'-]{2,}(?: [A-Z][\w'-]{2,})?)\)")
_BRACKETED_FIRST = Beginnings(" (")
# Whose team or round it is: "parent team Garland", "PTWR Wren /".
_TEAM = re.compile(
    r"(?i:parent team|ptwr|duty (?:micro|reg|sho|cons|anaes|surgeon|psych|doctor|worker)|named cons(?:ultant)?|cons) "
    r"((?:[A-Z] )?[A-Z][a-z'-]{2,})(?= ?(?:/|\n|\Z|,|\.|via|on |re |bleep|\())"
)
_TEAMS = Beginnings("parent team", "ptwr", "duty ", "named cons", "cons ")
# A young relative with an age: "Children Rose (6) and a toddler".
_YOUNG = re.compile(r" \((?:aged? )?\d{1,2}(?: ?(?:y|yrs?|m|mths?|months?|weeks?|/12|/52))?\)")
_YOUNG_FIRST = Beginnings(" (age", *(f" ({digit}" for digit in range(10)))
_YOUNG_CUE = re.compile(
    r"(?i:child(?:ren)?|sons?|daughters?|siblings?|brothers?|sisters?|kids?|grandchild(?:ren)?|twins?)\b[^\n.]{0,40}\Z"
)
# A given name that is a word too, before a relation: "Grace (daughter)", "Caller: Grace, daughter".
_RELATED = re.compile(
    r"(?:,| \() ?(?:(?:his|her|their|pt's|patient's) )?(?:daughter|son|wife|husband|mother|father|sister|brother|"
    r"partner|niece|nephew|mum|dad|granddaughter|grandson|daughter-in-law|son-in-law|neighbour|friend|carer|aunt|uncle|nok)\b"
)
_RELATED_FIRST = Beginnings(
    *(
        mark + first
        for mark in (", ", " (", " ( ")
        for first in words("""
            his her their pt's patient's daughter son wife husband mother father sister brother partner niece nephew
            mum dad granddaughter grandson neighbour friend carer aunt uncle nok
        """)
    )
)
_LAST_WORD = re.compile(r"[A-Z](?<![\w'-][A-Z])[a-z'-]{2,}\Z")
# The number of a crew or of who took the call.
_NUMBERED = re.compile(
    r"(?i:crew|call ?sign|(?:call )?(?:handler|taker)|operator|dispatcher|attendant|clinician|paramedic|para|emt|eca|"
    r"pin|vehicle|unit)(?: \d(?= [A-Z]))?(?: [A-Z](?:\.|[\w'-]+)){0,2},?(?: \(?(?i:no|number|id|ref|pin))?[.:# ]{1,3}"
    r"([A-Z]{0,2}\d{4,8})(?![\w/%-]|\.\d)"
)
_NUMBERED_FIRST = Beginnings(
    "crew", "callsign", "call sign", "handler", "taker", "operator", "dispatcher", "attendant", "clinician",
    "paramedic", "para ", "emt", "eca", "pin",
)  # fmt: skip
_ID = re.compile(r"(?<=[,( ])ID(?: (?i:no|number))?[.:# ]{1,3}([A-Z]{0,3}\d{3,8})(?![\w/%-]|\.\d)")


def signoffs(text: str, flat: str, there: There, digits: Places) -> Iterator[Span]:
    """The staff of forms, their numbers, and places before a telephone.

    ``flat`` is the text in lower case, ``digits`` the places of its numbers.
    """
    if _CELLS.stand(there, flat):
        yield from _cells(text, there)
    for number in _ANSWERED.finditer(text, digits):
        at = number.start()
        if text[at - 1] == "#" or _ANSWERED_ON.end(text[max(0, at - 10) : at].rstrip(".:# ").lower()):
            match = _ANSWERS.match(text, text.rfind("\n", 0, at) + 1, at + 9)
            if match and match.end() == at and _may_be_called(match[1]):
                yield Span(match.start(1), match.end(1), STAFF)
    for begin in _line_starts(text, _RINGING.places(there)):
        match = _RINGS.match(text, begin)
        if match and _place(match[1].lower()):
            yield Span(match.start(1), match.end(1), PLACE)
    for match in _TASK_FIRST.matches(_TASK, text, there):
        who = _WHO.search(text, max(0, match.start() - 40), match.start())
        if who and _given(who[1]):
            yield Span(who.start(1), who.end(1), STAFF)
    for match in _BRACKETED_FIRST.matches(_BRACKETED, text, there):
        if _GRADE.search(text, max(0, match.start() - 12), match.start()) and _listed(match[1]):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _TEAMS.matches(_TEAM, text, there):
        if _may_be_called(match[1]) and match[1].lower() not in capitals():
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _RELATED_FIRST.matches(_RELATED, text, there):
        word = _LAST_WORD.search(text, max(0, match.start() - 20), match.start())
        if not word or word[0].lower() not in any_given() or word[0].lower() in MONTHS:
            continue
        if match[0][0] == " " or text[word.start() - 2 : word.start()] == ": ":
            yield Span(word.start(), match.start(), RELATIVE)
    for match in _TYPED_FOR.matches(_TYPIST, text, there):
        if match[1] not in (_NO_TYPIST if text[match.start(1) - 1] == "/" else english()):
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _TOLDS.matches(_TOLD, text, there):
        if _given(match[1]) or match[1].lower() in _PLAIN:
            yield Span(match.start(1), match.end(1), STAFF)
    for match in _SPACED_FIRST.matches(_SPACED, text, there):
        yield Span(match.start(1), match.end(1), STAFF)
    for match in _YOUNG_FIRST.matches(_YOUNG, text, there):
        word = _LAST_WORD.search(text, max(0, match.start() - 20), match.start())
        if (
            word
            and word[0].lower() in own_given()
            and _YOUNG_CUE.search(text[max(0, word.start() - 50) : word.start()])
        ):
            yield Span(word.start(), word.end(), RELATIVE)
    for match in _NUMBERED_FIRST.matches(_NUMBERED, text, there):
        yield Span(match.start(1), match.end(1), NUMBER)
    if "ID" in text:
        for match in _ID.finditer(text):
            yield Span(match.start(1), match.end(1), NUMBER)


def _cells(text: str, there: There) -> Iterator[Span]:
    """The names of the cells of a line that has two of them, or that are names and nothing else."""
    found = list(_ROLES.matches(_CELL, text, there))
    for begin in _line_starts(text, [cell.start() for cell in found]):
        end = text.find("\n", begin)
        end = end if end >= 0 else len(text)
        cells = [cell for cell in found if begin <= cell.start() < end]
        if not any_of(_CELLS.strings, f" {text[begin:end].lower()}"):
            continue
        for cell in cells:
            if _may_be_called(cell[1]) if len(cells) > 1 else _sure(cell[1]):
                yield Span(cell.start(1), cell.end(1), STAFF)


def _line_starts(text: str, places: Iterable[int]) -> Iterator[int]:
    """Where the lines begin, each once, that begin with a capital and have one of some places in them."""
    last = -1
    for place in places:
        begin = text.rfind("\n", 0, place) + 1
        if begin == last:
            continue
        last = begin
        while text[begin : begin + 1] in (" ", "\t"):
            begin += 1
        if "A" <= text[begin : begin + 1] <= "Z":
            yield begin


def _place(said: str) -> bool:
    """Whether a line's first words are a place, or one word that no list has."""
    known = said in places() or (" " not in said and len(said) > 5 and class_of(said) is STRANGER)
    return known and said not in headings() and said not in NOT_NAMES and said not in HEADS


def _listed(name: str) -> bool:
    """Whether the words of a name in brackets are names of a list, and no abbreviation or finding."""
    return (
        name not in ABBREVIATIONS
        and _may_be_called(name)
        and all(
            part not in english() or part in family_names() or part in own_given() for part in _parts(name)
        )
    )


def _parts(name: str) -> list[str]:
    """The words of a name that tell, in lower case: "El-Sayed" and "Ni Bhriain" by their last part."""
    said = [part.lower() for part in re.split(r"[ .-]+", name) if len(part) > 1]
    return [part for part in said if part not in _PREFIXES] or said


def _may_be_called(name: str) -> bool:
    """Whether all words of a name may be names: of a list, or of no list of words."""
    parts = _parts(name)
    return bool(parts) and all(
        part not in MONTHS
        and part.upper() not in ABBREVIATIONS
        and (class_of(part) is not WORD or part in any_family())
        and part not in HEADS
        and (part not in NOT_NAMES or part in own_given())
        for part in parts
    )


def _sure(name: str) -> bool:
    """Whether the words of a name are names and no words of the language."""
    return _may_be_called(name) and all(
        part not in english() and (part in any_given() or part in any_family()) for part in _parts(name)
    )


def _given(name: str) -> bool:
    """Whether a name is a given name, with or without a family name that may be a word: "Lee", "Rose Hill"."""
    parts = _parts(name)
    return (
        bool(parts)
        and parts[0] in (own_given() if parts[0] in english() else any_given())
        and _may_be_called(name)
    )
