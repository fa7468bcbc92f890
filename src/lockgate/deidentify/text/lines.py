"""Short telephone numbers (extensions, bleeps, what somebody is rung on); numbers that "no." or "badge" announces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import headed, schemes
from lockgate.deidentify.text.beginnings import Beginnings, There
from lockgate.deidentify.text.digits import Expression, Places
from lockgate.deidentify.text.fold import Endings, any_of, words
from lockgate.deidentify.text.spans import NUMBER, PHONE, Span

_SHORT = Expression(
    r"\d(?<![\w.,/:\u00a3+-]\d)\d{2,5}(?![\w%/:]|[.,-]\d)", rb"(?<![Aa0.,/:+-])0{3,6}(?![Aa0%/:]|[.,-]0)"
)
_EMERGENCY = frozenset(("999", "111", "112", "101", "911", "119", "100"))
# A device right before the number, or somebody to ring and "on".
_DEVICE = re.compile(
    r"\b(?i:(?:fast )?bleep(?:ed|s|ing)?|blp|pager?|paged|paging|dect|baton|vocera|cordless|ascom|aircall|x|bl|fax|"
    r"ext(?:n|ension)?|bat phone|hotline|desk|helpline|internal(?:ly)?|switch|phone|tel(?:ephone)?|duty line)"
    r"(?: (?i:phone|no\.?|number|holder|to|is|via|on|reg|sho|team|through)){0,2}[\s.:#(-]{0,3}$|\b[Bb][Pp][.:]? $"
)
# The words of a device, of which one is among the last three before the number: looked at first, which is quick.
_DEVICES = words("""
    bleep bleeped bleeps bleeping blp page pager paged paging dect baton vocera cordless ascom aircall x bl fax ext extn
    extension phone hotline desk helpline internal internally switch tel telephone line bp
