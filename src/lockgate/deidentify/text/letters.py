"""Organisations by their letters: "conveyed to QAH", "SCAS crew", "insurer WPA", and those of names told in full.

Letters that mean something in medicine or public life (``gazetteer/letters.txt``) are nobody's. What is left counts
after who takes, sends or pays for somebody, before a crew, or where it ends as hospitals' letters do ("SVRI", "NMGH");
and, where it is no word of English either, anywhere among words in small letters unless a number or a name follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockgate.deidentify.text import pairs
from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import ABBREVIATIONS
from lockgate.deidentify.text.lists import english, letters, places
from lockgate.deidentify.text.spans import ORGANISATION, Span
from lockgate.deidentify.text.tokens import Tokens

# After these whatever has unknown letters is a place to be or a body.
_PLACED = words("""
    at from via attended insurer insurers insured conveyed prealert pre-alert alert alerted planner contacted outside
    employer solicitors landlord agency charity provider housing hospital lab laboratory transport
""")
# And after "to", "by" and the like where these stand before them.
_LED = words("""
    transfer transferred transfers conveyed taken sent refer referred referral repatriated repatriation moved admitted
    blue-lighted brought return returned returning back accepted attended seen reported funded retrieved covered
    conveyance discussed registered booked followed works work worked working employed insured going goes gone
    go known open job transport operated
    delivered treated listed in-patient inpatient outpatient supported attends stepped
    sample samples histology films imaging images discharged provided arranged supplied assessed liaised liaise spoke
""")
_LEADING = words("to by with for in under through into")
_CREWS = words(
    "crew crews paramedics paramedic ambulance ambulances retrieval handover prealert pre-alert transport insurance "
    "auth authorisation membership"
)
_OF_HOUSE = ("RI", "GH", "UH", "UHB", "SCT")
_GAPS = frozenset((" ", ": ", ", "))
_WORD = re.compile(r"[^\W\d_][\w']*")
_JOINING = words("of and the in for on upon y")
_LEAST = 3


def may_be(word: str) -> bool:
    """Whether a word is three to five capitals, or six, that medicine and public life do not know."""
    return 2 < len(word) < 7 and word.isupper() and word.isalpha() and not _medical(word)


def _medical(word: str) -> bool:
    return word in ABBREVIATIONS or word.lower() in letters()


def body(tokens: Tokens, place: int) -> Span | None:
    """The organisation whose letters, which ``may_be``, stand at ``place``."""
    word, lower = tokens.words[place], tokens.lowers[place]
    before, gap = tokens.lowers[place - 1] if place else "", tokens.gaps[place - 1]
    if not (
        (word.endswith(_OF_HOUSE) and lower not in english() and len(word) < 6)
        or (
            gap in _GAPS
            and (
                (before in _PLACED and (gap == ": " or tokens.words[place - 1].islower()))
                or (
                    before in _LEADING
                    and gap == " "
                    and not _LED.isdisjoint(tokens.lowers[max(0, place - 6) : place - 1])
                    and lower not in english()
                )
            )
        )
        or (
            tokens.gaps[place] == ", "
            and not places().isdisjoint(tokens.lowers[place + 1 : place + 2])
            and gap[-1:] in ("", "\n")
        )
        or (tokens.following(place) in _CREWS and tokens.gaps[place] == " " and lower not in english())
        or _stands(tokens, place)
    ):
        return None
    return Span(tokens.begins[place], tokens.ends[place], ORGANISATION)


# What follows letters of medicine: a value, a sign, a heading's colon.
_VALUE = re.compile(r"[-:=]|\s?[\d<>+%=]| /|\.\d")
_GAPS_BEFORE = frozenset((", ", " (", " & ", "; ", " / "))
# What organisations do, or what is done with them.
_ACTS = words("""
    booked rang phoned called informed aware contacted notified updated emailed visited attending attended arranging
    arranged will accepted declined referral involved
""")


def _stands(tokens: Tokens, place: int) -> bool:
    """Whether unknown letters stand among words in small letters as the name of somebody who acts or is told."""
    lower, gap, after = tokens.lowers[place], tokens.gaps[place - 1], tokens.gaps[place]
    before = tokens.words[place - 1] if place else ""
    acts = after == " " and tokens.lowers[place + 1] in _ACTS
    inside = gap == " " and before[-1:].islower()
    if lower in english() and not acts and not (inside and before in ("by", "via")):
        return False
    text, end = tokens.text, tokens.ends[place]
    if _VALUE.match(text, end) or tokens.following(place) in pairs.NEVER_AFTER:
        return False
    if after == " " and tokens.words[place + 1][0].isupper():
        return False
    around = tokens.words[max(0, place - 2) : place] + tokens.words[place + 1 : place + 3]
    if sum(word.isupper() and len(word) > 1 for word in around) > 1:
        return False
    if inside or gap in _GAPS_BEFORE or gap[-2:] in ("  ", ": "):
        return True
    return acts or ((not place or "\n" in gap) and text.startswith("  ", end))


def of_name(name: str) -> str:
    """The letters an organisation goes by, as its name has them; "" where they are too few or mean something else.

    "Mourne Bay Hospital" is MBH, "Royal Infirmary of Edinburgh" RIE.
    """
    said = [word for word in _WORD.findall(name) if word.lower() not in _JOINING]
    short = "".join(word[0] for word in said if word[0].isupper())
    return short if len(said) == len(short) >= _LEAST and may_be(short) else ""


def repeated(tokens: Tokens, spans: list[Span]) -> Iterator[Span]:
    """The organisations of the spans by their letters, wherever else they stand."""
    those = {
        of_name(tokens.text[span.begin : span.end])
        for span in spans
        if span.kind == ORGANISATION and span.end - span.begin > 2 * _LEAST
    }
    those.discard("")
    if those:
        for place, word in enumerate(tokens.words):
            if word in those:
                yield Span(tokens.begins[place], tokens.ends[place], ORGANISATION)