""")
_WORD = re.compile(r"[a-z]+")
# Somebody who was bleeped, before the number in brackets: "bleeped Dr Sharma (7244)".
_BLEEPED = re.compile(
    r"\b(?i:(?:fast )?bleep(?:ed|ing)?|paged|paging|rang|called|phoned|contacted|d/w|discussed with|spoke (?:to|with))"
    r" [^\n.;\d(]{2,40}\($|\bDr [A-Z][\w'-]+ (?:to|will) [a-z ]{3,40}\($"
)
# Somebody by their part, before their number: "A Lund F1 5304", "ortho SpR on 3345", "Sec: Jane Poole 54432".
_PART = re.compile(
    r"(?:\b(?i:f[12]|fy[12]|st[1-8]|ct[1-3]|sho|spr|str|imt[1-3]?|reg|anp|acp|snp|physio|sister|pharmacist|outreach|"
    r"rota line|crash line)(?:,? on|,| -| via)? \(?|"
    r"\b(?:Sec(?:retary)?|PA|Contact|Admin):? [A-Z][\w'-]+(?: [A-Z][\w'-]+)?(?:,| on)? )$"
)
# What its first half ends with before "on" and the like, and what its second half has: looked at first.
_PARTS = (
    "f1", "f2", "y1", "y2", "t1", "t2", "t3", "st4", "st5", "st6", "st7", "st8", "sho", "spr", "str", "imt", "reg",
    "anp", "acp", "snp", "physio", "sister", "pharmacist", "outreach", "line",
)  # fmt: skip
_OFFICES = ("Sec", "PA", "Contact", "Admin")
# A person or a team right before "on", and what ends a number that is theirs: "Icknield Rehab Team on 2209."
_REACHED = re.compile(r"\b(?:[A-Z][a-z'-]{2,}(?: [A-Z]{1,4})?|I am|I'm|[Ww]e are|[Ww]e're) on \Z")
_CLOSES = re.compile(
    r"[.,;)]?(?:\s*\n|\s*\Z| - |[.,;)] | (?:if|re|for|and|to|with|who|when|today|before|after|till?|until)\b)"
)
_SPLIT = re.compile(r"\b(?i:ext|extn|extension)[ .:#]{1,3}(\d[ -]\d{3,5}|\d{2,3} \d{3})(?![\w/-]|[.,]\d)")
_SPLIT_FIRST = Beginnings("ext")
# An extension in Welsh (estyniad), and no year or amount: "Fleming Ward / Est. 28815".
_WELSH = re.compile(
    r"\bEst\.? ((?!19|20)\d{4,5})(?![\w/%-]|[.,]\d| ?(?:mls?|mg|m?cg|g|kg|kcal|cells|steps)\b)"
)
_WELSH_FIRST = Beginnings("est. ", "est ")
_RING = re.compile(
    r"\b(?i:ring(?:ing)?|rings|rang|call(?:ed|ing)?|phon(?:e|ed|ing)|dial|contact(?:able)?|reach(?:ed|able)?|"
    r"ask(?:ed)? for|speak to|spoke to|back|me|us|them|her|him|message|available|liaise|coordinator|results|"
    r"queries|problems|concerns)[^\n.;,\d]{0,24}\b(?:on|via) (?:ext\.? ?)?$"
)
_RANG = re.compile(
    r"\b(?i:rang|dial(?:led)?|phoned|call(?:ed)?|ring|phone|manager|switch|charge|office|theatres?|ward|site|"
    r"sho|reg|spr|cons(?:ultant)?|on[- ]call|pharm(?:acist)?|coordinator|matron|bleep|duty),? ?\(?(?:[A-Z]{2,5} )?$"
)
# What the three end with, where it is no capital: looked at first, which is quick.
_LAST = Endings(
    "bleep", "bleeped", "bleeps", "bleeping", "blp", "page", "pager", "paged", "paging", "dect", "baton", "vocera",
    "cordless", "ascom", "aircall", "x", "ext", "extn", "extension", "phone", "hotline", "desk", "helpline", "internal",
    "internally", "switch", "bl", "fax",
    "tel", "telephone", "line", "no", "number", "holder", "to", "is", "via", "on", "reg", "sho",
    "team", "through", "bp", "rang", "dial", "dialled", "phoned", "call", "called", "ring", "manager", "charge",
    "office", "theatre", "theatres", "ward", "site",
)  # fmt: skip
_UNIT = re.compile(
    r" ?(?:mg|mls?|mcg|g|kg|units?|iu|hrs?|hours?|h|times|patients?|pts?|am|pm|mins?|minutes?|days?|weeks?|years?|"
    r"people|steps|kcal|beds?|miles|metres|m|cm|mm|l|st|nd|rd|th|bpm|x|of|and \d|to \d|-\s?\d)\b"
)
_ANNOUNCED = Expression(r"\d(?<= \d)\d{4,8}(?![\w/.,]*\d)", rb"(?<= )0{5,9}(?!0)")
_NUMBER = re.compile(r"\b(?i:no|num|number|nr)\.?:? \Z")
_CODED = re.compile(
    r"\b(?i:contractor code|practice code|ods(?: code)?|locum id|badge|staff id|emp(?:loyee)? (?:no|id)|"
    r"warrant(?: no)?|payroll|smartcard|asset|tag|reg(?:istration)? no)[.: ]{1,3}"
    r"([A-Z]{0,4}-?\d{2,8}[A-Z]{0,2})(?![\w/])"
)
_CODED_FIRST = Beginnings(
    "contractor", "practice", "ods", "locum", "badge", "staff", "emp", "warrant", "payroll", "smartcard", "asset",
    "tag", "reg",
)  # fmt: skip


def lines(text: str, there: There, digits: Places) -> Iterator[Span]:
    """Extensions, bleeps and announced numbers; ``digits`` are the places of the text's numbers."""
    for match in _SHORT.finditer(text, digits):
        begin, end = match.span()
        if match[0] in _EMERGENCY or _UNIT.match(text, end):
            continue
        lead = text[max(0, begin - 44) : begin]
        last = lead.rstrip(" \t\r\n\f\v.:#(-")
        long = end - begin > 3
        if not _LAST.end(last.lower()) and not last[-1:].isupper():
            if long and not _year(match[0]) and (_named(lead, text[end : end + 1])):
                yield Span(begin, end, PHONE)
            continue
        device = (
            not _DEVICES.isdisjoint(_WORD.findall(last[-40:].lower())[-3:])
            and _DEVICE.search(lead)
            and (long or lead[-3:].lower() != "bp ")
        )
        if device or (
            long
            and not _year(match[0])
            and (
                _RING.search(lead)
                or _RANG.search(lead)
                or _named(lead, text[end : end + 1])
                or (lead[-4:] == " on " and _REACHED.search(lead) and _CLOSES.match(text, end))
            )
        ):
            yield Span(begin, end, PHONE)
    yield from schemes.schemes(text, there, digits)
    yield from headed.headed(text, digits)
    for match in _SPLIT_FIRST.matches(_SPLIT, text, there):
        yield Span(match.start(1), match.end(1), PHONE)
    for match in _WELSH_FIRST.matches(_WELSH, text, there):
        yield Span(match.start(1), match.end(1), PHONE)
    for match in _ANNOUNCED.finditer(text, digits):
        if _NUMBER.search(text, max(0, match.start() - 10), match.start()):
            yield Span(match.start(), match.end(), NUMBER)
    for match in _CODED_FIRST.matches(_CODED, text, there):
        yield Span(match.start(1), match.end(1), NUMBER)


def _named(lead: str, after: str) -> bool:
    """Whether somebody is named before a number who is rung on it: ``after`` is the character behind it."""
    if lead[-1:] == "(":
        return after == ")" and bool(_BLEEPED.search(lead))
    if lead[-1:] != " ":
        return False
    part = lead.rstrip(" ,-").lower().removesuffix(" on").removesuffix(" via").rstrip(" ,-")
    return (part.endswith(_PARTS) or any_of(_OFFICES, lead)) and bool(_PART.search(lead))


def _year(digits: str) -> bool:
    return len(digits) == 4 and digits[:2] in ("19", "20")
